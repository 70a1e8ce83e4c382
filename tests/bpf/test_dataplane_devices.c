/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices and addresses: attached, followed, left alone and given up.
 */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cap-ng.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <naru/abi.h>

#include "base/mem.h"
#include "dataplane/cgroup.h"
#include "dataplane/dataplane.h"
#include "dataplane/encode.h"
#include "dpworld.h"

static void take_in(struct dataplane *d)
{
	struct pollfd ready = { .fd = dataplane_fd(d), .events = POLLIN };

	while (poll(&ready, 1, 100) > 0)
		assert_int_equal(dataplane_process(d), 0);
}

static void test_devices_come_and_go(void **state)
{
	struct dataplane *d = dpworld_open();
	unsigned ifindex;
	struct naru_device device;
	int fd = dpworld_pin_fd("device");

	(void)state;
	dpworld_sh("ip link add pod1 type veth peer name inner1 && ip link set pod1 up");
	take_in(d);
	ifindex = if_nametoindex("pod1");
	assert_int_equal(bpf_map_lookup_elem(fd, &ifindex, &device), 0);
	assert_int_equal(device.class, NARU_POD);
	assert_string_equal(device.name, "pod1");
	/* No address of its own: the node's. */
	assert_true(device.has_src4 && device.has_src6);
	assert_int_equal(device.src4[3], 1);
	assert_true(dpworld_attached(ifindex));
	assert_int_equal(dpworld_programs(ifindex), 1);
	dpworld_sh("ip link del pod1");
	take_in(d);
	assert_false(dpworld_attached(ifindex));
	assert_int_equal(bpf_map_lookup_elem(fd, &ifindex, &device), -ENOENT);
	close(fd);
	dpworld_close(d);
}

/* While nobody watched, one device went and another came. */
static void test_devices_change_between_runs(void **state)
{
	struct dataplane *d;
	unsigned gone, stays, fresh;

	(void)state;
	dpworld_sh("ip link add pod1 type veth peer name inner1 && "
		   "ip link add pod2 type veth peer name inner2");
	d = dpworld_open();
	gone = if_nametoindex("pod1");
	stays = if_nametoindex("pod2");
	assert_true(dpworld_attached(gone));
	dpworld_close(d);
	assert_int_equal(dpworld_programs(stays), 1);
	dpworld_sh("ip link del pod1 && ip link add pod3 type veth peer name inner3");
	fresh = if_nametoindex("pod3");
	d = dpworld_open();
	assert_false(dpworld_attached(gone));
	assert_true(dpworld_attached(stays));
	assert_true(dpworld_attached(fresh));
	assert_int_equal(dpworld_programs(stays), 1);
	dpworld_close(d);
	dpworld_sh("ip link del pod2 && ip link del pod3");
}

static void test_addresses(void **state)
{
	struct dataplane *d = dpworld_open();
	struct naru_node_addr value;
	struct addr mine = dpworld_addr("192.0.2.1"), more = dpworld_addr("192.0.2.77");
	struct addr loopback = dpworld_addr("127.0.0.1");
	int fd = dpworld_pin_fd("node_addr");

	(void)state;
	assert_int_equal(bpf_map_lookup_elem(fd, mine.byte, &value), 0);
	assert_int_equal(value.ifindex, if_nametoindex("nic0"));
	assert_int_equal(bpf_map_lookup_elem(fd, loopback.byte, &value), -ENOENT);
	dpworld_sh("ip addr add 192.0.2.77/24 dev nic0");
	take_in(d);
	assert_int_equal(bpf_map_lookup_elem(fd, more.byte, &value), 0);
	dpworld_sh("ip addr del 192.0.2.77/24 dev nic0");
	take_in(d);
	assert_int_equal(bpf_map_lookup_elem(fd, more.byte, &value), -ENOENT);
	close(fd);
	dpworld_close(d);
}

static bool front_has_addr(const struct naru_filter *filter, const char *text)
{
	struct addr addr = dpworld_addr(text);
	uint32_t bit = encode_addr_bit(&addr);

	return filter->front.addrs[bit / 32] >> bit % 32 & 1;
}

/* A device's packets leave from an address that answers no NodePorts: the replies are seen. */
static void test_source_address_has_its_bit(void **state)
{
	struct plan *plan = dpworld_plan(1, NARU_TCP, 1);
	struct dataplane *d;
	struct naru_filter *filter;
	struct naru_device device;
	unsigned ifindex;
	int devices, fd;

	(void)state;
	dpworld_sh("ip link add pod1 type veth peer name inner1 && ip link set pod1 up && "
		   "ip addr add 169.254.7.7/16 dev pod1");
	ifindex = if_nametoindex("pod1");
	dpworld_close(dpworld_open());
	d = dpworld_open();
	fd = dpworld_pin_fd("filter");
	devices = dpworld_pin_fd("device");
	filter = mmap(NULL, sizeof(*filter), PROT_READ, MAP_SHARED, fd, 0);
	assert_true(filter != MAP_FAILED);
	assert_int_equal(bpf_map_lookup_elem(devices, &ifindex, &device), 0);
	assert_int_equal(device.src4[0], 169);
	dpworld_apply(d, plan);
	dpworld_settle(d);
	assert_true(front_has_addr(filter, "169.254.7.7"));
	dpworld_sh("ip link del pod1");
	take_in(d);
	dpworld_settle(d);
	assert_false(front_has_addr(filter, "169.254.7.7"));
	munmap(filter, sizeof(*filter));
	close(devices);
	close(fd);
	plan_free(plan);
	dpworld_close(d);
}

static bool has_qdisc(void)
{
	return !system("tc qdisc show dev nic0 | grep -q clsact");
}

static void test_clsact(void **state)
{
	struct dataplane_config c = dpworld_config();
	struct dataplane_status status;
	unsigned ifindex = if_nametoindex("nic0");
	struct dataplane *d;

	(void)state;
	c.force_clsact = true;
	d = dpworld_open_with(&c);
	dataplane_status(d, &status);
	assert_string_equal(status.devices[0].tc, "clsact");
	assert_false(dpworld_linked(ifindex, "ingress"));
	dpworld_close(d);
	/* Again: replaced in place, not added. */
	d = dpworld_open_with(&c);
	dpworld_close(d);
	assert_int_equal(system("test $(tc filter show dev nic0 ingress | grep -c tc_ingress) = 1"),
			 0);
	assert_int_equal(dataplane_cleanup(dpworld_bpffs), 0);
	assert_false(has_qdisc());
}

static const char *tc_of(struct dataplane *d, const char *name)
{
	struct dataplane_status status;

	dataplane_status(d, &status);
	for (size_t i = 0; i < status.n_devices; i++) {
		if (!strcmp(status.devices[i].name, name))
			return status.devices[i].tc;
	}
	fail_msg("no device %s in the status", name);
	return NULL;
}

/* Long enough for another try. */
static void wait_for_try(struct dataplane *d)
{
	for (int i = 0; i < 13; i++) {
		usleep(100000);
		dataplane_tick(d);
	}
}

/* Somebody's filter for another protocol has our priority, and goes, which no event tells. */
static void test_refused_attachment_is_tried_again(void **state)
{
	struct dataplane_config c = dpworld_config();
	struct dataplane *d;

	(void)state;
	c.force_clsact = true;
	dpworld_sh("ip link add pod1 type veth peer name inner1 && ip link set pod1 up && "
		   "tc qdisc add dev pod1 clsact && "
		   "tc filter add dev pod1 egress prio 28257 protocol ip "
		   "bpf bytecode '1,6 0 0 4294967295,'");
	d = dpworld_open_with(&c);
	take_in(d);
	assert_string_not_equal(tc_of(d, "pod1"), "clsact");
	wait_for_try(d);
	assert_string_not_equal(tc_of(d, "pod1"), "clsact");
	dpworld_sh("tc filter del dev pod1 egress prio 28257");
	wait_for_try(d);
	assert_string_equal(tc_of(d, "pod1"), "clsact");
	dpworld_sh("tc filter show dev pod1 egress | grep -q tc_egress && ip link del pod1");
	dpworld_close(d);
}

/* Takes all room that is left in `device`, or gives it back. */
static void crowd(bool give_back)
{
	int fd = dpworld_pin_fd("device");
	struct naru_device value = {};

	for (uint32_t i = 0; i < NARU_DEVICES_MAX; i++) {
		uint32_t key = 1000000 + i;

		if (give_back ? bpf_map_delete_elem(fd, &key)
			      : bpf_map_update_elem(fd, &key, &value, BPF_ANY))
			break;
	}
	close(fd);
}

static void test_refused_row_is_tried_again(void **state)
{
	struct dataplane *d = dpworld_open();
	struct pollfd ready = { .fd = dataplane_fd(d), .events = POLLIN };
	unsigned ifindex;
	int r = 0;

	(void)state;
	crowd(false);
	dpworld_sh("ip link add pod1 type veth peer name inner1 && ip link set pod1 up");
	ifindex = if_nametoindex("pod1");
	while (poll(&ready, 1, 100) > 0)
		r = dataplane_process(d);
	assert_int_equal(r, -E2BIG);
	assert_false(dpworld_attached(ifindex));
	crowd(true);
	wait_for_try(d);
	assert_true(dpworld_attached(ifindex));
	dpworld_sh("ip link del pod1");
	dpworld_close(d);
}

/* Somebody else's. */
static void add_filter(unsigned ifindex)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "foreign", "GPL", insns, 2, NULL);
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 5, .prog_fd = fd);

	assert_true(fd >= 0);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
	close(fd);
}

/* The Node object may come, or get its range, after all services. */
static void test_pod_range_alone(void **state)
{
	struct plan *plan = dpworld_plan(1, NARU_TCP, 1);
	struct dataplane *d = dpworld_open();
	unsigned ifindex;

	(void)state;
	dpworld_sh("ip link add cidr0 type veth peer name cidr1 && ip link set cidr0 up && "
		   "ip link set cidr1 up && ip route add 10.99.0.0/24 dev cidr0");
	ifindex = if_nametoindex("cidr0");
	dpworld_apply(d, plan);
	assert_false(dpworld_attached(ifindex));
	plan->pod_cidrs = mem_new(sizeof(*plan->pod_cidrs));
	assert_int_equal(cidr_parse("10.99.0.0/24", plan->pod_cidrs), 0);
	plan->n_pod_cidrs = 1;
	dpworld_apply(d, plan);
	assert_true(dpworld_attached(ifindex));
	plan_free(plan);
	dpworld_close(d);
	dpworld_sh("ip link del cidr0");
}

/* Somebody took the qdisc away while no narud ran; what is left says that it is ours. */
static void test_clsact_comes_back(void **state)
{
	struct dataplane_config c = dpworld_config();
	struct dataplane_status status;
	struct dataplane *d;

	(void)state;
	c.force_clsact = true;
	dpworld_close(dpworld_open_with(&c));
	dpworld_sh("tc qdisc del dev nic0 clsact");
	d = dpworld_open_with(&c);
	dataplane_status(d, &status);
	assert_string_equal(status.devices[0].tc, "clsact");
	dpworld_sh("tc filter show dev nic0 ingress | grep -q tc_ingress");
	dpworld_close(d);
}

static void test_clsact_spares_others(void **state)
{
	struct dataplane_config c = dpworld_config();

	(void)state;
	dpworld_sh("tc qdisc add dev nic0 clsact");
	c.force_clsact = true;
	dpworld_close(dpworld_open_with(&c));
	assert_int_equal(dataplane_cleanup(dpworld_bpffs), 0);
	assert_true(has_qdisc());
	dpworld_sh("tc qdisc del dev nic0 clsact");
	dpworld_close(dpworld_open_with(&c));
	add_filter(if_nametoindex("nic0"));
	assert_int_equal(dataplane_cleanup(dpworld_bpffs), 0);
	assert_true(has_qdisc());
	dpworld_sh("tc qdisc del dev nic0 clsact");
}

static void test_clsact_to_tcx(void **state)
{
	struct dataplane_config c = dpworld_config();

	(void)state;
	if (strcmp(dpworld_tc(), "tcx") != 0) {
		print_message("tcx is missing in this kernel\n");
		skip();
	}
	c.force_clsact = true;
	dpworld_close(dpworld_open_with(&c));
	dpworld_close(dpworld_open());
	assert_false(has_qdisc());
	assert_int_equal(dpworld_programs(if_nametoindex("nic0")), 1);
}

static void test_xdp(void **state)
{
	struct dataplane_config c = dpworld_config();
	struct dataplane_status status;
	unsigned ifindex = if_nametoindex("nic0");
	struct dataplane *d;

	(void)state;
	c.xdp = XDP_MODE_NATIVE;
	d = dpworld_open_with(&c);
	dataplane_status(d, &status);
	assert_string_equal(status.devices[0].xdp, "native");
	assert_true(dpworld_linked(ifindex, "xdp"));
	dpworld_close(d);
	c.xdp = XDP_MODE_AUTO;
	d = dpworld_open_with(&c);
	dataplane_status(d, &status);
	assert_non_null(strstr(status.devices[0].xdp, "virtual"));
	assert_false(dpworld_linked(ifindex, "xdp"));
	dpworld_close(d);
}

static void test_xdp_of_somebody_else(void **state)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "foreign", "GPL", insns, 2, NULL);
	int ifindex = (int)if_nametoindex("nic0");
	struct dataplane_config c = dpworld_config();
	struct dataplane_status status;
	uint32_t before = 0, after = 0;

	(void)state;
	assert_int_equal(bpf_xdp_attach(ifindex, fd, 0, NULL), 0);
	assert_int_equal(bpf_xdp_query_id(ifindex, 0, &before), 0);
	c.xdp = XDP_MODE_NATIVE;
	dataplane_status(dpworld_open_with(&c), &status);
	assert_non_null(strstr(status.devices[0].xdp, "somebody else"));
	assert_string_equal(status.devices[0].tc, dpworld_tc());
	dpworld_clean(NULL);
	assert_int_equal(bpf_xdp_query_id(ifindex, 0, &after), 0);
	assert_int_equal(before, after);
	assert_int_equal(bpf_xdp_detach(ifindex, 0, NULL), 0);
	close(fd);
}

static void test_cgroup_links(void **state)
{
	uint32_t ids[8], n = 8, flags;
	int fd;
	_cleanup_(mem_freep) char *dir = NULL;

	(void)state;
	dpworld_close(dpworld_open());
	dpworld_close(dpworld_open());
	assert_int_equal(cgroup_open(dpworld_cgroup, &fd, &dir), 0);
	assert_int_equal(bpf_prog_query(fd, BPF_CGROUP_INET4_CONNECT, 0, &flags, ids, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(dataplane_cleanup(dpworld_bpffs), 0);
	n = 8;
	assert_int_equal(bpf_prog_query(fd, BPF_CGROUP_INET4_CONNECT, 0, &flags, ids, &n), 0);
	assert_int_equal(n, 0);
	close(fd);
}

static void test_cleanup_is_idempotent(void **state)
{
	(void)state;
	dpworld_close(dpworld_open());
	assert_int_equal(dataplane_cleanup(dpworld_bpffs), 0);
	assert_false(dpworld_pinned(""));
	assert_int_equal(dataplane_cleanup(dpworld_bpffs), 0);
	assert_int_equal(dpworld_programs(if_nametoindex("nic0")), 0);
}

/* Opens, applies and cleans up with what narud keeps; 0 or the line that failed. */
static int with_few_capabilities(void)
{
	struct dataplane_config c = dpworld_config();
	struct plan *plan = dpworld_plan(3, NARU_UDP, 2);
	struct dataplane *d = NULL;

	c.xdp = XDP_MODE_NATIVE;
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_BPF, CAP_NET_ADMIN,
			  CAP_PERFMON, -1) ||
	    capng_apply(CAPNG_SELECT_CAPS))
		return 1;
	if (dataplane_open(&c, &d))
		return 2;
	/* PERFMON is for loading alone. */
	if (capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_PERFMON) ||
	    capng_apply(CAPNG_SELECT_CAPS))
		return 3;
	if (dataplane_apply(d, plan, NULL))
		return 4;
	dataplane_tick(d);
	if (dataplane_flows(d, NULL, NULL))
		return 5;
	plan_free(plan);
	dataplane_close(d);
	return dataplane_cleanup(dpworld_bpffs) ? 6 : 0;
}

static void test_production_capabilities(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (!pid)
		_exit(with_few_capabilities());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(dpworld_pinned(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_devices_come_and_go, dpworld_clean),
		cmocka_unit_test_teardown(test_devices_change_between_runs, dpworld_clean),
		cmocka_unit_test_teardown(test_addresses, dpworld_clean),
		cmocka_unit_test_teardown(test_source_address_has_its_bit, dpworld_clean),
		cmocka_unit_test_teardown(test_clsact, dpworld_clean),
		cmocka_unit_test_teardown(test_pod_range_alone, dpworld_clean),
		cmocka_unit_test_teardown(test_clsact_comes_back, dpworld_clean),
		cmocka_unit_test_teardown(test_clsact_spares_others, dpworld_clean),
		cmocka_unit_test_teardown(test_refused_attachment_is_tried_again, dpworld_clean),
		cmocka_unit_test_teardown(test_refused_row_is_tried_again, dpworld_clean),
		cmocka_unit_test_teardown(test_clsact_to_tcx, dpworld_clean),
		cmocka_unit_test_teardown(test_xdp, dpworld_clean),
		cmocka_unit_test_teardown(test_xdp_of_somebody_else, dpworld_clean),
		cmocka_unit_test_teardown(test_cgroup_links, dpworld_clean),
		cmocka_unit_test_teardown(test_cleanup_is_idempotent, dpworld_clean),
		cmocka_unit_test_teardown(test_production_capabilities, dpworld_clean),
	};

	return cmocka_run_group_tests_name("dataplane_devices", tests, dpworld_group_setup,
					   dpworld_group_teardown);
}
