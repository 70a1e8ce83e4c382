/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services without an endpoint: refused in the service's name when there is none anywhere, dropped
 * and counted when only the Local policy hides them. No flow is made.
 */
#include <netinet/in.h>

#include "node.h"
#include "node_services.h"
#include "scene.h"

static const struct scene scenes[] = {
	{
		.name = "ClusterIP without endpoint",
		.intent = "RST acknowledges the SYN; port unreachable quotes the datagram.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_EMPTY, .tcp = SYN, .seq = 7777),
			     .tc_only = true, .outcome = SENT, .answer = true, .via = GATEWAY } },
		.counts = { [NARU_C_REJECTED] = 1 },
	},
	{
		.name = "NodePort without endpoint",
		.intent = "The answer comes from the address that was dialled.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, NODE1, PORT_NODE_EMPTY, .tcp = SYN),
			     .tc_only = true, .outcome = SENT, .answer = true, .via = GATEWAY } },
		.counts = { [NARU_C_REJECTED] = 1 },
	},
	{
		.name = "a pod dials a service without endpoint",
		.intent = "The answer goes back into the pod's device.",
		.tcp = true,
		.udp = true,
		.steps = { { POD0, .in = SEG(POD, 40000, VIP, PORT_EMPTY, .tcp = SYN),
			     .outcome = SENT, .answer = true, .via = POD_MAC } },
		.counts = { [NARU_C_REJECTED] = 1 },
	},
	{
		.name = "each attempt is answered",
		.intent = "Nothing is remembered, the sequence number wraps, any time to live will "
			  "do.",
		.tcp = true,
		.udp = true,
		.steps = { { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_EMPTY, .tcp = SYN,
				       .seq = 0xffffffff),
			     .tc_only = true, .outcome = SENT, .answer = true, .via = GATEWAY },
			   { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_EMPTY, .tcp = SYN, .seq = 1,
				       .ack = 5, .ttl = 1),
			     .tc_only = true, .outcome = SENT, .answer = true, .via = GATEWAY } },
		.counts = { [NARU_C_REJECTED] = 2 },
	},
	{
		.name = "a SYN with options and data",
		.intent = "RST acknowledges the data too, and carries neither.",
		.tcp = true,
		.steps = { { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_EMPTY, .tcp = SYN, .seq = 7777,
				       .options = 20, .payload = 100),
			     .tc_only = true, .outcome = SENT, .answer = true, .via = GATEWAY } },
		.counts = { [NARU_C_REJECTED] = 1 },
	},
	{
		.name = "a SYN in a padded frame",
		.intent =
			"What an Ethernet device adds to a short frame is no data to acknowledge.",
		.tcp = true,
		.steps = { { NIC0,
			     .in = SEG(CLIENT, 40000, VIP, PORT_EMPTY, .tcp = SYN, .seq = 7777,
				       .padding = 6),
			     .tc_only = true, .outcome = SENT, .answer = true, .via = GATEWAY } },
		.counts = { [NARU_C_REJECTED] = 1 },
	},
	{
		.name = "a long datagram",
		.intent =
			"What is quoted is the header and the first bytes, and the length says so.",
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_EMPTY, .payload = 1400),
			     .tc_only = true, .outcome = SENT, .answer = true, .via = GATEWAY },
			   { POD0, .in = SEG(POD, 40000, VIP, PORT_EMPTY, .unsummed = true),
			     .outcome = SENT, .answer = true, .via = POD_MAC } },
		.counts = { [NARU_C_REJECTED] = 2 },
	},
	{
		.name = "options in a refused packet",
		.intent = "The quote has the whole header, so that the client finds its ports.",
		.udp = true,
		.steps = { { NIC0, .in = SEG(CLIENT, 40000, VIP, PORT_EMPTY, .shape = OPTIONS),
			     .tc_only = true, .outcome = SENT, .answer = true, .via = GATEWAY } },
		.counts = { [NARU_C_REJECTED] = 1 },
	},
	{
		.name = "endpoints elsewhere only, policy Local",
		.intent = "Dropped, so that another node can answer for the address, and counted.",
		.tcp = true,
		.udp = true,
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
	failed = scene_main("reject", scenes, sizeof(scenes) / sizeof(*scenes));
	node_unload();
	return failed;
}
