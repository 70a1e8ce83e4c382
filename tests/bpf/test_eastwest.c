/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Service's port changes hands between layer 4 and the proxy, with real connections of pods and
 * of the node's own sockets: none that is open breaks, each new one finds the new owner, and the
 * Service's other port stays where it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dataplane/dataplane.h"
#include "dpworld.h"
#include "steerworld.h"

#define PROXIED 80
#define PLAIN	81
#define NOBODYS 82
#define WAIT_MS 5000

static const char *const vips[] = { "10.96.0.10", "fd00:96::10" };
static const char *const backends[] = { "10.244.0.2", "fd44::2" };

enum origin {
	POD,	     /* packets alone tell of it */
	HOST,	     /* a socket of the node, translated at connect */
	HOST_PACKET, /* one that is not */
	ORIGINS,
};

static int node_net, client_net, backend_net;
static char old_cgroup[256];

/* ---- surroundings ---- */

static int net_of_name(const char *name)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void sh(char *command)
{
	dpworld_sh(command);
	free(command);
}

/* 10.244.0.N and fd44::N behind the device podN. */
static void make_pod(int n, int *ret_net)
{
	_cleanup_(mem_freep) char *ns = mem_printf("naru-test-%d-pod%d", getpid(), n);

	sh(mem_printf("ip netns add %s && ip link add pod%d type veth peer name eth0 netns %s && "
		      "ip link set pod%d up",
		      ns, n, ns, n));
	sh(mem_printf(
		"ip addr add 10.244.0.1/32 dev pod%d && ip route add 10.244.0.%d dev pod%d && "
		"ip addr add fd44::1/128 dev pod%d nodad && ip route add fd44::%d dev pod%d",
		n, n, n, n, n, n));
	sh(mem_printf("ip -n %s link set lo up && ip -n %s link set eth0 up && "
		      "ip -n %s addr add 10.244.0.%d/32 dev eth0 && "
		      "ip -n %s addr add fd44::%d/128 dev eth0 nodad",
		      ns, ns, ns, n, ns, n));
	sh(mem_printf("for a in 10.244.0.1 fd44::1; do ip -n %s route add $a dev eth0 && "
		      "ip -n %s route add default via $a; done",
		      ns, ns));
	*ret_net = net_of_name(ns);
	/* The name is only for the making: the descriptor keeps it. */
	sh(mem_printf("ip netns del %s", ns));
}

static void enter_cgroup(const char *dir)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "0", 1), 1);
	close(fd);
}

static void remember_cgroup(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[200] = "", *end = strrchr(dpworld_cgroup, '/');

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) && strncmp(line, "0::", 3))
		;
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
	snprintf(old_cgroup, sizeof(old_cgroup), "%.*s%s", (int)(end - dpworld_cgroup),
		 dpworld_cgroup, line + 3);
}

static int group_setup(void **state)
{
	if (dpworld_group_setup(state))
		return 1;
	dpworld_sh("echo 1 >/proc/sys/net/ipv4/ip_forward; "
		   "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
	node_net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	make_pod(2, &backend_net);
	make_pod(3, &client_net);
	remember_cgroup();
	return 0;
}

/* ---- connections ---- */

/* The Service's two ports in each family: this family's listener is [family][port]. */
struct servers {
	int pod[2][2];
	int proxy[WORKERS];
};

static void open_servers(struct servers *s)
{
	steerworld_workers(s->proxy);
	assert_int_equal(setns(backend_net, CLONE_NEWNET), 0);
	for (int i = 0; i < 4; i++)
		s->pod[i & 1][i >> 1] = steerworld_socket(backends[i & 1],
							  (uint16_t)(8080 + (i >> 1)), SOCK_STREAM);
	assert_int_equal(setns(node_net, CLONE_NEWNET), 0);
}

static void close_servers(struct servers *s)
{
	for (int i = 0; i < 4; i++)
		close(s->pod[i & 1][i >> 1]);
	steerworld_close(s->proxy);
}

static int dial_from(enum origin origin, const char *addr, uint16_t port)
{
	int fd;

	if (origin == POD)
		assert_int_equal(setns(client_net, CLONE_NEWNET), 0);
	if (origin == HOST)
		enter_cgroup(dpworld_cgroup);
	fd = steerworld_dial(addr, port);
	if (origin == HOST)
		enter_cgroup(old_cgroup);
	assert_int_equal(setns(node_net, CLONE_NEWNET), 0);
	return fd;
}

/* What a client holds as connected comes to the listener a moment later. */
static int accept_any(const int *listeners, unsigned n, int wait_ms)
{
	struct pollfd ready[WORKERS];

	for (unsigned i = 0; i < n; i++)
		ready[i] = (struct pollfd){ .fd = listeners[i], .events = POLLIN };
	if (poll(ready, n, wait_ms) < 1)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		if (ready[i].revents)
			return accept(listeners[i], NULL, NULL);
	}
	return -1;
}

static int from_pod(const struct servers *s, int family, uint16_t port, int wait_ms)
{
	return accept_any(&s->pod[family][port == PLAIN], 1, wait_ms);
}

static int from_proxy(const struct servers *s, int wait_ms)
{
	return accept_any(s->proxy, WORKERS, wait_ms);
}

/* A new connection: who gets it, and both its ends. */
static void must_be(const struct servers *s, enum origin origin, int family, uint16_t port,
		    bool proxy, int ret_ends[2])
{
	ret_ends[0] = dial_from(origin, vips[family], port);
	if (ret_ends[0] < 0)
		fail_msg("origin %d to %s:%u: %s", origin, vips[family], port,
			 strerror(-ret_ends[0]));
	ret_ends[1] = proxy ? from_proxy(s, WAIT_MS) : from_pod(s, family, port, WAIT_MS);
	if (ret_ends[1] < 0)
		fail_msg("origin %d to %s:%u: not at the %s", origin, vips[family], port,
			 proxy ? "proxy" : "pod");
}

static void exchange(const int ends[2])
{
	char byte = 'x';

	for (int i = 0; i < 2; i++) {
		struct timeval wait = { .tv_sec = 3 };

		setsockopt(ends[1 - i], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
		assert_int_equal(send(ends[i], &byte, 1, MSG_NOSIGNAL), 1);
		assert_int_equal(recv(ends[1 - i], &byte, 1, 0), 1);
	}
}

static void hang_up(int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

/* ---- plans ---- */

static void fill(struct plan_service *s, int family, bool plain, bool frontend)
{
	*s = (struct plan_service){ .proto = 6, .family = family ? 6 : 4 };
	s->name = mem_strdup(plain ? "shop/cart:admin" : "shop/cart:http");
	s->frontends = mem_array(1, sizeof(*s->frontends));
	s->n_frontends = frontend;
	s->frontends[0] = (struct plan_frontend){
		.kind = PLAN_CLUSTER_IP,
		.addr = dpworld_addr(vips[family]),
		.port = plain ? PLAIN : PROXIED,
	};
	s->cluster.endpoints = mem_array(1, sizeof(*s->cluster.endpoints));
	s->cluster.n = 1;
	s->cluster.endpoints[0] = (struct plan_endpoint){
		.addr = dpworld_addr(backends[family]),
		.port = plain ? 8081 : 8080,
		.local = true,
	};
}

/* In the order of names, then families. */
static void make_plan(struct steerworld *w, bool proxied)
{
	steerworld_init(w);
	w->listener.name = (char *)"shop/cart:http";
	w->plan.services = mem_array(4, sizeof(*w->plan.services));
	w->plan.n_services = 4;
	for (int i = 0; i < 4; i++)
		fill(&w->plan.services[i], i & 1, i < 2, i < 2 || !proxied);
	for (int i = 0; proxied && i < 2; i++) {
		steerworld_vip(w, vips[i], false, true);
		steerworld_bind(w, vips[i], PROXIED);
	}
}

static void free_plan(struct steerworld *w)
{
	for (size_t i = 0; i < w->plan.n_services; i++) {
		free(w->plan.services[i].name);
		free(w->plan.services[i].frontends);
		free(w->plan.services[i].cluster.endpoints);
	}
	free(w->plan.services);
}

/* ---- tests ---- */

static void check_other_ports(const struct servers *s)
{
	for (int family = 0; family < 2; family++) {
		int ends[2];

		must_be(s, POD, family, PLAIN, false, ends);
		exchange(ends);
		hang_up(ends);
		must_be(s, HOST, family, PLAIN, false, ends);
		exchange(ends);
		hang_up(ends);
		for (enum origin o = 0; o < ORIGINS; o++)
			assert_int_equal(dial_from(o, vips[family], NOBODYS), -ECONNREFUSED);
	}
}

static void test_port_changes_hands(void **state)
{
	struct servers s;
	struct steerworld plain, proxied;
	struct dataplane *d = dpworld_open();
	int l4[ORIGINS][2][2], l7[ORIGINS][2][2], ends[2];
	int ssh = steerworld_socket("::", NOBODYS, SOCK_STREAM);

	(void)state;
	open_servers(&s);
	make_plan(&plain, false);
	make_plan(&proxied, true);
	assert_int_equal(dataplane_set_listeners(d, s.proxy, WORKERS), 0);
	dpworld_apply(d, &plain.plan);
	for (enum origin o = 0; o < HOST_PACKET; o++) {
		for (int family = 0; family < 2; family++)
			must_be(&s, o, family, PROXIED, false, l4[o][family]);
	}
	dpworld_apply(d, &proxied.plan);
	for (enum origin o = 0; o < ORIGINS; o++) {
		for (int family = 0; family < 2; family++)
			must_be(&s, o, family, PROXIED, true, l7[o][family]);
	}
	check_other_ports(&s);
	for (enum origin o = 0; o < HOST_PACKET; o++) {
		exchange(l4[o][0]);
		exchange(l4[o][1]);
	}
	/* And back. */
	dpworld_apply(d, &plain.plan);
	for (enum origin o = 0; o < HOST_PACKET; o++) {
		for (int family = 0; family < 2; family++) {
			must_be(&s, o, family, PROXIED, false, ends);
			exchange(ends);
			hang_up(ends);
		}
	}
	check_other_ports(&s);
	dpworld_settle(d);
	for (int i = 0; i < ORIGINS * 2; i++) {
		exchange(l7[i / 2][i & 1]);
		hang_up(l7[i / 2][i & 1]);
	}
	for (int i = 0; i < HOST_PACKET * 2; i++) {
		exchange(l4[i / 2][i & 1]);
		hang_up(l4[i / 2][i & 1]);
	}
	dpworld_settle(d);
	assert_int_equal(dpworld_entries("steer_vip", 16), 0);
	must_be(&s, POD, 0, PROXIED, false, ends);
	hang_up(ends);
	close(ssh);
	close_servers(&s);
	free_plan(&plain);
	free_plan(&proxied);
	dpworld_close(d);
}

/* Dials in turn from the pod until told to stop. Returns how many connections failed or lost their
 * first segment. */
static int dial_on(int stop)
{
	struct pollfd told = { .fd = stop, .events = POLLIN };
	int failed = 0;

	for (int n = 0; !poll(&told, 1, 1); n++) {
		struct tcp_info info = {};
		socklen_t len = sizeof(info);
		int fd = dial_from(POD, vips[n & 1], PROXIED);

		if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) ||
		    info.tcpi_total_retrans)
			failed++;
		if (fd >= 0)
			close(fd);
	}
	return failed;
}

static void drain(const struct servers *s)
{
	int fd;

	while ((fd = from_proxy(s, 0)) >= 0 || (fd = from_pod(s, 0, PROXIED, 0)) >= 0 ||
	       (fd = from_pod(s, 1, PROXIED, 0)) >= 0)
		close(fd);
}

/* While the port goes to and fro, a client that dials all the time is always served. */
static void test_no_gap(void **state)
{
	struct servers s;
	struct steerworld plain, proxied;
	struct dataplane *d = dpworld_open();
	int stop[2], status;
	pid_t pid;

	(void)state;
	open_servers(&s);
	make_plan(&plain, false);
	make_plan(&proxied, true);
	assert_int_equal(dataplane_set_listeners(d, s.proxy, WORKERS), 0);
	dpworld_apply(d, &plain.plan);
	assert_int_equal(pipe(stop), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(dial_on(stop[0]));
	for (int round = 0; round < 60; round++) {
		usleep(20000);
		dpworld_apply(d, round & 1 ? &plain.plan : &proxied.plan);
		dataplane_tick(d);
		drain(&s);
	}
	assert_int_equal(write(stop[1], "", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(stop[0]);
	close(stop[1]);
	close_servers(&s);
	free_plan(&plain);
	free_plan(&proxied);
	dpworld_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_port_changes_hands, dpworld_clean),
		cmocka_unit_test_teardown(test_no_gap, dpworld_clean),
	};

	return cmocka_run_group_tests_name("eastwest", tests, group_setup, dpworld_group_teardown);
}
