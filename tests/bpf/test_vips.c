/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses that are local for the proxy's sake: by whom, until when, what a restart and a crash
 * leave and what a clean-up does not; and steering without layer 4.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
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

#include <cap-ng.h>
#include <cmocka.h>

#include <bpf/bpf.h>

#include <naru/abi.h>
#include <naru/paths.h>

#include "base/mem.h"
#include "base/netlink.h"
#include "dataplane/cgroup.h"
#include "dataplane/dataplane.h"
#include "dpworld.h"
#include "steerworld.h"

static const char *const vips[] = { "198.51.100.7", "2001:db8:77::7" };

/* How many local routes have the address and are ours, or are somebody else's. */
static int routes(const char *text, bool ours)
{
	_cleanup_(netlink_snapshot_fini) struct netlink_snapshot net = {};
	struct addr addr = dpworld_addr(text);
	int n = 0;

	assert_int_equal(netlink_dump(&net), 0);
	for (size_t i = 0; i < net.n_locals; i++)
		n += cidr_contains(&net.locals[i].dst, &addr) &&
		     (net.locals[i].protocol == NARU_RTPROT) == ours;
	return n;
}

static bool listed(const char *text, struct naru_vip *ret_vip)
{
	struct addr addr = dpworld_addr(text);
	int fd = dpworld_pin_fd("steer_vip"), r;

	r = bpf_map_lookup_elem(fd, addr.byte, ret_vip);
	close(fd);
	return !r;
}

static const char *state_of(struct dataplane *d, const char *text)
{
	struct addr addr = dpworld_addr(text);
	struct dataplane_status status;

	dataplane_status(d, &status);
	for (size_t i = 0; i < status.n_vips; i++) {
		if (!addr_compare(&status.vips[i].addr, &addr))
			return status.vips[i].state;
	}
	return "none";
}

static void usual(struct steerworld *w)
{
	steerworld_init(w);
	for (int i = 0; i < 2; i++) {
		steerworld_vip(w, vips[i], i == 0, i == 1);
		steerworld_bind(w, vips[i], 80);
	}
}

static void must_reach(const int fds[WORKERS], const char *addr, uint16_t port)
{
	assert_in_range(steerworld_reach(fds, addr, port), 0, WORKERS - 1);
}

static void take_in(struct dataplane *d)
{
	struct pollfd ready = { .fd = dataplane_fd(d), .events = POLLIN };

	while (poll(&ready, 1, 100) > 0)
		assert_int_equal(dataplane_process(d), 0);
}

static void tick_for_2s(struct dataplane *d)
{
	for (int i = 0; i < 20; i++) {
		usleep(100000);
		dataplane_tick(d);
	}
}

static void test_made_and_taken_away(void **state)
{
	struct dataplane *d = dpworld_open();
	struct steerworld w, none;
	struct naru_vip vip;

	(void)state;
	usual(&w);
	steerworld_init(&none);
	dpworld_apply(d, &w.plan);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(routes(vips[i], true), 1);
		assert_int_equal(routes(vips[i], false), 0);
		assert_true(listed(vips[i], &vip));
		assert_int_equal(vip.announce, i == 0);
		assert_int_equal(vip.service, i == 1);
		assert_string_equal(state_of(d, vips[i]), "local");
	}
	/* Our own routes are no news. */
	take_in(d);
	assert_false(dataplane_wants_apply(d));
	dpworld_apply(d, &none.plan);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(routes(vips[i], true), 0);
		assert_false(listed(vips[i], &vip));
	}
	assert_int_equal(dpworld_entries("steer", sizeof(struct naru_steer_key)), 0);
	dpworld_close(d);
}

/* The map that an earlier narud left has room for two: the third is refused by name, everything
 * else is in force, and it gets the place of one that goes. */
static void test_no_room(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
	_cleanup_(diag_fini) struct diag_list diags = { 0 };
	_cleanup_(mem_freep) char *pin = NULL;
	struct dataplane *d = dpworld_open();
	struct steerworld w;
	struct naru_vip vip;
	int small;

	(void)state;
	dpworld_close(d);
	pin = mem_printf("%s/" NARU_PIN_SUBDIR "/steer_vip", dpworld_bpffs);
	small = bpf_map_create(BPF_MAP_TYPE_HASH, "steer_vip", sizeof(struct naru_addr),
			       sizeof(vip), 2, &options);
	assert_int_equal(unlink(pin), 0);
	assert_int_equal(bpf_obj_pin(small, pin), 0);
	close(small);
	d = dpworld_open();
	usual(&w);
	steerworld_vip(&w, "203.0.113.9", true, false);
	w.plan.services = &(struct plan_service){
		.name = (char *)"shop/web:http",
		.frontends = &(struct plan_frontend){ .addr = w.vips[2].addr },
		.n_frontends = 1,
	};
	w.plan.n_services = 1;
	assert_int_equal(dataplane_apply(d, &w.plan, &diags), 0);
	assert_int_equal(diags.n, 1);
	assert_string_equal(diags.items[0].object, "address 203.0.113.9");
	assert_non_null(strstr(diags.items[0].reason, "of shop/web:http "));
	assert_non_null(strstr(diags.items[0].reason, "room for 2 addresses"));
	assert_true(listed(vips[0], &vip) && listed(vips[1], &vip));
	assert_int_equal(routes("203.0.113.9", true), 0);
	diag_fini(&diags);
	w.vips[0].addr = w.vips[2].addr;
	w.plan.l7.n_vips = 2;
	dpworld_apply(d, &w.plan);
	assert_false(dataplane_wants_apply(d));
	dataplane_tick(d);
	assert_true(dataplane_wants_apply(d));
	assert_int_equal(dataplane_apply(d, &w.plan, &diags), 0);
	assert_int_equal(diags.n, 0);
	assert_true(listed("203.0.113.9", &vip));
	dpworld_close(d);
}

/* Taken away by somebody, a route is made again. */
static void test_route_comes_back(void **state)
{
	struct dataplane *d = dpworld_open();
	struct steerworld w;

	(void)state;
	usual(&w);
	dpworld_apply(d, &w.plan);
	take_in(d);
	dpworld_sh("ip route del local 198.51.100.7 table local");
	take_in(d);
	assert_true(dataplane_wants_apply(d));
	dpworld_apply(d, &w.plan);
	assert_false(dataplane_wants_apply(d));
	assert_int_equal(routes(vips[0], true), 1);
	dpworld_close(d);
}

/* An address of the node's own stays the node's: no route, and its other ports are open. */
static void test_somebody_elses_address(void **state)
{
	int ssh = steerworld_socket("::", 22, SOCK_STREAM), fds[WORKERS];
	struct dataplane *d;
	struct steerworld w;
	struct naru_vip vip;

	(void)state;
	usual(&w);
	steerworld_workers(fds);
	dpworld_sh("ip addr add 198.51.100.7/32 dev nic0");
	dpworld_sh("ip route add local 2001:db8:77::/64 dev lo");
	d = dpworld_open();
	assert_int_equal(dataplane_set_listeners(d, fds, WORKERS), 0);
	dpworld_apply(d, &w.plan);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(routes(vips[i], true), 0);
		assert_false(listed(vips[i], &vip));
		assert_string_equal(state_of(d, vips[i]), "the node's own");
		must_reach(fds, vips[i], 80);
		assert_int_equal(steerworld_reach(fds, vips[i], 22), WORKERS);
	}
	dpworld_sh("ip addr del 198.51.100.7/32 dev nic0");
	dpworld_sh("ip route del local 2001:db8:77::/64 dev lo");
	take_in(d);
	assert_true(dataplane_wants_apply(d));
	dpworld_apply(d, &w.plan);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(routes(vips[i], true), 1);
		must_reach(fds, vips[i], 80);
		assert_int_equal(steerworld_dial(vips[i], 22), -ECONNREFUSED);
	}
	/* And back. */
	dpworld_sh("ip addr add 198.51.100.7/32 dev nic0");
	take_in(d);
	assert_true(dataplane_wants_apply(d));
	dpworld_apply(d, &w.plan);
	assert_int_equal(routes(vips[0], true), 0);
	must_reach(fds, vips[0], 80);
	assert_int_equal(steerworld_reach(fds, vips[0], 22), WORKERS);
	dpworld_sh("ip addr del 198.51.100.7/32 dev nic0");
	close(ssh);
	steerworld_close(fds);
	dpworld_close(d);
}

static void exchange(const int ends[2])
{
	char byte = 'x';

	for (int i = 0; i < 2; i++) {
		assert_int_equal(send(ends[i], &byte, 1, MSG_NOSIGNAL), 1);
		assert_int_equal(recv(ends[1 - i], &byte, 1, 0), 1);
	}
}

/* Taking an address away breaks no connection, and lets no new one in. */
static void test_stays_for_open_connections(void **state)
{
	struct dataplane *d = dpworld_open();
	int fds[WORKERS], ends[2][2];
	struct steerworld w, none;

	(void)state;
	usual(&w);
	steerworld_init(&none);
	steerworld_workers(fds);
	assert_int_equal(dataplane_set_listeners(d, fds, WORKERS), 0);
	dpworld_apply(d, &w.plan);
	for (int i = 0; i < 2; i++)
		steerworld_connect(fds, vips[i], 80, ends[i]);
	dpworld_apply(d, &none.plan);
	tick_for_2s(d);
	for (int i = 0; i < 2; i++) {
		exchange(ends[i]);
		assert_int_equal(steerworld_dial(vips[i], 80), -ECONNREFUSED);
		assert_string_equal(state_of(d, vips[i]), "kept for open connections");
		/* The client's end first: its side then waits, and that does not count. */
		close(ends[i][0]);
		close(ends[i][1]);
	}
	tick_for_2s(d);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(routes(vips[i], true), 0);
		assert_string_equal(state_of(d, vips[i]), "none");
	}
	steerworld_close(fds);
	dpworld_close(d);
}

/* ---- restarts ---- */

/* Another process opens, applies and dies. */
static void crash_after(const struct steerworld *w, const int fds[WORKERS])
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		struct dataplane_config c = dpworld_config();
		struct dataplane *d = NULL;
		int r = dataplane_open(&c, &d);

		if (!r)
			r = dataplane_set_listeners(d, fds, WORKERS);
		if (!r)
			r = dataplane_apply(d, &w->plan, NULL);
		_exit(r ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_a_crash_leaves_it_working(void **state)
{
	struct steerworld w, less;
	struct naru_vip vip;
	struct dataplane *d;
	int fds[WORKERS], ends[2], late;

	(void)state;
	usual(&w);
	steerworld_bind(&w, "", 8080);
	steerworld_workers(fds);
	crash_after(&w, fds);
	must_reach(fds, vips[0], 80);
	must_reach(fds, vips[1], 80);
	must_reach(fds, "127.0.0.1", 8080);
	steerworld_connect(fds, vips[0], 80, ends);
	/* A program that came meanwhile does not take a port that stands. */
	late = steerworld_socket("::", 8080, SOCK_STREAM);
	d = dpworld_open();
	tick_for_2s(d);
	/* Opening alone takes nothing away. */
	must_reach(fds, vips[1], 80);
	must_reach(fds, "127.0.0.1", 8080);
	dpworld_apply(d, &w.plan);
	must_reach(fds, vips[1], 80);
	must_reach(fds, "::1", 8080);
	exchange(ends);
	steerworld_init(&less);
	steerworld_vip(&less, vips[0], true, false);
	steerworld_bind(&less, vips[0], 443);
	dpworld_apply(d, &less.plan);
	assert_int_equal(steerworld_dial(vips[0], 80), -ECONNREFUSED);
	must_reach(fds, vips[0], 443);
	assert_int_equal(routes(vips[1], true), 0);
	assert_false(listed(vips[1], &vip));
	exchange(ends);
	close(ends[0]);
	close(ends[1]);
	close(late);
	steerworld_close(fds);
	dpworld_close(d);
}

/* The process died between the entry and the route, in either direction. */
static void test_start_repairs_halves(void **state)
{
	struct addr half = dpworld_addr("198.51.100.8"), other = dpworld_addr("198.51.100.9");
	const struct naru_vip value = { .announce = 1 };
	struct steerworld none;
	struct naru_vip vip;
	struct dataplane *d;
	int fd;

	(void)state;
	dpworld_close(dpworld_open());
	fd = dpworld_pin_fd("steer_vip");
	assert_int_equal(bpf_map_update_elem(fd, half.byte, &value, BPF_ANY), 0);
	close(fd);
	assert_int_equal(netlink_local_add(&other, NARU_RTPROT), 0);
	d = dpworld_open();
	steerworld_init(&none);
	assert_int_equal(routes("198.51.100.9", true), 1);
	dpworld_apply(d, &none.plan);
	assert_false(listed("198.51.100.8", &vip));
	assert_int_equal(routes("198.51.100.9", true), 0);
	dpworld_close(d);
}

static void test_cleanup_removes_all(void **state)
{
	struct dataplane *d = dpworld_open();
	int fds[WORKERS];
	struct steerworld w;

	(void)state;
	usual(&w);
	steerworld_bind(&w, "", 8080);
	steerworld_workers(fds);
	assert_int_equal(dataplane_set_listeners(d, fds, WORKERS), 0);
	dpworld_apply(d, &w.plan);
	must_reach(fds, "127.0.0.1", 8080);
	dpworld_close(d);
	assert_true(dpworld_pinned("links/steer"));
	assert_int_equal(dataplane_cleanup(dpworld_bpffs), 0);
	assert_false(dpworld_pinned(""));
	assert_int_equal(routes(vips[0], true), 0);
	assert_int_equal(routes(vips[1], true), 0);
	assert_int_equal(steerworld_dial("127.0.0.1", 8080), -ECONNREFUSED);
	steerworld_close(fds);
}

/* ---- without layer 4 ---- */

static struct dataplane_config without_l4(void)
{
	struct dataplane_config c = dpworld_config();

	c.l4 = false;
	return c;
}

static uint32_t cgroup_programs(void)
{
	_cleanup_(mem_freep) char *dir = NULL;
	_cleanup_(mem_closep) int fd = -1;
	uint32_t ids[8], n = 8, flags;

	assert_int_equal(cgroup_open(dpworld_cgroup, &fd, &dir), 0);
	assert_int_equal(bpf_prog_query(fd, BPF_CGROUP_INET4_CONNECT, 0, &flags, ids, &n), 0);
	return n;
}

static void test_l4_off(void **state)
{
	struct dataplane_config c = without_l4();
	struct dataplane_status status;
	struct steerworld w, none;
	struct dataplane *d;
	int fds[WORKERS];

	(void)state;
	usual(&w);
	steerworld_bind(&w, "127.0.0.1", 8080);
	steerworld_init(&none);
	steerworld_workers(fds);
	d = dpworld_open_with(&c);
	dpworld_apply(d, &none.plan);
	/* Nothing of layer 4, and no device while there is no VIP. */
	assert_false(dpworld_pinned("svc"));
	assert_int_equal(cgroup_programs(), 0);
	assert_int_equal(dpworld_programs(if_nametoindex("nic0")), 0);
	assert_int_equal(dataplane_set_listeners(d, fds, WORKERS), 0);
	dpworld_apply(d, &w.plan);
	must_reach(fds, vips[0], 80);
	must_reach(fds, vips[1], 80);
	must_reach(fds, "127.0.0.1", 8080);
	assert_int_equal(dpworld_programs(if_nametoindex("nic0")), 1);
	dataplane_tick(d);
	dataplane_status(d, &status);
	assert_false(status.l4);
	assert_int_equal(status.n_devices, 1);
	assert_int_equal(status.n_binds, 3);
	assert_int_equal(dataplane_flows(d, NULL, NULL), 0);
	/* Whoever takes over at once finds the programs attached. */
	dpworld_close(d);
	d = dpworld_open_with(&c);
	assert_int_equal(dpworld_programs(if_nametoindex("nic0")), 1);
	dpworld_apply(d, &none.plan);
	assert_int_equal(dpworld_programs(if_nametoindex("nic0")), 0);
	steerworld_close(fds);
	dpworld_close(d);
}

static void test_l4_on_and_off(void **state)
{
	struct dataplane_config c = without_l4();
	struct plan *plan = dpworld_plan(1, NARU_TCP, 1);
	struct dataplane *d = dpworld_open();
	struct naru_svc svc;

	(void)state;
	dpworld_apply(d, plan);
	dpworld_close(d);
	assert_int_equal(cgroup_programs(), 1);
	d = dpworld_open_with(&c);
	assert_int_equal(cgroup_programs(), 0);
	assert_int_equal(dpworld_programs(if_nametoindex("nic0")), 0);
	assert_false(dpworld_pinned("flow4"));
	dpworld_close(d);
	d = dpworld_open();
	dpworld_apply(d, plan);
	assert_int_equal(dpworld_read_svc(&plan->services[0], 0, &svc), 0);
	assert_int_equal(cgroup_programs(), 1);
	assert_int_equal(dpworld_programs(if_nametoindex("nic0")), 1);
	plan_free(plan);
	dpworld_close(d);
}

/* A whole life with what narud keeps; 0 or the number of the step that failed. */
static int with_few_capabilities(bool l4)
{
	struct dataplane_config c = dpworld_config();
	struct dataplane *d = NULL;
	struct steerworld w, none;
	int fds[WORKERS];

	c.l4 = l4;
	usual(&w);
	steerworld_init(&none);
	steerworld_workers(fds);
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_BPF, CAP_NET_ADMIN,
			  CAP_PERFMON, -1) ||
	    capng_apply(CAPNG_SELECT_CAPS))
		return 1;
	if (dataplane_open(&c, &d))
		return 2;
	if (capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_PERFMON) ||
	    capng_apply(CAPNG_SELECT_CAPS))
		return 3;
	if (dataplane_set_listeners(d, fds, WORKERS) || dataplane_apply(d, &w.plan, NULL))
		return 4;
	dataplane_tick(d);
	if (steerworld_reach(fds, vips[0], 80) >= WORKERS)
		return 5;
	if (dataplane_apply(d, &none.plan, NULL))
		return 6;
	dataplane_close(d);
	return dataplane_cleanup(dpworld_bpffs) ? 7 : 0;
}

static void test_production_capabilities(void **state)
{
	int status;

	(void)state;
	for (int l4 = 0; l4 < 2; l4++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (!pid)
			_exit(with_few_capabilities(l4));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_false(dpworld_pinned(""));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_made_and_taken_away, dpworld_clean),
		cmocka_unit_test_teardown(test_no_room, dpworld_clean),
		cmocka_unit_test_teardown(test_route_comes_back, dpworld_clean),
		cmocka_unit_test_teardown(test_somebody_elses_address, dpworld_clean),
		cmocka_unit_test_teardown(test_stays_for_open_connections, dpworld_clean),
		cmocka_unit_test_teardown(test_a_crash_leaves_it_working, dpworld_clean),
		cmocka_unit_test_teardown(test_start_repairs_halves, dpworld_clean),
		cmocka_unit_test_teardown(test_cleanup_removes_all, dpworld_clean),
		cmocka_unit_test_teardown(test_l4_off, dpworld_clean),
		cmocka_unit_test_teardown(test_l4_on_and_off, dpworld_clean),
		cmocka_unit_test_teardown(test_production_capabilities, dpworld_clean),
	};

	return cmocka_run_group_tests_name("vips", tests, dpworld_group_setup,
					   dpworld_group_teardown);
}
