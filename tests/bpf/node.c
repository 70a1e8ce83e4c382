/* SPDX-License-Identifier: Apache-2.0 */
/* The object of the TC programs owns the maps; the others are made to use them. */
#include "node.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/table.h"
#include "flows.h"
#include "node_services.h"
#include "sock_lb.skel.h"
#include "tc_lb.skel.h"
#include "tc_vip.skel.h"
#include "xdp_lb.skel.h"

static struct tc_lb_bpf *tc;
static struct tc_vip_bpf *vip;
static struct xdp_lb_bpf *xdp;
static struct sock_lb_bpf *sockets;
static struct naru_config config;

/* BPF_F_IPV6 of bpf_l4_csum_replace, known to kernels since 6.16 but not to older headers. */
#define CSUM_F_IPV6 (1u << 7)

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "node: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(errno));
	va_end(args);
	exit(1);
}

/* No pins. Maps of the TC object are shared by name. */
static void use_maps(struct bpf_object *object, const struct bpf_object *from)
{
	const struct bpf_map *shared;
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		if (bpf_map__is_internal(map))
			continue;
		bpf_map__set_pin_path(map, NULL);
		shared = from ? bpf_object__find_map_by_name(from, bpf_map__name(map)) : NULL;
		if (shared && bpf_map__reuse_fd(map, bpf_map__fd(shared)))
			fail("sharing map %s", bpf_map__name(map));
	}
}

static void load(struct bpf_object *object, const char *name)
{
	if (bpf_object__load(object))
		fail("loading %s", name);
}

static void open_flows(void)
{
	const struct maps maps = {
		.flow4 = bpf_map__fd(tc->maps.flow4),
		.flow6 = bpf_map__fd(tc->maps.flow6),
		.table4 = bpf_map__fd(tc->maps.table4),
		.table6 = bpf_map__fd(tc->maps.table6),
		.hops = bpf_map__fd(tc->maps.hops),
	};

	flows_open(&maps, &config);
}

static void load_tc(uint32_t flows)
{
	tc = tc_lb_bpf__open();
	if (!tc)
		fail("opening tc_lb");
	use_maps(tc->obj, NULL);
	config.table = table_size(flows);
	for (uint32_t i = 0; i < 10; i++)
		config.table.seed[i] = (i + 1) * 2654435769u;
	tc->rodata->cfg = config;
	bpf_map__set_max_entries(tc->maps.flow4, flows);
	bpf_map__set_max_entries(tc->maps.flow6, flows);
	bpf_map__set_max_entries(tc->maps.table4, config.table.main + config.table.stash);
	bpf_map__set_max_entries(tc->maps.table6, config.table.main + config.table.stash);
	load(tc->obj, "tc_lb");
	open_flows();
}

static void load_vip(void)
{
	vip = tc_vip_bpf__open();
	if (!vip)
		fail("opening tc_vip");
	vip->rodata->cfg = config;
	use_maps(vip->obj, tc->obj);
	load(vip->obj, "tc_vip");
}

static void load_xdp(void)
{
	xdp = xdp_lb_bpf__open();
	if (!xdp)
		fail("opening xdp_lb");
	xdp->rodata->cfg = config;
	use_maps(xdp->obj, tc->obj);
	load(xdp->obj, "xdp_lb");
}

static void load_sockets(void)
{
	sockets = sock_lb_bpf__open();
	if (!sockets)
		fail("opening sock_lb");
	sockets->rodata->cfg = config;
	use_maps(sockets->obj, tc->obj);
	load(sockets->obj, "sock_lb");
}

/* Whether bpf_l4_csum_replace takes the flag can only be asked by trying; narud does the same. */
static uint32_t csum6_flags(void)
{
	struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 16 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_4, .imm = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K,
		  .dst_reg = BPF_REG_5,
		  .imm = CSUM_F_IPV6 | BPF_F_PSEUDO_HDR },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_l4_csum_replace },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	uint8_t frame[64] = { [12] = 0x86, [13] = 0xdd };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame));
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "probe", "GPL", code,
			       sizeof(code) / sizeof(*code), NULL);
	int r = fd < 0 ? -1 : bpf_prog_test_run_opts(fd, &run);

	if (fd >= 0)
		close(fd);
	return r == 0 && run.retval == 0 ? CSUM_F_IPV6 : 0;
}

static uint64_t netns_cookie(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
		fail("reading the cookie of the network namespace");
	close(fd);
	return cookie;
}

void node_load(const struct node_options *options)
{
	uint32_t zero = 0;
	struct naru_state state = { .nh_gen = 1 };

	config = (struct naru_config){
		.netns = netns_cookie(),
		.flows_max = options->fair ? options->flows : NARU_FLOWS_MAX,
		.loopback4 = 1,
		.loopback6 = 1,
		.tick_shift = 8,
		.hash_seed = NODE_HASH_SEED,
		.snat_min = options->snat_min ? options->snat_min : 20000,
		.snat_max = options->snat_max ? options->snat_max : 29999,
		.bypass_netfilter = options->bypass_netfilter,
		.csum6_flags = csum6_flags(),
		.port_seed = options->port_seed,
		.flow_hash = flows_in_hash(),
	};
	load_tc(options->flows ? options->flows : 1024);
	load_vip();
	load_xdp();
	if (options->sockets)
		load_sockets();
	bpf_map_update_elem(node_map("state"), &zero, &state, BPF_ANY);
	node_services_fill();
}

void node_unload(void)
{
	flows_close();
	sock_lb_bpf__destroy(sockets);
	xdp_lb_bpf__destroy(xdp);
	tc_vip_bpf__destroy(vip);
	tc_lb_bpf__destroy(tc);
	sockets = NULL;
	vip = NULL;
	xdp = NULL;
	tc = NULL;
}

int node_map(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(tc->obj, name);

	if (fd < 0 && sockets)
		fd = bpf_object__find_map_fd_by_name(sockets->obj, name);
	if (fd < 0)
		fail("no map %s", name);
	return fd;
}

int node_program(const char *name)
{
	struct bpf_object *const objects[] = { tc->obj, xdp->obj, vip->obj,
					       sockets ? sockets->obj : NULL };
	struct bpf_program *program = NULL;

	for (size_t i = 0; i < 4 && !program; i++) {
		if (objects[i])
			program = bpf_object__find_program_by_name(objects[i], name);
	}
	if (!program)
		fail("no program %s", name);
	return bpf_program__fd(program);
}

const struct naru_config *node_config(void)
{
	return &config;
}

int node_run(enum program program, enum device device, const uint8_t *frame, size_t len,
	     uint32_t flags, struct node_run *ret_run)
{
	static const char *const names[PROGRAM_MAX] = { "tc_ingress", "tc_egress", "xdp_lb",
							"vip_ingress", "vip_egress" };
	uint32_t ifindex = world_ifindex(device);
	struct __sk_buff skb = { .ifindex = ifindex, .ingress_ifindex = ifindex };
	struct xdp_md md = { .data_end = (uint32_t)len, .ingress_ifindex = ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = (uint32_t)len,
		    .data_out = ret_run->frame, .data_size_out = sizeof(ret_run->frame),
		    .flags = flags);

	run.ctx_in = program == XDP_INGRESS ? (void *)&md : (void *)&skb;
	run.ctx_size_in = program == XDP_INGRESS ? sizeof(md) : sizeof(skb);
	if (bpf_prog_test_run_opts(node_program(names[program]), &run))
		return -errno;
	ret_run->verdict = (int)run.retval;
	ret_run->len = run.data_size_out;
	return 0;
}

uint32_t node_now(void)
{
	uint8_t frame[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame));

	if (bpf_prog_test_run_opts(node_program("clock"), &run))
		fail("running the clock");
	return run.retval;
}

void node_counters(uint64_t ret_values[NARU_C_MAX])
{
	int cpus = libbpf_num_possible_cpus();
	struct naru_counters *values = calloc((size_t)cpus, sizeof(*values));
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(node_map("counters"), &zero, values))
		fail("reading counters");
	memset(ret_values, 0, NARU_C_MAX * sizeof(*ret_values));
	for (int cpu = 0; cpu < cpus; cpu++) {
		for (size_t id = 0; id < NARU_C_MAX; id++)
			ret_values[id] += ((const uint64_t *)&values[cpu])[id];
	}
	free(values);
}

uint64_t node_losses(uint32_t service, uint32_t reason)
{
	struct naru_svc_drop key = { service, reason };
	uint64_t n = 0;

	bpf_map_lookup_elem(node_map("svc_drop"), &key, &n);
	return n;
}

size_t node_clear_flows(void)
{
	return flows_clear();
}

size_t node_count_flows(int family)
{
	return flows_count(family);
}

void node_set_generation(uint32_t generation)
{
	struct naru_state state;
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(node_map("state"), &zero, &state))
		fail("reading state");
	state.nh_gen = generation;
	bpf_map_update_elem(node_map("state"), &zero, &state, BPF_ANY);
}

void node_set_device(enum device device, bool xdp_sends, bool source)
{
	uint32_t ifindex = world_ifindex(device);
	struct naru_device value;

	if (bpf_map_lookup_elem(node_map("device"), &ifindex, &value))
		fail("reading device %s", world_name(device));
	value.xdp = xdp_sends;
	value.has_src4 = source;
	value.has_src6 = source;
	bpf_map_update_elem(node_map("device"), &ifindex, &value, BPF_ANY);
}
