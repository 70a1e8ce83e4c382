/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TC at NICs when layer 4 is off and the node has VIPs: who has them is asked and answered on the
 * link, nothing else. With layer 4, tc_lb does the same step.
 */
#include "lib/maps_node.h"

#include "lib/announce.h"
#include "lib/ctx_tc.h"

SEC("tc")
int vip_ingress(struct __sk_buff *ctx)
{
	if (ctx->vlan_present)
		return TC_ACT_UNSPEC; /* belongs to a VLAN device */
	switch (pkt_ethertype(ctx_data(ctx), ctx_end(ctx))) {
	case ETH_P_ARP:
		return announce_arp(ctx);
	case ETH_P_IPV6:
		return announce_is_icmp6(ctx) ? announce_nd(ctx) : TC_ACT_UNSPEC;
	default:
		return TC_ACT_UNSPEC;
	}
}

SEC("tc")
int vip_egress(struct __sk_buff *ctx)
{
	if (ctx->vlan_present || pkt_ethertype(ctx_data(ctx), ctx_end(ctx)) != ETH_P_ARP)
		return TC_ACT_UNSPEC;
	return announce_ask(ctx);
}

char naru_license[] SEC("license") = "Dual BSD/GPL";
