/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The steps of a packet that comes in, in their order: filter, flow, first packet, action.
 * Include after ctx_xdp.h or ctx_tc.h.
 */
#pragma once
#include "filter.h"
#include "first.h"
#include "observe.h"
#include "stale.h"
#include "stat.h"

#if !CTX_IS_XDP
#include "answer.h"
#endif

/*
 * Real subprograms: first packets shall not cost established ones registers and cache. Global ones:
 * the verifier looks at each of them once, and not once for every way that leads there.
 */
__noinline int ingress_first4(CTX *ctx, const struct tuple *t, __u32 now)
{
	return t ? first_packet(ctx, t, now, AF_INET) : FIRST_PASS;
}

__noinline int ingress_first6(CTX *ctx, const struct tuple *t, __u32 now)
{
	return t ? first_packet(ctx, t, now, AF_INET6) : FIRST_PASS;
}

__noinline int ingress_insert4(CTX *ctx, const struct tuple *t)
{
	return t ? first_insert(ctx, t, AF_INET) : FIRST_FULL;
}

__noinline int ingress_insert6(CTX *ctx, const struct tuple *t)
{
	return t ? first_insert(ctx, t, AF_INET6) : FIRST_FULL;
}

__noinline int ingress_reclaim4(__u32 now)
{
	return flow_reclaim(now, AF_INET);
}

__noinline int ingress_reclaim6(__u32 now)
{
	return flow_reclaim(now, AF_INET6);
}

/* Makes the flow of a first packet; when the map is full, once more after freeing some. */
static __always_inline enum first_result ingress_first(CTX *ctx, const struct tuple *t, __u32 now,
						       const int af)
{
	int r = af == AF_INET ? ingress_first4(ctx, t, now) : ingress_first6(ctx, t, now);

	if (r != FIRST_CHOSEN)
		return r;
	for (int i = 0; i < 2; i++) {
		r = af == AF_INET ? ingress_insert4(ctx, t) : ingress_insert6(ctx, t);
		if (r != FIRST_FULL && r != FIRST_SHARE)
			return r;
		if (i || !(af == AF_INET ? ingress_reclaim4(now) : ingress_reclaim6(now)))
			break;
	}
	count(r == FIRST_SHARE ? NARU_C_SHARE : NARU_C_FLOWS_FULL);
	return FIRST_DROP;
}

static __always_inline int ingress_drop(enum naru_counter why)
{
	count(why);
	return CTX_DROP;
}

static __always_inline int ingress_redirect(CTX *ctx, const struct pkt *p, void *value, __u32 now,
					    const int af)
{
	struct naru_flow *f = flow_core(value, af);
	const struct naru_nexthop *nh;
	enum nexthop_result r = nexthop_of(ctx, value, p->t.proto, now, &nh, af);

	if (CTX_IS_XDP && (r != NEXTHOP_OK || !nh->xdp || p->ttl <= 1 || p->len > nh->mtu))
		return CTX_PASS;
	if (r == NEXTHOP_NONE || r == NEXTHOP_LOCAL)
		return ingress_drop(NARU_C_NO_ROUTE);
#if !CTX_IS_XDP
	if (p->ttl <= 1 || p->len > nh->mtu) {
		int told = af == AF_INET ? answer_router4(ctx, p, nh->mtu)
					 : answer_router6(ctx, p, nh->mtu);

		if (told) {
			observe_verdict(ctx, &p->t, NARU_INGRESS, CTX_DROP, af);
			return told - 1;
		}
	}
#endif
	flow_note(value, p, now, af);
	stat_packet(ctx, p, f);
	if (rewrite(ctx, p, value, 1, af))
		return ingress_drop(NARU_C_REWRITE);
#if !CTX_IS_XDP
	if (r == NEXTHOP_NEIGH) {
		count(NARU_C_NEIGH_PENDING);
		return bpf_redirect_neigh(nh->ifindex, NULL, 0, 0);
	}
#endif
	if (rewrite_macs(ctx, nh))
		return ingress_drop(NARU_C_REWRITE);
#if !CTX_IS_XDP
	if (f->nh_ask) {
		flow_asked(value, af);
		return bpf_redirect_neigh(nh->ifindex, NULL, 0, 0);
	}
#endif
	return ctx_redirect(ctx, nh->ifindex);
}

static __always_inline int ingress_hairpin(CTX *ctx, const struct pkt *p, void *value, __u32 now,
					   const int af)
{
	flow_note(value, p, now, af);
	stat_packet(ctx, p, flow_core(value, af));
	if (rewrite(ctx, p, value, 0, af) || rewrite_swap_macs(ctx))
		return ingress_drop(NARU_C_REWRITE);
	return ctx_redirect(ctx, ctx_ifindex(ctx));
}

/* The entry to act upon; in a dry run a copy that may be written to, made from what the first
 * packet left in `scratch` when there is no entry. */
static __always_inline void *ingress_entry(void *value, const int af)
{
	struct first *new;
	__u32 zero = 0;

	if (!cfg.dry_run)
		return value;
	trace_seen(value ? NARU_TRACE_HIT : NARU_TRACE_MADE);
	new = bpf_map_lookup_elem(&scratch, &zero);
	if (!new)
		return NULL;
	value = flow_show(value, af == AF_INET ? (void *)&new->value4 : &new->value6, af);
	if (value)
		trace_flow(flow_core(value, af), FLOW_ENTRY_ADDRS(value), af);
	return value;
}

static __always_inline int ingress_act(CTX *ctx, const struct pkt *p, void *value, __u32 now,
				       const int af)
{
	struct naru_flow *f = flow_core(value, af);

	if (f->road == NARU_REDIRECT)
		return ingress_redirect(ctx, p, value, now, af);
	if (CTX_IS_XDP)
		return CTX_PASS;
	if (f->road == NARU_HAIRPIN)
		return ingress_hairpin(ctx, p, value, now, af);
	flow_note(value, p, now, af);
	stat_packet(ctx, p, f);
	return rewrite(ctx, p, value, 0, af) ? ingress_drop(NARU_C_REWRITE) : CTX_PASS;
}

/*
 * While another CPU makes a flow it does not answer yet: that takes a microsecond or two, which is
 * waited for in look-ups. Two CPUs may stand in each other's way until none of them has made it; so
 * both try again, and wait for different times, lest they do so in step.
 */
#define INGRESS_ATTEMPTS 4
#define INGRESS_WAIT	 64

static __always_inline int ingress_wait(const struct tuple *t, const int af)
{
	__u32 end = INGRESS_WAIT + (bpf_get_prandom_u32() & (INGRESS_WAIT - 1));

	for (__u32 i = 0; i < 2 * INGRESS_WAIT && i < end; i++)
		if (flow_lookup(t, NARU_INGRESS, af))
			return 1;
	return 0;
}

__noinline int ingress_wait4(const struct tuple *t)
{
	return t ? ingress_wait(t, AF_INET) : 0;
}

__noinline int ingress_wait6(const struct tuple *t)
{
	return t ? ingress_wait(t, AF_INET6) : 0;
}

/* Makes a flow. Returns its value; NULL if *ret_first is not FIRST_MADE, in a dry run, or if there
 * still is none. */
static __always_inline void *ingress_make(CTX *ctx, const struct tuple *t, __u32 now,
					  enum first_result *ret_first, const int af)
{
	void *value = NULL;

	for (int i = 0; i < INGRESS_ATTEMPTS && !value; i++) {
		*ret_first = ingress_first(ctx, t, now, af);
		if (*ret_first != FIRST_MADE || cfg.dry_run)
			return NULL;
		value = flow_lookup(t, NARU_INGRESS, af);
		if (!value && (af == AF_INET ? ingress_wait4(t) : ingress_wait6(t)))
			value = flow_lookup(t, NARU_INGRESS, af);
	}
	return value;
}

/*
 * The verdict of a parsed packet. *ret_first tells of a first packet that must be answered
 * (FIRST_REJECT); the verdict then is to be ignored.
 */
static __always_inline int ingress(CTX *ctx, const struct pkt *p, enum first_result *ret_first,
				   const int af)
{
	__u32 now;
	void *value;

	*ret_first = FIRST_PASS;
	if (!filter_ingress(&p->t, af)) {
		trace_seen(NARU_TRACE_FILTERED);
		return CTX_PASS;
	}
	now = now_tick();
	value = flow_meet(&p->t, NARU_INGRESS, af);
	if (value && stale(p, NARU_INGRESS, value, now, af)) {
		trace_seen(NARU_TRACE_STALE);
		value = NULL;
	}
	if (value) {
		value = ingress_entry(value, af);
		return value ? ingress_act(ctx, p, value, now, af) : CTX_PASS;
	}
	trace_seen(NARU_TRACE_MISS);
	if (p->t.proto != NARU_UDP && !pkt_is_syn(p)) {
		trace_seen(NARU_TRACE_NO_SYN);
		return CTX_PASS;
	}
	value = ingress_make(ctx, &p->t, now, ret_first, af);
	if (*ret_first != FIRST_MADE)
		return *ret_first == FIRST_DROP ? CTX_DROP : CTX_PASS;
	if (af == AF_INET)
		observe_flow4(ctx, &p->t);
	else
		observe_flow6(ctx, &p->t);
	if (value || cfg.dry_run)
		value = ingress_entry(value, af);
	return value ? ingress_act(ctx, p, value, now, af) : ingress_drop(NARU_C_FLOWS_FULL);
}
