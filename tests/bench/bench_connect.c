/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds of connect() without a socket program, with an empty one and with naru's, to what is
 * no service's and to a service. Clients are sockets of the node itself, servers are in the same
 * network namespace, so TCP's figure has the whole handshake in it, both sides; a datagram socket
 * is bound before. Programs are attached for one batch of calls and taken off after it; batches
 * take turns. Figures are CPU time of this thread for one call, without making and closing the
 * socket. After every batch each connection is looked for at the server where it is to be, and
 * naru's counter must have counted those to a service and no others.
 *
 *   bench_connect [ROUNDS [CPU]]
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <bpf/bpf.h>

#include "../bpf/cgroup.h"
#include "../bpf/node.h"
#include "../bpf/node_services.h"
#include "../bpf/sockets.h"
#include "process.h"
#include "stats.h"

#define ROUNDS_MAX 99
#define BATCHES	   32
#define BATCH	   128 /* connections at a time; as many datagrams fit into a server's buffer */

enum role {
	WITHOUT,
	EMPTY,
	FOREIGN, /* to an address that no service has */
	SERVICE,
	OWN_WITHOUT,
	OWN_MISSED, /* to the node's address, at a service's port: three look-ups, no service */
	ROLE_MAX,
};

struct place {
	enum host host;
	uint16_t port;
};

/* Where connections arrive: at the three endpoints of the service, which others dial in turn, and
 * at the node's own address. */
static const struct place places[] = {
	{ POD, NODE_EP_PORT },
	{ REMOTE, NODE_EP_PORT },
	{ REMOTE1, NODE_EP_PORT },
	{ NODE, PORT_LOCAL },
};

static const struct place service = { VIP, PORT_MANY };

#define PLACES	  (sizeof(places) / sizeof(*places))
#define ENDPOINTS (PLACES - 1)

/* A protocol and a family. */
struct kind {
	const char *name;
	int type, family;
	int servers[PLACES];
	double ns[ROLE_MAX][ROUNDS_MAX];
};

static struct kind kinds[] = {
	{ .name = "TCP IPv4", .type = SOCK_STREAM, .family = AF_INET },
	{ .name = "TCP IPv6", .type = SOCK_STREAM, .family = AF_INET6 },
	{ .name = "UDP IPv4", .type = SOCK_DGRAM, .family = AF_INET },
	{ .name = "UDP IPv6", .type = SOCK_DGRAM, .family = AF_INET6 },
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

static int rounds = 11, cpu = 1, cgroup;
static int empty_programs[2]; /* IPv4, IPv6 */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- set-up ---- */

static void serve(struct kind *kind)
{
	for (size_t i = 0; i < PLACES; i++) {
		struct sockaddr_storage at;
		socklen_t len = sockets_address(kind->family, kind->family, places[i].host,
						places[i].port, &at);
		int fd = sockets_new(kind->family, kind->type);

		if (bind(fd, (void *)&at, len) ||
		    (kind->type == SOCK_STREAM && listen(fd, SOMAXCONN)))
			die("a server's socket");
		kind->servers[i] = fd;
	}
}

static enum bpf_attach_type hook(int family)
{
	return family == AF_INET ? BPF_CGROUP_INET4_CONNECT : BPF_CGROUP_INET6_CONNECT;
}

/* A program that lets every connect() through. */
static int load_empty(int family)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = hook(family));
	int fd = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "empty", "GPL", code,
			       sizeof(code) / sizeof(*code), &options);

	if (fd < 0)
		die("loading the empty program");
	return fd;
}

/* Returns the link of a role's program, or -1 when it has none. */
static int attach(enum role role, int family)
{
	int fd, program = role == EMPTY ? empty_programs[family == AF_INET6]
					: node_program(family == AF_INET ? "sock_connect4"
									 : "sock_connect6");

	if (role == WITHOUT || role == OWN_WITHOUT)
		return -1;
	fd = bpf_link_create(program, cgroup, hook(family), NULL);
	if (fd < 0)
		die("attaching");
	return fd;
}

/* ---- connections ---- */

static int new_client(const struct kind *kind)
{
	const struct linger at_once = { .l_onoff = 1 };
	const struct sockaddr_storage any = { .ss_family = (sa_family_t)kind->family };
	int fd = sockets_new(kind->family, kind->type);

	if (kind->type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	else if (bind(fd, (const void *)&any, sizeof(any)))
		die("binding a client");
	return fd;
}

/* Takes what has come to one server. */
static unsigned take(const struct kind *kind, int server)
{
	char byte;
	int fd;

	if (kind->type == SOCK_DGRAM)
		return recv(server, &byte, 1, MSG_DONTWAIT) == 1;
	fd = accept(server, NULL, NULL);
	if (fd < 0)
		return 0;
	close(fd);
	return 1;
}

/* Waits for a batch; how many came to each place. */
static void receive(const struct kind *kind, unsigned ret_came[PLACES])
{
	struct pollfd polled[PLACES];

	memset(ret_came, 0, PLACES * sizeof(*ret_came));
	for (size_t i = 0; i < PLACES; i++)
		polled[i] = (struct pollfd){ .fd = kind->servers[i], .events = POLLIN };
	for (unsigned all = 0; all < BATCH;) {
		if (poll(polled, PLACES, 2000) < 1) {
			fprintf(stderr, "%s: %u of a batch arrived\n", kind->name, all);
			exit(1);
		}
		for (size_t i = 0; i < PLACES; i++) {
			unsigned one = polled[i].revents ? take(kind, polled[i].fd) : 0;

			ret_came[i] += one;
			all += one;
		}
	}
}

/* Each connection is at an endpoint, or all of them at the node. */
static void check(const struct kind *kind, enum role role, uint64_t translated)
{
	unsigned came[PLACES], own = role >= OWN_WITHOUT ? BATCH : 0;

	receive(kind, came);
	if (translated == (role == SERVICE ? BATCH : 0) && came[ENDPOINTS] == own &&
	    (own || (came[0] && came[1] && came[2])))
		return;
	fprintf(stderr, "%s, role %d: %u, %u, %u, %u arrived, %llu were translated\n", kind->name,
		(int)role, came[0], came[1], came[2], came[3], (unsigned long long)translated);
	exit(1);
}

static const struct place *target(enum role role, unsigned turn)
{
	if (role == SERVICE)
		return &service;
	return &places[role >= OWN_WITHOUT ? ENDPOINTS : turn];
}

/* CPU time of a batch of calls, in ns. */
static double connect_batch(const struct kind *kind, enum role role)
{
	uint64_t before = sockets_counted(NARU_C_SOCK_TRANSLATED);
	struct sockaddr_storage to[ENDPOINTS];
	int fds[BATCH], failed = 0;
	socklen_t len = 0;
	double start;

	for (unsigned i = 0; i < ENDPOINTS; i++)
		len = sockets_address(kind->family, kind->family, target(role, i)->host,
				      target(role, i)->port, &to[i]);
	for (int i = 0; i < BATCH; i++)
		fds[i] = new_client(kind);
	start = stats_cpu_ns();
	for (int i = 0; i < BATCH; i++)
		failed |= connect(fds[i], (void *)&to[i % ENDPOINTS], len);
	start = stats_cpu_ns() - start;
	if (failed)
		die("connect");
	for (int i = 0; i < BATCH && kind->type == SOCK_DGRAM; i++) {
		if (send(fds[i], "x", 1, 0) != 1)
			die("send");
	}
	check(kind, role, sockets_counted(NARU_C_SOCK_TRANSLATED) - before);
	for (int i = 0; i < BATCH; i++)
		close(fds[i]);
	return start;
}

static double measure(const struct kind *kind, enum role role)
{
	int link = attach(role, kind->family);
	double ns = connect_batch(kind, role);

	if (link >= 0)
		close(link);
	return ns / BATCH;
}

/* One figure for each role; turns are short, so that what disturbs one disturbs all. */
static void measure_round(struct kind *kind, int round)
{
	double sum[ROLE_MAX] = {};

	for (unsigned i = 0; i < BATCHES * ROLE_MAX; i++) {
		enum role role = (enum role)((i + i / ROLE_MAX) % ROLE_MAX);

		sum[role] += measure(kind, role);
	}
	for (enum role role = WITHOUT; role < ROLE_MAX && round >= 0; role++)
		kind->ns[role][round] = sum[role] / BATCHES;
}

/* ---- figures ---- */

/* Differences and ratios are those within a round. */
static void print_row(const struct kind *kind, enum role role)
{
	static const char *const names[] = { "no program",
					     "empty program",
					     "naru, nobody's address",
					     "naru, service",
					     "node's address, no program",
					     "node's address, naru, three look-ups" };
	const double *base = kind->ns[role >= OWN_WITHOUT ? OWN_WITHOUT : WITHOUT];
	double ns[ROUNDS_MAX], more[ROUNDS_MAX], ratio[ROUNDS_MAX];
	size_t n = (size_t)rounds;

	for (size_t i = 0; i < n; i++) {
		ns[i] = kind->ns[role][i];
		more[i] = ns[i] - base[i];
		ratio[i] = ns[i] / base[i];
	}
	printf("| %s, %s | %.0f | %.0f |", kind->name, names[role], stats_median(ns, n),
	       stats_min(ns, n));
	if (base == kind->ns[role])
		printf(" | |\n");
	else
		printf(" %.0f | %.2f |\n", stats_median(more, n), stats_median(ratio, n));
}

static int run(int cgroup_fd)
{
	cgroup = cgroup_fd;
	process_pin(cpu);
	world_enter();
	sockets_own_addresses();
	for (size_t i = 0; i < KINDS; i++)
		serve(&kinds[i]);
	process_drop_privileges();
	node_load(&(struct node_options){ .sockets = true });
	empty_programs[0] = load_empty(AF_INET);
	empty_programs[1] = load_empty(AF_INET6);
	for (int round = -1; round < rounds; round++) { /* the first one only warms up */
		for (size_t i = 0; i < KINDS; i++)
			measure_round(&kinds[i], round);
	}
	stats_print_machine();
	printf("%d rounds of %d calls, CPU time of one\n\n", rounds, BATCHES * BATCH);
	printf("| connect() | median ns | minimum ns | more than without | times |\n"
	       "|---|---|---|---|---|\n");
	for (size_t i = 0; i < KINDS; i++) {
		for (enum role role = WITHOUT; role < ROLE_MAX; role++)
			print_row(&kinds[i], role);
	}
	node_unload();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = atoi(argv[1]);
	if (argc > 2)
		cpu = atoi(argv[2]);
	if (rounds < 1 || rounds > ROUNDS_MAX)
		return fprintf(stderr, "usage: bench_connect [ROUNDS [CPU]]\n"), 2;
	return cgroup_run(run);
}
