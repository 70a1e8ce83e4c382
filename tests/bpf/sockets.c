/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroup is the caller's own; programs go with the process that attached them. */
#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <bpf/bpf.h>

#include "node_services.h"

const struct sockets_kind sockets_kinds[SOCKETS_KINDS] = {
	{ "IPv4", AF_INET, AF_INET },
	{ "IPv6", AF_INET6, AF_INET6 },
	{ "IPv4 by an IPv6 socket", AF_INET6, AF_INET },
};

/* ---- addresses ---- */

socklen_t sockets_address(int domain, int family, enum host host, uint16_t port,
			  struct sockaddr_storage *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	ret->ss_family = (sa_family_t)domain;
	if (domain == AF_INET) {
		in->sin_port = htons(port);
		world_addr(host, family, (uint8_t *)&in->sin_addr);
		return sizeof(*in);
	}
	in6->sin6_port = htons(port);
	world_mapped(host, family, in6->sin6_addr.s6_addr);
	return sizeof(*in6);
}

void sockets_assert_address(const struct sockets_kind *kind, const struct sockaddr_storage *is,
			    enum host host, uint16_t port)
{
	struct sockaddr_storage want;
	socklen_t len = sockets_address(kind->domain, kind->family, host, port, &want);

	assert_memory_equal(&want, is, len);
}

/* ---- sockets ---- */

int sockets_new(int domain, int type)
{
	struct timeval wait = { .tv_sec = 2 };
	int fd = socket(domain, type | SOCK_CLOEXEC, 0), on = 1;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return fd;
}

/* An endpoint: bound to its address, listening when it is TCP. */
int sockets_serve(int family, enum host host, int type)
{
	struct sockaddr_storage at;
	int fd = sockets_new(family, type);

	assert_int_equal(
		bind(fd, (void *)&at, sockets_address(family, family, host, NODE_EP_PORT, &at)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, SOMAXCONN), 0);
	return fd;
}

/* 0 or -errno. */
int sockets_dial(const struct sockets_kind *kind, int fd, enum host host, uint16_t port)
{
	struct sockaddr_storage to;

	return connect(fd, (void *)&to,
		       sockets_address(kind->domain, kind->family, host, port, &to))
		       ? -errno
		       : 0;
}

int sockets_send_to(const struct sockets_kind *kind, int fd, enum host host, uint16_t port,
		    char what)
{
	struct sockaddr_storage to;
	socklen_t len = sockets_address(kind->domain, kind->family, host, port, &to);

	return sendto(fd, &what, 1, 0, (void *)&to, len) == 1 ? 0 : -errno;
}

/* Sends back what comes in, once. Returns the byte. */
char sockets_echo_once(int fd)
{
	struct sockaddr_storage from = {};
	socklen_t len = sizeof(from);
	char what = 0;

	assert_int_equal(recvfrom(fd, &what, 1, 0, (void *)&from, &len), 1);
	assert_int_equal(sendto(fd, &what, 1, 0, (void *)&from, len), 1);
	return what;
}

char sockets_receive(int fd, struct sockaddr_storage *ret_from)
{
	socklen_t len = sizeof(*ret_from);
	char what = 0;

	assert_int_equal(recvfrom(fd, &what, 1, 0, (void *)ret_from, &len), 1);
	return what;
}

void sockets_assert_peer(const struct sockets_kind *kind, int fd, enum host host, uint16_t port)
{
	struct sockaddr_storage peer = {};
	socklen_t len = sizeof(peer);

	assert_int_equal(getpeername(fd, (void *)&peer, &len), 0);
	sockets_assert_address(kind, &peer, host, port);
}

uint64_t sockets_counted(enum naru_counter id)
{
	uint64_t values[NARU_C_MAX];

	node_counters(values);
	return values[id];
}

/* ---- set-up ---- */

static void attach(int cgroup_fd)
{
	static const struct {
		const char *program;
		enum bpf_attach_type type;
	} hooks[] = {
		{ "sock_connect4", BPF_CGROUP_INET4_CONNECT },
		{ "sock_connect6", BPF_CGROUP_INET6_CONNECT },
		{ "sock_sendmsg4", BPF_CGROUP_UDP4_SENDMSG },
		{ "sock_sendmsg6", BPF_CGROUP_UDP6_SENDMSG },
		{ "sock_recvmsg4", BPF_CGROUP_UDP4_RECVMSG },
		{ "sock_recvmsg6", BPF_CGROUP_UDP6_RECVMSG },
		{ "sock_getpeer4", BPF_CGROUP_INET4_GETPEERNAME },
		{ "sock_getpeer6", BPF_CGROUP_INET6_GETPEERNAME },
	};

	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++) {
		if (bpf_link_create(node_program(hooks[i].program), cgroup_fd, hooks[i].type,
				    NULL) < 0) {
			perror(hooks[i].program);
			exit(1);
		}
	}
}

/* Endpoints of this node and of others alike: here all of them are sockets of this namespace. */
void sockets_own_addresses(void)
{
	static const enum host hosts[] = { POD, POD2, REMOTE, REMOTE1, UNREACHABLE, SILENT };
	char text[INET6_ADDRSTRLEN], command[128];
	uint8_t addr[16];

	for (size_t i = 0; i < 2 * sizeof(hosts) / sizeof(*hosts); i++) {
		int family = i & 1 ? AF_INET6 : AF_INET;

		world_addr(hosts[i / 2], family, addr);
		inet_ntop(family, addr, text, sizeof(text));
		snprintf(command, sizeof(command), "ip addr add %s dev lo%s", text,
			 i & 1 ? " nodad" : "");
		if (system(command)) {
			fprintf(stderr, "failed: %s\n", command);
			exit(1);
		}
	}
}

int sockets_run(int cgroup_fd, const char *name, const struct CMUnitTest *each, size_t n)
{
	struct CMUnitTest *tests = calloc(n * SOCKETS_KINDS, sizeof(*tests));
	char(*names)[96] = calloc(n * SOCKETS_KINDS, sizeof(*names));
	int failed;

	world_enter();
	sockets_own_addresses();
	node_load(&(struct node_options){ .sockets = true });
	attach(cgroup_fd);
	for (size_t i = 0; i < n * SOCKETS_KINDS; i++) {
		snprintf(names[i], sizeof(names[i]), "%s [%s]", each[i / SOCKETS_KINDS].name,
			 sockets_kinds[i % SOCKETS_KINDS].name);
		tests[i] = each[i / SOCKETS_KINDS];
		tests[i].name = names[i];
		tests[i].initial_state = (void *)&sockets_kinds[i % SOCKETS_KINDS];
	}
	failed = _cmocka_run_group_tests(name, tests, n * SOCKETS_KINDS, NULL, NULL);
	node_unload();
	free(names);
	free(tests);
	return failed;
}
