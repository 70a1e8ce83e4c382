/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweep over flow entries that stand in the real maps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include <naru/abi.h>
#include <naru/expire.h>

#include "base/mem.h"
#include "dataplane/dataplane.h"
#include "dataplane/encode.h"
#include "dpworld.h"
#include "flows.h"

static uint32_t tick_now(void)
{
	struct naru_meta meta;
	struct timespec jiffy;
	uint32_t zero = 0;
	int fd = dpworld_pin_fd("meta");
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
	struct addr client = dpworld_addr("198.51.100.9");
	struct pair p = {
		.fwd_key = { .sport = port, .dport = 80, .proto = s->proto, .hook = NARU_INGRESS },
		.rev_key = { .sport = 8080, .dport = port, .proto = s->proto, .hook = NARU_EGRESS },
		.fwd.f = { .sport = port,
			   .dport = 8080,
			   .seen = seen,
			   .road = NARU_STACK,
			   .flags = s->proto == NARU_TCP ? NARU_F_ACK : 0 },
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
	dpworld_open_flows();
	flows_put(&p->fwd_key, &p->fwd, &p->rev_key, &p->rev);
}

/* As many flows to the first endpoint as there is to be room for. */
static void fill_table(struct dataplane *d, const struct plan *plan)
{
	struct pair p = pair_of(d, plan, 0, tick_now());

	dpworld_open_flows();
	for (uint32_t i = 0; i < NARU_FLOWS_MAX / 2; i++) {
		p.fwd_key.saddr[3] = p.fwd.saddr[3] = p.rev_key.daddr[3] = p.rev.daddr[3] =
			(uint8_t)(i >> 15);
		p.fwd_key.sport = p.fwd.f.sport = p.rev_key.dport = p.rev.f.dport =
			(uint16_t)(20000 + (i & 32767));
		flows_put(&p.fwd_key, &p.fwd, &p.rev_key, &p.rev);
	}
}

static size_t count(void)
{
	dpworld_open_flows();
	return flows_count(AF_INET);
}

static bool on_flow(void *arg, const struct flow_info *flow)
{
	struct flow_info *last = arg;

	*last = *flow;
	return true;
}

static void test_flow_listing_and_expiry(void **state)
{
	struct plan *plan = dpworld_plan(1, NARU_TCP, 1);
	struct dataplane *d = dpworld_open();
	uint32_t now = tick_now();
	struct flow_info flow = {};
	struct addr client = dpworld_addr("198.51.100.9");
	struct pair live, dead;

	(void)state;
	dpworld_apply(d, plan);
	dead = pair_of(d, plan, 5000, now - NARU_IDLE_TCP - 5);
	insert(&dead);
	live = pair_of(d, plan, 5001, now - 100);
	insert(&live);
	dpworld_settle(d);
	assert_int_equal(count(), 2);
	assert_int_equal(dataplane_flows(d, on_flow, &flow), 0);
	assert_int_equal(flow.client_port, 5001);
	assert_memory_equal(&flow.client, &client, sizeof(client));
	assert_int_equal(flow.vip_port, 80);
	assert_int_equal(flow.endpoint_port, 8080);
	assert_string_equal(flow.road, "stack");
	assert_string_equal(flow.state, "established");
	assert_in_range(flow.idle_s, 95, 125);
	plan_free(plan);
	dpworld_close(d);
}

/* What a flow holds stays: its service's and endpoint's ids, its bits of the filter. */
static void test_flow_holds_ids(void **state)
{
	struct plan *plan = dpworld_plan(1, NARU_TCP, 1), *none = dpworld_plan(0, NARU_TCP, 0);
	struct dataplane *d = dpworld_open();
	struct pair p;
	int fd = dpworld_pin_fd("filter");
	struct naru_filter *filter = mmap(NULL, sizeof(*filter), PROT_READ, MAP_SHARED, fd, 0);

	(void)state;
	dpworld_apply(d, plan);
	p = pair_of(d, plan, 5000, tick_now());
	insert(&p);
	dpworld_apply(d, none);
	dpworld_settle(d);
	assert_int_equal(dpworld_entries("svc_name", 4), 1);
	assert_int_equal(dpworld_entries("endpoint", 4), 1);
	assert_true(filter->front.ports[0][80 / 32] & 1u << 80 % 32);
	assert_true(filter->back.ports[0][8080 / 32] & 1u << 8080 % 32);
	flows_clear();
	dpworld_settle(d);
	assert_int_equal(dpworld_entries("svc_name", 4), 0);
	assert_int_equal(dpworld_entries("endpoint", 4), 0);
	assert_false(filter->front.ports[0][80 / 32] & 1u << 80 % 32);
	assert_false(filter->back.ports[0][8080 / 32] & 1u << 8080 % 32);
	munmap(filter, sizeof(*filter));
	close(fd);
	plan_free(plan);
	plan_free(none);
	dpworld_close(d);
}

/* Takes the first endpoint from service 0. */
static struct plan *without_first(uint8_t proto)
{
	struct plan *less = dpworld_plan(1, proto, 2);

	less->services[0].cluster.n = 1;
	less->services[0].cluster.endpoints[0] = less->services[0].cluster.endpoints[1];
	return less;
}

/* Of a flow to the first endpoint of two, after the plan was replaced: gone at once? A
 * late answer is still let through. */
static void check_replaced(uint8_t proto, struct plan *after, bool stays)
{
	struct plan *plan = dpworld_plan(1, proto, 2);
	struct dataplane *d = dpworld_open();
	struct pair p;

	dpworld_apply(d, plan);
	p = pair_of(d, plan, 5000, tick_now());
	insert(&p);
	for (int i = 0; i < 3; i++)
		dataplane_tick(d);
	assert_int_equal(count(), 2);
	dpworld_apply(d, after);
	while (dataplane_hurries(d))
		dataplane_hurry(d);
	assert_int_equal(count(), stays ? 2 : 1);
	dpworld_settle(d);
	assert_int_equal(count(), stays ? 2 : 0);
	plan_free(plan);
	plan_free(after);
	dpworld_close(d);
}

static void test_c1_udp_flow_leaves_with_its_endpoint(void **state)
{
	(void)state;
	check_replaced(NARU_UDP, without_first(NARU_UDP), false);
}

/* It serves, but takes no new flows: for policy, topology, or because it ends. */
static void test_c1_udp_flow_stays_while_its_endpoint_serves(void **state)
{
	struct plan *after = dpworld_plan(1, NARU_UDP, 2);
	struct plan_service *s = &after->services[0];

	(void)state;
	s->spare.endpoints = mem_array(1, sizeof(*s->spare.endpoints));
	s->spare.endpoints[0] = s->cluster.endpoints[0];
	s->spare.n = 1;
	s->cluster.n = 1;
	s->cluster.endpoints[0] = s->cluster.endpoints[1];
	check_replaced(NARU_UDP, after, true);
}

static void test_c2_udp_flow_leaves_with_the_last_endpoint(void **state)
{
	struct plan *after = dpworld_plan(1, NARU_UDP, 2);

	(void)state;
	after->services[0].cluster.n = 0;
	check_replaced(NARU_UDP, after, false);
	check_replaced(NARU_UDP, dpworld_plan(0, NARU_UDP, 0), false);
}

static void test_c4_tcp_flow_stays(void **state)
{
	check_replaced(NARU_TCP, without_first(NARU_TCP), true);
	dpworld_clean(state);
	check_replaced(NARU_TCP, dpworld_plan(0, NARU_TCP, 0), true);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Both maps read in slices: how long it takes, and the longest one, is for the reader. */
static void test_full_table(void **state)
{
	struct plan *plan = dpworld_plan(1, NARU_UDP, 2), *less = without_first(NARU_UDP);
	struct dataplane *d = dpworld_open();
	uint64_t begun, slice, longest = 0;
	size_t left;

	(void)state;
	dpworld_apply(d, plan);
	fill_table(d, plan);
	begun = slice = now_us();
	dpworld_apply(d, less);
	for (longest = now_us() - slice; dataplane_hurries(d);) {
		slice = now_us();
		dataplane_hurry(d);
		if (now_us() - slice > longest)
			longest = now_us() - slice;
	}
	print_message("full table: %.1f ms, twice read, longest slice %.1f ms\n",
		      (double)(now_us() - begun) / 1000, (double)longest / 1000);
	left = count();
	assert_int_equal(left, NARU_FLOWS_MAX / 2);
	/* A walk may miss an entry whose neighbour has just gone; the next one meets it. */
	for (int i = 0; i < 3 && count(); i++)
		dpworld_settle(d);
	assert_int_equal(count(), 0);
	plan_free(plan);
	plan_free(less);
	dpworld_close(d);
}

/* A reply entry alone goes, but not at first sight. */
static void test_orphan(void **state)
{
	struct plan *plan = dpworld_plan(1, NARU_TCP, 1);
	struct dataplane *d = dpworld_open();
	struct pair p;

	(void)state;
	dpworld_apply(d, plan);
	p = pair_of(d, plan, 5000, tick_now());
	p.rev.f.seen = 0;
	dpworld_open_flows();
	flows_put(NULL, NULL, &p.rev_key, &p.rev);
	dataplane_tick(d);
	assert_int_equal(count(), 1);
	dpworld_settle(d);
	assert_int_equal(count(), 0);
	plan_free(plan);
	dpworld_close(d);
}

/* The same client, redirected to the endpoint from an address and port of the node; NULL: from its
 * own (--bypass-netfilter). */
static struct pair redirected_pair(struct dataplane *d, const struct plan *plan, const char *snat,
				   uint16_t port)
{
	struct pair p = pair_of(d, plan, port, tick_now());

	p.fwd.f.road = p.rev.f.road = NARU_REDIRECT;
	p.rev_key.hook = NARU_INGRESS;
	if (snat) {
		struct addr addr = dpworld_addr(snat);

		encode_addr4(&addr, p.fwd.saddr);
		encode_addr4(&addr, p.rev_key.daddr);
		p.fwd.f.flags |= NARU_F_SNAT;
		p.rev.f.flags |= NARU_F_SNAT;
	}
	return p;
}

static bool front_has_port(const struct naru_filter *filter, uint16_t port)
{
	return filter->front.ports[0][port / 32] >> port % 32 & 1;
}

static bool front_has_addr(const struct naru_filter *filter, const char *text)
{
	struct addr addr = dpworld_addr(text);
	uint32_t bit = encode_addr_bit(&addr);

	return filter->front.addrs[bit / 32] >> bit % 32 & 1;
}

/* A restart with other settings: what the new programs would overlook has its bits at once. */
static void check_changed_settings(const struct dataplane_config *before, const char *snat,
				   bool needs_bits)
{
	struct plan *plan = dpworld_plan(1, NARU_TCP, 1);
	struct dataplane *d = dpworld_open_with(before);
	int fd = dpworld_pin_fd("filter");
	struct naru_filter *filter = mmap(NULL, sizeof(*filter), PROT_READ, MAP_SHARED, fd, 0);
	struct pair p;

	assert_true(filter != MAP_FAILED);
	dpworld_apply(d, plan);
	p = redirected_pair(d, plan, snat, 40001);
	insert(&p);
	assert_false(front_has_port(filter, 40001));
	dpworld_close(d);
	d = needs_bits ? dpworld_open() : dpworld_open_with(before);
	assert_int_equal(front_has_port(filter, 40001), needs_bits);
	assert_int_equal(front_has_addr(filter, snat ? snat : "198.51.100.9"), needs_bits);
	dpworld_apply(d, plan);
	dpworld_settle(d);
	assert_int_equal(front_has_port(filter, 40001), needs_bits);
	assert_int_equal(count(), 2);
	munmap(filter, sizeof(*filter));
	close(fd);
	plan_free(plan);
	dpworld_close(d);
}

static void test_other_snat_ports(void **state)
{
	struct dataplane_config before = dpworld_config();

	(void)state;
	before.snat_min = 40000;
	before.snat_max = 50000;
	check_changed_settings(&before, "192.0.2.33", true);
}

static void test_no_more_bypass(void **state)
{
	struct dataplane_config before = dpworld_config();

	(void)state;
	before.bypass_netfilter = true;
	check_changed_settings(&before, NULL, true);
}

/* Bits of all clients would let everything through. */
static void test_bypass_needs_no_bits(void **state)
{
	struct dataplane_config before = dpworld_config();

	(void)state;
	before.bypass_netfilter = true;
	check_changed_settings(&before, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_flow_listing_and_expiry, dpworld_clean),
		cmocka_unit_test_teardown(test_flow_holds_ids, dpworld_clean),
		cmocka_unit_test_teardown(test_c1_udp_flow_leaves_with_its_endpoint, dpworld_clean),
		cmocka_unit_test_teardown(test_c1_udp_flow_stays_while_its_endpoint_serves,
					  dpworld_clean),
		cmocka_unit_test_teardown(test_c2_udp_flow_leaves_with_the_last_endpoint,
					  dpworld_clean),
		cmocka_unit_test_teardown(test_c4_tcp_flow_stays, dpworld_clean),
		cmocka_unit_test_teardown(test_full_table, dpworld_clean),
		cmocka_unit_test_teardown(test_orphan, dpworld_clean),
		cmocka_unit_test_teardown(test_other_snat_ports, dpworld_clean),
		cmocka_unit_test_teardown(test_no_more_bypass, dpworld_clean),
		cmocka_unit_test_teardown(test_bypass_needs_no_bits, dpworld_clean),
	};

	return cmocka_run_group_tests_name("dataplane_flows", tests, dpworld_group_setup,
					   dpworld_group_teardown);
}
