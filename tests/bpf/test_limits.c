/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps and port ranges that are full: the new flow is refused with a counted reason, the old ones
 * keep their place; what is over may be reclaimed.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf.h>

#include "flows.h"
#include "node.h"
#include "node_services.h"
#include "scene.h"

#define FLOWS 64   /* entries of a small map */
#define MANY  1024 /* of a larger one */

struct variant {
	int family;
	uint8_t proto;
	enum program program;
};

static const struct variant variants[] = {
	{ AF_INET, IPPROTO_TCP, TC_INGRESS },  { AF_INET6, IPPROTO_TCP, TC_INGRESS },
	{ AF_INET, IPPROTO_UDP, TC_INGRESS },  { AF_INET6, IPPROTO_UDP, TC_INGRESS },
	{ AF_INET, IPPROTO_TCP, XDP_INGRESS }, { AF_INET6, IPPROTO_TCP, XDP_INGRESS },
	{ AF_INET, IPPROTO_UDP, XDP_INGRESS }, { AF_INET6, IPPROTO_UDP, XDP_INGRESS },
};

#define VARIANTS (sizeof(variants) / sizeof(*variants))

/* One packet of a client's port to a service; the verdict, and the source port it came out with. */
static int knock(const struct variant *v, uint16_t client_port, uint16_t port, uint8_t flags,
		 uint16_t *ret_sport)
{
	struct packet p =
		SEG(CLIENT, client_port, VIP, port, .tcp = flags, .from = GATEWAY, .to = NIC0_MAC);
	uint8_t frame[PACKET_MAX];
	struct node_run run;
	size_t len;

	p.proto = v->proto;
	len = packet_build(&p, v->family, frame);
	assert_int_equal(node_run(v->program, NIC0, frame, len, 0, &run), 0);
	if (ret_sport)
		*ret_sport = packet_get16(run.frame + packet_l4(run.frame));
	return run.verdict;
}

static int sent(const struct variant *v)
{
	return v->program == XDP_INGRESS ? (int)XDP_TX : TC_ACT_REDIRECT;
}

static int dropped(const struct variant *v)
{
	return v->program == XDP_INGRESS ? (int)XDP_DROP : TC_ACT_SHOT;
}

static uint64_t counted(enum naru_counter id)
{
	uint64_t values[NARU_C_MAX];

	node_counters(values);
	return values[id];
}

/* What the service that is knocked at has lost. */
static uint64_t lost(const struct variant *v, enum naru_counter id)
{
	return node_losses(node_services_id(VIP, PORT_REMOTE, v->proto, v->family), id);
}

#define KNOCKS (8 * FLOWS)

/* Knocks until there is no room for ten clients' ports: where a flow may live in a table is up to
 * its hash, and a preallocated hash map keeps spare elements for each CPU, so that "full" is known
 * by refusals only. Returns how many flows there are. */
static uint16_t fill_up(const struct variant *v, uint16_t ret_refused[10], bool made[KNOCKS])
{
	uint16_t n = 0, refused = 0;

	for (uint16_t i = 0; i < KNOCKS && refused < 10; i++) {
		made[i] = knock(v, 40000 + i, PORT_REMOTE, SYN, NULL) == sent(v);
		n += made[i];
		if (!made[i])
			ret_refused[refused++] = 40000 + i;
	}
	assert_int_equal(refused, 10);
	return n;
}

static void full_refuses_new_flows(void **state)
{
	const struct variant *v = *state;
	uint64_t before, lost_before;
	uint16_t made, refused[10];
	bool is_made[KNOCKS] = {};

	node_clear_flows();
	before = counted(NARU_C_FLOWS_FULL);
	lost_before = lost(v, NARU_C_FLOWS_FULL);
	made = fill_up(v, refused, is_made);
	assert_in_range(made, FLOWS / 2 - 4, FLOWS);
	assert_int_equal(counted(NARU_C_FLOWS_FULL), before + 10);
	for (int i = 0; i < 10; i++)
		assert_int_equal(knock(v, refused[i], PORT_REMOTE, SYN, NULL), dropped(v));
	assert_int_equal(counted(NARU_C_FLOWS_FULL), before + 20);
	assert_int_equal(lost(v, NARU_C_FLOWS_FULL), lost_before + 20);
	for (uint16_t i = 0; i < KNOCKS; i++)
		if (is_made[i])
			assert_int_equal(knock(v, 40000 + i, PORT_REMOTE, ACK, NULL), sent(v));
	/* A refused flow leaves no half of itself. */
	assert_int_equal(node_count_flows(v->family), 2 * made);
}

static void forget_counts(void)
{
	const struct naru_svc_flows none = {};
	struct naru_state state;
	uint32_t zero = 0;

	for (uint32_t id = 0; id < 256; id++)
		bpf_map_update_elem(node_map("svc_flows"), &id, &none, BPF_ANY);
	assert_int_equal(bpf_map_lookup_elem(node_map("state"), &zero, &state), 0);
	memset(state.flows, 0, sizeof(state.flows));
	assert_int_equal(bpf_map_update_elem(node_map("state"), &zero, &state, BPF_ANY), 0);
}

/* A flood takes four fifths of the map: established flows go on, and others find room. */
static void a_flood_leaves_room(void **state)
{
	const struct variant *v = *state;
	uint64_t full, share, lost_share;
	uint16_t made = 0;

	node_clear_flows();
	forget_counts();
	full = counted(NARU_C_FLOWS_FULL);
	share = counted(NARU_C_SHARE);
	lost_share = lost(v, NARU_C_SHARE);
	while (made < MANY && knock(v, 40000 + made, PORT_REMOTE, SYN, NULL) == sent(v))
		made++;
	assert_in_range(made, MANY / 2 * 4 / 5 - 2, MANY / 2 * 4 / 5 + 2);
	for (uint16_t i = 0; i < 10; i++)
		assert_int_equal(knock(v, 50000 + i, PORT_REMOTE, SYN, NULL), dropped(v));
	assert_int_equal(counted(NARU_C_SHARE), share + 11);
	assert_int_equal(lost(v, NARU_C_SHARE), lost_share + 11);
	for (uint16_t i = 0; i < 60; i++)
		assert_int_not_equal(knock(v, 51000 + i, PORT_FAR, SYN, NULL), dropped(v));
	for (uint16_t i = 0; i < made; i++)
		assert_int_equal(knock(v, 40000 + i, PORT_REMOTE, ACK, NULL), sent(v));
	assert_int_equal(counted(NARU_C_FLOWS_FULL), full);
	assert_int_equal(node_count_flows(v->family), 2 * (made + 60));
}

static void age_all(const struct variant *v, uint32_t ticks)
{
	flows_age(v->family, ticks);
}

/* Waits for the clock's next tick: a walk is made once a tick only. */
static void next_tick(void)
{
	uint32_t now = node_now();

	while (node_now() == now)
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
}

static void full_reclaims_what_is_over(void **state)
{
	const struct variant *v = *state;
	bool is_made[KNOCKS] = {};
	uint16_t refused[10];
	uint64_t before;

	node_clear_flows();
	before = counted(NARU_C_FLOW_RECLAIMED);
	fill_up(v, refused, is_made);
	assert_int_equal(counted(NARU_C_FLOW_RECLAIMED), before);
	age_all(v, 100); /* neither an unanswered SYN nor a lone datagram lives that long */
	next_tick();
	assert_int_equal(knock(v, refused[0], PORT_REMOTE, SYN, NULL), sent(v));
	assert_true(counted(NARU_C_FLOW_RECLAIMED) > before);
	assert_int_equal(node_count_flows(v->family) % 2, 0);
}

/* While nobody sweeps, all new flows depend on what one walk in a second frees. */
static void a_walk_frees_many(void **state)
{
	const struct variant *v = *state;
	uint16_t made = 0;

	node_clear_flows();
	while (made < 2 * MANY && knock(v, 40000 + made, PORT_REMOTE, SYN, NULL) == sent(v))
		made++;
	age_all(v, 100);
	next_tick();
	for (uint16_t i = 0; i < 300; i++)
		assert_int_equal(knock(v, 50000 + i, PORT_REMOTE, SYN, NULL), sent(v));
}

static void two_ports_serve_two_flows(void **state)
{
	const struct variant *v = *state;
	uint16_t first, second, again;
	uint64_t before, lost_before;

	node_clear_flows();
	before = counted(NARU_C_SNAT_EXHAUSTED);
	lost_before = lost(v, NARU_C_SNAT_EXHAUSTED);
	assert_int_equal(knock(v, 40000, PORT_REMOTE, SYN, &first), sent(v));
	assert_int_equal(knock(v, 40001, PORT_REMOTE, SYN, &second), sent(v));
	assert_in_range(first, 20000, 20001);
	assert_in_range(second, 20000, 20001);
	assert_int_not_equal(first, second);
	assert_int_equal(knock(v, 40002, PORT_REMOTE, SYN, NULL), dropped(v));
	assert_int_equal(counted(NARU_C_SNAT_EXHAUSTED), before + 1);
	assert_int_equal(lost(v, NARU_C_SNAT_EXHAUSTED), lost_before + 1);
	assert_int_equal(knock(v, 40000, PORT_REMOTE, ACK, &again), sent(v));
	assert_int_equal(again, first);
	assert_int_equal(node_count_flows(v->family), 4);
}

/* A flow that is over gives its port to the next one, also while nobody sweeps. */
static void ports_come_back(void **state)
{
	const struct variant *v = *state;
	uint16_t first, second;
	uint64_t before;

	node_clear_flows();
	before = counted(NARU_C_SNAT_EXHAUSTED);
	assert_int_equal(knock(v, 40000, PORT_REMOTE, SYN, &first), sent(v));
	assert_int_equal(knock(v, 40001, PORT_REMOTE, SYN, NULL), sent(v));
	age_all(v, 100);
	assert_int_equal(knock(v, 40002, PORT_REMOTE, SYN, &first), sent(v));
	assert_int_equal(knock(v, 40003, PORT_REMOTE, SYN, &second), sent(v));
	assert_int_not_equal(first, second);
	assert_int_equal(node_count_flows(v->family), 4);
	assert_int_equal(knock(v, 40004, PORT_REMOTE, SYN, NULL), dropped(v));
	assert_int_equal(counted(NARU_C_SNAT_EXHAUSTED), before + 1);
}

/* Ports are taken for one endpoint, not for the node: another endpoint has the same ones free. */
static void ports_belong_to_an_endpoint(void **state)
{
	const struct variant *v = *state;
	int other = v->program == XDP_INGRESS ? (int)XDP_REDIRECT : TC_ACT_REDIRECT;

	node_clear_flows();
	assert_int_equal(knock(v, 40000, PORT_REMOTE, SYN, NULL), sent(v));
	assert_int_equal(knock(v, 40001, PORT_REMOTE, SYN, NULL), sent(v));
	assert_int_equal(knock(v, 40000, PORT_FAR, SYN, NULL), other);
	assert_int_equal(knock(v, 40001, PORT_FAR, SYN, NULL), other);
}

/* The search for a free port comes past every port, however many there are. */
static void every_port_is_found(void **state)
{
	const struct variant *v = *state;

	node_clear_flows();
	for (uint16_t i = 0; i < 400; i++)
		assert_int_equal(knock(v, 40000 + i, PORT_REMOTE, SYN, NULL), sent(v));
}

/* Over many client ports each endpoint of a set gets a fair share. */
static void sets_are_spread(void **state)
{
	struct variant tc = *(const struct variant *)*state;
	unsigned hits[3] = {};

	tc.program = TC_INGRESS;
	for (uint16_t i = 0; i < 900; i++) {
		struct packet p = SEG(CLIENT, 30000 + i, VIP, PORT_MANY, .tcp = SYN,
				      .from = GATEWAY, .to = NIC0_MAC);
		static const enum host hosts[] = { POD, REMOTE, REMOTE1 };
		uint8_t frame[PACKET_MAX], addr[16];
		size_t size = tc.family == AF_INET ? 4 : 16, at = tc.family == AF_INET ? 30 : 38;
		struct node_run run;
		size_t len;

		p.proto = tc.proto;
		node_clear_flows();
		len = packet_build(&p, tc.family, frame);
		assert_int_equal(node_run(TC_INGRESS, NIC0, frame, len, 0, &run), 0);
		for (size_t h = 0; h < 3; h++) {
			world_addr(hosts[h], tc.family, addr);
			hits[h] += !memcmp(run.frame + at, addr, size);
		}
	}
	assert_int_equal(hits[0] + hits[1] + hits[2], 900);
	for (size_t h = 0; h < 3; h++)
		assert_in_range(hits[h], 200, 400);
}

static int run_all(const char *group, const char *const *names, void (*const *tests)(void **),
		   size_t n)
{
	struct CMUnitTest list[VARIANTS * 4] = {};
	static char text[VARIANTS * 4][96];
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < VARIANTS; k++, used++) {
			snprintf(text[used], sizeof(text[used]), "%s [%s, IPv%c, %s]", names[i],
				 variants[k].proto == IPPROTO_TCP ? "TCP" : "UDP",
				 variants[k].family == AF_INET ? '4' : '6',
				 variants[k].program == XDP_INGRESS ? "xdp" : "tc");
			list[used] = (struct CMUnitTest){ .name = text[used],
							  .test_func = tests[i],
							  .initial_state = (void *)&variants[k] };
		}
	}
	return _cmocka_run_group_tests(group, list, used, NULL, NULL);
}

int main(void)
{
	static const char *const map_names[] = { "a full map refuses", "a full map reclaims" };
	static void (*const map_tests[])(void **) = { full_refuses_new_flows,
						      full_reclaims_what_is_over };
	static const char *const share_names[] = { "a flood leaves room" };
	static void (*const share_tests[])(void **) = { a_flood_leaves_room };
	static const char *const port_names[] = { "two ports", "ports come back",
						  "ports of each endpoint", "a set is spread" };
	static void (*const port_tests[])(void **) = { two_ports_serve_two_flows, ports_come_back,
						       ports_belong_to_an_endpoint,
						       sets_are_spread };
	static const char *const range_names[] = { "4999 ports", "a walk frees many" };
	static void (*const range_tests[])(void **) = { every_port_is_found, a_walk_frees_many };
	int failed;

	world_enter();
	node_load(&(struct node_options){ .flows = FLOWS });
	failed = run_all("full map", map_names, map_tests, 2);
	node_unload();
	node_load(&(struct node_options){ .flows = MANY, .fair = true });
	failed += run_all("shares", share_names, share_tests, 1);
	node_unload();
	node_load(&(struct node_options){ .snat_min = 20000, .snat_max = 20001 });
	failed += run_all("ports", port_names, port_tests, 4);
	node_unload();
	node_load(&(struct node_options){ .snat_min = 20000, .snat_max = 24998 });
	failed += run_all("larger map", range_names, range_tests, 2);
	node_unload();
	return failed;
}
