/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The branch for packets that pkt_parse() calls rare, at TC, in both directions. It either makes
 * a packet plain, so that the usual steps go on with it, or says what becomes of it. Real
 * subprograms: what is rare shall cost plain packets neither registers nor cache.
 */
#pragma once
#include "frag.h"
#include "icmp.h"
#include "ingress.h"

#define RARE_PLAIN 100 /* no verdict: *p is complete, go on */

/* Whether the packet may be one of a flow or of a service at this hook. */
static __always_inline int rare_filter(const struct tuple *t, __u8 hook, const int af)
{
	return hook == NARU_INGRESS ? filter_ingress(t, af) : filter_egress(t, af);
}

static __always_inline void *rare_entry(const struct tuple *t, __u8 hook, const int af)
{
	void *value = flow_lookup(t, hook, af);

	return value ? ingress_entry(value, af) : NULL;
}

static __always_inline int rare_drop(struct __sk_buff *ctx, const struct tuple *t, __u8 hook,
				     enum naru_counter why, const int af)
{
	return observe_verdict(ctx, t, hook, ingress_drop(why), af);
}

/* Sends a packet that has been rewritten on by the road of its flow. */
static __always_inline int rare_send(struct __sk_buff *ctx, void *value, __u32 ifindex,
				     const int af)
{
	const struct naru_flow *f = flow_core(value, af);

	if (f->road == NARU_STACK)
		return TC_ACT_UNSPEC;
	if (f->road == NARU_REDIRECT)
		return bpf_redirect_neigh(ifindex, NULL, 0, 0);
	return rewrite_swap_macs(ctx) ? ingress_drop(NARU_C_REWRITE)
				      : bpf_redirect(ctx_ifindex(ctx), 0);
}

/* Makes sure that the redirect road is open, and sets *ret_ifindex to the device that it leads out
 * of. Returns NARU_C_MAX, or the reason not to send. */
static __always_inline enum naru_counter rare_road(struct __sk_buff *ctx, const struct pkt *p,
						   void *value, __u32 *ret_ifindex, const int af)
{
	const struct naru_nexthop *nh;
	enum nexthop_result r;

	if (flow_core(value, af)->road != NARU_REDIRECT)
		return NARU_C_MAX;
	if (p->ttl <= 1)
		return NARU_C_TTL;
	r = nexthop_of(ctx, value, p->t.proto, now_tick(), &nh, af);
	if (r == NEXTHOP_NONE || r == NEXTHOP_LOCAL)
		return NARU_C_NO_ROUTE;
	*ret_ifindex = nh->ifindex;
	return p->len > nh->mtu ? NARU_C_TOO_BIG : NARU_C_MAX;
}

static __always_inline int rare_icmp(struct __sk_buff *ctx, const struct pkt *p, __u8 hook,
				     const int af)
{
	__u32 zero = 0;
	struct icmp_about *about = bpf_map_lookup_elem(&icmp_room, &zero);
	enum naru_counter why;
	__u32 ifindex = 0;
	__u64 delta = 0;
	void *value;

	if (!about || icmp_parse(ctx, p, about, af) || !rare_filter(&about->p.t, hook, af))
		return TC_ACT_UNSPEC;
	value = rare_entry(&about->p.t, hook, af);
	if (!value)
		return TC_ACT_UNSPEC;
	why = rare_road(ctx, p, value, &ifindex, af);
	if (why != NARU_C_MAX)
		return rare_drop(ctx, &about->p.t, hook, why, af);
	if (icmp_rewrite_quoted(ctx, about, value, &delta, af) ||
	    icmp_rewrite_outer(ctx, p, about, value, delta, af))
		return rare_drop(ctx, &about->p.t, hook, NARU_C_REWRITE, af);
	count(NARU_C_ICMP_TRANSLATED);
	return rare_send(ctx, value, ifindex, af);
}

static __always_inline int rare_later(struct __sk_buff *ctx, struct pkt *p, __u32 id, __u8 hook,
				      const int af)
{
	enum naru_counter why;
	struct naru_flow *f;
	__u32 ifindex = 0;
	void *value;

	if (frag_recall(p, id, af)) {
		if (filter_addr(&p->t, hook, af))
			count(NARU_C_FRAGMENT_LOST);
		return TC_ACT_UNSPEC;
	}
	value = rare_entry(&p->t, hook, af);
	if (!value)
		return TC_ACT_UNSPEC;
	why = rare_road(ctx, p, value, &ifindex, af);
	if (why != NARU_C_MAX)
		return rare_drop(ctx, &p->t, hook, why, af);
	f = flow_core(value, af);
	stat_packet(ctx, p, f);
	if (af == AF_INET ? rewrite_ip4(ctx, FLOW_ENTRY_ADDRS(value), f->addr_delta,
					f->road == NARU_REDIRECT)
			  : rewrite_ip6(ctx, FLOW_ENTRY_ADDRS(value), f->road == NARU_REDIRECT))
		return rare_drop(ctx, &p->t, hook, NARU_C_REWRITE, af);
	/* No check sum within an IPv6 fragment makes up for its addresses. */
	if (af == AF_INET6)
		ctx_csum_update(ctx, f->addr_delta);
	return rare_send(ctx, value, ifindex, af);
}

/* Makes the headers linear. */
static __always_inline int rare_pull(struct __sk_buff *ctx)
{
	__u32 want = ctx->len < PKT_RARE_HEADERS ? ctx->len : PKT_RARE_HEADERS;

	return ctx_end(ctx) - ctx_data(ctx) < want ? bpf_skb_pull_data(ctx, want) : 0;
}

static __always_inline int rare(struct __sk_buff *ctx, struct pkt *p, __u8 hook, const int af)
{
	enum pkt_kind kind;
	__u32 id = 0;

	/* Once and before: every parse is a walk for the verifier too. */
	if (rare_pull(ctx))
		return TC_ACT_UNSPEC;
	kind = pkt_parse_rare(ctx_data(ctx), ctx_end(ctx), p, &id, af);
	switch (kind) {
	case PKT_K_FIRST:
		if (filter_addr(&p->t, hook, af))
			frag_note(p, id, af);
		return RARE_PLAIN;
	case PKT_K_PLAIN:
		return RARE_PLAIN;
	case PKT_K_LATER:
		return rare_later(ctx, p, id, hook, af);
	case PKT_K_ICMP:
		return rare_icmp(ctx, p, hook, af);
	case PKT_K_UNKNOWN:
		count(NARU_C_HEADERS);
		return TC_ACT_UNSPEC;
	default:
		return TC_ACT_UNSPEC;
	}
}

__noinline int rare4(struct __sk_buff *ctx, struct pkt *p, __u32 hook)
{
	return p ? rare(ctx, p, hook, AF_INET) : TC_ACT_UNSPEC;
}

__noinline int rare6(struct __sk_buff *ctx, struct pkt *p, __u32 hook)
{
	return p ? rare(ctx, p, hook, AF_INET6) : TC_ACT_UNSPEC;
}
