/* SPDX-License-Identifier: Apache-2.0 */
#include "yard.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <naru/abi.h>

#include "../bpf/node.h"
#include "../bpf/packet.h"
#include "cost.skel.h"
#include "dataplane/table.h"
#include "pair.skel.h"
#include "stats.h"
#include "traffic.h"

/* One loaded cost.bpf.c and its list map. */
struct yard {
	struct cost_bpf *skel;
	struct cost_packet *window;
};

static struct yard yards[2]; /* [1] is MINIMAL_PAIR's and the second processor's */
static struct pair_bpf *pair;
static uint32_t flows_max;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void load(struct yard *y)
{
	y->skel = cost_bpf__open();
	if (!y->skel)
		die("opening the bench's programs");
	bpf_map__set_max_entries(y->skel->maps.list, flows_max);
	bpf_map__set_max_entries(y->skel->maps.minimal4, 2 * flows_max);
	bpf_map__set_max_entries(y->skel->maps.minimal6, 2 * flows_max);
	if (cost_bpf__load(y->skel))
		die("loading the bench's programs");
	y->window = mmap(NULL, flows_max * sizeof(*y->window), PROT_READ | PROT_WRITE, MAP_SHARED,
			 bpf_map__fd(y->skel->maps.list), 0);
	if (y->window == MAP_FAILED)
		die("mapping the list");
}

/* With as many slots as naru's table. */
static void load_pair(uint32_t entries)
{
	struct naru_table_config config = table_size(entries);

	for (uint32_t i = 0; i < sizeof(config.seed) / sizeof(config.seed[0]); i++)
		config.seed[i] = (i + 3) * 2654435769u;
	pair = pair_bpf__open();
	if (!pair)
		die("opening the table's program");
	pair->rodata->table_config = config;
	bpf_map__set_max_entries(pair->maps.table4, config.main + config.stash);
	bpf_map__set_max_entries(pair->maps.table6, config.main + config.stash);
	if (pair_bpf__load(pair))
		die("loading the table's program");
}

void yard_load(uint32_t flows, uint32_t entries)
{
	/* Two entries a flow, and a fifth of the map is never one service's. */
	if (!entries)
		entries = flows > NARU_FLOWS_MAX / 4 ? 5 * flows / 2 : NARU_FLOWS_MAX;
	flows_max = flows;
	node_load(&(struct node_options){
		.flows = entries, .fair = true, .snat_min = 1024, .snat_max = 29999 });
	traffic_add_service();
	load(&yards[0]);
	load(&yards[1]);
	load_pair(entries);
}

void yard_unload(void)
{
	for (int i = 0; i < 2; i++) {
		munmap(yards[i].window, flows_max * sizeof(*yards[i].window));
		cost_bpf__destroy(yards[i].skel);
	}
	pair_bpf__destroy(pair);
	node_unload();
}

static struct yard *yard_of(const struct aim *aim)
{
	return &yards[aim->second || aim->role == MINIMAL_PAIR];
}

static int program_of(const struct aim *aim)
{
	const struct cost_bpf *skel = yard_of(aim)->skel;

	if (aim->role == EMPTY)
		return bpf_program__fd(aim->tc ? skel->progs.empty_tc : skel->progs.empty_xdp);
	if (aim->role == MINIMAL || aim->role == MINIMAL_PAIR)
		return bpf_program__fd(aim->tc ? skel->progs.minimal_tc : skel->progs.minimal_xdp);
	if (aim->role == TABLE)
		return bpf_program__fd(pair->progs.pair_xdp);
	return node_program(aim->tc ? "tc_ingress" : "xdp_lb");
}

static int wrapper_of(const struct aim *aim)
{
	const struct cost_bpf *skel = yard_of(aim)->skel;

	if (aim->family == AF_INET)
		return bpf_program__fd(aim->tc ? skel->progs.wrap4_tc : skel->progs.wrap4_xdp);
	return bpf_program__fd(aim->tc ? skel->progs.wrap6_tc : skel->progs.wrap6_xdp);
}

/* What the wrapper shall call, and the packets it shall make. */
static void take(const struct aim *aim, const uint8_t *frame, size_t size,
		 const struct cost_packet *list, size_t n)
{
	struct yard *y = yard_of(aim);
	int map = bpf_map__fd(aim->tc ? y->skel->maps.target_tc : y->skel->maps.target_xdp);
	int program = program_of(aim);
	uint32_t zero = 0;

	if (bpf_map_update_elem(map, &zero, &program, BPF_ANY))
		die("aiming the wrapper");
	memcpy(y->skel->bss->frame, frame, size);
	memcpy(y->window, list, n * sizeof(*list));
	y->skel->bss->next = 0;
	y->skel->bss->packets = (uint32_t)n;
}

double yard_run(const struct aim *aim, const struct cost_packet *list, size_t n, uint8_t tcp_flags,
		int packets, struct last *ret_last)
{
	uint8_t frame[COST_FRAME6];
	size_t size = traffic_frame(aim->family, tcp_flags, frame);
	uint32_t ifindex = world_ifindex(NIC0);
	struct __sk_buff skb = { .ifindex = ifindex, .ingress_ifindex = ifindex };
	struct xdp_md md = { .data_end = (uint32_t)size, .ingress_ifindex = ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, t, .data_in = frame, .data_size_in = (uint32_t)size,
		    .data_out = ret_last->frame, .data_size_out = sizeof(ret_last->frame),
		    .repeat = packets);
	double start;

	t.ctx_in = aim->tc ? (void *)&skb : (void *)&md;
	t.ctx_size_in = aim->tc ? sizeof(skb) : sizeof(md);
	take(aim, frame, size, list, n);
	start = stats_cpu_ns();
	if (bpf_prog_test_run_opts(wrapper_of(aim), &t))
		die("test run");
	start = stats_cpu_ns() - start;
	if (yard_of(aim)->skel->bss->failed) {
		fprintf(stderr, "a tail call failed\n");
		exit(1);
	}
	ret_last->verdict = t.retval;
	return start / packets;
}

void yard_check(const struct aim *aim, const struct cost_packet *list, uint8_t tcp_flags)
{
	uint32_t want = aim->tc ? TC_ACT_REDIRECT : XDP_TX,
		 pass = aim->tc ? TC_ACT_UNSPEC : XDP_PASS;
	size_t size = aim->family == AF_INET ? COST_FRAME4 : COST_FRAME6;
	struct last last = {};
	const char *sum;

	if (aim->role == EMPTY)
		return;
	yard_run(aim, list, 1, tcp_flags, 1, &last);
	sum = packet_wrong_sum(last.frame, size);
	if (aim->role < FOREIGN ? last.verdict == want && !sum && last.frame[5] != NIC0_MAC
				: last.verdict == pass && last.frame[5] == NIC0_MAC)
		return;
	fprintf(stderr, "role %d, IPv%c, %s: verdict %u, wrong sum: %s\n", aim->role,
		aim->family == AF_INET ? '4' : '6', aim->tc ? "tc" : "xdp", last.verdict,
		sum ? sum : "none");
	exit(1);
}

int yard_minimal(enum role role, int family)
{
	const struct cost_bpf *skel = yards[role == MINIMAL_PAIR].skel;

	return bpf_map__fd(family == AF_INET ? skel->maps.minimal4 : skel->maps.minimal6);
}

/* Flows are taken away here without their programs: nor is any service to have some, or new ones
 * would be refused for its share. */
static void clear_counts(void)
{
	const struct naru_svc_flows none = {};
	struct naru_state state;
	uint32_t zero = 0;

	for (uint32_t id = 0; id <= NARU_SERVICES_MAX; id++)
		if (bpf_map_update_elem(node_map("svc_flows"), &id, &none, BPF_ANY))
			die("svc_flows");
	if (bpf_map_lookup_elem(node_map("state"), &zero, &state))
		die("state");
	memset(state.flows, 0, sizeof(state.flows));
	if (bpf_map_update_elem(node_map("state"), &zero, &state, BPF_ANY))
		die("state");
}

static void clear_table(struct bpf_map *map)
{
	size_t size = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (mem == MAP_FAILED)
		die("mapping a table");
	memset(mem, 0, size);
	munmap(mem, size);
}

void yard_clear(void)
{
	clear_table(pair->maps.table4);
	clear_table(pair->maps.table6);
	clear_counts();
	node_clear_flows();
	for (enum role role = MINIMAL; role <= MINIMAL_PAIR; role++) {
		traffic_clear(yard_minimal(role, AF_INET), sizeof(struct cost_key4),
			      sizeof(struct cost_value));
		traffic_clear(yard_minimal(role, AF_INET6), sizeof(struct cost_key6),
			      sizeof(struct cost_value));
	}
}
