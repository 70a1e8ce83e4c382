/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Writes a flow's action into the packet. Include after ctx_xdp.h or ctx_tc.h. Pointers into the
 * packet are invalid afterwards.
 */
#pragma once
#include "flow.h"
#include "sctp.h"

/* Takes one hop from the time to live: the word of TTL and protocol falls by 0x0100. */
#define REWRITE_TTL_DELTA ((__u16)~bpf_htons(0x0100))

static __always_inline int rewrite_ip4(CTX *ctx, const __u32 *addrs, __u16 addr_delta,
				       const int hop)
{
	struct iphdr *ip = ctx_data(ctx) + PKT_L3;

	if ((void *)(ip + 1) > ctx_end(ctx))
		return -1;
	ip->saddr = addrs[0];
	ip->daddr = addrs[1];
	ip->ttl -= hop;
	ip->check = csum_adjust(ip->check, (__u32)addr_delta + (hop ? REWRITE_TTL_DELTA : 0));
	return 0;
}

static __always_inline int rewrite_ip6(CTX *ctx, const __u32 *addrs, const int hop)
{
	struct ipv6hdr *ip = ctx_data(ctx) + PKT_L3;

	if ((void *)(ip + 1) > ctx_end(ctx))
		return -1;
	__builtin_memcpy(&ip->saddr, addrs, 16);
	__builtin_memcpy(&ip->daddr, addrs + 4, 16);
	ip->hop_limit -= hop;
	if (hop)
		ctx_csum_update(ctx, (__u16)~bpf_htons(1));
	return 0;
}

/* Addresses, ports, check sums; with `hop`, also the time to live. -1 leaves a packet that must be
 * dropped. */
static __always_inline int rewrite(CTX *ctx, const struct pkt *p, void *value, const int hop,
				   const int af)
{
	const struct naru_flow *f = flow_core(value, af);
	__u16 addr_delta = f->addr_delta, port_delta = f->port_delta;
	const __u32 *addrs = FLOW_ENTRY_ADDRS(value);
	struct udphdr *ports;
	int r;

	r = af == AF_INET ? rewrite_ip4(ctx, addrs, addr_delta, hop) : rewrite_ip6(ctx, addrs, hop);
	ports = ctx_data(ctx) + pkt_l4(p);
	if (r || (void *)(ports + 1) > ctx_end(ctx))
		return -1;
	ports->source = bpf_htons(f->sport);
	ports->dest = bpf_htons(f->dport);
	if (p->t.proto == IPPROTO_SCTP)
		return af == AF_INET ? sctp_sum4(ctx, p, f) : sctp_sum6(ctx, p, f);
	return ctx_l4_csum(ctx, p, addr_delta, port_delta, af);
}

/* The deltas that belong to a change of tuple. */
static __always_inline void rewrite_deltas(struct naru_flow *f, const struct tuple *was,
					   const struct tuple *is, const int af)
{
	__u64 addrs = csum_words(0, was->saddr, is->saddr, PKT_WORDS(af));

	f->addr_delta = csum_fold(csum_words(addrs, was->daddr, is->daddr, PKT_WORDS(af)));
	f->port_delta =
		csum_fold((__u64)(__u16)~bpf_htons(was->sport) + (__u16)~bpf_htons(was->dport) +
			  bpf_htons(is->sport) + bpf_htons(is->dport));
}

static __always_inline int rewrite_macs(CTX *ctx, const struct naru_nexthop *nh)
{
	struct ethhdr *eth = ctx_data(ctx);

	if ((void *)(eth + 1) > ctx_end(ctx))
		return -1;
	__builtin_memcpy(eth->h_dest, nh->dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, nh->smac, ETH_ALEN);
	return 0;
}

static __always_inline int rewrite_swap_macs(CTX *ctx)
{
	struct ethhdr *eth = ctx_data(ctx);
	__u8 mac[ETH_ALEN];

	if ((void *)(eth + 1) > ctx_end(ctx))
		return -1;
	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
	return 0;
}
