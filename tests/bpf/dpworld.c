/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See dpworld.h. Everything made here carries the process id in its name and is removed by the
 * tear-downs, also after a failed test.
 */
#include "dpworld.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <naru/paths.h>

#include "base/log.h"
#include "base/mem.h"
#include "dataplane/cgroup.h"
#include "dataplane/encode.h"
#include "flows.h"

/* Newer than the headers of Linux 6.1. */
#define TCX_INGRESS ((enum bpf_attach_type)46)

char dpworld_bpffs[64], dpworld_cgroup[160];
static const char *const nics[] = { "nic0" };
static const char *const pods[] = { "pod*" };

/* ---- surroundings ---- */

void dpworld_sh(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

bool dpworld_pinned(const char *name)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/naru/%s", dpworld_bpffs, name);
	return !access(path, F_OK);
}

bool dpworld_linked(unsigned ifindex, const char *what)
{
	char name[64];

	snprintf(name, sizeof(name), "links/%u-%s", ifindex, what);
	return dpworld_pinned(name);
}

static int count_tcx(unsigned ifindex)
{
	uint32_t ids[8], n = 8, flags;
	int r = bpf_prog_query((int)ifindex, TCX_INGRESS, 0, &flags, ids, &n);

	return r ? r : (int)n;
}

const char *dpworld_tc(void)
{
	return count_tcx(if_nametoindex("nic0")) == -EINVAL ? "clsact" : "tcx";
}

bool dpworld_attached(unsigned ifindex)
{
	bool has_tcx = !strcmp(dpworld_tc(), "tcx");

	return dpworld_linked(ifindex, has_tcx ? "ingress" : "clsact");
}

unsigned dpworld_programs(unsigned ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 0x6e617275, .priority = 0x6e61);
	int n = count_tcx(ifindex);

	if (n != -EINVAL) {
		assert_true(n >= 0);
		return (unsigned)n;
	}
	return !bpf_tc_query(&hook, &opts);
}

int dpworld_pin_fd(const char *name)
{
	char path[192];
	int fd;

	snprintf(path, sizeof(path), "%s/naru/%s", dpworld_bpffs, name);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

static int flow_fds[] = { -1, -1, -1, -1, -1 };

static void close_flows(void)
{
	flows_close();
	for (size_t i = 0; i < ARRAY_SIZE(flow_fds); i++) {
		if (flow_fds[i] >= 0)
			close(flow_fds[i]);
		flow_fds[i] = -1;
	}
}

void dpworld_open_flows(void)
{
	static const char *const names[] = { "flow4", "flow6", "table4", "table6", "hops" };
	int meta_fd = dpworld_pin_fd("meta");
	struct naru_meta meta;
	uint32_t zero = 0;
	struct maps maps;

	assert_int_equal(bpf_map_lookup_elem(meta_fd, &zero, &meta), 0);
	close(meta_fd);
	close_flows();
	for (size_t i = 0; i < ARRAY_SIZE(flow_fds); i++)
		flow_fds[i] = dpworld_pin_fd(names[i]);
	maps = (struct maps){ .flow4 = flow_fds[0],
			      .flow6 = flow_fds[1],
			      .table4 = flow_fds[2],
			      .table6 = flow_fds[3],
			      .hops = flow_fds[4] };
	flows_open(&maps, &meta.config);
}

struct dataplane_config dpworld_config(void)
{
	return (struct dataplane_config){
		.bpffs_dir = dpworld_bpffs,
		.l4 = true,
		.cgroup_dir = dpworld_cgroup,
		.devices = nics,
		.n_devices = 1,
		.pod_devices = pods,
		.n_pod_devices = 1,
		.xdp = XDP_MODE_OFF,
		.snat_min = 1024,
		.snat_max = 29999,
		.flow_hash = flows_in_hash(),
	};
}

/* What a failed test leaves open, for its tear-down. */
static struct dataplane *current;

struct dataplane *dpworld_open_with(const struct dataplane_config *c)
{
	assert_int_equal(dataplane_open(c, &current), 0);
	return current;
}

void dpworld_close(struct dataplane *d)
{
	dataplane_close(d);
	if (d == current)
		current = NULL;
}

struct dataplane *dpworld_open(void)
{
	struct dataplane_config c = dpworld_config();

	return dpworld_open_with(&c);
}

/* Ticks until at least one whole sweep that began now is over, and the grace period. */
void dpworld_settle(struct dataplane *d)
{
	for (int i = 0; i < 62; i++) {
		usleep(100000);
		dataplane_tick(d);
	}
}

size_t dpworld_entries(const char *map, size_t key_size)
{
	uint8_t key[64], *last = NULL;
	int fd = dpworld_pin_fd(map);
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

struct addr dpworld_addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct addr numbered(uint32_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
	return dpworld_addr(text);
}

/* Service i: 10.96.x.x:80 with n endpoints 10.244.0.(first…):8080. */
void dpworld_fill(struct plan_service *s, unsigned i, uint8_t proto, unsigned first, unsigned n)
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

struct plan *dpworld_plan(size_t n, uint8_t proto, unsigned endpoints)
{
	struct plan *plan = mem_new(sizeof(*plan));

	plan->node = mem_strdup("node");
	plan->services = mem_array(n, sizeof(*plan->services));
	plan->n_services = n;
	for (size_t i = 0; i < n; i++)
		dpworld_fill(&plan->services[i], (unsigned)i, proto, (unsigned)i * endpoints + 1,
			     endpoints);
	return plan;
}

void dpworld_apply(struct dataplane *d, const struct plan *plan)
{
	assert_int_equal(dataplane_apply(d, plan, NULL), 0);
}

int dpworld_read_svc(const struct plan_service *s, size_t front, struct naru_svc *ret)
{
	struct naru_svc_key key;
	int fd = dpworld_pin_fd("svc"), r;

	encode_svc_key(&s->frontends[front], s->proto, s->family, &key);
	r = bpf_map_lookup_elem(fd, &key, ret);
	close(fd);
	return r;
}

/* ---- set-up and tear-down ---- */

int dpworld_group_setup(void **state)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char *root;

	(void)state;
	assert_non_null(mounts);
	assert_int_equal(cgroup_find_mount(mounts, &root), 0);
	fclose(mounts);
	snprintf(dpworld_bpffs, sizeof(dpworld_bpffs), "%s/naru-test-%d", NARU_BPFFS_DIR, getpid());
	snprintf(dpworld_cgroup, sizeof(dpworld_cgroup), "%s/naru-test-%d", root, getpid());
	free(root);
	assert_int_equal(mkdir(dpworld_bpffs, 0700), 0);
	assert_int_equal(mkdir(dpworld_cgroup, 0700), 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	log_set_level(LOG_ERROR);
	dpworld_sh("ip link set lo up && ip link add nic0 type veth peer name far0");
	dpworld_sh("ip addr add 192.0.2.1/24 dev nic0 && ip link set nic0 up");
	dpworld_sh("ip addr add 2001:db8::1/64 dev nic0 nodad && ip link set far0 up");
	dpworld_sh("ip route add default via 192.0.2.254");
	return 0;
}

int dpworld_group_teardown(void **state)
{
	(void)state;
	dataplane_cleanup(dpworld_bpffs);
	rmdir(dpworld_bpffs);
	rmdir(dpworld_cgroup);
	return 0;
}

int dpworld_clean(void **state)
{
	(void)state;
	close_flows();
	dpworld_close(current);
	assert_int_equal(dataplane_cleanup(dpworld_bpffs), 0);
	assert_false(dpworld_pinned(""));
	return 0;
}
