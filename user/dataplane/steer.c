/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets are told from one another by their cookies: a listener of the host from one of the
 * proxy's, and one that is in its slot already from another (some kernels take the entry out when
 * a socket replaces itself).
 */
#include "dataplane/steer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <bpf/bpf.h>

#include <naru/abi.h>

#include "base/mem.h"
#include "base/sockdiag.h"
#include "dataplane/encode.h"
#include "plan/plan.h"

#define LOOK_MS 1500

/* ---- binds ---- */

static int by_place(const void *a, const void *b)
{
	const struct steer_bind *x = a, *y = b;
	int order = addr_compare(&x->addr, &y->addr);

	return order ? order : (x->port > y->port) - (x->port < y->port);
}

/* 0.0.0.0 is any address, too. */
static struct steer_bind place(const struct addr *addr, uint16_t port)
{
	struct steer_bind bind = { .port = port };

	if (!addr_is_zero(addr))
		bind.addr = *addr;
	return bind;
}

static struct steer_bind *find(const struct steer *s, const struct addr *addr, uint16_t port)
{
	const struct steer_bind key = place(addr, port);

	return s->n ? bsearch(&key, s->binds, s->n, sizeof(key), by_place) : NULL;
}

/* Plans are sorted, so a new one mostly goes to the end. */
static struct steer_bind *get(struct steer *s, const struct addr *addr, uint16_t port)
{
	const struct steer_bind fresh = place(addr, port);
	struct steer_bind *bind = find(s, addr, port);
	size_t at = s->n;

	if (bind)
		return bind;
	s->binds = mem_grow(s->binds, s->n, &s->cap, sizeof(*s->binds));
	for (; at && by_place(&s->binds[at - 1], &fresh) > 0; at--)
		s->binds[at] = s->binds[at - 1];
	s->binds[at] = fresh;
	s->n++;
	return &s->binds[at];
}

static void forget_names(struct steer_bind *bind)
{
	for (size_t i = 0; i < bind->n_names; i++)
		free((char *)bind->names[i]);
	free(bind->names);
	bind->names = NULL;
	bind->n_names = 0;
}

static void clear(struct steer_bind *bind)
{
	forget_names(bind);
	free(bind->reason);
}

static void take_names(struct steer_bind *bind, const struct plan_l7 *l7,
		       const struct plan_bind *plan)
{
	forget_names(bind);
	bind->names = mem_array(plan->n_listeners, sizeof(*bind->names));
	bind->n_names = plan->n_listeners;
	for (size_t i = 0; i < plan->n_listeners; i++)
		bind->names[i] = mem_strdup(l7->listeners[plan->listeners[i]].name);
}

struct naru_steer_key steer_key(const struct steer_bind *bind)
{
	struct naru_steer_key key = { .port = bind->port };

	memcpy(key.addr, bind->addr.byte, sizeof(key.addr));
	return key;
}

void steer_restore(struct steer *s)
{
	struct naru_steer_key key, *last = NULL;
	struct naru_workers workers = {};
	uint32_t zero = 0;

	while (!bpf_map_get_next_key(s->load->maps.steer, last, &key)) {
		struct addr addr = encode_addr(key.addr, 16);
		struct naru_steer value = {};
		struct steer_bind *bind = get(s, &addr, key.port);

		bind->listed = !bpf_map_lookup_elem(s->load->maps.steer, &key, &value);
		bind->tls = value.tls;
		last = &key;
	}
	bpf_map_lookup_elem(s->load->maps.steer_workers, &zero, &workers);
	s->slots = workers.slots < NARU_WORKERS_MAX ? workers.slots : NARU_WORKERS_MAX;
}

void steer_fini(struct steer *s)
{
	for (size_t i = 0; i < s->n; i++)
		clear(&s->binds[i]);
	free(s->binds);
	s->binds = NULL;
	s->n = 0;
}

/* ---- what the host listens on ---- */

struct host {
	struct sockdiag_listener *listeners;
	size_t n;
};

static void host_fini(struct host *host)
{
	free(host->listeners);
}

/* Cookies of the proxy's sockets; returns their number. */
static size_t own_cookies(const struct steer *s, uint64_t cookies[static NARU_WORKERS_MAX])
{
	size_t n = 0;

	for (uint32_t slot = 0; slot < s->slots; slot++) {
		if (!bpf_map_lookup_elem(s->load->maps.steer_sock, &slot, &cookies[n]))
			n++;
	}
	return n;
}

/* Without what the kernel cannot tell, every port counts as free. */
static void host_look(const struct steer *s, struct host *ret_host)
{
	uint64_t cookies[NARU_WORKERS_MAX];
	size_t n_cookies = own_cookies(s, cookies), kept = 0;

	*ret_host = (struct host){};
	if (sockdiag_listeners(&ret_host->listeners, &ret_host->n))
		return;
	for (size_t i = 0; i < ret_host->n; i++) {
		size_t j = 0;

		while (j < n_cookies && cookies[j] != ret_host->listeners[i].cookie)
			j++;
		if (j == n_cookies)
			ret_host->listeners[kept++] = ret_host->listeners[i];
	}
	ret_host->n = kept;
}

static bool takes(const struct steer *s, const struct steer_bind *bind,
		  const struct sockdiag_listener *l)
{
	if (l->port != bind->port)
		return false;
	/* By a VIP only a socket that asked for it is reached. */
	if (addr_is_zero(&bind->addr))
		return l->any4 || l->any6 || !vips_has(s->vips, &l->addr);
	if (!addr_compare(&l->addr, &bind->addr))
		return true;
	return !vips_has(s->vips, &bind->addr) &&
	       (addr_family(&bind->addr) == 4 ? l->any4 : l->any6);
}

static const struct sockdiag_listener *in_the_way(const struct steer *s, const struct host *host,
						  const struct steer_bind *bind)
{
	for (size_t i = 0; i < host->n; i++) {
		if (takes(s, bind, &host->listeners[i]))
			return &host->listeners[i];
	}
	return NULL;
}

/* ---- apply ---- */

/* The listener of a Gateway has two slashes in its name, the port of a Service one. */
static void report(struct diag_list *diags, const char *listener, const char *reason)
{
	const char *slash = strchr(listener, '/'), *second = slash ? strchr(slash + 1, '/') : NULL;
	const char *end = second ? second : strrchr(listener, ':');
	int len = end ? (int)(end - listener) : (int)strlen(listener);
	_cleanup_(mem_freep) char *object =
		mem_printf("%s %.*s", second ? "Gateway" : "Service", len, listener);

	diag_add(diags, DIAG_ERROR, "", 0, object, second ? "spec.listeners" : "spec.ports",
		 "%s: %s", listener, reason);
}

static void refuse(struct steer_bind *bind, struct diag_list *diags, enum diag_matter matter,
		   const char *why)
{
	char text[PLAN_SOCKET_LEN];

	free(bind->reason);
	bind->reason = mem_printf("%s is not served: %s",
				  plan_socket_format(&bind->addr, bind->port, text), why);
	for (size_t i = 0; diags && i < bind->n_names; i++) {
		report(diags, bind->names[i], bind->reason);
		diag_mark(diags, matter);
	}
}

static int put(const struct steer *s, struct steer_bind *bind, bool tls)
{
	const struct naru_steer_key key = steer_key(bind);
	const struct naru_steer value = { .tls = tls };
	int r;

	if (bind->listed && bind->tls == tls)
		return 0;
	r = bpf_map_update_elem(s->load->maps.steer, &key, &value, BPF_ANY);
	if (r)
		return r;
	bind->listed = true;
	bind->tls = tls;
	return 0;
}

static int admit(const struct steer *s, const struct host *host, struct steer_bind *bind, bool tls,
		 struct diag_list *diags)
{
	const struct sockdiag_listener *other = bind->listed ? NULL : in_the_way(s, host, bind);
	char why[PLAN_SOCKET_LEN + 64], text[PLAN_SOCKET_LEN];
	int r;

	bind->blocked = other != NULL;
	free(TAKE_PTR(bind->reason));
	if (other) {
		snprintf(why, sizeof(why), "another program of this host listens on %s",
			 plan_socket_format(&other->addr, other->port, text));
		refuse(bind, diags, DIAG_PORT, why);
		return 0;
	}
	r = put(s, bind, tls);
	if (r == -E2BIG)
		refuse(bind, diags, DIAG_ROOM, "no room in the map steer (NARU_BINDS_MAX)");
	else if (r)
		refuse(bind, diags, DIAG_NONE, strerror(-r));
	return r == -E2BIG ? 0 : r;
}

int steer_apply(struct steer *s, const struct plan_l7 *l7, struct diag_list *ret_diags)
{
	_cleanup_(host_fini) struct host host = {};
	bool looked = false;
	int r = 0;

	for (size_t i = 0; i < s->n; i++)
		s->binds[i].wanted = false;
	for (size_t i = 0; i < l7->n_binds; i++)
		get(s, &l7->binds[i].addr, l7->binds[i].port)->wanted = true;
	for (size_t i = 0; i < l7->n_binds; i++) {
		const struct plan_bind *plan = &l7->binds[i];
		struct steer_bind *bind = find(s, &plan->addr, plan->port);
		int w;

		take_names(bind, l7, plan);
		if (!bind->listed && !looked)
			host_look(s, &host);
		looked |= !bind->listed;
		w = admit(s, &host, bind, plan->tls, ret_diags);
		r = r ? r : w;
	}
	return r;
}

int steer_release(struct steer *s)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct steer_bind *bind = &s->binds[i];
		const struct naru_steer_key key = steer_key(bind);
		int w = bind->wanted || !bind->listed
				? 0
				: bpf_map_delete_elem(s->load->maps.steer, &key);

		if (w == -ENOENT)
			w = 0;
		r = r ? r : w;
		if (bind->wanted || w)
			s->binds[kept++] = *bind;
		else
			clear(bind);
	}
	s->n = kept;
	return r;
}

bool steer_tick(struct steer *s, uint64_t now_ms)
{
	_cleanup_(host_fini) struct host host = {};
	bool any = false;

	for (size_t i = 0; i < s->n; i++)
		any |= s->binds[i].blocked;
	if (!any || now_ms < s->look_ms)
		return false;
	s->look_ms = now_ms + LOOK_MS;
	host_look(s, &host);
	for (size_t i = 0; i < s->n; i++) {
		if (s->binds[i].blocked && !in_the_way(s, &host, &s->binds[i]))
			return true;
	}
	return false;
}

/* ---- listeners ---- */

static int set_slot(const struct steer *s, uint32_t slot, int fd)
{
	int map = s->load->maps.steer_sock;
	uint64_t cookie = 0, there = 0, value = (uint64_t)fd;
	socklen_t len = sizeof(cookie);
	int r;

	if (fd < 0) {
		r = bpf_map_delete_elem(map, &slot);
		return r == -ENOENT || r == -EINVAL ? 0 : r;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len))
		return -errno;
	if (!bpf_map_lookup_elem(map, &slot, &there) && there == cookie)
		return 0;
	return bpf_map_update_elem(map, &slot, &value, BPF_ANY);
}

static int set_slots(struct steer *s, uint32_t slots)
{
	const struct naru_workers value = { .slots = slots };
	uint32_t zero = 0;
	int r = bpf_map_update_elem(s->load->maps.steer_workers, &zero, &value, BPF_ANY);

	if (!r)
		s->slots = slots;
	return r;
}

/* No slot counts before it holds a socket, or after. */
int steer_set_listeners(struct steer *s, const int *fds, size_t n)
{
	uint32_t before = s->slots;
	int r = 0;

	if (n > NARU_WORKERS_MAX)
		return -ENOSPC;
	if (n < before)
		r = set_slots(s, (uint32_t)n);
	for (uint32_t slot = 0; slot < n && !r; slot++)
		r = set_slot(s, slot, fds[slot]);
	for (uint32_t slot = (uint32_t)n; slot < before && !r; slot++)
		r = set_slot(s, slot, -1);
	if (!r && n > before)
		r = set_slots(s, (uint32_t)n);
	return r;
}

size_t steer_listeners(const struct steer *s)
{
	uint64_t cookies[NARU_WORKERS_MAX];

	return own_cookies(s, cookies);
}
