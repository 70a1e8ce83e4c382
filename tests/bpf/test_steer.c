/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to the proxy's addresses and ports, with real sockets: who gets them, who does not.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include <naru/abi.h>
#include <naru/counters.h>

#include "base/mem.h"
#include "dataplane/dataplane.h"
#include "dpworld.h"
#include "steerworld.h"

static const char *const vips[] = { "198.51.100.7", "2001:db8:77::7" };
static const char *const nodes[] = { "192.0.2.1", "2001:db8::1" };
static const char *const loopbacks[] = { "127.0.0.1", "::1" };

static uint64_t counted(struct dataplane *d, enum naru_counter id)
{
	uint64_t values[NARU_C_MAX];

	assert_int_equal(dataplane_counters(d, values, NARU_C_MAX), 0);
	return values[id];
}

static int apply(struct dataplane *d, const struct steerworld *w)
{
	struct diag_list diags = {};
	int n;

	assert_int_equal(dataplane_apply(d, &w->plan, &diags), 0);
	n = (int)diags.n;
	diag_fini(&diags);
	return n;
}

/* VIPs at 80 and 443, everything else of the node at 80. */
static void usual(struct steerworld *w)
{
	steerworld_init(w);
	steerworld_bind(w, "", 80);
	for (int i = 0; i < 2; i++) {
		steerworld_vip(w, vips[i], true, false);
		steerworld_bind(w, vips[i], 80);
		steerworld_bind(w, vips[i], 443);
	}
}

static void must_reach(const int fds[WORKERS], const char *addr, uint16_t port)
{
	assert_in_range(steerworld_reach(fds, addr, port), 0, WORKERS - 1);
}

static void test_both_families_reach_the_workers(void **state)
{
	struct dataplane *d = dpworld_open();
	struct steerworld w;
	int fds[WORKERS], seen[WORKERS] = {};

	(void)state;
	usual(&w);
	steerworld_workers(fds);
	assert_int_equal(dataplane_set_listeners(d, fds, WORKERS), 0);
	assert_int_equal(apply(d, &w), 0);
	for (int i = 0; i < 2; i++) {
		must_reach(fds, vips[i], 80);
		must_reach(fds, vips[i], 443);
		must_reach(fds, nodes[i], 80);
		must_reach(fds, loopbacks[i], 80);
		assert_int_equal(steerworld_reach(fds, nodes[i], 443), -ECONNREFUSED);
	}
	for (int i = 0; i < 60; i++)
		seen[steerworld_reach(fds, vips[i & 1], 80)]++;
	for (int i = 0; i < WORKERS; i++)
		assert_true(seen[i]);
	assert_int_equal(counted(d, NARU_C_STEERED), 68);
	steerworld_close(fds);
	dpworld_close(d);
}

static void test_workers_come_and_go(void **state)
{
	struct dataplane *d = dpworld_open();
	int fds[WORKERS], some[WORKERS], n;
	struct steerworld w;

	(void)state;
	usual(&w);
	assert_int_equal(apply(d, &w), 0);
	steerworld_workers(fds);
	assert_int_equal(steerworld_dial(vips[0], 80), -ECONNREFUSED);
	assert_int_equal(steerworld_dial(nodes[1], 80), -ECONNREFUSED);
	assert_int_equal(counted(d, NARU_C_NO_PROXY), 2);
	assert_int_equal(dataplane_set_listeners(d, fds, WORKERS), 0);
	/* Again, and the same sockets stay where they are. */
	assert_int_equal(dataplane_set_listeners(d, fds, WORKERS), 0);
	for (int i = 0; i < 20; i++)
		must_reach(fds, vips[i & 1], 80);
	memcpy(some, fds, sizeof(some));
	some[0] = some[2] = -1;
	assert_int_equal(dataplane_set_listeners(d, some, WORKERS), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(steerworld_reach(fds, vips[i & 1], 80), 1);
	/* A socket that is closed leaves by itself. */
	assert_int_equal(dataplane_set_listeners(d, fds, WORKERS), 0);
	close(fds[1]);
	fds[1] = -1;
	for (int i = 0; i < 20; i++) {
		n = steerworld_reach(fds, vips[i & 1], 80);
		assert_true(n == 0 || n == 2);
	}
	assert_int_equal(dataplane_set_listeners(d, NULL, 0), 0);
	assert_int_equal(steerworld_dial(vips[1], 80), -ECONNREFUSED);
	assert_int_equal(dpworld_entries("steer_sock", 4) ? 1 : 0, 1); /* an array: slots stay */
	steerworld_close(fds);
	dpworld_close(d);
}

/* What a datagram to a closed port comes back with. */
static int send_datagram(const char *addr, uint16_t port)
{
	struct timeval wait = { .tv_usec = 200000 };
	int from = steerworld_socket(addr, 0, SOCK_DGRAM), to, r;
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	char byte = 1;

	/* The name in the form that the socket's family wants. */
	to = steerworld_socket(addr, port, SOCK_DGRAM);
	assert_int_equal(getsockname(to, (struct sockaddr *)&name, &len), 0);
	close(to);
	assert_int_equal(connect(from, (struct sockaddr *)&name, len), 0);
	setsockopt(from, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	assert_int_equal(send(from, &byte, 1, 0), 1);
	r = recv(from, &byte, 1, 0) < 0 ? -errno : 1;
	close(from);
	return r;
}

/* What listens on the wildcard is reached by the node's addresses, never by a VIP. */
static void test_vips_have_no_other_port(void **state)
{
	int ssh = steerworld_socket("::", 22, SOCK_STREAM), dns, fds[WORKERS];
	struct dataplane *d = dpworld_open();
	struct steerworld w;
	uint64_t before;

	(void)state;
	usual(&w);
	steerworld_workers(fds);
	assert_int_equal(dataplane_set_listeners(d, fds, WORKERS), 0);
	assert_int_equal(apply(d, &w), 0);
	dns = steerworld_socket("::", 53, SOCK_DGRAM);
	before = counted(d, NARU_C_VIP_PORT);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(steerworld_reach(fds, nodes[i], 22), WORKERS);
		assert_int_equal(steerworld_dial(vips[i], 22), -ECONNREFUSED);
		assert_int_equal(send_datagram(vips[i], 53), -ECONNREFUSED);
		assert_int_equal(send_datagram(nodes[i], 53), -EAGAIN);
	}
	assert_int_equal(counted(d, NARU_C_VIP_PORT), before + 4);
	close(ssh);
	close(dns);
	steerworld_close(fds);
	dpworld_close(d);
}

/* ---- ports of the host ---- */

/* Ticks until the dataplane asks for an apply. */
static bool asks_for_apply(struct dataplane *d)
{
	for (int i = 0; i < 30 && !dataplane_wants_apply(d); i++) {
		usleep(100000);
		dataplane_tick(d);
	}
	return dataplane_wants_apply(d);
}

static const char *reason(struct dataplane *d, uint16_t port)
{
	struct dataplane_status status;

	dataplane_status(d, &status);
	for (size_t i = 0; i < status.n_binds; i++) {
		if (status.binds[i].port == port)
			return status.binds[i].reason;
	}
	fail_msg("no bind of port %u", port);
	return NULL;
}

static void test_host_keeps_its_port(void **state)
{
	static const struct {
		const char *host, *bind;
	} cases[] = {
		{ "::", "192.0.2.1" },	      { "::", "2001:db8::1" }, { "::", "" },
		{ "192.0.2.1", "192.0.2.1" }, { "127.0.0.1", "" },     { "2001:db8::1", "" },
		{ "::", "127.0.0.1" },
	};
	int fds[WORKERS];

	(void)state;
	steerworld_workers(fds);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int host = steerworld_socket(cases[i].host, 8080, SOCK_STREAM);
		const char *dial = *cases[i].bind		 ? cases[i].bind
				   : strcmp(cases[i].host, "::") ? cases[i].host
								 : "::1";
		struct dataplane *d = dpworld_open();
		struct steerworld w;

		steerworld_init(&w);
		steerworld_bind(&w, cases[i].bind, 8080);
		assert_int_equal(dataplane_set_listeners(d, fds, WORKERS), 0);
		assert_int_equal(apply(d, &w), 1);
		assert_non_null(strstr(reason(d, 8080), "another program"));
		assert_int_equal(steerworld_reach(fds, dial, 8080), WORKERS);
		close(host);
		assert_true(asks_for_apply(d));
		assert_int_equal(apply(d, &w), 0);
		assert_null(reason(d, 8080));
		must_reach(fds, dial, 8080);
		/* Who comes later does not take over. */
		host = steerworld_socket(cases[i].host, 8080, SOCK_STREAM);
		assert_int_equal(apply(d, &w), 0);
		must_reach(fds, dial, 8080);
		close(host);
		dpworld_clean(NULL);
	}
	steerworld_close(fds);
}

static void test_who_is_not_in_the_way(void **state)
{
	int other = steerworld_socket("2001:db8::1", 8080, SOCK_STREAM);
	int wildcard = steerworld_socket("::", 443, SOCK_STREAM);
	struct dataplane *d = dpworld_open();
	int fds[WORKERS];
	struct steerworld w;

	(void)state;
	steerworld_workers(fds);
	assert_int_equal(dataplane_set_listeners(d, fds, WORKERS), 0);
	usual(&w);
	/* Another address; a wildcard that no VIP leads to. */
	steerworld_bind(&w, "192.0.2.1", 8080);
	assert_int_equal(apply(d, &w), 0);
	must_reach(fds, "192.0.2.1", 8080);
	must_reach(fds, vips[0], 443);
	must_reach(fds, vips[1], 443);
	close(other);
	close(wildcard);
	dpworld_clean(NULL);

	/* The very address of a VIP. */
	other = steerworld_socket(vips[0], 443, SOCK_STREAM);
	d = dpworld_open();
	assert_int_equal(dataplane_set_listeners(d, fds, WORKERS), 0);
	usual(&w);
	assert_int_equal(apply(d, &w), 1);
	must_reach(fds, vips[1], 443);
	must_reach(fds, vips[0], 80);
	close(other);
	steerworld_close(fds);
	dpworld_close(d);
}

static void test_diagnostics_name_the_listener(void **state)
{
	int host = steerworld_socket("::", 80, SOCK_STREAM);
	struct dataplane *d = dpworld_open();
	struct diag_list diags = {};
	struct steerworld w;

	(void)state;
	steerworld_init(&w);
	steerworld_bind(&w, "192.0.2.1", 80);
	assert_int_equal(dataplane_apply(d, &w.plan, &diags), 0);
	assert_int_equal(diags.n, 1);
	assert_string_equal(diags.items[0].object, "Gateway shop/edge");
	assert_string_equal(diags.items[0].field, "spec.listeners");
	assert_non_null(strstr(diags.items[0].reason, "shop/edge/http"));
	assert_non_null(strstr(diags.items[0].reason, "192.0.2.1:80"));
	diag_fini(&diags);
	w.listener.name = (char *)"shop/cart:http";
	assert_int_equal(dataplane_apply(d, &w.plan, &diags), 0);
	assert_string_equal(diags.items[0].object, "Service shop/cart");
	diag_fini(&diags);
	close(host);
	dpworld_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_both_families_reach_the_workers, dpworld_clean),
		cmocka_unit_test_teardown(test_workers_come_and_go, dpworld_clean),
		cmocka_unit_test_teardown(test_vips_have_no_other_port, dpworld_clean),
		cmocka_unit_test_teardown(test_host_keeps_its_port, dpworld_clean),
		cmocka_unit_test_teardown(test_who_is_not_in_the_way, dpworld_clean),
		cmocka_unit_test_teardown(test_diagnostics_name_the_listener, dpworld_clean),
	};

	return cmocka_run_group_tests_name("steer", tests, dpworld_group_setup,
					   dpworld_group_teardown);
}
