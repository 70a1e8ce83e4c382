/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events for who watches, and losses by service. First packets, drops and socket operations only:
 * an established packet never comes here. Include after stat.h.
 *
 * The switch is a tick up to which narud wants events; so a narud that has died leaves it off.
 */
#pragma once
#include "count.h"
#include "flow.h"
#include "stat.h"
#ifdef CTX
#include "first.h"
#endif

static __always_inline int observe_is_on(void)
{
	const struct naru_state *s = node_state();

	return !cfg.dry_run && s && s->watched && (__s32)(s->watched - now_tick()) >= 0;
}

static __always_inline void observe_loss(__u32 service, __u32 reason)
{
	struct naru_svc_drop key = { .svc = service, .reason = reason };
	__u64 one = 1, *n;

	if (cfg.dry_run || !service)
		return;
	n = bpf_map_lookup_elem(&svc_drop, &key);
	if (!n && bpf_map_update_elem(&svc_drop, &key, &one, BPF_NOEXIST))
		n = bpf_map_lookup_elem(&svc_drop, &key);
	if (n)
		__sync_fetch_and_add(n, 1);
}

/* Room for an event in the ring, zeroed. NULL is counted. */
static __always_inline struct naru_event *observe_begin(const enum naru_event_kind kind)
{
	struct naru_event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		count(NARU_C_EVENTS_LOST);
		return NULL;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->kind = kind;
	e->time_ns = bpf_ktime_get_ns();
	return e;
}

static __always_inline void observe_tuple(struct naru_event *e, const struct tuple *t, const int af)
{
	pkt_map_addr(e->client, t->saddr, af);
	pkt_map_addr(e->addr, t->daddr, af);
	e->client_port = t->sport;
	e->port = t->dport;
	e->proto = t->proto;
}

/* What a socket asked for (addr is mapped), and what it got; ep NULL: it was refused, why. */
static __always_inline void observe_socket(__u32 service, __u8 proto, const __u8 addr[16],
					   __u16 port, const struct naru_endpoint *ep,
					   const enum naru_counter why)
{
	struct naru_event *e;

	if (ep)
		stat_flow(service);
	else
		observe_loss(service, why);
	if (!observe_is_on())
		return;
	e = observe_begin(ep ? NARU_EVENT_SOCKET : NARU_EVENT_REFUSED);
	if (!e)
		return;
	__builtin_memcpy(e->addr, addr, 16);
	e->port = port;
	e->proto = proto;
	if (ep) {
		__builtin_memcpy(e->endpoint, ep->addr, 16);
		e->endpoint_port = ep->port;
	} else {
		e->reason = why;
	}
	e->svc = service;
	bpf_ringbuf_submit(e, 0);
}

#ifdef CTX
/* The flow of a first packet, as `scratch` has it. */
static __always_inline void observe_flow(CTX *ctx, const struct tuple *t, const int af)
{
	__u32 zero = 0;
	const struct first *new = bpf_map_lookup_elem(&scratch, &zero);
	struct naru_event *e;

	if (!new || !new->made)
		return;
	stat_flow(new->f.svc);
	if (!observe_is_on())
		return;
	e = observe_begin(NARU_EVENT_FLOW);
	if (!e)
		return;
	observe_tuple(e, t, af);
	pkt_map_addr(e->endpoint, new->to.daddr, af);
	e->endpoint_port = new->to.dport;
	if (new->f.flags & NARU_F_SNAT) {
		pkt_map_addr(e->snat, new->to.saddr, af);
		e->snat_port = new->to.sport;
	}
	e->svc = new->f.svc;
	e->road = new->f.road;
	e->ifindex = ctx_ifindex(ctx);
	bpf_ringbuf_submit(e, 0);
}

static __noinline int observe_flow4(CTX *ctx, const struct tuple *t)
{
	if (t)
		observe_flow(ctx, t, AF_INET);
	return 0;
}

static __noinline int observe_flow6(CTX *ctx, const struct tuple *t)
{
	if (t)
		observe_flow(ctx, t, AF_INET6);
	return 0;
}

/* The last packet was dropped or refused, and count() has been told why. */
static __always_inline void observe_drop(CTX *ctx, const struct tuple *t, __u8 hook, const int af)
{
	struct naru_trace *why = trace_get();
	struct naru_event *e;
	void *value;
	__u32 service;

	if (!why || cfg.dry_run)
		return;
	value = flow_lookup(t, hook, af);
	service = value ? flow_core(value, af)->svc : why->svc;
	observe_loss(service, why->reason);
	if (!observe_is_on())
		return;
	e = observe_begin(NARU_EVENT_DROP);
	if (!e)
		return;
	observe_tuple(e, t, af);
	e->svc = service;
	e->reason = why->reason;
	e->ifindex = ctx_ifindex(ctx);
	bpf_ringbuf_submit(e, 0);
}

/* Real subprograms: rare. */
static __noinline int observe_drop4(CTX *ctx, const struct tuple *t, __u8 hook)
{
	if (t)
		observe_drop(ctx, t, hook, AF_INET);
	return CTX_DROP;
}

static __noinline int observe_drop6(CTX *ctx, const struct tuple *t, __u8 hook)
{
	if (t)
		observe_drop(ctx, t, hook, AF_INET6);
	return CTX_DROP;
}

/* The verdict, after telling of a drop. */
static __always_inline int observe_verdict(CTX *ctx, const struct tuple *t, const __u8 hook,
					   int verdict, const int af)
{
	if (verdict != CTX_DROP)
		return verdict;
	return af == AF_INET ? observe_drop4(ctx, t, hook) : observe_drop6(ctx, t, hook);
}
#endif
