/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source ports under load: most of a range is usable before a search fails, and a connection that
 * both ends have closed gives its port to the next one, long before its time is up. No other node's
 * ports tell what this one's will be.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "node.h"
#include "node_services.h"
#include "packet.h"

#define FIRST_PORT 20000
#define PORTS	   1000

static const struct node_options options = { .flows = 16384,
					     .snat_min = FIRST_PORT,
					     .snat_max = FIRST_PORT + PORTS - 1 };

struct variant {
	const char *name;
	enum program program;
	int family;
	int sent, dropped;
};

static const struct variant variants[] = {
	{ "TC, IPv4", TC_INGRESS, AF_INET, TC_ACT_REDIRECT, TC_ACT_SHOT },
	{ "TC, IPv6", TC_INGRESS, AF_INET6, TC_ACT_REDIRECT, TC_ACT_SHOT },
	{ "XDP, IPv4", XDP_INGRESS, AF_INET, XDP_TX, XDP_DROP },
	{ "XDP, IPv6", XDP_INGRESS, AF_INET6, XDP_TX, XDP_DROP },
};

#define VARIANTS (sizeof(variants) / sizeof(*variants))

static int pass_through(const struct variant *v, const struct packet *p, uint16_t *ret_sport)
{
	uint8_t frame[PACKET_MAX];
	size_t len = packet_build(p, v->family, frame);
	struct node_run run;

	assert_int_equal(node_run(v->program, NIC0, frame, len, 0, &run), 0);
	*ret_sport = packet_get16(run.frame + packet_l4(run.frame));
	return run.verdict;
}

/* A segment of the client; the source port it left with, 0 when it was dropped. */
static uint16_t knock(const struct variant *v, uint16_t client_port, uint8_t flags)
{
	struct packet p = { .src = CLIENT,
			    .dst = VIP,
			    .sport = client_port,
			    .dport = PORT_REMOTE,
			    .proto = IPPROTO_TCP,
			    .tcp = flags,
			    .from = GATEWAY,
			    .to = NIC0_MAC };
	uint16_t port;
	int verdict = pass_through(v, &p, &port);

	assert_true(verdict == v->sent || verdict == v->dropped);
	return verdict == v->sent ? port : 0;
}

/* A segment of the endpoint to a source port; true when it went on to the client. */
static bool answer(const struct variant *v, uint16_t port, uint8_t flags)
{
	struct packet p = { .src = REMOTE,
			    .dst = NODE,
			    .sport = NODE_EP_PORT,
			    .dport = port,
			    .proto = IPPROTO_TCP,
			    .tcp = flags,
			    .from = PEER0,
			    .to = NIC0_MAC };
	uint16_t unused;

	return pass_through(v, &p, &unused) == v->sent;
}

static void most_of_a_range_is_usable(void **state)
{
	const struct variant *v = *state;
	uint16_t made = 0;

	node_clear_flows();
	while (made < PORTS && knock(v, 30000 + made, SYN))
		made++;
	assert_in_range(made, PORTS * 7 / 10, PORTS);
}

static void closed_connections_give_ports_back(void **state)
{
	const struct variant *v = *state;
	uint16_t port;

	node_clear_flows();
	for (uint16_t i = 0; i < 3 * PORTS; i++) {
		port = knock(v, 30000 + i, SYN);
		if (!port)
			fail_msg("connection %u found no port", i + 1);
		assert_true(answer(v, port, SYN | ACK));
		assert_int_equal(knock(v, 30000 + i, FIN | ACK), port);
		assert_true(answer(v, port, FIN | ACK));
	}
	assert_in_range(node_count_flows(v->family), 2, 2 * PORTS);
}

/* What is still open keeps its port, however many others come and go. */
static void open_connections_keep_ports(void **state)
{
	const struct variant *v = *state;
	uint16_t port, held[100];

	node_clear_flows();
	for (uint16_t i = 0; i < 100; i++) {
		held[i] = knock(v, 20000 + i, SYN);
		assert_true(held[i] && answer(v, held[i], SYN | ACK));
		assert_int_equal(knock(v, 20000 + i, i % 2 ? ACK : FIN | ACK), held[i]);
	}
	for (uint16_t i = 0; i < 3 * PORTS; i++) {
		port = knock(v, 30000 + i, SYN);
		if (!port)
			continue;
		assert_true(answer(v, port, RST | ACK));
	}
	for (uint16_t i = 0; i < 100; i++)
		assert_int_equal(knock(v, 20000 + i, ACK), held[i]);
}

/* The ports of the first flows of a node with a seed. */
static void first_ports(const struct variant *v, uint64_t seed, uint16_t ret_ports[static 50])
{
	node_unload();
	node_load(&(struct node_options){ .port_seed = seed });
	for (uint16_t i = 0; i < 50; i++)
		ret_ports[i] = knock(v, 30000 + i, SYN);
	node_unload();
	node_load(&options);
}

static void ports_are_drawn_by_the_node(void **state)
{
	const struct variant *v = *state;
	uint16_t mine[50], again[50], others[50];
	unsigned same = 0;

	first_ports(v, 0x123456789, mine);
	first_ports(v, 0x123456789, again);
	first_ports(v, 0x023456789, others);
	assert_memory_equal(mine, again, sizeof(mine));
	for (int i = 0; i < 50; i++)
		same += mine[i] == others[i];
	assert_in_range(same, 0, 5);
}

int main(void)
{
	static const struct CMUnitTest each[] = {
		cmocka_unit_test(most_of_a_range_is_usable),
		cmocka_unit_test(closed_connections_give_ports_back),
		cmocka_unit_test(open_connections_keep_ports),
		cmocka_unit_test(ports_are_drawn_by_the_node),
	};
	enum {
		EACH = sizeof(each) / sizeof(*each),
	};
	struct CMUnitTest tests[EACH * VARIANTS];
	char names[EACH * VARIANTS][80];
	int failed;

	world_enter();
	node_load(&options);
	for (size_t i = 0; i < EACH * VARIANTS; i++) {
		snprintf(names[i], sizeof(names[i]), "%s [%s]", each[i % EACH].name,
			 variants[i / EACH].name);
		tests[i] = each[i % EACH];
		tests[i].name = names[i];
		tests[i].initial_state = (void *)&variants[i / EACH];
	}
	failed = _cmocka_run_group_tests("ports", tests, EACH * VARIANTS, NULL, NULL);
	node_unload();
	return failed;
}
