/* SPDX-License-Identifier: Apache-2.0 */
/* What is not ours goes on to the kernel's stack untouched and leaves no trace. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "node.h"
#include "node_services.h"
#include "scene.h"

static const struct scene scenes[] = {
	{
		.name = "a port of nobody",
		.intent = "No service has the port: not ours, whatever the address.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_NONE, .tcp = SYN) },
			   { POD0, .in = SEG(POD, 40000, VIP, PORT_NONE, .tcp = SYN) },
			   { NIC0, .leaving = true,
			     .in = SEG(POD, 9999, CLIENT, 40000, .tcp = SYN | ACK) } },
	},
	{
		.name = "a service's port at an address of nobody",
		.intent = "The port filter says maybe, the address says no.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, STRANGER, PORT_LOCAL, .tcp = SYN) },
			   { NIC0,
			     .in = SEG(CLIENT, 40000, STRANGER, PORT_NODE_REMOTE, .tcp = SYN) },
			   { NIC0, .leaving = true,
			     .in = SEG(STRANGER, NODE_EP_PORT, CLIENT, 40000, .tcp = ACK) } },
	},
	{
		.name = "a service's port at the address of another",
		.intent = "Both filters say maybe, the service map says no.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LB_LOCAL, .tcp = SYN) },
			   { NIC0, .in = SEG(CLIENT, 40000, LB, PORT_LOCAL, .tcp = SYN) },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_NODE_LOCAL, .tcp = SYN) } },
	},
	{
		.name = "a hostPort of the loopback",
		.intent = "It is served to sockets of the node; packets for it are never taken, "
			  "wherever they come from.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, OWN, PORT_OWN, .tcp = SYN) },
			   { NIC0, .in = SEG(OWN, 40000, OWN, PORT_OWN, .tcp = SYN) },
			   { POD0, .in = SEG(POD2, 40000, OWN, PORT_OWN, .tcp = SYN) },
			   { NIC0, .in = SEG(CLIENT, 40000, NODE, PORT_OWN, .tcp = SYN) } },
	},
	{
		.name = "a segment in the middle of an unknown connection",
		.intent = "Only a SYN opens a TCP flow; anything else belongs to a socket of this "
			  "node or to nobody.",
		.tcp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = ACK) },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = PSH | ACK) },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN | ACK) },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = FIN | ACK) },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = RST) },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN | FIN) },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN | RST) },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_EMPTY, .tcp = ACK) },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE) } },
	},
	{
		.name = "answers of a pod that nobody translated",
		.intent = "A pod may be reached directly; its answers have no entry.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .leaving = true,
			     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = SYN | ACK) },
			   { NIC0,
			     .in = SEG(REMOTE, NODE_EP_PORT, NODE, 20005, .tcp = SYN | ACK) } },
	},
	{
		.name = "a tag in the frame",
		.intent = "A tagged frame belongs to the VLAN device, where it comes by again "
			  "without the tag.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN,
					     .shape = TAGGED) },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN,
					     .shape = STACKED) },
			   { NIC0, .leaving = true,
			     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = ACK,
				       .shape = STACKED) },
			   { NIC0, .leaving = true,
			     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = ACK,
				       .shape = TAGGED) } },
	},
	{
		.name = "another Ethernet type",
		.intent = "The bytes would make a service's packet, but the type says that they "
			  "are none.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN,
					     .shape = STRANGE) },
			   { NIC0, .leaving = true,
			     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = ACK,
				       .shape = STRANGE) } },
	},
	{
		.name = "another protocol",
		.intent = "DCCP has its ports where UDP has them, and is not carried.",
		.udp = true,
		.steps = { { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .proto = IPPROTO_DCCP) },
			   { POD0,
			     .in = SEG(POD, 40000, VIP, PORT_REMOTE, .proto = IPPROTO_DCCP) } },
	},
};

/* ---- frames that are no packets ---- */

static const uint8_t arp[42] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0,   0, 0, 0,   5, 0x08, 0x06, 0, 1, 8, 0,   6, 4, 0,
	1,    2,    0,	  0,	0,    0,    5, 192, 0, 2, 254, 0, 0,	0,    0, 0, 0, 192, 0, 2, 1,
};

static void must_pass(enum program program, const uint8_t *frame, size_t len, const char *what)
{
	int pass = program == XDP_INGRESS ? XDP_PASS : TC_ACT_UNSPEC;
	struct node_run run;
	int r = node_run(program, NIC0, frame, len, 0, &run);

	/* Newer kernels do not run TC programs on less than an IP header. */
	if (r == -EINVAL && program != XDP_INGRESS && len < (frame[12] == 0x08 ? 34 : 54))
		return;
	assert_int_equal(r, 0);
	if (run.verdict != pass || run.len != len || memcmp(run.frame, frame, len)) {
		fprintf(stderr, "%s, program %d: verdict %d, %zu of %zu bytes\n", what, program,
			run.verdict, run.len, len);
		fail();
	}
}

static void arp_passes(void **state)
{
	(void)state;
	for (enum program p = 0; p < PROGRAM_MAX; p++)
		must_pass(p, arp, sizeof(arp), "ARP");
}

/* A frame that ends anywhere before its transport header does; the lengths in it are right for the
 * whole packet, so only the end of the frame can tell. Test runs take no less than 14 bytes. */
static void truncated_passes(void **state)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };
	static const enum shape shapes[] = { PLAIN, OPTIONS };
	uint8_t frame[PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		int family = i & 1 ? AF_INET6 : AF_INET;
		struct packet p = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN, .from = GATEWAY,
				      .to = NIC0_MAC);
		size_t whole;

		p.proto = protos[i >> 1 & 1];
		p.shape = shapes[i >> 2];
		whole = packet_build(&p, family, frame) - p.payload;
		for (size_t len = 14; len < whole; len++) {
			must_pass(TC_INGRESS, frame, len, "truncated");
			must_pass(TC_EGRESS, frame, len, "truncated");
			must_pass(XDP_INGRESS, frame, len, "truncated");
		}
		assert_int_equal(node_count_flows(family), 0);
	}
}

/* Length fields and versions that contradict the frame. */
static void malformed_passes(void **state)
{
	static const struct {
		int family;
		size_t at;
		uint8_t value;
		const char *what;
	} bad[] = {
		{ AF_INET, 14, 0x65, "IPv4 with version 6" },
		{ AF_INET, 14, 0x44, "an IPv4 header of 16 bytes" },
		{ AF_INET, 14, 0x40, "an IPv4 header of 0 bytes" },
		{ AF_INET, 17, 39, "a total length without room for TCP" },
		{ AF_INET, 17, 0, "a total length of 0" },
		{ AF_INET, 21, 1, "a fragment offset" },
		{ AF_INET, 14, 0x4f, "an IPv4 header longer than the packet" },
		{ AF_INET6, 14, 0x40, "IPv6 with version 4" },
		{ AF_INET6, 19, 19, "a payload length without room for TCP" },
		{ AF_INET6, 19, 0, "a payload length of 0" },
		{ AF_INET6, 20, 44, "an IPv6 fragment header" },
		{ AF_INET6, 20, 0, "IPv6 hop-by-hop options" },
		{ AF_INET6, 20, 43, "an IPv6 routing header" },
		{ AF_INET6, 20, 59, "IPv6 without next header" },
	};
	uint8_t frame[PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct packet p = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN, .from = GATEWAY,
				      .to = NIC0_MAC);
		size_t len;

		p.proto = IPPROTO_TCP;
		len = packet_build(&p, bad[i].family, frame);
		frame[bad[i].at] = bad[i].value;
		for (enum program program = 0; program < PROGRAM_MAX; program++)
			must_pass(program, frame, len, bad[i].what);
		assert_int_equal(node_count_flows(bad[i].family), 0);
	}
}

int main(void)
{
	static const struct CMUnitTest frames[] = {
		cmocka_unit_test(arp_passes),
		cmocka_unit_test(truncated_passes),
		cmocka_unit_test(malformed_passes),
	};
	int failed;

	world_enter();
	node_load(&(struct node_options){});
	failed = cmocka_run_group_tests_name("frames", frames, NULL, NULL);
	failed += scene_main("pass", scenes, sizeof(scenes) / sizeof(*scenes));
	node_unload();
	return failed;
}
