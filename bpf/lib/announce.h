/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who has a VIP, asked on the link: every node has it by a local route, so the kernel would answer
 * (ARP) or say nothing (NDP) on each of them. Here the announcer answers and all others are still,
 * and no node gives a VIP that it does not announce as its own address when it asks. At NICs only:
 * pods ask nobody but their node. TC only.
 */
#pragma once
#include "count.h"
#include "csum.h"
#include "ctx_tc.h"
#include "pkt.h"

#define ANNOUNCE_ARP_REQUEST 1
#define ANNOUNCE_ARP_REPLY   2
#define ANNOUNCE_SOLICIT     135
#define ANNOUNCE_ADVERTISE   136
#define ANNOUNCE_SOLICITED   0x40 /* of the advertisement's first flag byte */
#define ANNOUNCE_OVERRIDE    0x20
#define ANNOUNCE_LINK_ADDR   2 /* option: target's link-layer address */

/* RFC 826, for IPv4 over Ethernet. */
struct announce_arp {
	__u16 hardware;
	__u16 protocol;
	__u8 hardware_len;
	__u8 protocol_len;
	__u16 op;
	__u8 smac[ETH_ALEN];
	__u8 saddr[4];
	__u8 tmac[ETH_ALEN];
	__u8 taddr[4];
};

/* RFC 4861, 4.3 and 4.4. */
struct announce_nd {
	struct ipv6hdr ip;
	__u8 type;
	__u8 code;
	__u16 check;
	__u8 flags;
	__u8 reserved[3];
	__u32 target[4];
};

/* What an advertisement has behind that. */
struct announce_option {
	__u8 type;
	__u8 len; /* of eight bytes */
	__u8 mac[ETH_ALEN];
};

static __always_inline struct naru_vip *announce_find(const __u32 *addr, const int af)
{
	struct naru_addr key __attribute__((aligned(8)));

	pkt_map_addr(key.addr, addr, af);
	return bpf_map_lookup_elem(&steer_vip, &key);
}

/* NULL when the device is none towards other machines. */
static __always_inline struct naru_device *announce_nic(struct __sk_buff *ctx)
{
	__u32 ifindex = ctx_ifindex(ctx);
	struct naru_device *dev = bpf_map_lookup_elem(&device, &ifindex);

	return dev && dev->class == NARU_NIC ? dev : NULL;
}

static __always_inline int announce_drop(const enum naru_counter why)
{
	count(why);
	return TC_ACT_SHOT;
}

/* The frame goes back out of its device. */
static __always_inline int announce_send(struct __sk_buff *ctx, const __u8 *dmac, const __u8 *smac)
{
	__u8 macs[2 * ETH_ALEN];

	__builtin_memcpy(macs, dmac, ETH_ALEN);
	__builtin_memcpy(macs + ETH_ALEN, smac, ETH_ALEN);
	if (bpf_skb_store_bytes(ctx, 0, macs, sizeof(macs), 0))
		return announce_drop(NARU_C_REWRITE);
	count(NARU_C_ANNOUNCED);
	return bpf_redirect(ctx_ifindex(ctx), 0);
}

/* Nobody but narud tells for how long; without that, always. */
static __always_inline int announce_mine(const struct naru_vip *vip)
{
	__u32 zero = 0;
	const struct naru_answering *a = bpf_map_lookup_elem(&answering, &zero);

	return vip->announce && (!a || !a->until_ns || bpf_ktime_get_ns() < a->until_ns);
}

static __always_inline int announce_same_mac(const __u8 *a, const __u8 *b)
{
	int same = 1;

	for (int i = 0; i < ETH_ALEN; i++)
		same &= a[i] == b[i];
	return same;
}

static __always_inline __u32 announce_word(const void *from)
{
	__u32 word;

	__builtin_memcpy(&word, from, 4);
	return word;
}

/*
 * A frame in which somebody says to have the address is noted, unless it is one of this device. The
 * mark is where narud puts it (frame.c); four bytes name it, four the node.
 */
static __always_inline void announce_note(struct __sk_buff *ctx, const struct naru_device *dev,
					  const __u32 *addr, __u32 mark_at, __u32 mark,
					  const int af)
{
	struct naru_addr key __attribute__((aligned(8)));
	struct naru_conflict value = { .time_ns = bpf_ktime_get_ns(), .ifindex = ctx_ifindex(ctx) };
	struct naru_vip *vip = announce_find(addr, af);
	__u32 tail[2] = {};

	if (!vip || !announce_mine(vip) || cfg.dry_run ||
	    bpf_skb_load_bytes(ctx, ETH_ALEN, value.mac, ETH_ALEN) ||
	    announce_same_mac(value.mac, dev->mac))
		return;
	if (!bpf_skb_load_bytes(ctx, mark_at, tail, sizeof(tail)) && tail[0] == mark) {
		value.marked = 1;
		value.node = bpf_ntohl(tail[1]);
	}
	pkt_map_addr(key.addr, addr, af);
	bpf_map_update_elem(&conflict, &key, &value, BPF_ANY);
	count(NARU_C_CONFLICT);
}

static __always_inline int announce_load_arp(struct __sk_buff *ctx, struct announce_arp *arp)
{
	return bpf_skb_load_bytes(ctx, PKT_L3, arp, sizeof(*arp)) ||
	       arp->hardware != bpf_htons(1) || arp->protocol != bpf_htons(ETH_P_IP) ||
	       arp->hardware_len != ETH_ALEN || arp->protocol_len != 4;
}

/* What comes in. A request that names its sender as the target asks nothing. */
static __noinline int announce_arp(struct __sk_buff *ctx)
{
	struct announce_arp arp = {};
	struct naru_device *dev = announce_nic(ctx);
	struct naru_vip *vip;
	__u32 target, sender;

	if (!dev || announce_load_arp(ctx, &arp))
		return TC_ACT_UNSPEC;
	__builtin_memcpy(&target, arp.taddr, 4);
	__builtin_memcpy(&sender, arp.saddr, 4);
	announce_note(ctx, dev, &sender, PKT_L3 + sizeof(arp), announce_word(NARU_MARK_ARP),
		      AF_INET);
	if (arp.op != bpf_htons(ANNOUNCE_ARP_REQUEST))
		return TC_ACT_UNSPEC;
	vip = announce_find(&target, AF_INET);
	if (!vip)
		return TC_ACT_UNSPEC;
	if (!announce_mine(vip) || sender == target)
		return announce_drop(NARU_C_NOT_ANNOUNCED);
	arp.op = bpf_htons(ANNOUNCE_ARP_REPLY);
	__builtin_memcpy(arp.tmac, arp.smac, ETH_ALEN);
	__builtin_memcpy(arp.taddr, &sender, 4);
	__builtin_memcpy(arp.smac, dev->mac, ETH_ALEN);
	__builtin_memcpy(arp.saddr, &target, 4);
	if (bpf_skb_store_bytes(ctx, PKT_L3, &arp, sizeof(arp), BPF_F_RECOMPUTE_CSUM))
		return announce_drop(NARU_C_REWRITE);
	return announce_send(ctx, arp.tmac, arp.smac);
}

/* A request of this node: for an answer to a client on the link the kernel asks in the VIP's name,
 * and whoever hears that would send to us what is another node's. */
static __noinline int announce_ask(struct __sk_buff *ctx)
{
	struct announce_arp arp = {};
	struct naru_device *dev = announce_nic(ctx);
	struct naru_vip *vip;
	__u32 sender;

	if (!dev || announce_load_arp(ctx, &arp) || arp.op != bpf_htons(ANNOUNCE_ARP_REQUEST))
		return TC_ACT_UNSPEC;
	__builtin_memcpy(&sender, arp.saddr, 4);
	vip = announce_find(&sender, AF_INET);
	if (!vip || announce_mine(vip) || !dev->has_src4)
		return TC_ACT_UNSPEC;
	if (bpf_skb_store_bytes(ctx, PKT_L3 + __builtin_offsetof(struct announce_arp, saddr),
				dev->src4, 4, BPF_F_RECOMPUTE_CSUM))
		return announce_drop(NARU_C_REWRITE);
	return TC_ACT_UNSPEC;
}

/* ---- neighbour discovery ---- */

/* RFC 4861, 7.1.1. A check sum that is wrong gets the answer all the same. */
static __always_inline int announce_load_nd(struct __sk_buff *ctx, struct announce_nd *nd)
{
	return bpf_skb_load_bytes(ctx, PKT_L3, nd, sizeof(*nd)) || nd->ip.version != 6 ||
	       nd->ip.nexthdr != IPPROTO_ICMPV6 || nd->ip.hop_limit != 255 ||
	       bpf_ntohs(nd->ip.payload_len) < sizeof(*nd) - sizeof(nd->ip) || nd->code;
}

/*
 * The solicitation becomes its answer: to who asked, or, when that is somebody without an address
 * who wants to know whether the VIP is free, to all nodes of the link.
 */
static __always_inline void announce_answer(struct announce_nd *nd, struct announce_option *option,
					    const __u8 *mac, __u8 *dmac)
{
	const __u32 all_nodes[4] = { bpf_htonl(0xff020000), 0, 0, bpf_htonl(1) };
	const __u8 all_macs[ETH_ALEN] = { 0x33, 0x33, 0, 0, 0, 1 };
	__u32 *saddr = nd->ip.saddr.in6_u.u6_addr32, *daddr = nd->ip.daddr.in6_u.u6_addr32;
	int probe = !(saddr[0] | saddr[1] | saddr[2] | saddr[3]);
	const __u16 len = sizeof(*nd) - sizeof(nd->ip) + sizeof(*option);
	__u64 sum = bpf_htons(IPPROTO_ICMPV6) + bpf_htons(len);

	__builtin_memcpy(daddr, probe ? all_nodes : saddr, 16);
	__builtin_memcpy(saddr, nd->target, 16);
	if (probe)
		__builtin_memcpy(dmac, all_macs, ETH_ALEN);
	*(__u32 *)&nd->ip = bpf_htonl(0x60000000);
	nd->ip.payload_len = bpf_htons(len);
	nd->type = ANNOUNCE_ADVERTISE;
	nd->check = 0;
	nd->flags = ANNOUNCE_OVERRIDE | (probe ? 0 : ANNOUNCE_SOLICITED);
	__builtin_memset(nd->reserved, 0, sizeof(nd->reserved));
	option->type = ANNOUNCE_LINK_ADDR;
	option->len = sizeof(*option) / 8;
	__builtin_memcpy(option->mac, mac, ETH_ALEN);
	sum += (__u32)bpf_csum_diff(NULL, 0, (void *)&nd->ip.saddr, sizeof(*nd) - 8, 0);
	sum += (__u32)bpf_csum_diff(NULL, 0, (void *)option, sizeof(*option), 0);
	nd->check = ~csum_fold(sum);
}

/* To be called for all ICMPv6 without extension headers. */
static __noinline int announce_nd(struct __sk_buff *ctx)
{
	struct naru_device *dev = announce_nic(ctx);
	struct announce_option option = {};
	struct announce_nd nd = {};
	struct naru_vip *vip;
	__u8 dmac[ETH_ALEN];

	if (!dev || announce_load_nd(ctx, &nd))
		return TC_ACT_UNSPEC;
	if (nd.type == ANNOUNCE_ADVERTISE)
		announce_note(ctx, dev, nd.target, PKT_L3 + sizeof(nd) + sizeof(option),
			      announce_word(NARU_MARK_ND), AF_INET6);
	if (nd.type != ANNOUNCE_SOLICIT)
		return TC_ACT_UNSPEC;
	vip = announce_find(nd.target, AF_INET6);
	if (!vip)
		return TC_ACT_UNSPEC;
	if (!announce_mine(vip))
		return announce_drop(NARU_C_NOT_ANNOUNCED);
	if (bpf_skb_load_bytes(ctx, ETH_ALEN, dmac, sizeof(dmac)))
		return announce_drop(NARU_C_REWRITE);
	announce_answer(&nd, &option, dev->mac, dmac);
	if (bpf_skb_change_tail(ctx, PKT_L3 + sizeof(nd) + sizeof(option), 0) ||
	    bpf_skb_store_bytes(ctx, PKT_L3, &nd, sizeof(nd), BPF_F_RECOMPUTE_CSUM) ||
	    bpf_skb_store_bytes(ctx, PKT_L3 + sizeof(nd), &option, sizeof(option),
				BPF_F_RECOMPUTE_CSUM))
		return announce_drop(NARU_C_REWRITE);
	return announce_send(ctx, dmac, dev->mac);
}
