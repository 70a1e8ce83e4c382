/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The redirect road: to endpoints of other nodes with this node's address as source, straight to
 * the next hop that the kernel's routes name, a hop off the time to live.
 */
#include <netinet/in.h>

#include "node.h"
#include "node_services.h"
#include "scene.h"

/* A client outside dials a frontend whose endpoint is REMOTE, behind nic0 where it came from. */
#define OUTSIDE(frontend, port)                                                                    \
	.steps = { { NIC0, .in = SEG(CLIENT, 40000, frontend, port, .tcp = SYN), .outcome = SENT,  \
		     .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT }, .via = PEER0 },                \
		   { NIC0,                                                                         \
		     .in = SEG(REMOTE, NODE_EP_PORT, NODE, SNAT_A, .tcp = SYN | ACK,               \
			       .from = PEER0),                                                     \
		     .outcome = SENT, .out = { frontend, port, CLIENT, 40000 }, .via = GATEWAY },  \
		   { NIC0, .in = SEG(CLIENT, 40000, frontend, port, .tcp = ACK), .outcome = SENT,  \
		     .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT }, .via = PEER0 },                \
		   { NIC0,                                                                         \
		     .in = SEG(CLIENT, 40000, frontend, port, .tcp = PSH | ACK, .payload = 900),   \
		     .outcome = SENT, .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT },               \
		     .via = PEER0 },                                                               \
		   { NIC0,                                                                         \
		     .in = SEG(REMOTE, NODE_EP_PORT, NODE, SNAT_A, .tcp = ACK, .from = PEER0,      \
			       .payload = 901, .ttl = 2),                                          \
		     .outcome = SENT, .out = { frontend, port, CLIENT, 40000 },                    \
		     .via = GATEWAY } },                                                           \
	.counts = { [NARU_C_FLOW_NEW] = 1 }

static const struct scene scenes[] = {
	{
		.name = "a datagram longer than the device takes",
		.intent = "The route is there: the client is told what fits, and nothing is "
			  "dropped as if there were no route.",
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .payload = 1600),
			     .tc_only = true, .outcome = SENT, .told = TOO_BIG, .word = 1500,
			     .via = GATEWAY },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE), .outcome = SENT,
			     .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT }, .via = PEER0 } },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_TOO_BIG] = 1 },
		.flows = { { { CLIENT, 40000, VIP, PORT_REMOTE },
			     { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     NARU_REDIRECT } },
	},
	{
		.name = "ClusterIP to a pod of another node",
		.intent = "Both ends are rewritten, both directions pass without the stack.",
		.tcp = true,
		.udp = true,
		OUTSIDE(VIP, PORT_REMOTE),
		.flows = { { { CLIENT, 40000, VIP, PORT_REMOTE },
			     { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     NARU_REDIRECT } },
	},
	{
		.name = "LoadBalancer to a pod of another node",
		.intent = "The same for an address outside.",
		.tcp = true,
		.udp = true,
		OUTSIDE(LB, PORT_LB_REMOTE),
		.flows = { { { CLIENT, 40000, LB, PORT_LB_REMOTE },
			     { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     NARU_REDIRECT } },
	},
	{
		.name = "NodePort to a pod of another node",
		.intent = "The client dialled the address of the other NIC; what counts as source "
			  "is where packets leave.",
		.tcp = true,
		.udp = true,
		OUTSIDE(NODE1, PORT_NODE_REMOTE),
		.flows = { { { CLIENT, 40000, NODE1, PORT_NODE_REMOTE },
			     { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     NARU_REDIRECT,
			     { NOBODY, PORT_NODE_REMOTE } } },
	},
	{
		.name = "out of another device",
		.intent = "The source is the node's address there, and answers are taken where "
			  "they come in.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_FAR, .tcp = SYN),
			     .outcome = SENT, .out = { NODE1, SNAT_A, REMOTE1, NODE_EP_PORT },
			     .via = PEER1 },
			   { NIC1,
			     .in = SEG(REMOTE1, NODE_EP_PORT, NODE1, SNAT_A, .tcp = SYN | ACK),
			     .outcome = SENT, .out = { VIP, PORT_FAR, CLIENT, 40000 },
			     .via = GATEWAY },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_FAR, .tcp = ACK),
			     .outcome = SENT, .out = { NODE1, SNAT_A, REMOTE1, NODE_EP_PORT },
			     .via = PEER1 } },
		.flows = { { { CLIENT, 40000, VIP, PORT_FAR },
			     { NODE1, SNAT_A, REMOTE1, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "two clients, one endpoint",
		.intent = "Two flows never share a source port towards one endpoint.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN),
			     .outcome = SENT, .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     .via = PEER0 },
			   { NIC0, .in = SEG(CLIENT2, 40000, VIP, PORT_REMOTE, .tcp = SYN),
			     .outcome = SENT, .out = { NODE, SNAT_B, REMOTE, NODE_EP_PORT },
			     .via = PEER0 },
			   { NIC0, .in = SEG(REMOTE, NODE_EP_PORT, NODE, SNAT_B, .tcp = SYN | ACK),
			     .outcome = SENT, .out = { VIP, PORT_REMOTE, CLIENT2, 40000 },
			     .via = GATEWAY },
			   { NIC0, .in = SEG(REMOTE, NODE_EP_PORT, NODE, SNAT_A, .tcp = SYN | ACK),
			     .outcome = SENT, .out = { VIP, PORT_REMOTE, CLIENT, 40000 },
			     .via = GATEWAY } },
		.flows = { { { CLIENT, 40000, VIP, PORT_REMOTE },
			     { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     NARU_REDIRECT },
			   { { CLIENT2, 40000, VIP, PORT_REMOTE },
			     { NODE, SNAT_B, REMOTE, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 2 },
	},
	{
		.name = "two services over one endpoint of another node",
		.intent = "Same client port, same endpoint: the source ports keep them apart.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN),
			     .outcome = SENT, .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     .via = PEER0 },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP2, PORT_REMOTE, .tcp = SYN),
			     .outcome = SENT, .out = { NODE, SNAT_B, REMOTE, NODE_EP_PORT },
			     .via = PEER0 },
			   { NIC0, .in = SEG(REMOTE, NODE_EP_PORT, NODE, SNAT_B, .tcp = SYN | ACK),
			     .outcome = SENT, .out = { VIP2, PORT_REMOTE, CLIENT, 40000 },
			     .via = GATEWAY } },
		.flows = { { { CLIENT, 40000, VIP, PORT_REMOTE },
			     { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     NARU_REDIRECT },
			   { { CLIENT, 40000, VIP2, PORT_REMOTE },
			     { NODE, SNAT_B, REMOTE, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 2 },
	},
	{
		.name = "a SYN after a reset opens a new flow",
		.intent = "The client re-uses its port; the old pair goes whole, the source port "
			  "with it.",
		.tcp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN),
			     .outcome = SENT, .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     .via = PEER0 },
			   { NIC0, .in = SEG(REMOTE, NODE_EP_PORT, NODE, SNAT_A, .tcp = RST | ACK),
			     .outcome = SENT, .out = { VIP, PORT_REMOTE, CLIENT, 40000 },
			     .via = GATEWAY },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN),
			     .outcome = SENT, .out = { NODE, SNAT_B, REMOTE, NODE_EP_PORT },
			     .via = PEER0 } },
		.flows = { { { CLIENT, 40000, VIP, PORT_REMOTE },
			     { NODE, SNAT_B, REMOTE, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 2 },
	},
	{
		.name = "the last hop",
		.intent = "A packet whose time to live would become 0 is not sent on; whoever "
			  "sent it is told.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN),
			     .outcome = SENT, .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     .via = PEER0 },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = ACK, .ttl = 1),
			     .tc_only = true, .outcome = SENT, .told = EXPIRED, .via = GATEWAY },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = ACK, .ttl = 2),
			     .outcome = SENT, .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     .via = PEER0 } },
		.flows = { { { CLIENT, 40000, VIP, PORT_REMOTE },
			     { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_TTL] = 1 },
	},
	{
		.name = "a datagram without check sum",
		.intent = "None it stays, in both directions.",
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .unsummed = true),
			     .outcome = SENT, .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     .via = PEER0 },
			   { NIC0, .in = SEG(REMOTE, NODE_EP_PORT, NODE, SNAT_A, .unsummed = true),
			     .outcome = SENT, .out = { VIP, PORT_REMOTE, CLIENT, 40000 },
			     .via = GATEWAY } },
		.flows = { { { CLIENT, 40000, VIP, PORT_REMOTE },
			     { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "no route to the endpoint",
		.intent = "Refused with a reason before an entry is made.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_UNREACHABLE, .tcp = SYN),
			     .outcome = DROPPED } },
		.counts = { [NARU_C_NO_ROUTE] = 1 },
	},
	{
		.name = "a next hop that has not answered yet",
		.intent = "XDP cannot wait for a neighbour; TC hands the packet to the kernel, "
			  "which asks for it.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_SILENT, .tcp = SYN),
			     .tc_only = true, .outcome = SENT,
			     .out = { NODE, SNAT_A, SILENT, NODE_EP_PORT }, .no_mac = true },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_SILENT, .tcp = ACK),
			     .tc_only = true, .outcome = SENT,
			     .out = { NODE, SNAT_A, SILENT, NODE_EP_PORT }, .no_mac = true } },
		.flows = { { { CLIENT, 40000, VIP, PORT_SILENT },
			     { NODE, SNAT_A, SILENT, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_NEIGH_PENDING] = 2 },
	},
	{
		.name = "a list that names no endpoint",
		.intent = "An anomaly of the writer is counted, and the packet goes nowhere.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_BROKEN, .tcp = SYN),
			     .outcome = DROPPED } },
		.counts = { [NARU_C_NO_ENDPOINT_ENTRY] = 1 },
	},
	{
		.name = "a change of routes",
		.intent = "A new generation makes the flow ask the kernel again; nothing else "
			  "changes.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN),
			     .outcome = SENT, .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     .via = PEER0 },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = ACK),
			     .outcome = SENT, .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     .via = PEER0, .generation = 2 },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = ACK),
			     .outcome = SENT, .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     .via = PEER0, .generation = 0x10001 } },
		.flows = { { { CLIENT, 40000, VIP, PORT_REMOTE },
			     { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "out of a device without XDP",
		.intent = "What XDP would send there is lost, so TC does it.",
		.tcp = true,
		.udp = true,
		.no_xdp_out = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_FAR, .tcp = SYN),
			     .tc_only = true, .outcome = SENT,
			     .out = { NODE1, SNAT_A, REMOTE1, NODE_EP_PORT }, .via = PEER1 },
			   { NIC1,
			     .in = SEG(REMOTE1, NODE_EP_PORT, NODE1, SNAT_A, .tcp = SYN | ACK),
			     .tc_only = true, .outcome = SENT,
			     .out = { VIP, PORT_FAR, CLIENT, 40000 }, .via = GATEWAY },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_FAR, .tcp = ACK),
			     .tc_only = true, .outcome = SENT,
			     .out = { NODE1, SNAT_A, REMOTE1, NODE_EP_PORT }, .via = PEER1 } },
		.flows = { { { CLIENT, 40000, VIP, PORT_FAR },
			     { NODE1, SNAT_A, REMOTE1, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "no address to send from",
		.intent = "Without a source of its own the node cannot take the client's place; no "
			  "entry is made.",
		.tcp = true,
		.udp = true,
		.no_source = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN),
			     .outcome = DROPPED },
			   { POD0, .in = SEG(POD, 40000, VIP, PORT_LOCAL, .tcp = SYN),
			     .outcome = DROPPED } },
		.counts = { [NARU_C_NO_SOURCE] = 2 },
	},
	{
		.name = "IPv4 options",
		.intent = "A longer header is no obstacle; its check sum covers the options.",
		.tcp = true,
		.udp = true,
		.family = AF_INET,
		.steps = { { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN,
				       .shape = OPTIONS),
			     .outcome = SENT, .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     .via = PEER0 },
			   { NIC0,
			     .in = SEG(REMOTE, NODE_EP_PORT, NODE, SNAT_A, .tcp = SYN | ACK,
				       .shape = OPTIONS),
			     .outcome = SENT, .out = { VIP, PORT_REMOTE, CLIENT, 40000 },
			     .via = GATEWAY } },
		.flows = { { { CLIENT, 40000, VIP, PORT_REMOTE },
			     { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "IPv6 extension headers",
		.intent = "The transport header is behind them; they stay as they are.",
		.tcp = true,
		.udp = true,
		.family = AF_INET6,
		.steps = { { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN,
				       .shape = OPTIONS),
			     .tc_only = true, .outcome = SENT,
			     .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT }, .via = PEER0 },
			   { NIC0,
			     .in = SEG(REMOTE, NODE_EP_PORT, NODE, SNAT_A, .tcp = SYN | ACK,
				       .shape = CHAINED),
			     .tc_only = true, .outcome = SENT,
			     .out = { VIP, PORT_REMOTE, CLIENT, 40000 }, .via = GATEWAY } },
		.flows = { { { CLIENT, 40000, VIP, PORT_REMOTE },
			     { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "headers that are not walked over",
		.intent = "A destination that is not the last one and a chain without end are the "
			  "stack's, counted.",
		.tcp = true,
		.udp = true,
		.family = AF_INET6,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN,
					     .shape = ROUTED) },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN,
					     .shape = DEEP) } },
		.counts = { [NARU_C_HEADERS] = 2 },
	},
	{
		.name = "too big for the way",
		.intent = "The way to the endpoint has an MTU of 1400: the client is told, and "
			  "what fits exactly goes.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_FAR, .tcp = SYN),
			     .outcome = SENT, .out = { NODE1, SNAT_A, REMOTE1, NODE_EP_PORT },
			     .via = PEER1 },
			   { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_FAR, .tcp = ACK, .payload = 1340),
			     .outcome = SENT, .out = { NODE1, SNAT_A, REMOTE1, NODE_EP_PORT },
			     .via = PEER1 },
			   { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_FAR, .tcp = ACK, .payload = 1373),
			     .tc_only = true, .outcome = SENT, .told = TOO_BIG, .word = 1400,
			     .via = GATEWAY } },
		.flows = { { { CLIENT, 40000, VIP, PORT_FAR },
			     { NODE1, SNAT_A, REMOTE1, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_TOO_BIG] = 1 },
	},
};

int main(void)
{
	int failed;

	world_enter();
	node_load(&(struct node_options){});
	failed = scene_main("redirect", scenes, sizeof(scenes) / sizeof(*scenes));
	node_unload();
	return failed;
}
