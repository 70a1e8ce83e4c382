/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket programs cannot be test-run, so real sockets dial services: in a network namespace
 * where the endpoints' addresses are local, and in a cgroup of their own. Each test runs for
 * IPv4 sockets, IPv6 sockets, and IPv6 sockets that dial mapped IPv4 addresses.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/bpf.h>
#include <bpf/bpf.h>

#include "cgroup.h"
#include "node.h"
#include "node_services.h"
#include "world.h"

struct kind {
	const char *name;
	int domain; /* of the client's socket */
	int family; /* of service and endpoint */
};

static const struct kind kinds[] = {
	{ "IPv4", AF_INET, AF_INET },
	{ "IPv6", AF_INET6, AF_INET6 },
	{ "IPv4 by an IPv6 socket", AF_INET6, AF_INET },
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

/* ---- addresses ---- */

static socklen_t address(int domain, int family, enum host host, uint16_t port,
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

static void assert_address(const struct kind *kind, const struct sockaddr_storage *is,
			   enum host host, uint16_t port)
{
	struct sockaddr_storage want;
	socklen_t len = address(kind->domain, kind->family, host, port, &want);

	assert_memory_equal(&want, is, len);
}

/* ---- sockets ---- */

static int new_socket(int domain, int type)
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
static int serve(int family, enum host host, int type)
{
	struct sockaddr_storage at;
	int fd = new_socket(family, type);

	assert_int_equal(bind(fd, (void *)&at, address(family, family, host, NODE_EP_PORT, &at)),
			 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* 0 or -errno. */
static int dial(const struct kind *kind, int fd, enum host host, uint16_t port)
{
	struct sockaddr_storage to;

	return connect(fd, (void *)&to, address(kind->domain, kind->family, host, port, &to))
		       ? -errno
		       : 0;
}

static int send_to(const struct kind *kind, int fd, enum host host, uint16_t port, char what)
{
	struct sockaddr_storage to;
	socklen_t len = address(kind->domain, kind->family, host, port, &to);

	return sendto(fd, &what, 1, 0, (void *)&to, len) == 1 ? 0 : -errno;
}

/* Sends back what comes in, once. Returns the byte. */
static char echo_once(int fd)
{
	struct sockaddr_storage from = {};
	socklen_t len = sizeof(from);
	char what = 0;

	assert_int_equal(recvfrom(fd, &what, 1, 0, (void *)&from, &len), 1);
	assert_int_equal(sendto(fd, &what, 1, 0, (void *)&from, len), 1);
	return what;
}

static char receive(int fd, struct sockaddr_storage *ret_from)
{
	socklen_t len = sizeof(*ret_from);
	char what = 0;

	assert_int_equal(recvfrom(fd, &what, 1, 0, (void *)ret_from, &len), 1);
	return what;
}

static void assert_peer(const struct kind *kind, int fd, enum host host, uint16_t port)
{
	struct sockaddr_storage peer = {};
	socklen_t len = sizeof(peer);

	assert_int_equal(getpeername(fd, (void *)&peer, &len), 0);
	assert_address(kind, &peer, host, port);
}

static uint64_t counted(enum naru_counter id)
{
	uint64_t values[NARU_C_MAX];

	node_counters(values);
	return values[id];
}

/* ---- tests ---- */

/* A connection through a frontend ends at the endpoint, and the client is told the frontend. */
static void check_connection(const struct kind *kind, enum host frontend, uint16_t port,
			     enum host endpoint)
{
	int server = serve(kind->family, endpoint, SOCK_STREAM),
	    client = new_socket(kind->domain, SOCK_STREAM);
	uint64_t before = counted(NARU_C_SOCK_TRANSLATED);
	char byte = 'x';
	int conn;

	assert_int_equal(dial(kind, client, frontend, port), 0);
	assert_peer(kind, client, frontend, port);
	conn = accept(server, NULL, NULL);
	assert_true(conn >= 0);
	assert_int_equal(send(client, &byte, 1, 0), 1);
	byte = 0;
	assert_int_equal(recv(conn, &byte, 1, 0), 1);
	assert_int_equal(byte, 'x');
	assert_int_equal(counted(NARU_C_SOCK_TRANSLATED), before + 1);
	close(conn);
	close(client);
	close(server);
}

static void connects(void **state)
{
	check_connection(*state, VIP, PORT_LOCAL, POD);
	check_connection(*state, LB, PORT_LB_REMOTE, REMOTE);
}

static void node_ports_connect(void **state)
{
	check_connection(*state, NODE, PORT_NODE_LOCAL, POD);
	check_connection(*state, NODE1, PORT_NODE_REMOTE, REMOTE);
}

/* Sockets of the node are inside the cluster. */
static void internal_sets_are_used(void **state)
{
	check_connection(*state, VIP, PORT_LOCAL_ONLY, REMOTE);
}

static void empty_services_refuse(void **state)
{
	const struct kind *kind = *state;
	uint64_t before = counted(NARU_C_SOCK_REFUSED);
	int tcp = new_socket(kind->domain, SOCK_STREAM), udp = new_socket(kind->domain, SOCK_DGRAM);

	assert_int_equal(dial(kind, tcp, VIP, PORT_EMPTY), -ECONNREFUSED);
	assert_int_equal(dial(kind, udp, VIP, PORT_EMPTY), -ECONNREFUSED);
	assert_int_equal(send_to(kind, udp, VIP, PORT_EMPTY, 'x'), -ECONNREFUSED);
	assert_int_equal(send_to(kind, udp, NODE, PORT_NODE_EMPTY, 'x'), -ECONNREFUSED);
	assert_int_equal(counted(NARU_C_SOCK_REFUSED), before + 4);
	close(udp);
	close(tcp);
}

/* Neither a pod dialled directly nor a NodePort at an address that is not the node's. */
static void others_are_left_alone(void **state)
{
	const struct kind *kind = *state;
	int server = serve(kind->family, POD, SOCK_STREAM),
	    client = new_socket(kind->domain, SOCK_STREAM);
	int other = new_socket(kind->domain, SOCK_STREAM);
	uint64_t before = counted(NARU_C_SOCK_TRANSLATED);

	assert_int_equal(dial(kind, client, POD, NODE_EP_PORT), 0);
	assert_peer(kind, client, POD, NODE_EP_PORT);
	assert_int_equal(dial(kind, other, POD2, PORT_NODE_LOCAL), -ECONNREFUSED);
	assert_int_equal(counted(NARU_C_SOCK_TRANSLATED), before);
	close(other);
	close(client);
	close(server);
}

static void connected_datagrams(void **state)
{
	const struct kind *kind = *state;
	int server = serve(kind->family, POD, SOCK_DGRAM),
	    client = new_socket(kind->domain, SOCK_DGRAM);
	struct sockaddr_storage from = {};

	assert_int_equal(dial(kind, client, VIP, PORT_LOCAL), 0);
	assert_peer(kind, client, VIP, PORT_LOCAL);
	assert_int_equal(send(client, "c", 1, 0), 1);
	assert_int_equal(echo_once(server), 'c');
	assert_int_equal(receive(client, &from), 'c');
	assert_address(kind, &from, VIP, PORT_LOCAL);
	close(client);
	close(server);
}

/* One unconnected socket talks to several services at once; each answer has its service's
 * address. */
static void unconnected_datagrams(void **state)
{
	static const struct {
		enum host frontend;
		uint16_t port;
		enum host endpoint;
	} talks[] = {
		{ VIP, PORT_LOCAL, POD },
		{ LB, PORT_LB_REMOTE, REMOTE },
		{ VIP, PORT_FAR, REMOTE1 },
	};
	const struct kind *kind = *state;
	int servers[3], client = new_socket(kind->domain, SOCK_DGRAM);
	struct sockaddr_storage from = {};

	for (int i = 0; i < 3; i++)
		servers[i] = serve(kind->family, talks[i].endpoint, SOCK_DGRAM);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++)
			assert_int_equal(send_to(kind, client, talks[i].frontend, talks[i].port,
						 (char)('a' + i)),
					 0);
		for (int i = 0; i < 3; i++)
			assert_int_equal(echo_once(servers[i]), 'a' + i);
		for (int i = 0; i < 3; i++) {
			int which = receive(client, &from) - 'a';

			assert_in_range(which, 0, 2);
			assert_address(kind, &from, talks[which].frontend, talks[which].port);
		}
	}
	for (int i = 0; i < 3; i++)
		close(servers[i]);
	close(client);
}

/* A socket that has talked to a service still sees others under their own address. */
static void strangers_keep_their_address(void **state)
{
	const struct kind *kind = *state;
	int service = serve(kind->family, POD, SOCK_DGRAM),
	    other = serve(kind->family, POD2, SOCK_DGRAM);
	int client = new_socket(kind->domain, SOCK_DGRAM);
	struct sockaddr_storage from = {};

	assert_int_equal(send_to(kind, client, VIP, PORT_LOCAL, 's'), 0);
	assert_int_equal(echo_once(service), 's');
	assert_int_equal(receive(client, &from), 's');
	assert_int_equal(send_to(kind, client, POD2, NODE_EP_PORT, 'o'), 0);
	assert_int_equal(echo_once(other), 'o');
	assert_int_equal(receive(client, &from), 'o');
	assert_address(kind, &from, POD2, NODE_EP_PORT);
	close(client);
	close(other);
	close(service);
}

/* Storage has a few places; more services than that must not confuse the latest ones. */
static void many_services_by_one_socket(void **state)
{
	const struct kind *kind = *state;
	static const uint16_t ports[] = { PORT_LOCAL, PORT_REMOTE, PORT_FAR, PORT_UNREACHABLE,
					  PORT_SILENT };
	static const enum host endpoints[] = { POD, REMOTE, REMOTE1, UNREACHABLE, SILENT };
	int client = new_socket(kind->domain, SOCK_DGRAM);
	struct sockaddr_storage from = {};

	for (int i = 0; i < 15; i++) {
		int server = serve(kind->family, endpoints[i % 5], SOCK_DGRAM);

		assert_int_equal(send_to(kind, client, VIP, ports[i % 5], (char)('a' + i)), 0);
		assert_int_equal(echo_once(server), 'a' + i);
		assert_int_equal(receive(client, &from), 'a' + i);
		assert_address(kind, &from, VIP, ports[i % 5]);
		close(server);
	}
	close(client);
}

/* Over many connections each endpoint of a set is dialled. */
static void sets_are_spread(void **state)
{
	const struct kind *kind = *state;
	static const enum host hosts[] = { POD, REMOTE, REMOTE1 };
	int servers[3], hits[3] = {};

	for (int i = 0; i < 3; i++)
		servers[i] = serve(kind->family, hosts[i], SOCK_DGRAM);
	for (int i = 0; i < 90; i++) {
		int client = new_socket(kind->domain, SOCK_DGRAM);

		assert_int_equal(send_to(kind, client, VIP, PORT_MANY, 'm'), 0);
		close(client);
	}
	for (int i = 0; i < 3; i++) {
		char what;

		while (recv(servers[i], &what, 1, MSG_DONTWAIT) == 1)
			hits[i]++;
		close(servers[i]);
	}
	assert_int_equal(hits[0] + hits[1] + hits[2], 90);
	for (int i = 0; i < 3; i++)
		assert_in_range(hits[i], 10, 60);
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
static void own_addresses(void)
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

static int dial_all(int cgroup_fd)
{
	static const struct CMUnitTest each[] = {
		cmocka_unit_test(connects),
		cmocka_unit_test(node_ports_connect),
		cmocka_unit_test(internal_sets_are_used),
		cmocka_unit_test(empty_services_refuse),
		cmocka_unit_test(others_are_left_alone),
		cmocka_unit_test(connected_datagrams),
		cmocka_unit_test(unconnected_datagrams),
		cmocka_unit_test(strangers_keep_their_address),
		cmocka_unit_test(many_services_by_one_socket),
		cmocka_unit_test(sets_are_spread),
	};
	const size_t n = sizeof(each) / sizeof(*each);
	struct CMUnitTest tests[sizeof(each) / sizeof(*each) * KINDS];
	char names[sizeof(each) / sizeof(*each) * KINDS][96];
	int failed;

	world_enter();
	own_addresses();
	node_load(&(struct node_options){ .sockets = true });
	attach(cgroup_fd);
	for (size_t i = 0; i < n * KINDS; i++) {
		snprintf(names[i], sizeof(names[i]), "%s [%s]", each[i / KINDS].name,
			 kinds[i % KINDS].name);
		tests[i] = each[i / KINDS];
		tests[i].name = names[i];
		tests[i].initial_state = (void *)&kinds[i % KINDS];
	}
	failed = _cmocka_run_group_tests("sockets", tests, n * KINDS, NULL, NULL);
	node_unload();
	return failed;
}

int main(void)
{
	return cgroup_run(dial_all);
}
