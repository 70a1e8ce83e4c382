/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP and ICMPv6 errors about packets of flows: whoever sent the packet gets the error, about the
 * packet that he sent, from somebody whom he may know. They make and refresh nothing.
 */
#include <netinet/in.h>

#include "node.h"
#include "node_services.h"
#include "scene.h"

/* A client outside, an endpoint of another node: both addresses are rewritten. */
#define FAR_OPENS                                                                                  \
	{                                                                                          \
		NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN), .outcome = SENT,     \
		      .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT }, .via = PEER0                  \
	}
#define FAR_FLOW                                                                                   \
	{                                                                                          \
		{ CLIENT, 40000, VIP, PORT_REMOTE }, { NODE, SNAT_A, REMOTE, NODE_EP_PORT },       \
			NARU_REDIRECT                                                              \
	}
/* An error about the request, from `host`; what the client gets comes from `as`. */
#define FAR_REQUEST(host, kind, as, ...)                                                           \
	{                                                                                          \
		NIC0, .in = SEG(host, 0, NODE, 0), .error = (kind), .tc_only = true,               \
		      .about = SEG(NODE, SNAT_A, REMOTE, NODE_EP_PORT, .tcp = ACK, .payload = 40), \
		      .outcome = SENT, .out = { as, 0, CLIENT, 0 },                                \
		      .about_out = { CLIENT, 40000, VIP, PORT_REMOTE }, .via = GATEWAY,            \
		      .no_mac = true, __VA_ARGS__                                                  \
	}
/* An error about the answer: the endpoint sees nobody but the node. */
#define FAR_ANSWER(host, kind, ...)                                                                \
	{                                                                                          \
		NIC0, .in = SEG(host, 0, VIP, 0), .error = (kind), .tc_only = true,                \
		      .about = SEG(VIP, PORT_REMOTE, CLIENT, 40000, .tcp = ACK, .payload = 40),    \
		      .outcome = SENT, .out = { NODE, 0, REMOTE, 0 },                              \
		      .about_out = { REMOTE, NODE_EP_PORT, NODE, SNAT_A }, .via = PEER0,           \
		      .no_mac = true, __VA_ARGS__                                                  \
	}

/* The endpoint is a pod of this node: only its address is rewritten. */
#define NEAR_OPENS                                                                                 \
	{                                                                                          \
		NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = SYN),                       \
		      .out = { CLIENT,                                                             \
			       40000,                                                              \
			       POD,                                                                \
			       NODE_EP_PORT }                                                      \
	}
#define NEAR_FLOW                                                                                  \
	{                                                                                          \
		{ CLIENT, 40000, VIP, PORT_LOCAL }, { CLIENT, 40000, POD, NODE_EP_PORT },          \
			NARU_STACK                                                                 \
	}
#define NEAR_REQUEST(host, kind, as, ...)                                                          \
	{                                                                                          \
		NIC0, .leaving = true, .in = SEG(host, 0, CLIENT, 0), .error = (kind),             \
		      .about = SEG(CLIENT, 40000, POD, NODE_EP_PORT, .tcp = ACK, .payload = 40),   \
		      .out = { as, 0, CLIENT, 0 },                                                 \
		      .about_out = { CLIENT, 40000, VIP, PORT_LOCAL }, __VA_ARGS__                 \
	}
#define NEAR_ANSWER(host, kind, ...)                                                               \
	{                                                                                          \
		NIC0, .in = SEG(host, 0, VIP, 0), .error = (kind),                                 \
		      .about = SEG(VIP, PORT_LOCAL, CLIENT, 40000, .tcp = ACK, .payload = 40),     \
		      .out = { host, 0, POD, 0 },                                                  \
		      .about_out = { POD, NODE_EP_PORT, CLIENT, 40000 }, __VA_ARGS__               \
	}

static const struct scene scenes[] = {
	{
		.name = "redirect: about a request",
		.intent = "The client learns what a router or the endpoint says about the packet "
			  "that the node sent in its place.",
		.tcp = true,
		.udp = true,
		.steps = { FAR_OPENS, FAR_REQUEST(STRANGER, TOO_BIG, STRANGER, .word = 1280),
			   FAR_REQUEST(STRANGER, EXPIRED, STRANGER, .quoted = 20),
			   FAR_REQUEST(REMOTE, PORT_CLOSED, VIP),
			   FAR_REQUEST(REMOTE, PARAMETER, VIP, .quoted = 48) },
		.flows = { FAR_FLOW },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_ICMP_TRANSLATED] = 4 },
	},
	{
		.name = "redirect: about an answer",
		.intent = "The endpoint learns what a router or the client says about its answer; "
			  "it knows the node only.",
		.tcp = true,
		.udp = true,
		.steps = { FAR_OPENS, FAR_ANSWER(STRANGER, TOO_BIG, .word = 1280),
			   FAR_ANSWER(STRANGER, EXPIRED, .quoted = 20),
			   FAR_ANSWER(CLIENT, PORT_CLOSED),
			   FAR_ANSWER(CLIENT, PARAMETER, .quoted = 48) },
		.flows = { FAR_FLOW },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_ICMP_TRANSLATED] = 4 },
	},
	{
		.name = "stack: about a request",
		.intent = "Put right where it leaves to the client, like answers; also what the "
			  "node itself says.",
		.tcp = true,
		.udp = true,
		.steps = { NEAR_OPENS, NEAR_REQUEST(NODE, TOO_BIG, NODE, .word = 1280),
			   NEAR_REQUEST(STRANGER, EXPIRED, STRANGER, .quoted = 20),
			   NEAR_REQUEST(POD, PORT_CLOSED, VIP),
			   NEAR_REQUEST(POD, PARAMETER, VIP, .quoted = 48) },
		.flows = { NEAR_FLOW },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_ICMP_TRANSLATED] = 4 },
	},
	{
		.name = "stack: about an answer",
		.intent = "Put right where it comes in, so that connection tracking knows it.",
		.tcp = true,
		.udp = true,
		.steps = { NEAR_OPENS, NEAR_ANSWER(STRANGER, TOO_BIG, .word = 1280),
			   NEAR_ANSWER(STRANGER, EXPIRED, .quoted = 20),
			   NEAR_ANSWER(CLIENT, PORT_CLOSED),
			   NEAR_ANSWER(CLIENT, PARAMETER, .quoted = 48) },
		.flows = { NEAR_FLOW },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_ICMP_TRANSLATED] = 4 },
	},
	{
		.name = "NodePort",
		.intent = "The same for an address of the node.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, NODE1, PORT_NODE_LOCAL, .tcp = SYN),
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT } },
			   { NIC0, .in = SEG(STRANGER, 0, NODE1, 0), .error = TOO_BIG,
			     .about = SEG(NODE1, PORT_NODE_LOCAL, CLIENT, 40000, .tcp = ACK),
			     .out = { STRANGER, 0, POD, 0 },
			     .about_out = { POD, NODE_EP_PORT, CLIENT, 40000 }, .word = 1280 } },
		.flows = { { { CLIENT, 40000, NODE1, PORT_NODE_LOCAL },
			     { CLIENT, 40000, POD, NODE_EP_PORT },
			     NARU_STACK,
			     { NOBODY, PORT_NODE_LOCAL } } },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_ICMP_TRANSLATED] = 1 },
	},
	{
		.name = "hairpin",
		.intent = "A pod that is its own endpoint complains to itself, in both directions.",
		.tcp = true,
		.udp = true,
		.steps = { { POD0, .in = SEG(POD, 40000, VIP, PORT_LOCAL, .tcp = SYN),
			     .outcome = SENT, .out = { NODE, SNAT_A, POD, NODE_EP_PORT },
			     .via = POD_MAC },
			   { POD0, .in = SEG(POD, 0, NODE, 0), .error = PORT_CLOSED,
			     .about = SEG(NODE, SNAT_A, POD, NODE_EP_PORT, .tcp = ACK),
			     .outcome = SENT, .out = { VIP, 0, POD, 0 },
			     .about_out = { POD, 40000, VIP, PORT_LOCAL }, .via = POD_MAC },
			   { POD0, .in = SEG(POD, 0, VIP, 0), .error = PORT_CLOSED,
			     .about = SEG(VIP, PORT_LOCAL, POD, 40000, .tcp = ACK), .outcome = SENT,
			     .out = { NODE, 0, POD, 0 },
			     .about_out = { POD, NODE_EP_PORT, NODE, SNAT_A }, .via = POD_MAC } },
		.flows = { { { POD, 40000, VIP, PORT_LOCAL },
			     { NODE, SNAT_A, POD, NODE_EP_PORT },
			     NARU_HAIRPIN } },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_ICMP_TRANSLATED] = 2 },
	},
	{
		.name = "options",
		.intent = "Longer headers of the error, and of the packet that it is about.",
		.tcp = true,
		.udp = true,
		.steps = { FAR_OPENS,
			   { NIC0, .in = SEG(STRANGER, 0, NODE, 0, .shape = OPTIONS),
			     .error = TOO_BIG, .word = 1280, .tc_only = true,
			     .about = SEG(NODE, SNAT_A, REMOTE, NODE_EP_PORT, .tcp = ACK,
					  .shape = OPTIONS),
			     .outcome = SENT, .out = { STRANGER, 0, CLIENT, 0 },
			     .about_out = { CLIENT, 40000, VIP, PORT_REMOTE }, .via = GATEWAY,
			     .no_mac = true } },
		.flows = { FAR_FLOW },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_ICMP_TRANSLATED] = 1 },
	},
	{
		.name = "about a first fragment",
		.intent = "It has the ports, and it is what is too big when the packet is.",
		.udp = true,
		.steps = { FAR_OPENS,
			   { NIC0, .in = SEG(STRANGER, 0, NODE, 0), .error = TOO_BIG, .word = 1280,
			     .about = SEG(NODE, SNAT_A, REMOTE, NODE_EP_PORT,
					  .shape = FIRST_FRAGMENT),
			     .tc_only = true, .outcome = SENT, .out = { STRANGER, 0, CLIENT, 0 },
			     .about_out = { CLIENT, 40000, VIP, PORT_REMOTE }, .via = GATEWAY,
			     .no_mac = true } },
		.flows = { FAR_FLOW },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_ICMP_TRANSLATED] = 1 },
	},
	{
		.name = "a datagram without check sum",
		.intent = "None it stays in the quotation.",
		.udp = true,
		.steps = { FAR_OPENS,
			   { NIC0, .in = SEG(STRANGER, 0, NODE, 0), .error = EXPIRED,
			     .about = SEG(NODE, SNAT_A, REMOTE, NODE_EP_PORT, .unsummed = true),
			     .tc_only = true, .outcome = SENT, .out = { STRANGER, 0, CLIENT, 0 },
			     .about_out = { CLIENT, 40000, VIP, PORT_REMOTE }, .via = GATEWAY,
			     .no_mac = true } },
		.flows = { FAR_FLOW },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_ICMP_TRANSLATED] = 1 },
	},
	{
		.name = "not ours",
		.intent =
			"Another flow, a later fragment, too little quoted, another message: they "
			"stay as they are.",
		.tcp = true,
		.udp = true,
		.steps = { FAR_OPENS,
			   { NIC0, .in = SEG(STRANGER, 0, NODE, 0), .error = TOO_BIG,
			     .about = SEG(NODE, SNAT_A, REMOTE1, NODE_EP_PORT, .tcp = ACK) },
			   { NIC0, .in = SEG(STRANGER, 0, NODE, 0), .error = TOO_BIG,
			     .about = SEG(NODE, SNAT_A, REMOTE, NODE_EP_PORT, .tcp = ACK,
					  .shape = LATER_FRAGMENT) },
			   { NIC0, .in = SEG(STRANGER, 0, NODE, 0), .error = TOO_BIG, .quoted = 4,
			     .about = SEG(NODE, SNAT_A, REMOTE, NODE_EP_PORT, .tcp = ACK) },
			   { NIC0, .in = SEG(STRANGER, 0, NODE, 0), .error = REDIRECTED,
			     .about = SEG(NODE, SNAT_A, REMOTE, NODE_EP_PORT, .tcp = ACK) },
			   { NIC0, .leaving = true, .in = SEG(NODE, 0, CLIENT, 0), .error = TOO_BIG,
			     .about = SEG(CLIENT, 40000, POD, NODE_EP_PORT, .tcp = ACK) } },
		.flows = { FAR_FLOW },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "the last hop",
		.intent =
			"An error whose time to live runs out is dropped: errors about errors are "
			"not sent.",
		.tcp = true,
		.udp = true,
		.steps = { FAR_OPENS,
			   { NIC0, .in = SEG(STRANGER, 0, NODE, 0, .ttl = 1), .error = TOO_BIG,
			     .about = SEG(NODE, SNAT_A, REMOTE, NODE_EP_PORT, .tcp = ACK),
			     .tc_only = true, .outcome = DROPPED } },
		.flows = { FAR_FLOW },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_TTL] = 1 },
	},
};

int main(void)
{
	int failed;

	world_enter();
	node_load(&(struct node_options){});
	failed = scene_main("icmp", scenes, sizeof(scenes) / sizeof(*scenes));
	node_unload();
	return failed;
}
