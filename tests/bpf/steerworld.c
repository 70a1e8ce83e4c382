/* SPDX-License-Identifier: Apache-2.0 */
#include "steerworld.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "dpworld.h"

/* ---- plans ---- */

void steerworld_init(struct steerworld *w)
{
	memset(w, 0, sizeof(*w));
	w->listener.name = (char *)"shop/edge/http";
	w->listener.hostname = (char *)"";
	w->plan.node = (char *)"node";
	w->plan.l7.listeners = &w->listener;
	w->plan.l7.n_listeners = 1;
	w->plan.l7.binds = w->binds;
	w->plan.l7.vips = w->vips;
}

void steerworld_bind(struct steerworld *w, const char *addr, uint16_t port)
{
	struct plan_bind *bind = &w->binds[w->plan.l7.n_binds++];

	*bind = (struct plan_bind){ .port = port, .listeners = &w->index, .n_listeners = 1 };
	if (*addr)
		bind->addr = dpworld_addr(addr);
}

void steerworld_vip(struct steerworld *w, const char *addr, bool announce, bool service)
{
	w->vips[w->plan.l7.n_vips++] = (struct plan_vip){
		.addr = dpworld_addr(addr),
		.announce = announce,
		.service = service,
	};
}

/* ---- sockets ---- */

static struct sockaddr_in6 name_of(const char *text, uint16_t port)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct addr addr = dpworld_addr(text);

	memcpy(&name.sin6_addr, addr.byte, 16);
	return name;
}

int steerworld_socket(const char *addr, uint16_t port, int type)
{
	struct sockaddr_in6 name = name_of(addr, port);
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0), on = 1, off = 0;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	/* Addresses that are not this machine's yet. */
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, SOMAXCONN), 0);
	return fd;
}

void steerworld_workers(int fds[static WORKERS])
{
	for (int i = 0; i < WORKERS; i++)
		fds[i] = steerworld_socket("127.0.0.1", 0, SOCK_STREAM);
}

void steerworld_close(int fds[static WORKERS])
{
	for (int i = 0; i < WORKERS; i++)
		close(fds[i]);
}

/* IPv4 by a socket of that family: what an IPv6 socket would do is the same on the wire only. */
int steerworld_dial(const char *text, uint16_t port)
{
	struct sockaddr_in6 name = name_of(text, port);
	struct sockaddr_in name4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	bool v4 = !strchr(text, ':');
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(&name4.sin_addr, name.sin6_addr.s6_addr + 12, 4);
	if (!connect(fd, v4 ? (struct sockaddr *)&name4 : (struct sockaddr *)&name,
		     v4 ? sizeof(name4) : sizeof(name)))
		return fd;
	close(fd);
	return -errno;
}

/* The worker with a connection to accept. */
static int ready(const int fds[static WORKERS])
{
	struct pollfd polls[WORKERS];

	for (int i = 0; i < WORKERS; i++)
		polls[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	poll(polls, WORKERS, 200);
	for (int i = 0; i < WORKERS; i++) {
		if (polls[i].revents & POLLIN)
			return i;
	}
	return WORKERS;
}

static int take(int listener, const char *text, uint16_t port)
{
	struct sockaddr_in6 want = name_of(text, port), is = { 0 };
	socklen_t len = sizeof(is);
	int fd = accept(listener, NULL, NULL);

	assert_true(fd >= 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&is, &len), 0);
	assert_memory_equal(&is.sin6_addr, &want.sin6_addr, 16);
	assert_int_equal(ntohs(is.sin6_port), port);
	return fd;
}

int steerworld_reach(const int fds[static WORKERS], const char *addr, uint16_t port)
{
	int fd = steerworld_dial(addr, port), worker;

	if (fd < 0)
		return fd;
	worker = ready(fds);
	if (worker < WORKERS)
		close(take(fds[worker], addr, port));
	close(fd);
	return worker;
}

void steerworld_connect(const int fds[static WORKERS], const char *addr, uint16_t port,
			int ret_ends[static 2])
{
	int worker;

	ret_ends[0] = steerworld_dial(addr, port);
	assert_true(ret_ends[0] >= 0);
	worker = ready(fds);
	assert_true(worker < WORKERS);
	ret_ends[1] = take(fds[worker], addr, port);
}
