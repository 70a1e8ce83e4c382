/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP's two zeros: a check sum that comes out as 0 is sent as ffff, since 0 means "none". And over
 * many flows and payloads every sum that leaves is right.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node.h"
#include "node_services.h"
#include "packet.h"

struct variant {
	const char *name;
	enum program program;
	int family;
	uint16_t port; /* of the service: names the road */
};

static const struct variant variants[] = {
	{ "TC, IPv4, stack", TC_INGRESS, AF_INET, PORT_LOCAL },
	{ "TC, IPv6, stack", TC_INGRESS, AF_INET6, PORT_LOCAL },
	{ "TC, IPv4, redirect", TC_INGRESS, AF_INET, PORT_REMOTE },
	{ "TC, IPv6, redirect", TC_INGRESS, AF_INET6, PORT_REMOTE },
	{ "XDP, IPv4, redirect", XDP_INGRESS, AF_INET, PORT_REMOTE },
	{ "XDP, IPv6, redirect", XDP_INGRESS, AF_INET6, PORT_REMOTE },
};

#define VARIANTS (sizeof(variants) / sizeof(*variants))

static void pass_through(const struct variant *v, const struct packet *p, struct node_run *ret_run)
{
	uint8_t frame[PACKET_MAX];
	size_t len = packet_build(p, v->family, frame);
	const char *sum;

	assert_int_equal(node_run(v->program, NIC0, frame, len, 0, ret_run), 0);
	assert_int_equal(ret_run->len, len);
	/* Translated: the destination port is the endpoint's. */
	assert_int_equal(packet_get16(ret_run->frame + packet_l4(ret_run->frame) + 2),
			 NODE_EP_PORT);
	sum = packet_wrong_sum(ret_run->frame, ret_run->len);
	if (sum)
		fail_msg("%s: %s check sum is wrong", v->name, sum);
}

static uint16_t add(uint16_t a, uint16_t b)
{
	uint32_t sum = (uint32_t)a + b;

	return (uint16_t)(sum + (sum >> 16));
}

static struct packet datagram(const struct variant *v, uint16_t client_port)
{
	return (struct packet){
		.src = CLIENT,
		.dst = VIP,
		.sport = client_port,
		.dport = v->port,
		.proto = IPPROTO_UDP,
		.from = GATEWAY,
		.to = NIC0_MAC,
		.payload = 2,
		.mark = 0x0101,
	};
}

/* What the payload lacks to make the sum zero is the check sum that came out before. */
static void zero_is_sent_as_ones(void **state)
{
	const struct variant *v = *state;
	struct packet p = datagram(v, 40000);
	struct node_run run;
	size_t l4;

	node_clear_flows();
	pass_through(v, &p, &run);
	l4 = packet_l4(run.frame);
	p.mark = add(p.mark, packet_get16(run.frame + l4 + 6));
	pass_through(v, &p, &run);
	assert_int_equal(packet_get16(run.frame + l4 + 6), 0xffff);
}

/* Check sums that go in as ffff, and all kinds of others. */
static void every_sum_is_right(void **state)
{
	const struct variant *v = *state;
	struct node_run run;
	uint8_t frame[PACKET_MAX];

	node_clear_flows();
	for (uint16_t i = 0; i < 300; i++) {
		struct packet p = datagram(v, 30000 + i % 100);

		p.payload = 2 + i % 97;
		p.mark = 1 + i * 217;
		if (i % 3 == 0) {
			packet_build(&p, v->family, frame);
			p.mark = add(p.mark, packet_get16(frame + packet_l4(frame) + 6));
		}
		pass_through(v, &p, &run);
	}
}

int main(void)
{
	static const struct CMUnitTest each[] = {
		cmocka_unit_test(zero_is_sent_as_ones),
		cmocka_unit_test(every_sum_is_right),
	};
	struct CMUnitTest tests[2 * VARIANTS];
	char names[2 * VARIANTS][80];
	int failed;

	world_enter();
	node_load(&(struct node_options){});
	for (size_t i = 0; i < 2 * VARIANTS; i++) {
		snprintf(names[i], sizeof(names[i]), "%s [%s]", each[i % 2].name,
			 variants[i / 2].name);
		tests[i] = each[i % 2];
		tests[i].name = names[i];
		tests[i].initial_state = (void *)&variants[i / 2];
	}
	failed = _cmocka_run_group_tests("sums", tests, 2 * VARIANTS, NULL, NULL);
	node_unload();
	return failed;
}
