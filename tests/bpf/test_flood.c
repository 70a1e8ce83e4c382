/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floods: SYNs from invented addresses must not hold their entries for longer than a handshake may
 * take; frames to another machine, which a segment floods to all, are not for this node.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf.h>

#include <naru/expire.h>

#include "flows.h"
#include "node.h"
#include "node_services.h"
#include "packet.h"

#define ENTRIES 8

struct segment {
	enum host src;
	uint16_t sport;
	enum host dst;
	uint16_t dport;
	uint8_t tcp;
	enum station from;
	enum station to; /* NONE: nic0 */
};

static void receive(int family, enum program program, const struct segment *s,
		    struct node_run *ret_run)
{
	struct packet p = { .src = s->src,
			    .sport = s->sport,
			    .dst = s->dst,
			    .dport = s->dport,
			    .tcp = s->tcp,
			    .proto = IPPROTO_TCP,
			    .from = s->from,
			    .to = s->to ? s->to : NIC0_MAC };
	uint8_t frame[PACKET_MAX];
	size_t len = packet_build(&p, family, frame);

	assert_int_equal(node_run(program, NIC0, frame, len, 0, ret_run), 0);
}

/* One segment at nic0; returns the source port it was sent on with. */
static uint16_t send_on(int family, enum program program, const struct segment *s)
{
	struct node_run run;

	receive(family, program, s, &run);
	assert_int_equal(run.verdict, program == XDP_INGRESS ? (int)XDP_TX : TC_ACT_REDIRECT);
	return packet_get16(run.frame + packet_l4(run.frame));
}

/* The state of the only flow there is. */
static enum naru_flow_state only_flow(int family)
{
	struct flow_copy entries[ENTRIES];
	struct naru_flow half[2] = {};
	size_t n = flows_all(family, node_now(), entries, ENTRIES);

	for (size_t i = 0; i < n; i++) {
		const struct naru_flow *f =
			flow_tail(&flow_families[entries[i].entry.family], entries[i].value);

		half[!!(f->flags & NARU_F_REPLY)] = *f;
	}
	assert_int_equal(n, 2);
	return naru_flow_state(&half[0], &half[1], NARU_TCP);
}

/* The endpoint answers whoever is said to have sent the SYN: that makes no connection. */
static void handshake(int family, enum program program)
{
	struct segment syn = { CLIENT, 40000, VIP, PORT_REMOTE, SYN, GATEWAY, NONE };
	struct segment answer = { REMOTE, NODE_EP_PORT, NODE, 0, SYN | ACK, PEER0, NONE };
	struct segment ack = { CLIENT, 40000, VIP, PORT_REMOTE, ACK, GATEWAY, NONE };

	node_clear_flows();
	answer.dport = send_on(family, program, &syn);
	assert_int_equal(only_flow(family), NARU_OPENING);
	send_on(family, program, &answer);
	send_on(family, program, &syn);
	send_on(family, program, &answer);
	assert_int_equal(only_flow(family), NARU_OPENING);
	send_on(family, program, &ack);
	assert_int_equal(only_flow(family), NARU_ESTABLISHED);
}

static void only_the_client_completes_a_handshake(void **state)
{
	(void)state;
	handshake(AF_INET, TC_INGRESS);
	handshake(AF_INET6, TC_INGRESS);
	handshake(AF_INET, XDP_INGRESS);
	handshake(AF_INET6, XDP_INGRESS);
}

/* Else every node that sees the SYN would open a connection to an endpoint of its own choice. */
static void passed_by(int family, enum program program, uint16_t port)
{
	struct segment syn = { CLIENT, 40000, VIP, port, SYN, GATEWAY, NIC1_MAC };
	struct node_run run;

	node_clear_flows();
	receive(family, program, &syn, &run);
	assert_int_equal(run.verdict, program == XDP_INGRESS ? (int)XDP_PASS : TC_ACT_UNSPEC);
	assert_int_equal(node_count_flows(family), 0);
}

static void frames_of_other_machines_are_left_alone(void **state)
{
	static const uint16_t ports[] = { PORT_REMOTE, PORT_LOCAL, PORT_EMPTY };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		passed_by(AF_INET, TC_INGRESS, ports[i]);
		passed_by(AF_INET6, TC_INGRESS, ports[i]);
		passed_by(AF_INET, XDP_INGRESS, ports[i]);
		passed_by(AF_INET6, XDP_INGRESS, ports[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_client_completes_a_handshake),
		cmocka_unit_test(frames_of_other_machines_are_left_alone),
	};
	int failed;

	world_enter();
	node_load(&(struct node_options){});
	failed = cmocka_run_group_tests_name("flood", tests, NULL, NULL);
	node_unload();
	return failed;
}
