/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TC at NICs when layer 4 is off and the node has VIPs: who has them is asked and answered on the
 * link, nothing else. With layer 4, tc_lb does the same step.
 *
 * Pointers into packets are not compared here: older kernels want CAP_PERFMON for that.
 */
#include "lib/maps_node.h"

#include "lib/announce.h"
#include "lib/ctx_tc.h"

static __always_inline int is_icmp6(struct __sk_buff *ctx)
{
	__u8 next = 0;

	bpf_skb_load_bytes(ctx, PKT_L3 + __builtin_offsetof(struct ipv6hdr, nexthdr), &next, 1);
	return next == IPPROTO_ICMPV6;
}

SEC("tc")
int vip_ingress(struct __sk_buff *ctx)
{
	if (ctx->vlan_present)
		return TC_ACT_UNSPEC; /* belongs to a VLAN device */
	switch (bpf_ntohs((__u16)ctx->protocol)) {
	case ETH_P_ARP:
		return announce_arp(ctx);
	case ETH_P_IPV6:
		return is_icmp6(ctx) ? announce_nd(ctx) : TC_ACT_UNSPEC;
	default:
		return TC_ACT_UNSPEC;
	}
}

SEC("tc")
int vip_egress(struct __sk_buff *ctx)
{
	if (ctx->vlan_present || (__u16)ctx->protocol != bpf_htons(ETH_P_ARP))
		return TC_ACT_UNSPEC;
	return announce_ask(ctx);
}

char naru_license[] SEC("license") = "Dual BSD/GPL";
