/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What differs between hooks, for TC. ctx_xdp.h has the same names. */
#pragma once
#include "csum.h"
#include "ctx.h"
#include "maps_node.h"
#include "pkt.h"

#define CTX	      struct __sk_buff
#define CTX_PASS      TC_ACT_UNSPEC /* the verdict of other programs stands */
#define CTX_DROP      TC_ACT_SHOT
#define CTX_IS_XDP    0
#define CTX_OTHERHOST 3 /* PACKET_OTHERHOST; <linux/if_packet.h> is not for BPF */

#include <linux/pkt_cls.h>

static __always_inline void *ctx_data(const CTX *ctx)
{
	return CTX_LOAD(ctx, data);
}

static __always_inline void *ctx_end(const CTX *ctx)
{
	return CTX_LOAD(ctx, data_end);
}

/* Of the network packet; its header has no room for the largest that the kernel merges. */
static __always_inline __u32 ctx_bytes(const CTX *ctx, const struct pkt *p __attribute__((unused)))
{
	return (__u32)(long)CTX_LOAD(ctx, len) - PKT_L3;
}

static __always_inline __u32 ctx_ifindex(const CTX *ctx)
{
	return (long)CTX_LOAD(ctx, ifindex);
}

/* True for a frame to another machine, which a segment that floods or a device in promiscuous mode
 * shows us as well. */
static __always_inline int ctx_is_others(const CTX *ctx,
					 const struct naru_nexthop *nh __attribute__((unused)))
{
	return (long)CTX_LOAD(ctx, pkt_type) == CTX_OTHERHOST;
}

/* Adds deltas to the check sum of the TCP or UDP header. The helper knows whether the packet has
 * a whole check sum or one that a device is to finish (then only addresses count). */
static __always_inline int ctx_l4_csum(CTX *ctx, const struct pkt *p, __u16 addr_delta,
				       __u16 port_delta, const int af)
{
	__u32 off = pkt_l4(p) + (p->t.proto == IPPROTO_TCP ? 16 : 6);
	__u64 flags = p->t.proto == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	__u64 pseudo = BPF_F_PSEUDO_HDR | (af == AF_INET6 ? cfg.csum6_flags : 0);

	if (bpf_l4_csum_replace(ctx, off, 0, addr_delta, flags | pseudo))
		return -1;
	return port_delta ? bpf_l4_csum_replace(ctx, off, 0, port_delta, flags) : 0;
}

/* Tells the sum that a NIC made over the whole packet, if it did, of a change that no check sum
 * within the packet makes up for. */
static __always_inline void ctx_csum_update(CTX *ctx, __u16 delta)
{
	bpf_csum_update(ctx, delta);
}

static __always_inline int ctx_redirect(CTX *ctx __attribute__((unused)), __u32 ifindex)
{
	return bpf_redirect(ifindex, 0);
}
