/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What differs between hooks, for XDP. ctx_tc.h has the same names. */
#pragma once
#include "csum.h"
#include "ctx.h"
#include "maps.h"
#include "pkt.h"

#define CTX	   struct xdp_md
#define CTX_PASS   XDP_PASS
#define CTX_DROP   XDP_DROP
#define CTX_IS_XDP 1

static __always_inline void *ctx_data(const CTX *ctx)
{
	return CTX_LOAD(ctx, data);
}

static __always_inline void *ctx_end(const CTX *ctx)
{
	return CTX_LOAD(ctx, data_end);
}

/* Of the network packet, by its header: what the context tells ends with the first fragment. */
static __always_inline __u32 ctx_bytes(const CTX *ctx __attribute__((unused)), const struct pkt *p)
{
	return p->len;
}

static __always_inline __u32 ctx_ifindex(const CTX *ctx)
{
	return (long)CTX_LOAD(ctx, ingress_ifindex);
}

/* The same as in ctx_tc.h. XDP is told no address of its device, but the way out by the same one
 * names it; out of another device, the frame is taken for ours. */
static __always_inline int ctx_is_others(const CTX *ctx, const struct naru_nexthop *nh)
{
	const struct ethhdr *eth = ctx_data(ctx);

	if (nh->ifindex != ctx_ifindex(ctx) || (const void *)(eth + 1) > ctx_end(ctx))
		return 0;
	for (int i = 0; i < ETH_ALEN; i++)
		if (eth->h_dest[i] != nh->smac[i])
			return 1;
	return 0;
}

/* Adds deltas to the check sum of the TCP or UDP header. XDP sees whole check sums. */
static __always_inline int ctx_l4_csum(CTX *ctx, const struct pkt *p, __u16 addr_delta,
				       __u16 port_delta, const int af __attribute__((unused)))
{
	__u16 off = pkt_l4(p) + (p->t.proto == IPPROTO_TCP ? 16 : 6);
	__u16 *field = ctx_data(ctx) + off;

	if ((void *)(field + 1) > ctx_end(ctx))
		return -1;
	if (p->t.proto == IPPROTO_UDP && !*field)
		return 0; /* no check sum, as IPv4 allows */
	*field = csum_adjust(*field, (__u32)addr_delta + port_delta);
	if (p->t.proto == IPPROTO_UDP && !*field)
		*field = 0xffff;
	return 0;
}

/* XDP has no sum of the whole packet to keep. */
static __always_inline void ctx_csum_update(CTX *ctx __attribute__((unused)),
					    __u16 delta __attribute__((unused)))
{
}

/* Sends the frame, whose MAC addresses are set, out of a device. */
static __always_inline int ctx_redirect(CTX *ctx, __u32 ifindex)
{
	return ifindex == ctx_ifindex(ctx) ? XDP_TX : bpf_redirect(ifindex, 0);
}
