/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the steps decide about one packet, for `naructl why`, which runs a made-up packet through a
 * dry load of the same programs; and, in all loads, why the last packet was dropped. Everything
 * but the latter is behind a constant, so that the verifier takes it out of ordinary loads.
 */
#pragma once
#include "maps_node.h"
#include "pkt.h"

MAP_ARRAY(trace, BPF_MAP_TYPE_PERCPU_ARRAY, struct naru_trace, 1, 0);

static __always_inline struct naru_trace *trace_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&trace, &zero);
}

/* In a dry run: the record, with a step marked as seen. */
#define TRACE(t, steps)                                                                            \
	struct naru_trace *t = cfg.dry_run ? trace_get() : NULL;                                   \
	if (t)                                                                                     \
		t->seen |= (steps);                                                                \
	if (t)

static __always_inline void trace_seen(const __u32 step)
{
	TRACE(t, step)
	(void)t;
}

/* Of a packet that is dropped or refused. */
static __always_inline void trace_reason(const enum naru_counter why)
{
	struct naru_trace *t = trace_get();

	if (!t)
		return;
	t->reason = why;
	if (cfg.dry_run)
		t->seen |= NARU_TRACE_REASON;
}

/* The first packet of a flow has found its service; NULL: not yet. */
static __always_inline void trace_service(const struct naru_svc *service,
					  const struct naru_set *set, int internal)
{
	struct naru_trace *t = trace_get();

	if (!t)
		return;
	t->svc = service ? service->id : 0;
	if (!cfg.dry_run || !service)
		return;
	t->seen |= NARU_TRACE_SERVICE;
	t->kind = service->kind;
	t->internal = internal;
	t->set = *set;
}

static __always_inline void trace_choice(__u32 hash, __u32 slot, __u32 index, __u32 ep)
{
	TRACE(t, NARU_TRACE_CHOSEN)
	{
		t->hash = hash;
		t->slot = slot;
		t->index = index;
		t->ep = ep;
	}
}

/* The endpoint that affinity has kept. */
static __always_inline void trace_stuck(__u32 ep)
{
	TRACE(t, NARU_TRACE_STUCK)
	t->ep = ep;
}

/* What becomes of the packet. */
static __always_inline void trace_flow(const struct naru_flow *f, const __u32 *addrs, const int af)
{
	TRACE(t, NARU_TRACE_FLOW)
	{
		t->svc = f->svc;
		t->ep = f->ep;
		t->road = f->road;
		t->flags = f->flags;
		t->sport = f->sport;
		t->dport = f->dport;
		pkt_map_addr(t->saddr, addrs, af);
		pkt_map_addr(t->daddr, addrs + PKT_WORDS(af), af);
	}
}

static __always_inline void trace_nexthop(int result, __u32 ifindex)
{
	TRACE(t, NARU_TRACE_NEXTHOP)
	{
		t->nexthop = result;
		t->ifindex = ifindex;
	}
}
