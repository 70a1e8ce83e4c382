/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two first packets of one flow at the same time, on two processors: what a resolver's two queries
 * from one port are. One of them makes the flow. The other has to go the same way, not to be lost.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "node.h"
#include "node_services.h"
#include "packet.h"

#define PAIRS 20000
/* Of a thousand: the one that makes the flow may be interrupted for longer than the other waits. */
#define LOST_MAX 1

struct twin {
	int cpu, family;
	enum program program;
	pthread_barrier_t *together;
	uint32_t *arrived; /* common: counts both */
	int errors, lost;
	uint16_t port[PAIRS]; /* that the packet was sent on with */
	pthread_t thread;
};

static void meet(struct twin *t, uint32_t round)
{
	__atomic_add_fetch(t->arrived, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(t->arrived, __ATOMIC_SEQ_CST) < 2 * (round + 1))
		;
}

static void *send_all(void *arg)
{
	struct twin *t = arg;
	int on = t->program == XDP_INGRESS ? (int)XDP_TX : TC_ACT_REDIRECT;
	int drop = t->program == XDP_INGRESS ? (int)XDP_DROP : TC_ACT_SHOT;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(t->cpu, &set);
	t->errors = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	pthread_barrier_wait(t->together);
	for (uint32_t i = 0; i < PAIRS; i++) {
		struct packet p = { .src = CLIENT,
				    .sport = (uint16_t)(1024 + i),
				    .dst = VIP,
				    .dport = PORT_REMOTE,
				    .proto = IPPROTO_UDP,
				    .from = GATEWAY,
				    .to = NIC0_MAC };
		uint8_t frame[PACKET_MAX];
		size_t len = packet_build(&p, t->family, frame);
		struct node_run run;
		int r;

		meet(t, i);
		r = node_run(t->program, NIC0, frame, len, 0, &run);
		if (!r && run.verdict == on)
			t->port[i] = packet_get16(run.frame + packet_l4(run.frame));
		else if (!r && run.verdict == drop)
			t->lost++;
		else
			t->errors++;
	}
	return NULL;
}

static void meet_new_flows(int family, enum program program)
{
	static struct twin twins[2];
	pthread_barrier_t together;
	uint32_t arrived = 0, differ = 0;

	node_clear_flows();
	pthread_barrier_init(&together, NULL, 2);
	for (int i = 0; i < 2; i++) {
		twins[i] = (struct twin){ .cpu = i,
					  .family = family,
					  .program = program,
					  .together = &together,
					  .arrived = &arrived };
		assert_int_equal(pthread_create(&twins[i].thread, NULL, send_all, &twins[i]), 0);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(twins[i].thread, NULL);
	pthread_barrier_destroy(&together);
	for (int i = 0; i < PAIRS; i++)
		differ += twins[0].port[i] && twins[1].port[i] &&
			  twins[0].port[i] != twins[1].port[i];
	print_message("%d and %d of %d lost\n", twins[0].lost, twins[1].lost, PAIRS);
	assert_int_equal(twins[0].errors + twins[1].errors, 0);
	assert_int_equal(differ, 0);
	assert_int_equal(node_count_flows(family), 2 * PAIRS);
	assert_in_range(twins[0].lost + twins[1].lost, 0, 2 * PAIRS * LOST_MAX / 1000);
}

static void both_packets_go_the_same_way(void **state)
{
	(void)state;
	meet_new_flows(AF_INET, XDP_INGRESS);
	meet_new_flows(AF_INET6, XDP_INGRESS);
	meet_new_flows(AF_INET, TC_INGRESS);
	meet_new_flows(AF_INET6, TC_INGRESS);
}

static int set_up(void **state)
{
	(void)state;
	world_enter();
	node_load(
		&(struct node_options){ .flows = 8 * PAIRS, .snat_min = 1024, .snat_max = 65535 });
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	node_unload();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_packets_go_the_same_way),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
