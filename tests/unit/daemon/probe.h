/* SPDX-License-Identifier: Apache-2.0 */
/* A client of servers that run on a loop of this very thread. */
#pragma once
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/sockaddr.h"
#include "base/str.h"

struct probe {
	struct loop *loop;
	struct loop_fd *handle;
	int fd;
	struct str answer;
};

/* Reads to the end of the answer, then ends the loop. */
static void probe_on_readable(void *arg, unsigned events)
{
	struct probe *probe = arg;
	char piece[4096];
	ssize_t n = recv(probe->fd, piece, sizeof(piece), 0);

	(void)events;
	if (n > 0) {
		str_add(&probe->answer, piece, (size_t)n);
		return;
	}
	loop_fd_remove(probe->handle);
	loop_stop(probe->loop);
}

/* Connects to a port at an address. -1: refused. */
static inline int probe_dial(const char *host, uint16_t port)
{
	struct sockaddr_storage name;
	struct addr addr;
	socklen_t len;
	int fd;

	assert_int_equal(addr_parse(host, &addr), 0);
	len = sockaddr_from_addr(&addr, port, &name);
	fd = socket(name.ss_family, SOCK_STREAM, 0);
	if (!connect(fd, (struct sockaddr *)&name, len))
		return fd;
	close(fd);
	return -1;
}

/* The whole answer to a GET, "" when the connection is closed without one, NULL when it is refused;
 * to be freed. */
static inline char *probe_get(struct loop *loop, const char *host, uint16_t port, const char *path)
{
	struct probe probe = { .loop = loop, .fd = probe_dial(host, port) };
	_cleanup_(mem_freep) char *request = mem_printf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);

	if (probe.fd < 0)
		return NULL;
	assert_int_equal(send(probe.fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	probe.handle = loop_fd_add(loop, probe.fd, LOOP_READ, probe_on_readable, &probe);
	loop_run(loop);
	close(probe.fd);
	return probe.answer.buf ? probe.answer.buf : mem_strdup("");
}

/* A group's set-up: a network namespace of its own, so that a port stays free until it is used. Who
 * may not have one shares the host's ports. */
static inline int probe_alone(void **state)
{
	(void)state;
	return !unshare(CLONE_NEWNET) && system("ip link set lo up");
}

/* A port that nobody has: see probe_alone(). */
static inline uint16_t probe_free_port(void)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(name);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&name, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	close(fd);
	return ntohs(name.sin6_port);
}
