/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram is answered when its endpoint has already left the service, and narud has taken the
 * client's entry away: the answer still goes out in the service's name. Once it has, the entry that
 * is left over is of no flow.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <bpf/bpf.h>

#include <linux/pkt_cls.h>

#include "flows.h"
#include "node.h"
#include "node_services.h"
#include "packet.h"

#define CLIENT_PORT 41000

/* The source port with which a packet comes out. */
static uint16_t run(enum program program, const struct packet *p, int family)
{
	uint8_t frame[PACKET_MAX];
	struct node_run run;

	assert_int_equal(node_run(program, NIC0, frame, packet_build(p, family, frame), 0, &run),
			 0);
	assert_int_equal(run.verdict, TC_ACT_UNSPEC);
	return packet_get16(run.frame + packet_l4(run.frame));
}

static void ask(int family)
{
	const struct packet p = { .src = CLIENT,
				  .dst = VIP,
				  .sport = CLIENT_PORT,
				  .dport = PORT_LOCAL,
				  .proto = IPPROTO_UDP,
				  .from = GATEWAY,
				  .to = NIC0_MAC };

	assert_int_equal(run(TC_INGRESS, &p, family), CLIENT_PORT);
}

static uint16_t answer(int family)
{
	const struct packet p = { .src = POD,
				  .dst = CLIENT,
				  .sport = NODE_EP_PORT,
				  .dport = CLIENT_PORT,
				  .proto = IPPROTO_UDP,
				  .from = NIC0_MAC,
				  .to = GATEWAY };

	return run(TC_EGRESS, &p, family);
}

/* The client's entry, as the sweep in a hurry removes it. */
static void forget_client(int family)
{
	struct naru_flow4_key key4 = {
		.sport = CLIENT_PORT, .dport = PORT_LOCAL, .proto = NARU_UDP, .hook = NARU_INGRESS
	};
	struct naru_flow6_key key6 = {
		.sport = CLIENT_PORT, .dport = PORT_LOCAL, .proto = NARU_UDP, .hook = NARU_INGRESS
	};
	struct flow_copy found;

	world_addr(CLIENT, AF_INET, key4.saddr);
	world_addr(VIP, AF_INET, key4.daddr);
	world_addr(CLIENT, AF_INET6, key6.saddr);
	world_addr(VIP, AF_INET6, key6.daddr);
	assert_true(
		flows_find(family, family == AF_INET ? (void *)&key4 : &key6, node_now(), &found));
	flows_remove(&found);
}

static void check_late(int family)
{
	node_clear_flows();
	ask(family);
	forget_client(family);
	assert_int_equal(answer(family), PORT_LOCAL);
	assert_int_equal(node_count_flows(family), 1);
	ask(family);
	assert_int_equal(node_count_flows(family), 2);
	assert_int_equal(answer(family), PORT_LOCAL);
}

static void late_answer4(void **state)
{
	(void)state;
	check_late(AF_INET);
}

static void late_answer6(void **state)
{
	(void)state;
	check_late(AF_INET6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(late_answer4),
		cmocka_unit_test(late_answer6),
	};
	int failed;

	world_enter();
	node_load(&(struct node_options){ .flows = 1024 });
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	node_unload();
	return failed;
}
