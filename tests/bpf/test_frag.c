/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fragments: what follows a first fragment goes where that went, with addresses rewritten and
 * nothing else. Every scene has identifications of its own: they are remembered beyond it.
 */
#include "node.h"
#include "node_services.h"
#include "scene.h"

static const struct scene scenes[] = {
	{
		.name = "redirect",
		.intent = "Both directions; a later fragment has no ports, its bytes stay.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN, .payload = 1200,
				       .shape = FIRST_FRAGMENT, .id = 1),
			     .tc_only = true, .outcome = SENT,
			     .out = { NODE, SNAT_A, REMOTE, NODE_EP_PORT }, .via = PEER0 },
			   { NIC0,
			     .in = SEG(CLIENT, 777, VIP, 888, .payload = 800,
				       .shape = LATER_FRAGMENT, .id = 1),
			     .tc_only = true, .outcome = SENT, .out = { NODE, 777, REMOTE, 888 },
			     .via = PEER0, .no_mac = true },
			   { NIC0,
			     .in = SEG(REMOTE, NODE_EP_PORT, NODE, SNAT_A, .tcp = ACK,
				       .payload = 1200, .shape = FIRST_FRAGMENT, .id = 2),
			     .tc_only = true, .outcome = SENT,
			     .out = { VIP, PORT_REMOTE, CLIENT, 40000 }, .via = GATEWAY },
			   { NIC0,
			     .in = SEG(REMOTE, 777, NODE, 888, .payload = 800,
				       .shape = LATER_FRAGMENT, .id = 2),
			     .tc_only = true, .outcome = SENT, .out = { VIP, 777, CLIENT, 888 },
			     .via = GATEWAY, .no_mac = true } },
		.flows = { { { CLIENT, 40000, VIP, PORT_REMOTE },
			     { NODE, SNAT_A, REMOTE, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "stack",
		.intent = "Rewritten where they come in, and the answer's where they leave.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = SYN, .payload = 1200,
				       .shape = FIRST_FRAGMENT, .id = 3),
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT } },
			   { NIC0,
			     .in = SEG(CLIENT, 777, VIP, 888, .payload = 800,
				       .shape = LATER_FRAGMENT, .id = 3),
			     .out = { CLIENT, 777, POD, 888 } },
			   { NIC0, .leaving = true,
			     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = ACK,
				       .payload = 1200, .shape = FIRST_FRAGMENT, .id = 4),
			     .out = { VIP, PORT_LOCAL, CLIENT, 40000 } },
			   { NIC0, .leaving = true,
			     .in = SEG(POD, 777, CLIENT, 888, .payload = 800,
				       .shape = LATER_FRAGMENT, .id = 4),
			     .out = { VIP, 777, CLIENT, 888 } } },
		.flows = { { { CLIENT, 40000, VIP, PORT_LOCAL },
			     { CLIENT, 40000, POD, NODE_EP_PORT },
			     NARU_STACK } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "hairpin",
		.intent = "Sent back to the pod that sent them.",
		.udp = true,
		.steps = { { POD0,
			     .in = SEG(POD, 40000, VIP, PORT_LOCAL, .payload = 1200,
				       .shape = FIRST_FRAGMENT, .id = 5),
			     .outcome = SENT, .out = { NODE, SNAT_A, POD, NODE_EP_PORT },
			     .via = POD_MAC },
			   { POD0,
			     .in = SEG(POD, 777, VIP, 888, .payload = 800, .shape = LATER_FRAGMENT,
				       .id = 5),
			     .outcome = SENT, .out = { NODE, 777, POD, 888 }, .via = POD_MAC } },
		.flows = { { { POD, 40000, VIP, PORT_LOCAL },
			     { NODE, SNAT_A, POD, NODE_EP_PORT },
			     NARU_HAIRPIN } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "a later fragment alone",
		.intent = "Left to the stack, and counted if it may be ours: the first one is not "
			  "there, or was of another packet.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .payload = 800,
					     .shape = LATER_FRAGMENT, .id = 6) },
			   { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = SYN, .payload = 1200,
				       .shape = FIRST_FRAGMENT, .id = 7),
			     .out = { CLIENT, 40000, POD, NODE_EP_PORT } },
			   { NIC0, .in = SEG(CLIENT2, 40000, VIP, PORT_LOCAL, .payload = 800,
					     .shape = LATER_FRAGMENT, .id = 7) },
			   { NIC0, .in = SEG(CLIENT, 40000, STRANGER, PORT_LOCAL, .payload = 800,
					     .shape = LATER_FRAGMENT, .id = 7) },
			   { NIC0, .leaving = true,
			     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .payload = 800,
				       .shape = LATER_FRAGMENT, .id = 7) } },
		.flows = { { { CLIENT, 40000, VIP, PORT_LOCAL },
			     { CLIENT, 40000, POD, NODE_EP_PORT },
			     NARU_STACK } },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_FRAGMENT_LOST] = 3 },
	},
	{
		.name = "too big",
		.intent = "About the first fragment the client is told; errors are not about later "
			  "ones.",
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_FAR), .outcome = SENT,
			     .out = { NODE1, SNAT_A, REMOTE1, NODE_EP_PORT }, .via = PEER1 },
			   { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_FAR, .payload = 1440,
				       .shape = FIRST_FRAGMENT, .id = 8),
			     .tc_only = true, .outcome = SENT, .told = TOO_BIG, .word = 1400,
			     .via = GATEWAY },
			   { NIC0,
			     .in = SEG(CLIENT, 777, VIP, 888, .payload = 1440,
				       .shape = LATER_FRAGMENT, .id = 8),
			     .tc_only = true, .outcome = DROPPED } },
		.flows = { { { CLIENT, 40000, VIP, PORT_FAR },
			     { NODE1, SNAT_A, REMOTE1, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 1, [NARU_C_TOO_BIG] = 2 },
	},
};

int main(void)
{
	int failed;

	world_enter();
	node_load(&(struct node_options){});
	failed = scene_main("fragments", scenes, sizeof(scenes) / sizeof(*scenes));
	node_unload();
	return failed;
}
