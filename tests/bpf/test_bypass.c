/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --bypass-netfilter: packets for pods of this node are redirected into them with the client's
 * address kept, and their answers are taken where they come in from the pod.
 */
#include "node.h"
#include "node_services.h"
#include "scene.h"

static const struct scene scenes[] = {
	{
		.name = "from outside to a pod of this node",
		.intent = "No source translation; the pod's device and the gateway are next hops.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = SYN),
			     .tc_only = true, .outcome = SENT,
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT }, .via = POD_MAC },
			   { POD0, .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = SYN | ACK),
			     .outcome = SENT, .out = { VIP, PORT_LOCAL, CLIENT, 40000 },
			     .via = GATEWAY },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = ACK),
			     .tc_only = true, .outcome = SENT,
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT }, .via = POD_MAC } },
		.flows = { { { CLIENT, 40000, VIP, PORT_LOCAL },
			     { CLIENT, 40000, POD, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "fragments",
		.intent = "A pod's answers are known by its address where they come in, also later "
			  "fragments.",
		.udp = true,
		.steps = { { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .payload = 1200,
				       .shape = FIRST_FRAGMENT, .id = 21),
			     .tc_only = true, .outcome = SENT,
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT }, .via = POD_MAC },
			   { NIC0,
			     .in = SEG(CLIENT, 777, VIP, 888, .payload = 800,
				       .shape = LATER_FRAGMENT, .id = 21),
			     .tc_only = true, .outcome = SENT, .out = { CLIENT, 777, POD, 888 },
			     .via = POD_MAC, .no_mac = true },
			   { POD0,
			     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .payload = 1200,
				       .shape = FIRST_FRAGMENT, .id = 22),
			     .outcome = SENT, .out = { VIP, PORT_LOCAL, CLIENT, 40000 },
			     .via = GATEWAY },
			   { POD0,
			     .in = SEG(POD, 777, CLIENT, 888, .payload = 800,
				       .shape = LATER_FRAGMENT, .id = 22),
			     .outcome = SENT, .out = { VIP, 777, CLIENT, 888 }, .via = GATEWAY,
			     .no_mac = true } },
		.flows = { { { CLIENT, 40000, VIP, PORT_LOCAL },
			     { CLIENT, 40000, POD, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "an error of the pod",
		.intent = "It comes in where the answers do.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = SYN),
			     .tc_only = true, .outcome = SENT,
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT }, .via = POD_MAC },
			   { POD0, .in = SEG(POD, 0, CLIENT, 0), .error = PORT_CLOSED,
			     .about = SEG(CLIENT, 40000, POD, NODE_EP_PORT, .tcp = SYN),
			     .outcome = SENT, .out = { VIP, 0, CLIENT, 0 },
			     .about_out = { CLIENT, 40000, VIP, PORT_LOCAL }, .via = GATEWAY,
			     .no_mac = true } },
		.flows = { { { CLIENT, 40000, VIP, PORT_LOCAL },
			     { CLIENT, 40000, POD, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_ICMP_TRANSLATED] = 1 },
	},
	{
		.name = "from a pod to another pod of this node",
		.intent = "Straight from one pod's device to the other's, both ways.",
		.tcp = true,
		.udp = true,
		.steps = { { POD1, .in = SEG(POD2, 40000, VIP, PORT_LOCAL, .tcp = SYN),
			     .outcome = SENT, .out = { POD2, 40000, POD, NODE_EP_PORT },
			     .via = POD_MAC },
			   { POD0, .in = SEG(POD, NODE_EP_PORT, POD2, 40000, .tcp = SYN | ACK),
			     .outcome = SENT, .out = { VIP, PORT_LOCAL, POD2, 40000 },
			     .via = POD2_MAC } },
		.flows = { { { POD2, 40000, VIP, PORT_LOCAL },
			     { POD2, 40000, POD, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "from a pod to a pod of another node",
		.intent = "Only pods of this node are reached past the stack.",
		.tcp = true,
		.udp = true,
		.steps = { { POD0, .in = SEG(POD, 40000, VIP, PORT_REMOTE, .tcp = SYN),
			     .out = { POD, 40000, REMOTE, NODE_EP_PORT } } },
		.flows = { { { POD, 40000, VIP, PORT_REMOTE },
			     { POD, 40000, REMOTE, NODE_EP_PORT },
			     NARU_STACK } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "a pod that was dialled directly",
		.intent = "Its answers have no entry and go on to the stack.",
		.tcp = true,
		.udp = true,
		.steps = { { POD0, .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = SYN | ACK) },
			   { POD0, .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = SYN) } },
	},
	{
		.name = "hairpin",
		.intent = "A pod that reaches itself takes the same road as ever.",
		.tcp = true,
		.udp = true,
		.steps = { { POD0, .in = SEG(POD, 40000, VIP, PORT_LOCAL, .tcp = SYN),
			     .outcome = SENT, .out = { NODE, SNAT_A, POD, NODE_EP_PORT },
			     .via = POD_MAC },
			   { POD0, .in = SEG(POD, NODE_EP_PORT, NODE, SNAT_A, .tcp = SYN | ACK),
			     .outcome = SENT, .out = { VIP, PORT_LOCAL, POD, 40000 },
			     .via = POD_MAC } },
		.flows = { { { POD, 40000, VIP, PORT_LOCAL },
			     { NODE, SNAT_A, POD, NODE_EP_PORT },
			     NARU_HAIRPIN } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
};

int main(void)
{
	int failed;

	world_enter();
	node_load(&(struct node_options){ .bypass_netfilter = true });
	failed = scene_main("bypass", scenes, sizeof(scenes) / sizeof(*scenes));
	node_unload();
	return failed;
}
