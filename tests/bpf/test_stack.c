/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack's road: the destination is rewritten as the packet comes in, the kernel routes and
 * filters, and the answer gets the service's address back as it leaves.
 */
#include "node.h"
#include "node_services.h"
#include "scene.h"

#define TO_POD                                                                                     \
	{                                                                                          \
		CLIENT, 40000, POD, NODE_EP_PORT                                                   \
	}
#define AS(frontend, port)                                                                         \
	{                                                                                          \
		frontend, port, CLIENT, 40000                                                      \
	}

/* A client outside dials a frontend whose endpoint is POD. */
#define OUTSIDE(frontend, port)                                                                    \
	.steps = { { NIC0, .in = SEG(CLIENT, 40000, frontend, port, .tcp = SYN), .out = TO_POD },  \
		   { NIC0, .leaving = true,                                                        \
		     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = SYN | ACK, .ttl = 63),     \
		     .out = AS(frontend, port) },                                                  \
		   { NIC0, .in = SEG(CLIENT, 40000, frontend, port, .tcp = ACK), .out = TO_POD },  \
		   { NIC0,                                                                         \
		     .in = SEG(CLIENT, 40000, frontend, port, .tcp = PSH | ACK, .payload = 900),   \
		     .out = TO_POD },                                                              \
		   { NIC0, .leaving = true,                                                        \
		     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = ACK, .payload = 901),      \
		     .out = AS(frontend, port) } },                                                \
	.counts = { [NARU_C_FLOW_NEW] = 1 }

static const struct scene scenes[] = {
	{
		.name = "ClusterIP to a pod of this node",
		.intent = "Destination only; the time to live is the kernel's to take; one pair of "
			  "entries.",
		.tcp = true,
		.udp = true,
		OUTSIDE(VIP, PORT_LOCAL),
		.flows = { { { CLIENT, 40000, VIP, PORT_LOCAL },
			     { CLIENT, 40000, POD, NODE_EP_PORT },
			     NARU_STACK } },
	},
	{
		.name = "LoadBalancer to a pod of this node",
		.intent = "The same for an address outside.",
		.tcp = true,
		.udp = true,
		OUTSIDE(LB, PORT_LB_LOCAL),
		.flows = { { { CLIENT, 40000, LB, PORT_LB_LOCAL },
			     { CLIENT, 40000, POD, NODE_EP_PORT },
			     NARU_STACK } },
	},
	{
		.name = "NodePort to a pod of this node",
		.intent = "Any address of the node answers, also the other NIC's.",
		.tcp = true,
		.udp = true,
		OUTSIDE(NODE1, PORT_NODE_LOCAL),
		.flows = { { { CLIENT, 40000, NODE1, PORT_NODE_LOCAL },
			     { CLIENT, 40000, POD, NODE_EP_PORT },
			     NARU_STACK,
			     { NOBODY, PORT_NODE_LOCAL } } },
	},
	{
		.name = "to the node itself",
		.intent = "An endpoint without nodeName may still be an address of this node, "
			  "where no road leads.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_HOST, .tcp = SYN),
			     .out = { CLIENT, 40000, NODE1, NODE_EP_PORT } },
			   { NIC0, .leaving = true,
			     .in = SEG(NODE1, NODE_EP_PORT, CLIENT, 40000, .tcp = SYN | ACK),
			     .out = { VIP, PORT_HOST, CLIENT, 40000 } } },
		.flows = { { { CLIENT, 40000, VIP, PORT_HOST },
			     { CLIENT, 40000, NODE1, NODE_EP_PORT },
			     NARU_STACK } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "from a pod to a pod of another node",
		.intent = "For clients that are pods the kernel routes, whatever the endpoint.",
		.tcp = true,
		.udp = true,
		.steps = { { POD0, .in = SEG(POD, 40000, VIP, PORT_REMOTE, .tcp = SYN),
			     .out = { POD, 40000, REMOTE, NODE_EP_PORT } },
			   { POD0, .leaving = true,
			     .in = SEG(REMOTE, NODE_EP_PORT, POD, 40000, .tcp = SYN | ACK),
			     .out = { VIP, PORT_REMOTE, POD, 40000 } },
			   { POD0, .in = SEG(POD, 40000, VIP, PORT_REMOTE, .tcp = ACK),
			     .out = { POD, 40000, REMOTE, NODE_EP_PORT } } },
		.flows = { { { POD, 40000, VIP, PORT_REMOTE },
			     { POD, 40000, REMOTE, NODE_EP_PORT },
			     NARU_STACK } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "from a pod to another pod of this node",
		.intent = "The answer is put right where it leaves towards the client, not where "
			  "it comes in.",
		.tcp = true,
		.udp = true,
		.steps = { { POD1, .in = SEG(POD2, 40000, VIP, PORT_LOCAL, .tcp = SYN),
			     .out = { POD2, 40000, POD, NODE_EP_PORT } },
			   { POD0, .leaving = true,
			     .in = SEG(POD2, 40000, POD, NODE_EP_PORT, .tcp = SYN) },
			   { POD0, .in = SEG(POD, NODE_EP_PORT, POD2, 40000, .tcp = SYN | ACK) },
			   { POD1, .leaving = true,
			     .in = SEG(POD, NODE_EP_PORT, POD2, 40000, .tcp = SYN | ACK),
			     .out = { VIP, PORT_LOCAL, POD2, 40000 } } },
		.flows = { { { POD2, 40000, VIP, PORT_LOCAL },
			     { POD2, 40000, POD, NODE_EP_PORT },
			     NARU_STACK } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "a pod reaches the internal set of a Local service",
		.intent = "The policy for clients outside does not bind pods of the cluster.",
		.tcp = true,
		.udp = true,
		.steps = { { POD0, .in = SEG(POD, 40000, VIP, PORT_LOCAL_ONLY, .tcp = SYN),
			     .out = { POD, 40000, REMOTE, NODE_EP_PORT } } },
		.flows = { { { POD, 40000, VIP, PORT_LOCAL_ONLY },
			     { POD, 40000, REMOTE, NODE_EP_PORT },
			     NARU_STACK } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "options",
		.intent = "IPv4 options and IPv6 extension headers stay as they are.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = SYN,
				       .shape = OPTIONS),
			     .out = TO_POD },
			   { NIC0, .leaving = true,
			     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = SYN | ACK,
				       .shape = OPTIONS),
			     .out = AS(VIP, PORT_LOCAL) } },
		.flows = { { { CLIENT, 40000, VIP, PORT_LOCAL },
			     { CLIENT, 40000, POD, NODE_EP_PORT },
			     NARU_STACK } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "hairpin with options",
		.intent = "The same when the packet turns round.",
		.tcp = true,
		.udp = true,
		.steps = { { POD0,
			     .in = SEG(POD, 40000, VIP, PORT_LOCAL, .tcp = SYN, .shape = OPTIONS),
			     .outcome = SENT, .out = { NODE, SNAT_A, POD, NODE_EP_PORT },
			     .via = POD_MAC },
			   { POD0,
			     .in = SEG(POD, NODE_EP_PORT, NODE, SNAT_A, .tcp = SYN | ACK,
				       .shape = OPTIONS),
			     .outcome = SENT, .out = { VIP, PORT_LOCAL, POD, 40000 },
			     .via = POD_MAC } },
		.flows = { { { POD, 40000, VIP, PORT_LOCAL },
			     { NODE, SNAT_A, POD, NODE_EP_PORT },
			     NARU_HAIRPIN } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "hairpin",
		.intent = "A pod reaches itself: seen from the pod, the node is its client; link "
			  "addresses turn round.",
		.tcp = true,
		.udp = true,
		.steps = { { POD0, .in = SEG(POD, 40000, VIP, PORT_LOCAL, .tcp = SYN),
			     .outcome = SENT, .out = { NODE, SNAT_A, POD, NODE_EP_PORT },
			     .via = POD_MAC },
			   { POD0, .in = SEG(POD, NODE_EP_PORT, NODE, SNAT_A, .tcp = SYN | ACK),
			     .outcome = SENT, .out = { VIP, PORT_LOCAL, POD, 40000 },
			     .via = POD_MAC },
			   { POD0, .in = SEG(POD, 40000, VIP, PORT_LOCAL, .tcp = ACK),
			     .outcome = SENT, .out = { NODE, SNAT_A, POD, NODE_EP_PORT },
			     .via = POD_MAC } },
		.flows = { { { POD, 40000, VIP, PORT_LOCAL },
			     { NODE, SNAT_A, POD, NODE_EP_PORT },
			     NARU_HAIRPIN } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "two services over one endpoint from one client port",
		.intent = "Answers to both would look the same, so the second flow gets a source "
			  "port of the node.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = SYN),
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT } },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP2, PORT_LOCAL, .tcp = SYN),
			     .tc_only = true, .outcome = SENT,
			     .out = { NODE, SNAT_A, POD, NODE_EP_PORT }, .via = POD_MAC },
			   { NIC0, .leaving = true,
			     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = SYN | ACK),
			     .out = { VIP, PORT_LOCAL, CLIENT, 40000 } },
			   { POD0, .in = SEG(POD, NODE_EP_PORT, NODE, SNAT_A, .tcp = SYN | ACK),
			     .outcome = SENT, .out = { VIP2, PORT_LOCAL, CLIENT, 40000 },
			     .via = GATEWAY },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = ACK),
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT } } },
		.flows = { { { CLIENT, 40000, VIP, PORT_LOCAL },
			     { CLIENT, 40000, POD, NODE_EP_PORT },
			     NARU_STACK },
			   { { CLIENT, 40000, VIP2, PORT_LOCAL },
			     { NODE, SNAT_A, POD, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 2 },
	},
	{
		.name = "marks of closing",
		.intent = "Each direction remembers its own FIN; packets still pass both ways.",
		.tcp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = SYN),
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT } },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = FIN | ACK),
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT } },
			   { NIC0, .leaving = true,
			     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = FIN | ACK),
			     .out = { VIP, PORT_LOCAL, CLIENT, 40000 } },
			   { NIC0, .leaving = true,
			     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = RST),
			     .out = { VIP, PORT_LOCAL, CLIENT, 40000 } },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = ACK),
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT } } },
		.flows = { { { CLIENT, 40000, VIP, PORT_LOCAL },
			     { CLIENT, 40000, POD, NODE_EP_PORT },
			     NARU_STACK,
			     .marks = NARU_F_FIN,
			     .reply_marks = NARU_F_FIN | NARU_F_RST } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "a SYN after the close opens a new flow",
		.intent = "The client re-uses its port: old marks must not shorten the new "
			  "connection's life.",
		.tcp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = SYN),
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT } },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = FIN | ACK),
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT } },
			   { NIC0, .leaving = true,
			     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = FIN | ACK),
			     .out = { VIP, PORT_LOCAL, CLIENT, 40000 } },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = SYN),
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT } } },
		.flows = { { { CLIENT, 40000, VIP, PORT_LOCAL },
			     { CLIENT, 40000, POD, NODE_EP_PORT },
			     NARU_STACK } },
		.counts = { [NARU_C_FLOW_NEW] = 2 },
	},
	{
		.name = "a SYN sent again",
		.intent = "A retransmission belongs to the flow that the first one opened.",
		.tcp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = SYN),
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT } },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = SYN),
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT } } },
		.flows = { { { CLIENT, 40000, VIP, PORT_LOCAL },
			     { CLIENT, 40000, POD, NODE_EP_PORT },
			     NARU_STACK } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "a datagram without check sum",
		.intent = "IPv4 allows none, and none it stays (IPv6 forbids it: nothing to be "
			  "seen there).",
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .unsummed = true),
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT } },
			   { NIC0, .leaving = true,
			     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .unsummed = true),
			     .out = { VIP, PORT_LOCAL, CLIENT, 40000 } } },
		.flows = { { { CLIENT, 40000, VIP, PORT_LOCAL },
			     { CLIENT, 40000, POD, NODE_EP_PORT },
			     NARU_STACK } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "a low time to live",
		.intent = "The kernel takes the hop on this road, and answers when none is left.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = SYN, .ttl = 1),
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT } } },
		.flows = { { { CLIENT, 40000, VIP, PORT_LOCAL },
			     { CLIENT, 40000, POD, NODE_EP_PORT },
			     NARU_STACK } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
};

int main(void)
{
	int failed;

	world_enter();
	node_load(&(struct node_options){});
	failed = scene_main("stack", scenes, sizeof(scenes) / sizeof(*scenes));
	node_unload();
	return failed;
}
