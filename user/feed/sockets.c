// SPDX-License-Identifier: Apache-2.0
/*
 * feed.c calls it. Invariants: an id means one socket for as long as any proxy may remember it; a
 * socket is listening before anybody gets to know it.
 */
#include "feed/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sockaddr.h"
#include "plan/plan.h"

#define BACKLOG 4096

/* ---- addresses ----------------------------------------------------------------------------- */

/* Room for either family. */
union name {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t name_of(const struct addr *addr, uint16_t port, bool v4, union name *ret_name)
{
	*ret_name = (union name){ 0 };
	if (v4) {
		ret_name->v4.sin_family = AF_INET;
		ret_name->v4.sin_port = htons(port);
		memcpy(&ret_name->v4.sin_addr, addr->byte + 12, 4);
		return sizeof(ret_name->v4);
	}
	ret_name->v6.sin6_family = AF_INET6;
	ret_name->v6.sin6_port = htons(port);
	memcpy(&ret_name->v6.sin6_addr, addr->byte, 16);
	return sizeof(ret_name->v6);
}

/* Both wildcards are the zero address. -EINVAL: not a TCP socket that listens. */
static int name_from(int fd, struct addr *ret_addr, uint16_t *ret_port)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name), size = sizeof(int);
	int listening = 0, protocol = 0;
	struct addr addr;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening ||
	    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0 ||
	    protocol != IPPROTO_TCP || getsockname(fd, (struct sockaddr *)&name, &len) < 0 ||
	    sockaddr_to_addr(&name, &addr, ret_port) < 0)
		return -EINVAL;
	if (addr_is_zero(&addr))
		addr = (struct addr){ 0 };
	*ret_addr = addr;
	return 0;
}

/* ---- making -------------------------------------------------------------------------------- */

static int listen_at(const struct addr *addr, uint16_t port, bool v4, int *ret_fd)
{
	_cleanup_(mem_closep) int fd =
		socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	union name name;
	socklen_t len = name_of(addr, port, v4, &name);
	int one = 1, zero = 0;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    (!v4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) < 0) ||
	    bind(fd, &name.any, len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Every address: of both families where the kernel has both. */
static int make(const struct addr *addr, uint16_t port, int *ret_fd)
{
	int r = listen_at(addr, port, !addr_is_zero(addr) && addr_family(addr) == 4, ret_fd);

	if (r == -EAFNOSUPPORT && addr_is_zero(addr))
		r = listen_at(addr, port, true, ret_fd);
	return r;
}

static void add(struct sockets *sockets, const struct sockets_item *item)
{
	sockets->items =
		mem_grow(sockets->items, sockets->n, &sockets->cap, sizeof(*sockets->items));
	sockets->items[sockets->n++] = *item;
	if (item->id >= sockets->next_id)
		sockets->next_id = item->id + 1;
}

static void drop(struct sockets *sockets, size_t index)
{
	close(sockets->items[index].fd);
	sockets->items[index] = sockets->items[--sockets->n];
}

/* ---- one a worker -------------------------------------------------------------------------- */

static bool has_worker(const struct sockets *sockets, int worker)
{
	for (size_t i = 0; i < sockets->n; i++)
		if (sockets->items[i].worker == worker)
			return true;
	return false;
}

/* Nobody shall find it without being led there; an IPv6 socket takes both families. */
static int make_hidden(int *ret_fd)
{
	const struct addr loopback = { .byte = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } };
	const struct addr any = { 0 };
	int r = listen_at(&loopback, 0, false, ret_fd);

	return r < 0 ? make(&any, 0, ret_fd) : r;
}

static int worker_rank(const void *a, const void *b)
{
	return ((const struct sockets_item *)a)->worker - ((const struct sockets_item *)b)->worker;
}

int sockets_steer(struct sockets *sockets, unsigned workers)
{
	for (size_t i = sockets->n; i-- > 0;)
		if (sockets->items[i].worker < 0 || (unsigned)sockets->items[i].worker >= workers)
			drop(sockets, i);
	for (unsigned worker = 0; worker < workers; worker++) {
		struct sockets_item item = { .id = sockets->next_id, .worker = (int)worker };
		int r;

		if (has_worker(sockets, (int)worker))
			continue;
		r = make_hidden(&item.fd);
		if (r < 0)
			return r;
		add(sockets, &item);
	}
	qsort(sockets->items, sockets->n, sizeof(*sockets->items), worker_rank);
	return 0;
}

/* ---- one a bind ---------------------------------------------------------------------------- */

static bool is_covered(const struct plan_l7 *l7, const struct plan_bind *bind)
{
	for (size_t i = 0; i < l7->n_binds; i++)
		if (l7->binds[i].port == bind->port && addr_is_zero(&l7->binds[i].addr))
			return !addr_is_zero(&bind->addr);
	return false;
}

static bool is_wanted(const struct plan_l7 *l7, const struct sockets_item *item)
{
	for (size_t i = 0; i < l7->n_binds; i++) {
		const struct plan_bind *bind = &l7->binds[i];

		if (bind->port == item->port && !addr_compare(&bind->addr, &item->addr))
			return item->worker < 0 && !is_covered(l7, bind);
	}
	return false;
}

static bool has_bind(const struct sockets *sockets, const struct addr *addr, uint16_t port)
{
	for (size_t i = 0; i < sockets->n; i++)
		if (sockets->items[i].worker < 0 && sockets->items[i].port == port &&
		    !addr_compare(&sockets->items[i].addr, addr))
			return true;
	return false;
}

static const char *hint(int r, uint16_t port)
{
	if (r == -EACCES && port < 1024)
		return " (ports below 1024 need a privilege)";
	if (r == -EADDRINUSE)
		return " (another program listens there)";
	if (r == -EADDRNOTAVAIL)
		return " (it is no address of this machine)";
	return "";
}

static void report(const struct plan_l7 *l7, const struct plan_bind *bind, int r,
		   struct diag_list *diags)
{
	char text[PLAN_SOCKET_LEN];

	plan_socket_format(&bind->addr, bind->port, text);
	for (size_t i = 0; i < bind->n_listeners; i++)
		diag_add(diags, DIAG_ERROR, NULL, 0, l7->listeners[bind->listeners[i]].name, NULL,
			 "%s cannot be listened at: %s%s", text, strerror(-r), hint(r, bind->port));
}

void sockets_bind(struct sockets *sockets, const struct plan_l7 *l7, struct diag_list *ret_diags)
{
	for (size_t i = sockets->n; i-- > 0;)
		if (!is_wanted(l7, &sockets->items[i]))
			drop(sockets, i);
	for (size_t i = 0; i < l7->n_binds; i++) {
		const struct plan_bind *bind = &l7->binds[i];
		struct sockets_item item = {
			.id = sockets->next_id, .worker = -1, .addr = bind->addr, .port = bind->port
		};
		int r;

		if (is_covered(l7, bind) || has_bind(sockets, &bind->addr, bind->port))
			continue;
		r = make(&bind->addr, bind->port, &item.fd);
		if (!r)
			add(sockets, &item);
		else
			report(l7, bind, r, ret_diags);
	}
}

/* ---- those of a proxy ---------------------------------------------------------------------- */

bool sockets_adopt(struct sockets *sockets, uint32_t id, int worker, int fd)
{
	struct sockets_item item = { .id = id, .worker = worker, .fd = fd };

	if (worker < -1 || id == UINT32_MAX || name_from(fd, &item.addr, &item.port) < 0)
		return false;
	if (worker >= 0 ? has_worker(sockets, worker) : has_bind(sockets, &item.addr, item.port))
		return false;
	if (sockets_has(sockets, id))
		return false;
	add(sockets, &item);
	return true;
}

bool sockets_has(const struct sockets *sockets, uint32_t id)
{
	for (size_t i = 0; i < sockets->n; i++)
		if (sockets->items[i].id == id)
			return true;
	return false;
}

void sockets_fini(struct sockets *sockets)
{
	for (size_t i = 0; i < sockets->n; i++)
		close(sockets->items[i].fd);
	free(sockets->items);
	*sockets = (struct sockets){ .next_id = sockets->next_id };
}
