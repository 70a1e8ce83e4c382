/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has a VIP, asked by ARP and neighbour discovery: what the announcer answers, byte by byte as
 * the RFCs have it, and what the others keep to themselves; by the program of layer 4 and by the
 * one that stands alone.
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

#include "node.h"
#include "packet.h"

#ifndef BPF_F_TEST_SKB_CHECKSUM_COMPLETE
#define BPF_F_TEST_SKB_CHECKSUM_COMPLETE (1u << 2)
#endif

/* LB is announced by this node, VIP2 is not, VIP is a ClusterIP. */
enum answer {
	KEEPS_STILL, /* dropped and counted */
	ANSWERS,
	PASSES,
};

struct question {
	const char *name;
	enum host target;
	enum host sender; /* NOBODY: an address that is still to be had */
	enum device at;
	enum answer answer;
	bool unicast;	     /* to the device itself */
	bool option;	     /* IPv6: with the sender's link address */
	unsigned padding;    /* bytes */
	unsigned at_byte;    /* not 0: this byte of the frame... */
	unsigned is_instead; /* ...is another one */
	int family;	     /* 0: both */
};

static const struct question questions[] = {
	{ "announced", LB, CLIENT, NIC0, ANSWERS, .option = true },
	{ "announced, no option", LB, CLIENT, NIC0, ANSWERS, .option = false },
	{ "announced, the other device", LB, CLIENT, NIC1, ANSWERS, .option = true },
	{ "announced, padded", LB, CLIENT, NIC0, ANSWERS, .padding = 18 },
	{ "announced, to the device", LB, CLIENT, NIC0, ANSWERS, .unicast = true, .option = true },
	{ "announced, is it free", LB, NOBODY, NIC0, ANSWERS, .option = false },
	{ "not announced", VIP2, CLIENT, NIC0, KEEPS_STILL, .option = true },
	{ "not announced, to the device", VIP2, CLIENT, NIC1, KEEPS_STILL, .unicast = true },
	{ "not announced, is it free", VIP2, NOBODY, NIC0, KEEPS_STILL, .option = false },
	{ "of a service", VIP, CLIENT, NIC0, KEEPS_STILL, .option = true },
	{ "of the node", NODE, CLIENT, NIC0, PASSES, .option = true },
	{ "of nobody", STRANGER, CLIENT, NIC0, PASSES, .option = true },
	/* A pod asks its own node, whatever it announces. */
	{ "a pod, announced", LB, POD, POD0, PASSES, .option = true },
	{ "a pod, not announced", VIP2, POD, POD0, PASSES, .option = true },
	{ "tells its own", LB, LB, NIC0, KEEPS_STILL, .family = AF_INET },
	{ "an answer", LB, CLIENT, NIC0, PASSES, .at_byte = 21, .is_instead = 2,
	  .family = AF_INET },
	{ "not Ethernet", LB, CLIENT, NIC0, PASSES, .at_byte = 15, .is_instead = 6,
	  .family = AF_INET },
	{ "not IPv4", LB, CLIENT, NIC0, PASSES, .at_byte = 16, .is_instead = 9, .family = AF_INET },
	{ "other lengths", LB, CLIENT, NIC0, PASSES, .at_byte = 18, .is_instead = 8,
	  .family = AF_INET },
	{ "other lengths", LB, CLIENT, NIC0, PASSES, .at_byte = 19, .is_instead = 16,
	  .family = AF_INET },
	{ "from far away", LB, CLIENT, NIC0, PASSES, .at_byte = 21, .is_instead = 254,
	  .family = AF_INET6 },
	{ "an answer", LB, CLIENT, NIC0, PASSES, .at_byte = 54, .is_instead = 136,
	  .family = AF_INET6 },
	{ "an echo request", LB, CLIENT, NIC0, PASSES, .at_byte = 54, .is_instead = 128,
	  .family = AF_INET6 },
	{ "another code", LB, CLIENT, NIC0, PASSES, .at_byte = 55, .is_instead = 1,
	  .family = AF_INET6 },
	{ "too short a message", LB, CLIENT, NIC0, PASSES, .at_byte = 19, .is_instead = 23,
	  .family = AF_INET6 },
	{ "UDP", LB, CLIENT, NIC0, PASSES, .at_byte = 20, .is_instead = 17, .family = AF_INET6 },
};

/* ---- frames ---- */

/* RFC 826: 42 bytes. op 1: a request. */
static size_t put_arp(const uint8_t dmac[6], const uint8_t smac[6], uint8_t op, uint8_t *frame)
{
	static const uint8_t head[] = { 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0 };

	memcpy(frame, dmac, 6);
	memcpy(frame + 6, smac, 6);
	memcpy(frame + 12, head, sizeof(head));
	frame[21] = op;
	memcpy(frame + 22, smac, 6);
	return 42;
}

static size_t arp_request(const struct question *q, uint8_t *frame)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	uint8_t own[6], sender[6];
	size_t len;

	world_mac(world_own_mac(q->at), own);
	world_mac(world_sender_mac(q->at), sender);
	len = put_arp(q->unicast ? own : all, sender, 1, frame);
	if (q->sender != NOBODY)
		world_addr(q->sender, AF_INET, frame + 28);
	world_addr(q->target, AF_INET, frame + 38);
	return len + q->padding;
}

static size_t arp_reply(const struct question *q, uint8_t *frame)
{
	uint8_t own[6], sender[6];
	size_t len;

	world_mac(world_own_mac(q->at), own);
	world_mac(world_sender_mac(q->at), sender);
	len = put_arp(sender, own, 2, frame);
	world_addr(q->target, AF_INET, frame + 28);
	memcpy(frame + 32, sender, 6);
	if (q->sender != NOBODY)
		world_addr(q->sender, AF_INET, frame + 38);
	return len + q->padding;
}

/* The check sum of an ICMPv6 message of n bytes (RFC 4443, 2.3), its field being 0. */
static void sum_nd(uint8_t *frame, size_t n)
{
	uint16_t sum = packet_sum(frame + 22, 32, (uint32_t)n + 58);

	packet_put16(frame + 56, (uint16_t)~packet_sum(frame + 54, n, sum));
}

static void put_ip6(uint8_t *frame, size_t n)
{
	packet_put16(frame + 12, 0x86dd);
	frame[14] = 0x60;
	packet_put16(frame + 18, (uint16_t)n);
	frame[20] = 58;
	frame[21] = 255;
}

/* RFC 4861, 4.3; who has no address yet asks without the option (7.2.2). */
static size_t solicitation(const struct question *q, uint8_t *frame)
{
	static const uint8_t group[13] = { 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff };
	size_t n = q->option ? 32 : 24;
	uint8_t target[16], own[6], sender[6];

	world_addr(q->target, AF_INET6, target);
	world_mac(world_own_mac(q->at), own);
	world_mac(world_sender_mac(q->at), sender);
	put_ip6(frame, n);
	frame[14 + 1] = 0x0f; /* of the flow label: not to be found in an answer */
	memcpy(frame,
	       q->unicast ? own
			  : (uint8_t[6]){ 0x33, 0x33, 0xff, target[13], target[14], target[15] },
	       6);
	memcpy(frame + 6, sender, 6);
	if (q->sender != NOBODY)
		world_addr(q->sender, AF_INET6, frame + 22);
	memcpy(frame + 38, group, 13);
	memcpy(frame + 51, target + 13, 3);
	if (q->unicast)
		memcpy(frame + 38, target, 16);
	frame[54] = 135;
	memcpy(frame + 62, target, 16);
	if (q->option) {
		frame[78] = 1;
		frame[79] = 1;
		memcpy(frame + 80, sender, 6);
	}
	sum_nd(frame, n);
	return 54 + n + q->padding;
}

/* RFC 4861, 4.4 and 7.2.4. */
static size_t advertisement(const struct question *q, uint8_t *frame)
{
	static const uint8_t all_macs[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	static const uint8_t all[16] = { 0xff, 2, [15] = 1 };
	bool probe = q->sender == NOBODY;
	uint8_t own[6], sender[6];

	world_mac(world_own_mac(q->at), own);
	world_mac(world_sender_mac(q->at), sender);
	put_ip6(frame, 32);
	memcpy(frame, probe ? all_macs : sender, 6);
	memcpy(frame + 6, own, 6);
	world_addr(q->target, AF_INET6, frame + 22);
	if (probe)
		memcpy(frame + 38, all, 16);
	else
		world_addr(q->sender, AF_INET6, frame + 38);
	frame[54] = 136;
	frame[58] = probe ? 0x20 : 0x60; /* override; solicited */
	world_addr(q->target, AF_INET6, frame + 62);
	frame[78] = 2;
	frame[79] = 1;
	memcpy(frame + 80, own, 6);
	sum_nd(frame, 32);
	return 86;
}

/* ---- questions ---- */

static void put_vip(enum host host, bool announce, bool service)
{
	const struct naru_vip value = { .announce = announce, .service = service };
	static const int families[] = { AF_INET, AF_INET6 };

	for (int i = 0; i < 2; i++) {
		struct naru_addr key;

		world_mapped(host, families[i], key.addr);
		assert_int_equal(bpf_map_update_elem(node_map("steer_vip"), &key, &value, BPF_ANY),
				 0);
	}
}

static int setup(void **state)
{
	(void)state;
	put_vip(LB, true, false);
	put_vip(VIP2, false, false);
	put_vip(VIP, false, true);
	return 0;
}

static uint64_t counted(enum naru_counter id)
{
	uint64_t values[NARU_C_MAX];

	node_counters(values);
	return values[id];
}

static void fail_at(const struct question *q, enum program program, const char *what)
{
	fail_msg("%s, program %d: %s", q->name, program, what);
}

/* summed: with a check sum by the device, which the kernel compares with the result. */
static void ask(const struct question *q, int family, enum program program, bool summed)
{
	static const int verdicts[] = { TC_ACT_SHOT, TC_ACT_REDIRECT, TC_ACT_UNSPEC };
	uint8_t in[PACKET_MAX] = {}, out[PACKET_MAX] = {};
	size_t len = family == AF_INET ? arp_request(q, in) : solicitation(q, in), want = len;
	uint64_t still = counted(NARU_C_NOT_ANNOUNCED), told = counted(NARU_C_ANNOUNCED);
	struct node_run run;
	int r;

	if (q->at_byte)
		in[q->at_byte] = (uint8_t)q->is_instead;
	memcpy(out, in, len);
	if (q->answer == ANSWERS) {
		memset(out, 0, sizeof(out));
		want = family == AF_INET ? arp_reply(q, out) : advertisement(q, out);
	}
	/* The kernel forgets the sum when a frame changes its length. */
	summed = summed && want == len;
	r = node_run(program, q->at, in, len, summed ? BPF_F_TEST_SKB_CHECKSUM_COMPLETE : 0, &run);
	if (r == -EINVAL && summed)
		return; /* Linux 6.10 and before have no such test run */
	if (r)
		fail_at(q, program, strerror(-r));
	if (run.verdict != verdicts[q->answer])
		fail_at(q, program, "another verdict");
	if (q->answer != KEEPS_STILL && (run.len != want || memcmp(run.frame, out, want)))
		fail_at(q, program, "another frame");
	if (q->answer == ANSWERS && family == AF_INET6)
		assert_null(packet_wrong_sum(run.frame, run.len));
	assert_int_equal(counted(NARU_C_NOT_ANNOUNCED), still + (q->answer == KEEPS_STILL));
	assert_int_equal(counted(NARU_C_ANNOUNCED), told + (q->answer == ANSWERS));
}

static void test_questions(void **state)
{
	static const enum program programs[] = { TC_INGRESS, VIP_INGRESS };

	(void)state;
	for (size_t i = 0; i < 4 * sizeof(questions) / sizeof(*questions); i++) {
		const struct question *q = &questions[i / 4];
		int family = i & 1 ? AF_INET6 : AF_INET;

		if (q->family && q->family != family)
			continue;
		ask(q, family, programs[i >> 1 & 1], false);
		ask(q, family, programs[i >> 1 & 1], true);
	}
}

/* Neither XDP nor the other direction has a say. */
static void test_xdp_leaves_them(void **state)
{
	static const enum program programs[] = { XDP_INGRESS, TC_EGRESS, VIP_EGRESS };

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		const struct question *q = &questions[0];
		enum program program = programs[i / 2];
		uint8_t frame[PACKET_MAX] = {};
		size_t len = i & 1 ? arp_request(q, frame) : solicitation(q, frame);
		struct node_run run;

		assert_int_equal(node_run(program, NIC0, frame, len, 0, &run), 0);
		assert_int_equal(run.verdict,
				 program == XDP_INGRESS ? (int)XDP_PASS : TC_ACT_UNSPEC);
		assert_memory_equal(run.frame, frame, len);
	}
}

/* A frame that ends early is for the kernel to judge. */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct question *q = &questions[1];
		uint8_t frame[PACKET_MAX] = {};
		size_t whole = i ? arp_request(q, frame) : solicitation(q, frame);

		for (size_t len = 14; len < whole; len++) {
			struct node_run run;
			int r = node_run(TC_INGRESS, NIC0, frame, len, 0, &run);

			/* Newer kernels run nothing on less than an IP header. */
			if (r == -EINVAL)
				continue;
			assert_int_equal(r, 0);
			assert_int_equal(run.verdict, TC_ACT_UNSPEC);
		}
	}
}

/* What the node itself asks: in the name of a VIP only when it announces it. */
static void test_own_questions(void **state)
{
	static const struct {
		enum host sender;
		enum device at;
		enum host becomes;
	} rows[] = {
		{ NODE, NIC0, NODE },	      { LB, NIC0, LB },	     { VIP, NIC0, NODE },
		{ VIP2, NIC0, NODE },	      { VIP2, NIC1, NODE1 }, { VIP2, POD0, VIP2 },
		{ STRANGER, NIC0, STRANGER },
	};
	static const enum program programs[] = { TC_EGRESS, VIP_EGRESS };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
		struct question q = { .target = CLIENT,
				      .sender = rows[i / 2].sender,
				      .at = rows[i / 2].at };
		uint8_t in[PACKET_MAX] = {}, out[PACKET_MAX] = {};
		size_t len = arp_request(&q, in);
		struct node_run run;

		q.sender = rows[i / 2].becomes;
		arp_request(&q, out);
		assert_int_equal(node_run(programs[i & 1], q.at, in, len, 0, &run), 0);
		assert_int_equal(run.verdict, TC_ACT_UNSPEC);
		assert_int_equal(run.len, len);
		assert_memory_equal(run.frame, out, len);
	}
}

static void answer_until(uint64_t until_ns)
{
	const struct naru_answering value = { .until_ns = until_ns };
	uint32_t zero = 0;

	assert_int_equal(bpf_map_update_elem(node_map("answering"), &zero, &value, BPF_ANY), 0);
}

/* For so long as narud has said, and as one that does not announce from then on. */
static void test_until(void **state)
{
	static const enum program programs[] = { TC_INGRESS, VIP_INGRESS };
	struct question q = questions[0];
	struct timespec now;
	uint64_t now_ns;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	for (size_t i = 0; i < 4; i++) {
		int family = i & 1 ? AF_INET6 : AF_INET;

		answer_until(now_ns + 3600000000000);
		q.answer = ANSWERS;
		ask(&q, family, programs[i / 2], false);
		answer_until(now_ns);
		q.answer = KEEPS_STILL;
		ask(&q, family, programs[i / 2], false);
	}
	answer_until(0);
}

/* What somebody says to have, and what narud reads of it. */
struct claim {
	const char *what;
	enum host target;
	bool reply; /* ARP: an answer; else an announcement */
	bool ours;  /* with the device's own link address */
	const char *mark;
	bool noted, marked;
};

static size_t put_claim(const struct claim *c, int family, uint8_t *frame)
{
	const struct question q = {
		.target = c->target, .sender = c->target, .at = NIC0, .option = true
	};
	size_t len = family == AF_INET ? arp_request(&q, frame) : solicitation(&q, frame);
	uint8_t mac[6];

	if (family == AF_INET6) {
		frame[54] = 136;
		frame[58] = 0x20;
		frame[78] = 2;
	} else if (c->reply) {
		frame[21] = 2;
		world_addr(CLIENT, AF_INET, frame + 38);
	}
	if (c->ours) {
		world_mac(world_own_mac(NIC0), mac);
		memcpy(frame + 6, mac, 6);
	}
	if (c->mark) {
		memcpy(frame + len, c->mark, 4);
		memcpy(frame + len + 4, (uint8_t[4]){ 0x12, 0x34, 0x56, 0x78 }, 4);
	}
	return len + 18;
}

static void see_claim(const struct claim *c, int family, enum program program)
{
	uint8_t frame[PACKET_MAX] = {}, mac[6];
	size_t len = put_claim(c, family, frame);
	uint64_t before = counted(NARU_C_CONFLICT);
	struct naru_conflict value = {};
	struct naru_addr key;
	struct node_run run;

	world_mapped(c->target, family, key.addr);
	bpf_map_delete_elem(node_map("conflict"), &key);
	assert_int_equal(node_run(program, NIC0, frame, len, 0, &run), 0);
	if (counted(NARU_C_CONFLICT) != before + c->noted ||
	    !bpf_map_lookup_elem(node_map("conflict"), &key, &value) != c->noted)
		fail_msg("%s, IPv%d", c->what, family == AF_INET ? 4 : 6);
	/* An announcement of what is ours ends here: the stack would believe it. */
	if (family == AF_INET6 || c->reply)
		assert_int_equal(run.verdict, TC_ACT_UNSPEC);
	if (!c->noted)
		return;
	world_mac(world_sender_mac(NIC0), mac);
	assert_memory_equal(value.mac, mac, 6);
	assert_int_equal(value.marked, c->marked);
	assert_int_equal(value.node, c->marked ? 0x12345678 : 0);
	assert_int_not_equal(value.time_ns, 0);
}

static void test_claims(void **state)
{
	static const enum program programs[] = { TC_INGRESS, VIP_INGRESS };
	static const struct claim claims[] = {
		{ "a stranger", LB, .noted = true },
		{ "an answer", LB, .reply = true, .noted = true },
		{ "ourselves", LB, .ours = true },
		{ "not announced here", VIP2, .noted = false },
		{ "of a service", VIP, .noted = false },
		{ "not ours", STRANGER, .noted = false },
		{ "another mark", LB, .mark = "nara", .noted = true },
	};

	(void)state;
	for (size_t i = 0; i < 4 * sizeof(claims) / sizeof(*claims); i++)
		see_claim(&claims[i / 4], i & 1 ? AF_INET6 : AF_INET, programs[i >> 1 & 1]);
	for (size_t i = 0; i < 4; i++) {
		int family = i & 1 ? AF_INET6 : AF_INET;
		const struct claim claim = { "a node", LB, .noted = true, .marked = true,
					     .mark = i & 1 ? NARU_MARK_ND : NARU_MARK_ARP };

		see_claim(&claim, family, programs[i / 2]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_questions), cmocka_unit_test(test_xdp_leaves_them),
		cmocka_unit_test(test_truncated), cmocka_unit_test(test_own_questions),
		cmocka_unit_test(test_until),	  cmocka_unit_test(test_claims),
	};
	int failed;

	world_enter();
	node_load(&(struct node_options){});
	failed = cmocka_run_group_tests_name("announce", tests, setup, NULL);
	node_unload();
	return failed;
}
