/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The next hop of the redirect road. Routes and neighbours are the kernel's; a flow entry caches
 * the answer for one tick and one generation, so a change reaches every flow within a second even
 * while narud is dead, and at once while it lives. Include after ctx_xdp.h or ctx_tc.h.
 */
#pragma once
#include "count.h"
#include "flow.h"

#define NEXTHOP_MTU_MIN 68 /* RFC 791 */

enum nexthop_result {
	NEXTHOP_OK,
	NEXTHOP_NEIGH, /* device known, link address not yet */
	NEXTHOP_LOCAL, /* the address is the node's own */
	NEXTHOP_NONE,
};

/* What narud knows of a device. */
static __always_inline struct naru_device *nexthop_device(__u32 ifindex)
{
	return bpf_map_lookup_elem(&device, &ifindex);
}

/* Looks up the way to daddr. *dev is the device that the packet came in by, and becomes the one
 * that it leaves by; both may be NULL. */
static __always_inline enum nexthop_result nexthop_find(CTX *ctx, struct naru_nexthop *nh,
							const __u32 *daddr, __u8 proto,
							struct naru_device **dev, const int af)
{
	struct bpf_fib_lookup fib = { .ifindex = ctx_ifindex(ctx), .l4_protocol = proto };
	long r;

	fib.family = af;
	fib.tot_len = 1; /* the answer then tells the MTU of the way */
	if (af == AF_INET)
		fib.ipv4_dst = daddr[0];
	else
		__builtin_memcpy(fib.ipv6_dst, daddr, 16);
	r = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
	trace_nexthop(r, fib.ifindex);
	if (r == BPF_FIB_LKUP_RET_NOT_FWDED)
		return NEXTHOP_LOCAL;
	if (r != BPF_FIB_LKUP_RET_SUCCESS && r != BPF_FIB_LKUP_RET_NO_NEIGH)
		return NEXTHOP_NONE;
	if (!*dev || fib.ifindex != ctx_ifindex(ctx))
		*dev = nexthop_device(fib.ifindex);
	nh->ifindex = fib.ifindex;
	/* Larger ones are cut to 16 bits; a neighbour that is missing hides it. */
	nh->mtu = r == BPF_FIB_LKUP_RET_SUCCESS && fib.tot_len >= NEXTHOP_MTU_MIN ? fib.tot_len
										  : 0xffff;
	if (r == BPF_FIB_LKUP_RET_NO_NEIGH)
		return NEXTHOP_NEIGH;
	nh->xdp = *dev && (*dev)->xdp;
	nh->pad = 0;
	__builtin_memcpy(nh->dmac, fib.dmac, ETH_ALEN);
	__builtin_memcpy(nh->smac, fib.smac, ETH_ALEN);
	return NEXTHOP_OK;
}

/* Marks an entry's next hop as of now. The look-up told link addresses without using them; a
 * neighbour that nobody uses stays stale for ever, even when it has moved. XDP cannot use one. */
static __always_inline void nexthop_found(struct naru_flow *f, __u32 now)
{
	const struct naru_state *s = node_state();

	f->nh_gen = s ? s->nh_gen : 0;
	f->nh_seen = now;
	f->nh_ask = !CTX_IS_XDP;
}

/* Looks up the next hop anew. */
static __always_inline enum nexthop_result nexthop_renew(CTX *ctx, void *value, __u8 proto,
							 __u32 now, const int af)
{
	struct naru_flow *f = flow_core(value, af);
	struct naru_device *dev = NULL;
	enum nexthop_result r;

	r = nexthop_find(ctx, &f->nh, FLOW_ENTRY_ADDRS(value) + PKT_WORDS(af), proto, &dev, af);
	if (r == NEXTHOP_OK) {
		nexthop_found(f, now);
		flow_led(value, af);
	}
	return r;
}

/* Real subprograms: once a tick, and hungry for stack. */
static __noinline int nexthop_renew4(CTX *ctx, struct naru_flow4 *value, __u8 proto, __u32 now)
{
	return value ? nexthop_renew(ctx, value, proto, now, AF_INET) : NEXTHOP_NONE;
}

static __noinline int nexthop_renew6(CTX *ctx, struct naru_flow6 *value, __u8 proto, __u32 now)
{
	return value ? nexthop_renew(ctx, value, proto, now, AF_INET6) : NEXTHOP_NONE;
}

/* The entry's next hop, which is the kernel's of now. */
static __always_inline enum nexthop_result nexthop_of(CTX *ctx, void *value, __u8 proto, __u32 now,
						      const struct naru_nexthop **ret_nh,
						      const int af)
{
	const struct naru_state *s = node_state();

	*ret_nh = flow_nexthop(value, now, s ? s->nh_gen : 0, af);
	if (*ret_nh)
		return NEXTHOP_OK;
	*ret_nh = &flow_core(value, af)->nh;
	return af == AF_INET ? nexthop_renew4(ctx, value, proto, now)
			     : nexthop_renew6(ctx, value, proto, now);
}

/* The node's own address on a device, which may be NULL. */
static __always_inline int nexthop_source(const struct naru_device *dev, __u32 *ret_addr,
					  const int af)
{
	if (!dev || !(af == AF_INET ? dev->has_src4 : dev->has_src6))
		return -1;
	if (af == AF_INET)
		__builtin_memcpy(ret_addr, dev->src4, 4);
	else
		__builtin_memcpy(ret_addr, dev->src6, 16);
	return 0;
}
