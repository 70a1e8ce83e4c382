/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data plane module against the real kernel: programs, maps, links and pins in a network
 * namespace, a pin directory and a cgroup of this process alone. Each test begins and ends with
 * nothing pinned.
 */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <naru/abi.h>
#include <naru/expire.h>
#include <naru/paths.h>

#include "base/log.h"
#include "base/mem.h"
#include "dataplane/cgroup.h"
#include "dataplane/dataplane.h"
#include "dataplane/encode.h"
#include "plan/maglev.h"

#define TCX_INGRESS ((enum bpf_attach_type)46)

static char bpffs[64], cgroup[160];
static const char *const nics[] = { "nic0" };
static const char *const pods[] = { "pod*" };

/* ---- surroundings ---- */

static void sh(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

static bool pinned(const char *name)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/naru/%s", bpffs, name);
	return !access(path, F_OK);
}

static bool linked(unsigned ifindex, const char *what)
{
	char name[64];

	snprintf(name, sizeof(name), "links/%u-%s", ifindex, what);
	return pinned(name);
}

static int pin_fd(const char *name)
{
	char path[192];
	int fd;

	snprintf(path, sizeof(path), "%s/naru/%s", bpffs, name);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

static struct dataplane_config config(void)
{
	return (struct dataplane_config){
		.bpffs_dir = bpffs,
		.cgroup_dir = cgroup,
		.devices = nics,
		.n_devices = 1,
		.pod_devices = pods,
		.n_pod_devices = 1,
		.xdp = XDP_MODE_OFF,
		.snat_min = 1024,
		.snat_max = 29999,
	};
}

/* What a failed test leaves open, for its tear-down. */
static struct dataplane *current;

static struct dataplane *open_with(const struct dataplane_config *c)
{
	assert_int_equal(dataplane_open(c, &current), 0);
	return current;
}

static void shut(struct dataplane *d)
{
	dataplane_close(d);
	if (d == current)
		current = NULL;
}

static struct dataplane *open_plain(void)
{
	struct dataplane_config c = config();

	return open_with(&c);
}

/* Ticks until at least one whole sweep that began now is over, and the grace period. */
static void settle(struct dataplane *d)
{
	for (int i = 0; i < 75; i++) {
		usleep(100000);
		dataplane_tick(d);
	}
}

static size_t entries(const char *map, size_t key_size)
{
	uint8_t key[64], *last = NULL;
	int fd = pin_fd(map);
	size_t n = 0;

	assert_true(key_size <= sizeof(key));
	while (!bpf_map_get_next_key(fd, last, key)) {
		last = key;
		n++;
	}
	close(fd);
	return n;
}

/* ---- plans ---- */

static struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct addr numbered(uint32_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
	return addr_of(text);
}

/* Service i: 10.96.x.x:80 with n endpoints 10.244.0.(first…):8080. */
static void fill(struct plan_service *s, unsigned i, uint8_t proto, unsigned first, unsigned n)
{
	*s = (struct plan_service){ .proto = proto, .family = 4 };
	s->name = mem_printf("test/svc%05u:http", i);
	s->frontends = mem_array(1, sizeof(*s->frontends));
	s->n_frontends = 1;
	s->frontends[0] = (struct plan_frontend){
		.kind = PLAN_CLUSTER_IP,
		.addr = numbered(96u << 16 | (i + 1)),
		.port = 80,
	};
	s->cluster.endpoints = mem_array(n, sizeof(*s->cluster.endpoints));
	s->cluster.n = n;
	for (unsigned e = 0; e < n; e++)
		s->cluster.endpoints[e] = (struct plan_endpoint){
			.addr = numbered(244u << 16 | (first + e)),
			.port = 8080,
			.local = true,
		};
}

static struct plan *plan_of(size_t n, uint8_t proto, unsigned endpoints)
{
	struct plan *plan = mem_new(sizeof(*plan));

	plan->node = mem_strdup("node");
	plan->services = mem_array(n, sizeof(*plan->services));
	plan->n_services = n;
	for (size_t i = 0; i < n; i++)
		fill(&plan->services[i], (unsigned)i, proto, (unsigned)i * endpoints + 1,
		     endpoints);
	return plan;
}

static void apply(struct dataplane *d, const struct plan *plan)
{
	assert_int_equal(dataplane_apply(d, plan, NULL), 0);
}

static int read_svc(const struct plan_service *s, size_t front, struct naru_svc *ret)
{
	struct naru_svc_key key;
	int fd = pin_fd("svc"), r;

	encode_svc_key(&s->frontends[front], s->proto, s->family, &key);
	r = bpf_map_lookup_elem(fd, &key, ret);
	close(fd);
	return r;
}

/* ---- set-up and tear-down ---- */

static int group_setup(void **state)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char *root;

	(void)state;
	assert_non_null(mounts);
	assert_int_equal(cgroup_find_mount(mounts, &root), 0);
	fclose(mounts);
	snprintf(bpffs, sizeof(bpffs), "%s/naru-test-%d", NARU_BPFFS_DIR, getpid());
	snprintf(cgroup, sizeof(cgroup), "%s/naru-test-%d", root, getpid());
	free(root);
	assert_int_equal(mkdir(bpffs, 0700), 0);
	assert_int_equal(mkdir(cgroup, 0700), 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	log_set_level(LOG_ERROR);
	sh("ip link set lo up && ip link add nic0 type veth peer name far0 && "
	   "ip addr add 192.0.2.1/24 dev nic0 && ip addr add 2001:db8::1/64 dev nic0 nodad && "
	   "ip link set nic0 up && ip link set far0 up && ip route add default via 192.0.2.254");
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	dataplane_cleanup(bpffs);
	rmdir(bpffs);
	rmdir(cgroup);
	return 0;
}

static int clean(void **state)
{
	(void)state;
	shut(current);
	assert_int_equal(dataplane_cleanup(bpffs), 0);
	assert_false(pinned(""));
	return 0;
}

/* ---- tests ---- */

static void test_apply_fills_maps(void **state)
{
	struct plan *plan = plan_of(2, NARU_TCP, 3);
	struct dataplane *d = open_plain();
	struct naru_svc svc;
	struct naru_list_block list;
	struct naru_endpoint ep;
	uint16_t table[512];
	int lists = pin_fd("ep_list"), luts = pin_fd("lut"), eps = pin_fd("endpoint");

	(void)state;
	apply(d, plan);
	assert_int_equal(read_svc(&plan->services[1], 0, &svc), 0);
	assert_int_equal(svc.id, dataplane_service_id(d, &plan->services[1]));
	assert_int_equal(svc.kind, NARU_CLUSTER_IP);
	assert_int_equal(svc.internal.count, 3);
	assert_int_equal(svc.internal.lut_len, maglev_len(3));
	assert_memory_equal(&svc.internal, &svc.external, sizeof(svc.internal));
	assert_int_equal(bpf_map_lookup_elem(lists, &svc.internal.list, &list), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(bpf_map_lookup_elem(eps, &list.id[i], &ep), 0);
		assert_memory_equal(ep.addr, plan->services[1].cluster.endpoints[i].addr.byte, 16);
		assert_int_equal(ep.port, 8080);
		assert_int_equal(ep.local, 1);
	}
	maglev_build(&plan->services[1].cluster, table);
	for (uint32_t slot = 0; slot < svc.internal.lut_len; slot++) {
		uint32_t key = svc.internal.lut + slot / NARU_LUT_SLOTS;
		struct naru_lut_block block;

		assert_int_equal(bpf_map_lookup_elem(luts, &key, &block), 0);
		assert_int_equal(block.index[slot % NARU_LUT_SLOTS], table[slot]);
	}
	assert_int_equal(entries("svc", sizeof(struct naru_svc_key)), 2);
	assert_int_equal(entries("svc_name", 4), 2);
	assert_int_equal(entries("endpoint", 4), 6);
	assert_true(linked(if_nametoindex("nic0"), "ingress"));
	close(lists);
	close(luts);
	close(eps);
	plan_free(plan);
	shut(d);
}

static void test_empty_sets(void **state)
{
	struct plan *plan = plan_of(2, NARU_TCP, 1);
	struct dataplane *d = open_plain();
	struct naru_svc svc;

	(void)state;
	plan->services[0].cluster.n = 0;
	plan->services[1].frontends[0].external = PLAN_LOCAL;
	apply(d, plan);
	assert_int_equal(read_svc(&plan->services[0], 0, &svc), 0);
	assert_int_equal(svc.internal.count, 0);
	assert_int_equal(svc.internal.on_empty, NARU_REJECT);
	assert_int_equal(read_svc(&plan->services[1], 0, &svc), 0);
	assert_int_equal(svc.internal.count, 1);
	assert_int_equal(svc.internal.lut_len, 0);
	assert_int_equal(svc.external.count, 0);
	assert_int_equal(svc.external.on_empty, NARU_DROP);
	plan_free(plan);
	shut(d);
}

/* Opens, applies and dies without closing anything. */
static void crash_after(const struct plan *plan)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		struct dataplane_config c = config();
		struct dataplane *d = NULL;
		int r = dataplane_open(&c, &d);

		if (!r)
			r = dataplane_apply(d, plan, NULL);
		_exit(r ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_restart_keeps_everything(void **state)
{
	struct plan *plan = plan_of(20, NARU_TCP, 3);
	struct naru_svc before[20], after;
	struct plan_service swap;
	struct dataplane *d;

	(void)state;
	crash_after(plan);
	for (int i = 0; i < 20; i++)
		assert_int_equal(read_svc(&plan->services[i], 0, &before[i]), 0);
	d = open_plain();
	/* Other order of input, same ids: by name, not by position. */
	swap = plan->services[3];
	plan->services[3] = plan->services[17];
	plan->services[17] = swap;
	apply(d, plan);
	swap = plan->services[3];
	plan->services[3] = plan->services[17];
	plan->services[17] = swap;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(read_svc(&plan->services[i], 0, &after), 0);
		assert_memory_equal(&before[i], &after, sizeof(after));
	}
	settle(d);
	assert_int_equal(entries("svc", sizeof(struct naru_svc_key)), 20);
	assert_int_equal(entries("endpoint", 4), 60);
	plan_free(plan);
	shut(d);
}

static void test_start_repairs_what_a_crash_left(void **state)
{
	struct plan *plan = plan_of(3, NARU_TCP, 2), *less = plan_of(1, NARU_TCP, 2);
	struct naru_endpoint half = { .port = 1, .proto = NARU_TCP };
	struct naru_svc_key stray_key = { .port = 7, .proto = NARU_TCP, .family = 4 };
	struct naru_svc stray = { .id = 4711 };
	struct naru_svc svc;
	struct dataplane *d;
	uint32_t id = 100;
	int fd;

	(void)state;
	crash_after(plan);
	fd = pin_fd("endpoint");
	assert_int_equal(bpf_map_update_elem(fd, &id, &half, BPF_ANY), 0);
	close(fd);
	fd = pin_fd("svc");
	assert_int_equal(bpf_map_update_elem(fd, &stray_key, &stray, BPF_ANY), 0);
	close(fd);
	d = open_plain();
	/* Opening alone removes nothing. */
	assert_int_equal(entries("svc", sizeof(struct naru_svc_key)), 4);
	dataplane_tick(d);
	assert_int_equal(entries("endpoint", 4), 7);
	apply(d, less);
	assert_int_equal(entries("svc", sizeof(struct naru_svc_key)), 1);
	assert_int_equal(read_svc(&plan->services[0], 0, &svc), 0);
	/* Names and endpoints outlive what pointed at them until a sweep has seen no flow. */
	assert_int_equal(entries("svc_name", 4), 3);
	assert_int_equal(entries("endpoint", 4), 7);
	settle(d);
	assert_int_equal(entries("svc_name", 4), 1);
	assert_int_equal(entries("endpoint", 4), 2);
	plan_free(plan);
	plan_free(less);
	shut(d);
}

static size_t used(struct dataplane *d, const char *map)
{
	struct dataplane_status status;

	dataplane_status(d, &status);
	for (size_t i = 0; i < status.n_maps; i++) {
		if (!strcmp(status.maps[i].map, map))
			return status.maps[i].used;
	}
	fail_msg("no map %s in the status", map);
	return 0;
}

static void test_segments_rest_a_while(void **state)
{
	struct plan *plan = plan_of(2, NARU_TCP, 3), *none = plan_of(0, NARU_TCP, 0);
	struct dataplane *d = open_plain();
	size_t blocks = 2 * ((maglev_len(3) + NARU_LUT_SLOTS - 1) / NARU_LUT_SLOTS);

	(void)state;
	apply(d, plan);
	assert_int_equal(used(d, "ep_list"), 2);
	assert_int_equal(used(d, "lut"), blocks);
	apply(d, none);
	dataplane_tick(d);
	assert_int_equal(used(d, "lut"), blocks);
	usleep(1100000);
	dataplane_tick(d);
	assert_int_equal(used(d, "lut"), 0);
	assert_int_equal(used(d, "ep_list"), 0);
	plan_free(plan);
	plan_free(none);
	shut(d);
}

/* The address moves from one service to another without a moment in which nobody has it, and the
 * old owner's removal does not take it away. */
static void test_frontend_moves(void **state)
{
	struct plan *plan = plan_of(1, NARU_TCP, 1), *next = plan_of(1, NARU_TCP, 1);
	struct dataplane *d = open_plain();
	struct naru_svc svc;
	uint32_t old;

	(void)state;
	apply(d, plan);
	old = dataplane_service_id(d, &plan->services[0]);
	free(next->services[0].name);
	next->services[0].name = mem_strdup("test/zzz:http");
	apply(d, next);
	assert_int_equal(read_svc(&next->services[0], 0, &svc), 0);
	assert_int_equal(svc.id, dataplane_service_id(d, &next->services[0]));
	assert_int_not_equal(svc.id, old);
	assert_int_equal(dataplane_service_id(d, &plan->services[0]), 0);
	plan_free(plan);
	plan_free(next);
	shut(d);
}

static void test_what_does_not_fit(void **state)
{
	struct plan *plan = plan_of(2, NARU_TCP, 1);
	struct dataplane *d = open_plain();
	struct diag_list diags = {};
	struct naru_svc svc;

	(void)state;
	free(plan->services[0].cluster.endpoints);
	free(plan->services[0].name);
	free(plan->services[0].frontends);
	fill(&plan->services[0], 0, NARU_TCP, 10, NARU_SET_MAX + 1);
	assert_int_equal(dataplane_apply(d, plan, &diags), 0);
	assert_int_equal(diags.n, 1);
	assert_string_equal(diags.items[0].object, "Service test/svc00000");
	assert_int_equal(dataplane_service_id(d, &plan->services[0]), 0);
	assert_int_equal(read_svc(&plan->services[0], 0, &svc), -ENOENT);
	assert_int_equal(read_svc(&plan->services[1], 0, &svc), 0);
	diag_fini(&diags);
	plan_free(plan);
	shut(d);
}

static void test_lock(void **state)
{
	struct dataplane_config c = config();
	struct dataplane *d = open_plain(), *second = NULL;
	int hold[2];
	pid_t pid;

	(void)state;
	assert_int_equal(dataplane_open(&c, &second), -EBUSY);
	assert_int_equal(dataplane_cleanup(bpffs), -EBUSY);
	assert_int_equal(pipe(hold), 0);
	/* A child that outlives us does not keep the lock. */
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		char byte;

		close(hold[1]);
		_exit(read(hold[0], &byte, 1) != 0);
	}
	shut(d);
	assert_int_equal(dataplane_open(&c, &second), 0);
	shut(second);
	close(hold[0]);
	close(hold[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_foreign_layout(void **state)
{
	struct dataplane_config c = config();
	struct dataplane *d = NULL;
	char path[192];
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "svc", 4, 4, 16, NULL);

	(void)state;
	snprintf(path, sizeof(path), "%s/naru", bpffs);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/naru/svc", bpffs);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	close(fd);
	assert_int_equal(dataplane_open(&c, &d), -ESTALE);
}

static uint32_t tcx_programs(unsigned ifindex)
{
	uint32_t ids[8], n = 8, flags;

	assert_int_equal(bpf_prog_query((int)ifindex, TCX_INGRESS, 0, &flags, ids, &n), 0);
	return n;
}

static void take_in(struct dataplane *d)
{
	struct pollfd ready = { .fd = dataplane_fd(d), .events = POLLIN };

	while (poll(&ready, 1, 100) > 0)
		assert_int_equal(dataplane_process(d), 0);
}

static void test_devices_come_and_go(void **state)
{
	struct dataplane *d = open_plain();
	unsigned ifindex;
	struct naru_device device;
	int fd = pin_fd("device");

	(void)state;
	sh("ip link add pod1 type veth peer name inner1 && ip link set pod1 up");
	take_in(d);
	ifindex = if_nametoindex("pod1");
	assert_int_equal(bpf_map_lookup_elem(fd, &ifindex, &device), 0);
	assert_int_equal(device.class, NARU_POD);
	assert_string_equal(device.name, "pod1");
	/* No address of its own: the node's. */
	assert_true(device.has_src4 && device.has_src6);
	assert_int_equal(device.src4[3], 1);
	assert_true(linked(ifindex, "ingress"));
	assert_true(linked(ifindex, "egress"));
	assert_int_equal(tcx_programs(ifindex), 1);
	sh("ip link del pod1");
	take_in(d);
	assert_false(linked(ifindex, "ingress"));
	assert_int_equal(bpf_map_lookup_elem(fd, &ifindex, &device), -ENOENT);
	close(fd);
	shut(d);
}

/* While nobody watched, one device went and another came. */
static void test_devices_change_between_runs(void **state)
{
	struct dataplane *d;
	unsigned gone, stays, fresh;

	(void)state;
	sh("ip link add pod1 type veth peer name inner1 && "
	   "ip link add pod2 type veth peer name inner2");
	d = open_plain();
	gone = if_nametoindex("pod1");
	stays = if_nametoindex("pod2");
	assert_true(linked(gone, "ingress"));
	shut(d);
	assert_int_equal(tcx_programs(stays), 1);
	sh("ip link del pod1 && ip link add pod3 type veth peer name inner3");
	fresh = if_nametoindex("pod3");
	d = open_plain();
	assert_false(linked(gone, "ingress"));
	assert_true(linked(stays, "ingress"));
	assert_true(linked(fresh, "ingress"));
	assert_int_equal(tcx_programs(stays), 1);
	shut(d);
	sh("ip link del pod2 && ip link del pod3");
}

static void test_addresses(void **state)
{
	struct dataplane *d = open_plain();
	struct naru_node_addr value;
	struct addr mine = addr_of("192.0.2.1"), more = addr_of("192.0.2.77");
	struct addr loopback = addr_of("127.0.0.1");
	int fd = pin_fd("node_addr");

	(void)state;
	assert_int_equal(bpf_map_lookup_elem(fd, mine.byte, &value), 0);
	assert_int_equal(value.ifindex, if_nametoindex("nic0"));
	assert_int_equal(bpf_map_lookup_elem(fd, loopback.byte, &value), -ENOENT);
	sh("ip addr add 192.0.2.77/24 dev nic0");
	take_in(d);
	assert_int_equal(bpf_map_lookup_elem(fd, more.byte, &value), 0);
	sh("ip addr del 192.0.2.77/24 dev nic0");
	take_in(d);
	assert_int_equal(bpf_map_lookup_elem(fd, more.byte, &value), -ENOENT);
	close(fd);
	shut(d);
}

static bool has_qdisc(void)
{
	return !system("tc qdisc show dev nic0 | grep -q clsact");
}

static void test_clsact(void **state)
{
	struct dataplane_config c = config();
	struct dataplane_status status;
	unsigned ifindex = if_nametoindex("nic0");
	struct dataplane *d;

	(void)state;
	c.force_clsact = true;
	d = open_with(&c);
	dataplane_status(d, &status);
	assert_string_equal(status.devices[0].tc, "clsact");
	assert_int_equal(tcx_programs(ifindex), 0);
	shut(d);
	/* Again: replaced in place, not added. */
	d = open_with(&c);
	shut(d);
	assert_int_equal(system("test $(tc filter show dev nic0 ingress | grep -c tc_ingress) = 1"),
			 0);
	assert_int_equal(dataplane_cleanup(bpffs), 0);
	assert_false(has_qdisc());
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

static void test_clsact_spares_others(void **state)
{
	struct dataplane_config c = config();

	(void)state;
	sh("tc qdisc add dev nic0 clsact");
	c.force_clsact = true;
	shut(open_with(&c));
	assert_int_equal(dataplane_cleanup(bpffs), 0);
	assert_true(has_qdisc());
	sh("tc qdisc del dev nic0 clsact");
	shut(open_with(&c));
	add_filter(if_nametoindex("nic0"));
	assert_int_equal(dataplane_cleanup(bpffs), 0);
	assert_true(has_qdisc());
	sh("tc qdisc del dev nic0 clsact");
}

static void test_clsact_to_tcx(void **state)
{
	struct dataplane_config c = config();

	(void)state;
	c.force_clsact = true;
	shut(open_with(&c));
	shut(open_plain());
	assert_false(has_qdisc());
	assert_int_equal(tcx_programs(if_nametoindex("nic0")), 1);
}

static void test_xdp(void **state)
{
	struct dataplane_config c = config();
	struct dataplane_status status;
	unsigned ifindex = if_nametoindex("nic0");
	struct dataplane *d;

	(void)state;
	c.xdp = XDP_MODE_NATIVE;
	d = open_with(&c);
	dataplane_status(d, &status);
	assert_string_equal(status.devices[0].xdp, "native");
	assert_true(linked(ifindex, "xdp"));
	shut(d);
	c.xdp = XDP_MODE_AUTO;
	d = open_with(&c);
	dataplane_status(d, &status);
	assert_non_null(strstr(status.devices[0].xdp, "virtual"));
	assert_false(linked(ifindex, "xdp"));
	shut(d);
}

static void test_cgroup_links(void **state)
{
	uint32_t ids[8], n = 8, flags;
	int fd;
	_cleanup_(mem_freep) char *dir = NULL;

	(void)state;
	shut(open_plain());
	shut(open_plain());
	assert_int_equal(cgroup_open(cgroup, &fd, &dir), 0);
	assert_int_equal(bpf_prog_query(fd, BPF_CGROUP_INET4_CONNECT, 0, &flags, ids, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(dataplane_cleanup(bpffs), 0);
	n = 8;
	assert_int_equal(bpf_prog_query(fd, BPF_CGROUP_INET4_CONNECT, 0, &flags, ids, &n), 0);
	assert_int_equal(n, 0);
	close(fd);
}

static void test_cleanup_is_idempotent(void **state)
{
	(void)state;
	shut(open_plain());
	assert_int_equal(dataplane_cleanup(bpffs), 0);
	assert_false(pinned(""));
	assert_int_equal(dataplane_cleanup(bpffs), 0);
	assert_int_equal(tcx_programs(if_nametoindex("nic0")), 0);
}

/* ---- flows ---- */

static uint32_t tick_now(void)
{
	struct naru_meta meta;
	struct timespec jiffy;
	uint32_t zero = 0;
	int fd = pin_fd("meta");
	FILE *timers = fopen("/proc/timer_list", "re");
	char line[256];
	unsigned long long jiffies = 0;

	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &meta), 0);
	close(fd);
	assert_int_equal(meta.abi_version, NARU_ABI_VERSION);
	clock_getres(CLOCK_MONOTONIC_COARSE, &jiffy);
	assert_in_range((unsigned long)jiffy.tv_nsec << meta.tick_shift, 670000000, 1340000000);
	while (timers && fgets(line, sizeof(line), timers)) {
		if (sscanf(line, "jiffies: %llu", &jiffies) == 1)
			break;
	}
	if (timers)
		fclose(timers);
	assert_true(jiffies > 0);
	return (uint32_t)(jiffies >> meta.tick_shift);
}

struct pair {
	struct naru_flow4_key fwd_key, rev_key;
	struct naru_flow4 fwd, rev;
};

/* Client 198.51.100.9:port to service 0's first endpoint, by the stack's road. */
static struct pair pair_of(struct dataplane *d, const struct plan *plan, uint16_t port,
			   uint32_t seen)
{
	const struct plan_service *s = &plan->services[0];
	const struct plan_endpoint *ep = &s->cluster.endpoints[0];
	struct addr client = addr_of("198.51.100.9");
	struct pair p = {
		.fwd_key = { .sport = port, .dport = 80, .proto = s->proto, .hook = NARU_INGRESS },
		.rev_key = { .sport = 8080, .dport = port, .proto = s->proto, .hook = NARU_EGRESS },
		.fwd.f = { .sport = port, .dport = 8080, .seen = seen, .road = NARU_STACK },
		.rev.f = { .sport = 80,
			   .dport = port,
			   .seen = seen,
			   .road = NARU_STACK,
			   .flags = NARU_F_REPLY },
	};

	encode_addr4(&client, p.fwd_key.saddr);
	encode_addr4(&s->frontends[0].addr, p.fwd_key.daddr);
	encode_addr4(&client, p.fwd.saddr);
	encode_addr4(&ep->addr, p.fwd.daddr);
	encode_addr4(&ep->addr, p.rev_key.saddr);
	encode_addr4(&client, p.rev_key.daddr);
	encode_addr4(&s->frontends[0].addr, p.rev.saddr);
	encode_addr4(&client, p.rev.daddr);
	p.fwd.f.svc = p.rev.f.svc = dataplane_service_id(d, s);
	p.fwd.f.ep = p.rev.f.ep = dataplane_endpoint_id(d, s->proto, ep);
	return p;
}

static void insert(const struct pair *p)
{
	int fd = pin_fd("flow4");

	assert_int_equal(bpf_map_update_elem(fd, &p->rev_key, &p->rev, BPF_NOEXIST), 0);
	assert_int_equal(bpf_map_update_elem(fd, &p->fwd_key, &p->fwd, BPF_NOEXIST), 0);
	close(fd);
}

static bool on_flow(void *arg, const struct flow_info *flow)
{
	struct flow_info *last = arg;

	*last = *flow;
	return true;
}

static void test_flow_listing_and_expiry(void **state)
{
	struct plan *plan = plan_of(1, NARU_TCP, 1);
	struct dataplane *d = open_plain();
	uint32_t now = tick_now();
	struct flow_info flow = {};
	struct addr client = addr_of("198.51.100.9");
	struct pair live, dead;

	(void)state;
	apply(d, plan);
	dead = pair_of(d, plan, 5000, now - NARU_IDLE_TCP - 5);
	insert(&dead);
	live = pair_of(d, plan, 5001, now - 100);
	insert(&live);
	settle(d);
	assert_int_equal(entries("flow4", sizeof(struct naru_flow4_key)), 2);
	assert_int_equal(dataplane_flows(d, on_flow, &flow), 0);
	assert_int_equal(flow.client_port, 5001);
	assert_memory_equal(&flow.client, &client, sizeof(client));
	assert_int_equal(flow.vip_port, 80);
	assert_int_equal(flow.endpoint_port, 8080);
	assert_string_equal(flow.road, "stack");
	assert_string_equal(flow.state, "established");
	assert_in_range(flow.idle_s, 95, 125);
	plan_free(plan);
	shut(d);
}

/* What a flow holds stays: its service's and endpoint's ids, its bits of the filter. */
static void test_flow_holds_ids(void **state)
{
	struct plan *plan = plan_of(1, NARU_TCP, 1), *none = plan_of(0, NARU_TCP, 0);
	struct dataplane *d = open_plain();
	struct pair p;
	int fd = pin_fd("filter"), flows = pin_fd("flow4");
	struct naru_filter *filter = mmap(NULL, sizeof(*filter), PROT_READ, MAP_SHARED, fd, 0);

	(void)state;
	apply(d, plan);
	p = pair_of(d, plan, 5000, tick_now());
	insert(&p);
	apply(d, none);
	settle(d);
	assert_int_equal(entries("svc_name", 4), 1);
	assert_int_equal(entries("endpoint", 4), 1);
	assert_true(filter->front.ports[0][80 / 32] & 1u << 80 % 32);
	assert_true(filter->back.ports[0][8080 / 32] & 1u << 8080 % 32);
	bpf_map_delete_elem(flows, &p.fwd_key);
	bpf_map_delete_elem(flows, &p.rev_key);
	settle(d);
	assert_int_equal(entries("svc_name", 4), 0);
	assert_int_equal(entries("endpoint", 4), 0);
	assert_false(filter->front.ports[0][80 / 32] & 1u << 80 % 32);
	assert_false(filter->back.ports[0][8080 / 32] & 1u << 8080 % 32);
	munmap(filter, sizeof(*filter));
	close(fd);
	close(flows);
	plan_free(plan);
	plan_free(none);
	shut(d);
}

static void test_udp_flow_leaves_with_its_endpoint(void **state)
{
	struct plan *plan = plan_of(1, NARU_UDP, 2), *less = plan_of(1, NARU_UDP, 2);
	struct dataplane *d = open_plain();
	struct pair p;

	(void)state;
	apply(d, plan);
	p = pair_of(d, plan, 5000, tick_now());
	insert(&p);
	less->services[0].cluster.n = 1;
	less->services[0].cluster.endpoints[0] = less->services[0].cluster.endpoints[1];
	for (int i = 0; i < 3; i++)
		dataplane_tick(d);
	assert_int_equal(entries("flow4", sizeof(struct naru_flow4_key)), 2);
	apply(d, less);
	for (int i = 0; i < 3; i++)
		dataplane_tick(d);
	assert_int_equal(entries("flow4", sizeof(struct naru_flow4_key)), 0);
	plan_free(plan);
	plan_free(less);
	shut(d);
}

/* A reply entry alone goes, but not at first sight. */
static void test_orphan(void **state)
{
	struct plan *plan = plan_of(1, NARU_TCP, 1);
	struct dataplane *d = open_plain();
	struct pair p;
	int fd = pin_fd("flow4");

	(void)state;
	apply(d, plan);
	p = pair_of(d, plan, 5000, tick_now());
	p.rev.f.seen = 0;
	assert_int_equal(bpf_map_update_elem(fd, &p.rev_key, &p.rev, BPF_NOEXIST), 0);
	dataplane_tick(d);
	assert_int_equal(entries("flow4", sizeof(struct naru_flow4_key)), 1);
	settle(d);
	assert_int_equal(entries("flow4", sizeof(struct naru_flow4_key)), 0);
	close(fd);
	plan_free(plan);
	shut(d);
}

/* ---- many services ---- */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_ten_thousand_services(void **state)
{
	struct plan *plan = plan_of(10000, NARU_TCP, 3);
	struct dataplane *d = open_plain();
	struct diag_list diags = {};
	double begin = seconds(), cold, one, again;

	(void)state;
	assert_int_equal(dataplane_apply(d, plan, &diags), 0);
	assert_int_equal(diags.n, 0);
	cold = seconds() - begin;
	plan->services[5000].cluster.n = 2;
	begin = seconds();
	apply(d, plan);
	one = seconds() - begin;
	shut(d);
	begin = seconds();
	d = open_plain();
	apply(d, plan);
	again = seconds() - begin;
	print_message("10000 services: first apply %.0f ms, one changed %.1f ms, restart %.0f ms\n",
		      cold * 1e3, one * 1e3, again * 1e3);
	assert_int_equal(entries("svc", sizeof(struct naru_svc_key)), 10000);
	/* Generous: a shared machine. Proportional to all services it would be a second. */
	assert_true(one < 0.2);
	plan_free(plan);
	shut(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_apply_fills_maps, clean),
		cmocka_unit_test_teardown(test_empty_sets, clean),
		cmocka_unit_test_teardown(test_restart_keeps_everything, clean),
		cmocka_unit_test_teardown(test_start_repairs_what_a_crash_left, clean),
		cmocka_unit_test_teardown(test_segments_rest_a_while, clean),
		cmocka_unit_test_teardown(test_frontend_moves, clean),
		cmocka_unit_test_teardown(test_what_does_not_fit, clean),
		cmocka_unit_test_teardown(test_lock, clean),
		cmocka_unit_test_teardown(test_foreign_layout, clean),
		cmocka_unit_test_teardown(test_devices_come_and_go, clean),
		cmocka_unit_test_teardown(test_devices_change_between_runs, clean),
		cmocka_unit_test_teardown(test_addresses, clean),
		cmocka_unit_test_teardown(test_clsact, clean),
		cmocka_unit_test_teardown(test_clsact_spares_others, clean),
		cmocka_unit_test_teardown(test_clsact_to_tcx, clean),
		cmocka_unit_test_teardown(test_xdp, clean),
		cmocka_unit_test_teardown(test_cgroup_links, clean),
		cmocka_unit_test_teardown(test_cleanup_is_idempotent, clean),
		cmocka_unit_test_teardown(test_flow_listing_and_expiry, clean),
		cmocka_unit_test_teardown(test_flow_holds_ids, clean),
		cmocka_unit_test_teardown(test_udp_flow_leaves_with_its_endpoint, clean),
		cmocka_unit_test_teardown(test_orphan, clean),
		cmocka_unit_test_teardown(test_ten_thousand_services, clean),
	};

	return cmocka_run_group_tests_name("dataplane", tests, group_setup, group_teardown);
}
