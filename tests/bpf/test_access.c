/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may use a frontend, where a client comes back to, and what becomes of ports that nobody has:
 * source ranges, affinity, closed ports of a ClusterIP, NodePorts at some addresses only.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf.h>

#include "node.h"
#include "node_services.h"
#include "packet.h"

struct variant {
	const char *name;
	enum program program;
	uint8_t proto;
	int family;
	int sent; /* out of the device that it came from */
};

static const struct variant variants[] = {
	{ "TC, TCP, IPv4", TC_INGRESS, IPPROTO_TCP, AF_INET, TC_ACT_REDIRECT },
	{ "TC, UDP, IPv4", TC_INGRESS, IPPROTO_UDP, AF_INET, TC_ACT_REDIRECT },
	{ "TC, SCTP, IPv4", TC_INGRESS, IPPROTO_SCTP, AF_INET, TC_ACT_REDIRECT },
	{ "TC, TCP, IPv6", TC_INGRESS, IPPROTO_TCP, AF_INET6, TC_ACT_REDIRECT },
	{ "TC, UDP, IPv6", TC_INGRESS, IPPROTO_UDP, AF_INET6, TC_ACT_REDIRECT },
	{ "TC, SCTP, IPv6", TC_INGRESS, IPPROTO_SCTP, AF_INET6, TC_ACT_REDIRECT },
	{ "XDP, TCP, IPv4", XDP_INGRESS, IPPROTO_TCP, AF_INET, XDP_TX },
	{ "XDP, UDP, IPv4", XDP_INGRESS, IPPROTO_UDP, AF_INET, XDP_TX },
	{ "XDP, TCP, IPv6", XDP_INGRESS, IPPROTO_TCP, AF_INET6, XDP_TX },
	{ "XDP, UDP, IPv6", XDP_INGRESS, IPPROTO_UDP, AF_INET6, XDP_TX },
};

#define VARIANTS (sizeof(variants) / sizeof(*variants))

/* Services of these tests alone: numbers beyond those of the table. */
#define ID	  9000
#define OTHER_ID  9001
#define LIST	  4000 /* blocks */
#define LIST_ENDS 40   /* endpoints of a set that is more than one block */

static bool is_xdp(const struct variant *v)
{
	return v->program == XDP_INGRESS;
}

/* XDP leaves it to TC, which lets it through. */
static int passed(const struct variant *v)
{
	return is_xdp(v) ? XDP_PASS : TC_ACT_UNSPEC;
}

static int dropped(const struct variant *v)
{
	return is_xdp(v) ? XDP_PASS : TC_ACT_SHOT;
}

/* ---- packets ---- */

/* The first packet of a flow; returns the verdict, *ret_frame is what came out. */
static int knock_at(const struct variant *v, enum device at, const struct packet *ends,
		    struct node_run *ret_run)
{
	struct packet p = *ends;
	uint8_t frame[PACKET_MAX];
	size_t len;

	p.proto = v->proto;
	p.tcp = v->proto == IPPROTO_UDP ? 0 : SYN;
	p.from = world_sender_mac(at);
	p.to = world_own_mac(at);
	len = packet_build(&p, v->family, frame);
	assert_int_equal(node_run(v->program, at, frame, len, 0, ret_run), 0);
	return ret_run->verdict;
}

static int knock(const struct variant *v, enum host src, uint16_t sport, enum host dst,
		 uint16_t dport)
{
	struct packet p = { .src = src, .sport = sport, .dst = dst, .dport = dport };
	struct node_run run;

	return knock_at(v, NIC0, &p, &run);
}

/* Where a new flow from NIC0 to PORT_MANY of an address goes. */
static enum host goes_to(const struct variant *v, enum host src, uint16_t sport, enum host dst)
{
	static const enum host hosts[] = { REMOTE, REMOTE1 };
	struct packet p = { .src = src, .sport = sport, .dst = dst, .dport = PORT_MANY };
	size_t len = v->family == AF_INET ? 4 : 16, at = v->family == AF_INET ? 30 : 38;
	struct node_run run;

	knock_at(v, NIC0, &p, &run);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		uint8_t addr[16];

		world_addr(hosts[i], v->family, addr);
		if (!memcmp(run.frame + at, addr, len))
			return hosts[i];
	}
	return NOBODY;
}

static uint64_t counted(enum naru_counter id)
{
	uint64_t values[NARU_C_MAX];

	node_counters(values);
	return values[id];
}

/* ---- services ---- */

static void put(const char *map, const void *key, const void *value)
{
	assert_int_equal(bpf_map_update_elem(node_map(map), key, value, BPF_ANY), 0);
}

static struct naru_svc_key svc_key(const struct variant *v, enum host vip, uint16_t port)
{
	struct naru_svc_key key = { .port = port, .proto = v->proto };

	key.family = v->family == AF_INET ? 4 : 6;
	if (vip)
		world_mapped(vip, v->family, key.addr);
	return key;
}

/* An existing service with another id and rules. */
static struct naru_svc change(const struct variant *v, enum host vip, uint16_t port)
{
	struct naru_svc_key key = svc_key(v, vip, port);
	struct naru_svc svc;

	assert_int_equal(bpf_map_lookup_elem(node_map("svc"), &key, &svc), 0);
	svc.id = ID;
	return svc;
}

static void set(const struct variant *v, enum host vip, uint16_t port, const struct naru_svc *svc)
{
	struct naru_svc_key key = svc_key(v, vip, port);

	put("svc", &key, svc);
}

static void allow(const struct variant *v, uint32_t service, enum host client, uint32_t bits)
{
	struct naru_range_key key = { .prefixlen = 32 + bits, .svc = service };
	uint8_t one = 1;

	world_mapped(client, v->family, key.addr);
	put("source_range", &key, &one);
}

/* Sets of endpoints of this test: `first` of REMOTE1, the rest REMOTE; the hash always leads to
 * the last one. */
static struct naru_set make_set(const struct variant *v, uint32_t list, uint32_t count,
				uint32_t place)
{
	struct naru_set s = { .count = count, .list = list, .lut = list, .lut_len = 31 };
	struct naru_lut_block lut;

	for (uint32_t i = 0; i < NARU_LUT_SLOTS; i++)
		lut.index[i] = (uint16_t)(place ? 0 : count - 1);
	put("lut", &list, &lut);
	for (uint32_t b = 0; b * NARU_LIST_SLOTS < count; b++) {
		uint32_t key = list + b;
		struct naru_list_block block = {};

		for (uint32_t i = 0; i < NARU_LIST_SLOTS; i++)
			block.id[i] =
				node_services_endpoint(b * NARU_LIST_SLOTS + i == place ? REMOTE1
											: REMOTE,
						       v->proto, v->family);
		put("ep_list", &key, &block);
	}
	return s;
}

static void remember(const struct variant *v, enum host client, enum host ep, uint32_t index,
		     uint32_t ago)
{
	struct naru_affinity_key key = { .svc = ID };
	struct naru_affinity value = {
		.ep = node_services_endpoint(ep, v->proto, v->family),
		.index = index,
		.seen = node_now() - ago,
	};

	world_mapped(client, v->family, key.client);
	put("affinity", &key, &value);
}

static bool recall(const struct variant *v, enum host client, struct naru_affinity *ret)
{
	struct naru_affinity_key key = { .svc = ID };

	world_mapped(client, v->family, key.client);
	return !bpf_map_lookup_elem(node_map("affinity"), &key, ret);
}

static void empty(const char *map, size_t key_size)
{
	uint8_t key[64];

	assert_true(key_size <= sizeof(key));
	while (!bpf_map_get_next_key(node_map(map), NULL, key))
		assert_int_equal(bpf_map_delete_elem(node_map(map), key), 0);
}

static int set_up(void **state)
{
	(void)state;
	empty("source_range", sizeof(struct naru_range_key));
	empty("affinity", sizeof(struct naru_affinity_key));
	node_clear_flows();
	node_services_fill();
	return 0;
}

/* ---- affinity ---- */

/* Wherever the endpoint stands in the list by now. */
static void comes_back_to_its_endpoint(void **state)
{
	static const uint32_t places[] = { 1, 15, 16, 39 };
	const struct variant *v = *state;
	struct naru_svc svc = change(v, VIP, PORT_MANY);
	struct naru_affinity now;

	svc.affinity = 100;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		svc.external = make_set(v, LIST, LIST_ENDS, places[i]);
		set(v, VIP, PORT_MANY, &svc);
		set(v, LB, PORT_MANY, &svc);
		remember(v, CLIENT, REMOTE1, 1, 50);
		node_clear_flows();
		assert_int_equal(goes_to(v, CLIENT, 40000, VIP), REMOTE1);
		assert_int_equal(goes_to(v, CLIENT, 40001, LB), REMOTE1);
		assert_true(recall(v, CLIENT, &now));
		assert_int_equal(now.index, places[i]);
		assert_in_range(node_now() - now.seen, 0, 2);
		assert_int_equal(goes_to(v, CLIENT2, 40000, VIP), REMOTE);
	}
}

/* Too late, or to an endpoint that the set has no more: chosen anew, and kept from there. */
static void is_chosen_anew(void **state)
{
	const struct variant *v = *state;
	struct naru_svc svc = change(v, VIP, PORT_MANY);
	struct naru_affinity now;

	svc.affinity = 100;
	svc.external = make_set(v, LIST, LIST_ENDS, 1);
	set(v, VIP, PORT_MANY, &svc);
	remember(v, CLIENT, REMOTE, 7, 110);
	assert_int_equal(goes_to(v, CLIENT, 40000, VIP), REMOTE);
	assert_true(recall(v, CLIENT, &now));
	assert_in_range(node_now() - now.seen, 0, 2);
	remember(v, CLIENT, SILENT, 0, 0);
	assert_int_equal(goes_to(v, CLIENT, 40001, VIP), REMOTE);
	assert_true(recall(v, CLIENT, &now));
	assert_int_equal(now.ep, node_services_endpoint(REMOTE, v->proto, v->family));
	/* What is behind the set's end in its last block is none of it. */
	svc.external.count = 1;
	svc.external.lut_len = 0;
	set(v, VIP, PORT_MANY, &svc);
	remember(v, CLIENT, REMOTE1, 1, 0);
	assert_int_equal(goes_to(v, CLIENT, 40002, VIP), REMOTE);
}

/* Nothing is remembered without it, and what was is not looked at. */
static void is_off(void **state)
{
	const struct variant *v = *state;
	struct naru_svc svc = change(v, VIP, PORT_MANY);
	struct naru_affinity now;

	svc.external = make_set(v, LIST, LIST_ENDS, 1);
	set(v, VIP, PORT_MANY, &svc);
	remember(v, CLIENT, REMOTE1, 1, 0);
	assert_int_equal(goes_to(v, CLIENT, 40000, VIP), REMOTE);
	assert_int_equal(goes_to(v, CLIENT2, 40000, VIP), REMOTE);
	assert_false(recall(v, CLIENT2, &now));
}

/* ---- source ranges ---- */

static void ranges_admit(void **state)
{
	const struct variant *v = *state;
	struct naru_svc svc = change(v, LB, PORT_LB_REMOTE);
	uint64_t before, lost;

	svc.ranged = 1;
	set(v, LB, PORT_LB_REMOTE, &svc);
	before = counted(NARU_C_SOURCE_RANGE);
	lost = node_losses(svc.id, NARU_C_SOURCE_RANGE);
	assert_int_equal(knock(v, CLIENT, 40000, LB, PORT_LB_REMOTE), dropped(v));
	assert_int_equal(counted(NARU_C_SOURCE_RANGE) - before, is_xdp(v) ? 0 : 1);
	assert_int_equal(node_losses(svc.id, NARU_C_SOURCE_RANGE) - lost, is_xdp(v) ? 0 : 1);
	/* Another service's range does not count. */
	allow(v, OTHER_ID, CLIENT, 128);
	assert_int_equal(knock(v, CLIENT, 40000, LB, PORT_LB_REMOTE), dropped(v));
	assert_int_equal(node_count_flows(v->family), 0);
	allow(v, ID, CLIENT, 128);
	assert_int_equal(knock(v, CLIENT, 40000, LB, PORT_LB_REMOTE), v->sent);
	assert_int_equal(knock(v, CLIENT2, 40000, LB, PORT_LB_REMOTE), dropped(v));
	/* Of everybody in the family. */
	allow(v, ID, CLIENT, v->family == AF_INET ? 96 : 0);
	assert_int_equal(knock(v, CLIENT2, 40000, LB, PORT_LB_REMOTE), v->sent);
}

/* By their own address, and whether or not the service has an endpoint. */
static void pods_are_no_exception(void **state)
{
	const struct variant *v = *state;
	struct packet p = { .src = POD, .sport = 40000, .dst = LB, .dport = PORT_LB_LOCAL };
	struct naru_svc svc = change(v, LB, PORT_LB_LOCAL);
	struct node_run run;

	if (is_xdp(v))
		return;
	svc.ranged = 1;
	svc.internal.count = 0;
	set(v, LB, PORT_LB_LOCAL, &svc);
	allow(v, ID, POD2, 128);
	assert_int_equal(knock_at(v, POD0, &p, &run), TC_ACT_SHOT);
	svc.internal = svc.external;
	set(v, LB, PORT_LB_LOCAL, &svc);
	assert_int_equal(knock_at(v, POD0, &p, &run), TC_ACT_SHOT);
	allow(v, ID, POD, 128);
	assert_int_equal(knock_at(v, POD0, &p, &run), TC_ACT_REDIRECT); /* itself: hairpin */
}

/* ---- closed ports ---- */

static void close_ports(const struct variant *v, enum host vip)
{
	static struct naru_filter filter;
	struct naru_svc_key key = svc_key(v, vip, 0);
	struct naru_svc svc = { .kind = NARU_NO_PORT };
	uint32_t zero = 0, addr[4], bit;

	key.proto = 0;
	put("svc", &key, &svc);
	world_addr(vip, v->family, (uint8_t *)addr);
	bit = naru_addr_bit(addr, v->family == AF_INET ? 1 : 4);
	assert_int_equal(bpf_map_lookup_elem(node_map("filter"), &zero, &filter), 0);
	filter.closed[bit / 32] |= 1u << bit % 32;
	put("filter", &zero, &filter);
}

static void open_ports(const struct variant *v, enum host vip)
{
	struct naru_svc_key key = svc_key(v, vip, 0);

	key.proto = 0;
	bpf_map_delete_elem(node_map("svc"), &key);
}

static void unused_ports_are_refused(void **state)
{
	const struct variant *v = *state;
	struct packet p = { .src = CLIENT, .sport = 40000, .dst = VIP, .dport = 4711 };
	uint64_t before = counted(NARU_C_CLOSED_PORT);
	int verdict = is_xdp(v) ? XDP_PASS : TC_ACT_REDIRECT;
	struct node_run run;

	assert_int_equal(knock(v, CLIENT, 40000, VIP, 4711), passed(v));
	close_ports(v, VIP);
	assert_int_equal(knock_at(v, NIC0, &p, &run), verdict);
	assert_int_equal(counted(NARU_C_CLOSED_PORT) - before, is_xdp(v) ? 0 : 1);
	assert_int_equal(node_count_flows(v->family), 0);
	/* Its services, and other addresses. */
	assert_int_equal(knock(v, CLIENT, 40000, VIP, PORT_REMOTE), v->sent);
	assert_int_equal(knock(v, CLIENT, 40000, VIP2, 4711), passed(v));
	assert_int_equal(knock(v, CLIENT, 40000, NODE, 4711), passed(v));
	assert_int_equal(counted(NARU_C_CLOSED_PORT) - before, is_xdp(v) ? 0 : 1);
	/* A bit alone closes nothing. */
	open_ports(v, VIP);
	assert_int_equal(knock(v, CLIENT, 40000, VIP, 4711), passed(v));
}

/* Segments that open no connection are the kernel's. */
static void only_opening_segments_are_refused(void **state)
{
	const struct variant *v = *state;
	struct packet p = { .src = CLIENT,
			    .sport = 40000,
			    .dst = VIP,
			    .dport = 4711,
			    .proto = v->proto,
			    .tcp = ACK,
			    .from = GATEWAY,
			    .to = NIC0_MAC };
	uint8_t frame[PACKET_MAX];
	struct node_run run;
	size_t len = packet_build(&p, v->family, frame);

	if (v->proto == IPPROTO_UDP)
		return;
	close_ports(v, VIP);
	assert_int_equal(node_run(v->program, NIC0, frame, len, 0, &run), 0);
	assert_int_equal(run.verdict, passed(v));
	open_ports(v, VIP);
}

/* ---- NodePorts ---- */

static void serve(const struct variant *v, enum host node, uint8_t node_port)
{
	struct naru_node_addr value = { .ifindex = world_ifindex(NIC0), .node_port = node_port };
	struct naru_addr addr;

	world_mapped(node, v->family, addr.addr);
	put("node_addr", &addr, &value);
}

/* An address that serves no NodePorts still has its hostPorts. */
static void addresses_without_node_ports(void **state)
{
	const struct variant *v = *state;
	struct naru_svc svc = change(v, NOBODY, PORT_NODE_REMOTE);

	serve(v, NODE, 0);
	assert_int_equal(knock(v, CLIENT, 40000, NODE, PORT_NODE_REMOTE), passed(v));
	assert_int_equal(knock(v, CLIENT, 40000, NODE1, PORT_NODE_REMOTE), v->sent);
	svc.kind = NARU_HOST_PORT;
	set(v, NOBODY, PORT_NODE_REMOTE, &svc);
	assert_int_equal(knock(v, CLIENT, 40001, NODE, PORT_NODE_REMOTE), v->sent);
	serve(v, NODE, 1);
}

/* Pods, VIPs and strangers that merely share the port (A3). */
static void node_ports_are_at_the_node_only(void **state)
{
	const struct variant *v = *state;
	static const enum host others[] = { POD, VIP, LB, REMOTE, STRANGER };

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_int_equal(knock(v, CLIENT, 40000, others[i], PORT_NODE_REMOTE), passed(v));
	assert_int_equal(node_count_flows(v->family), 0);
}

int main(void)
{
	static const struct CMUnitTest each[] = {
		cmocka_unit_test_setup(comes_back_to_its_endpoint, set_up),
		cmocka_unit_test_setup(is_chosen_anew, set_up),
		cmocka_unit_test_setup(is_off, set_up),
		cmocka_unit_test_setup(ranges_admit, set_up),
		cmocka_unit_test_setup(pods_are_no_exception, set_up),
		cmocka_unit_test_setup(unused_ports_are_refused, set_up),
		cmocka_unit_test_setup(only_opening_segments_are_refused, set_up),
		cmocka_unit_test_setup(addresses_without_node_ports, set_up),
		cmocka_unit_test_setup(node_ports_are_at_the_node_only, set_up),
	};
	enum {
		EACH = sizeof(each) / sizeof(*each),
	};
	struct CMUnitTest tests[EACH * VARIANTS];
	char names[EACH * VARIANTS][80];
	int failed;

	world_enter();
	node_load(&(struct node_options){});
	for (size_t i = 0; i < EACH * VARIANTS; i++) {
		const struct variant *v = &variants[i / EACH];

		snprintf(names[i], sizeof(names[i]), "%s [%s]", each[i % EACH].name, v->name);
		tests[i] = each[i % EACH];
		tests[i].name = names[i];
		tests[i].initial_state = (void *)v;
	}
	failed = _cmocka_run_group_tests("access", tests, EACH * VARIANTS, NULL, NULL);
	node_unload();
	return failed;
}
