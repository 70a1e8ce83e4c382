/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCTP: associations take the roads of connections; the check sum covers the whole packet, ports
 * included; INIT alone begins a flow, and SHUTDOWN and ABORT end it.
 */
#include <netinet/in.h>

#include "node.h"
#include "node_services.h"
#include "scene.h"

#define TO_POD                                                                                     \
	{                                                                                          \
		CLIENT, 40000, POD, NODE_EP_PORT                                                   \
	}
#define TO_REMOTE                                                                                  \
	{                                                                                          \
		NODE, SNAT_A, REMOTE, NODE_EP_PORT                                                 \
	}
#define FROM_VIP                                                                                   \
	{                                                                                          \
		VIP, PORT_REMOTE, CLIENT, 40000                                                    \
	}

#define FORTH(...)                                                                                 \
	{                                                                                          \
		NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, __VA_ARGS__), .outcome = SENT,    \
		      .out = TO_REMOTE, .via = PEER0                                               \
	}
#define BACK(...)                                                                                  \
	{                                                                                          \
		NIC0, .in = SEG(REMOTE, NODE_EP_PORT, NODE, SNAT_A, .from = PEER0, __VA_ARGS__),   \
		      .outcome = SENT, .out = FROM_VIP, .via = GATEWAY                             \
	}

static const struct scene scenes[] = {
	{
		.name = "to a pod of another node",
		.intent = "Ports change at both ends, and the sum over packets of all lengths.",
		.sctp = true,
		.steps = { FORTH(.tcp = SYN), BACK(.tcp = SYN | ACK), FORTH(.tcp = ACK),
			   FORTH(.tcp = ACK, .payload = 1), BACK(.tcp = ACK, .payload = 3),
			   FORTH(.tcp = ACK, .payload = 1400),
			   BACK(.tcp = ACK, .payload = 900, .padding = 5) },
		.flows = { { { CLIENT, 40000, VIP, PORT_REMOTE }, TO_REMOTE, NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "to a pod of this node",
		.intent = "A sum that the NIC made over the whole packet is kept right, too.",
		.sctp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = SYN),
			     .out = TO_POD },
			   { NIC0, .leaving = true,
			     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = SYN | ACK),
			     .out = { VIP, PORT_LOCAL, CLIENT, 40000 } },
			   { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL, .tcp = ACK, .payload = 901),
			     .out = TO_POD },
			   { NIC0, .leaving = true,
			     .in = SEG(POD, NODE_EP_PORT, CLIENT, 40000, .tcp = ACK,
				       .payload = 1200),
			     .out = { VIP, PORT_LOCAL, CLIENT, 40000 } } },
		.flows = { { { CLIENT, 40000, VIP, PORT_LOCAL }, TO_POD, NARU_STACK } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "a pod to a pod of another node",
		.intent = "As for TCP: the kernel routes, and the client's address is kept.",
		.sctp = true,
		.steps = { { POD0, .in = SEG(POD, 40000, VIP, PORT_REMOTE, .tcp = SYN),
			     .out = { POD, 40000, REMOTE, NODE_EP_PORT } },
			   { POD0, .leaving = true,
			     .in = SEG(REMOTE, NODE_EP_PORT, POD, 40000, .tcp = SYN | ACK),
			     .out = { VIP, PORT_REMOTE, POD, 40000 } } },
		.flows = { { { POD, 40000, VIP, PORT_REMOTE },
			     { POD, 40000, REMOTE, NODE_EP_PORT },
			     NARU_STACK } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "hairpin",
		.intent = "The pod meets itself by the node's address.",
		.sctp = true,
		.steps = { { POD0, .in = SEG(POD, 40000, VIP, PORT_LOCAL, .tcp = SYN),
			     .outcome = SENT, .out = { NODE, SNAT_A, POD, NODE_EP_PORT },
			     .via = POD_MAC } },
		.flows = { { { POD, 40000, VIP, PORT_LOCAL },
			     { NODE, SNAT_A, POD, NODE_EP_PORT },
			     NARU_HAIRPIN } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "NodePort",
		.intent = "The same for an address of the node.",
		.sctp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, NODE, PORT_NODE_REMOTE, .tcp = SYN),
			     .outcome = SENT, .out = TO_REMOTE, .via = PEER0 } },
		.flows = { { { CLIENT, 40000, NODE, PORT_NODE_REMOTE },
			     TO_REMOTE,
			     NARU_REDIRECT,
			     { NOBODY, PORT_NODE_REMOTE } } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "what is not INIT begins nothing",
		.intent = "Another node, or a time before a restart, knows that association.",
		.sctp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = ACK) },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN | ACK) },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = FIN | ACK) },
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = RST) } },
	},
	{
		.name = "shut down on both sides",
		.intent = "SHUTDOWN of either side is remembered, and INIT then begins anew.",
		.sctp = true,
		.steps = { FORTH(.tcp = SYN),
			   BACK(.tcp = SYN | ACK),
			   FORTH(.tcp = ACK),
			   FORTH(.tcp = FIN | ACK),
			   BACK(.tcp = FIN | ACK),
			   { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_REMOTE, .tcp = SYN),
			     .outcome = SENT, .out = { NODE, SNAT_B, REMOTE, NODE_EP_PORT },
			     .via = PEER0 } },
		.flows = { { { CLIENT, 40000, VIP, PORT_REMOTE },
			     { NODE, SNAT_B, REMOTE, NODE_EP_PORT },
			     NARU_REDIRECT } },
		.counts = { [NARU_C_FLOW_NEW] = 2 },
	},
	{
		.name = "ABORT",
		.intent = "It passes, and is remembered.",
		.sctp = true,
		.steps = { FORTH(.tcp = SYN), BACK(.tcp = RST) },
		.flows = { { { CLIENT, 40000, VIP, PORT_REMOTE },
			     TO_REMOTE,
			     NARU_REDIRECT,
			     .reply_marks = NARU_F_RST } },
		.counts = { [NARU_C_FLOW_NEW] = 1 },
	},
	{
		.name = "no endpoint",
		.intent = "Port unreachable, as the kernel answers.",
		.sctp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_EMPTY, .tcp = SYN),
			     .tc_only = true, .outcome = SENT, .answer = true, .via = GATEWAY } },
		.counts = { [NARU_C_REJECTED] = 1 },
	},
	{
		.name = "policy Local, endpoints elsewhere",
		.intent = "Dropped and counted.",
		.sctp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_LOCAL_ONLY, .tcp = SYN),
			     .tc_only = true, .outcome = DROPPED } },
		.counts = { [NARU_C_NO_LOCAL_ENDPOINT] = 1 },
	},
};

int main(void)
{
	int failed;

	world_enter();
	node_load(&(struct node_options){});
	failed = scene_main("sctp", scenes, sizeof(scenes) / sizeof(*scenes));
	node_unload();
	return failed;
}
