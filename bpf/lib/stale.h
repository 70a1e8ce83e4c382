/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A flow may be over although its entries are still there; then the packet that begins something
 * new under the same tuple must not be taken for one of its own. At ingress that is the client's
 * SYN; at egress a SYN,ACK: the client dials the endpoint itself from a port that it used for the
 * service before. Datagrams have no such mark: what tells is a pause longer than any time-out.
 */
#pragma once
#include "flow.h"

static __always_inline int stale_remove(const struct tuple *t, __u8 hook, __u32 now, const int af)
{
	void *value = flow_lookup(t, hook, af);

	if (!value || (hook == NARU_INGRESS && flow_core(value, af)->flags & NARU_F_REPLY) ||
	    !flow_is_over(value, t->proto, now, af))
		return 0;
	flow_remove(t, hook, value, af);
	return 1;
}

/* Real subprograms: rare, and hungry for stack. */
__noinline int stale_remove4(const struct tuple *t, __u8 hook, __u32 now)
{
	return t ? stale_remove(t, hook, now, AF_INET) : 0;
}

__noinline int stale_remove6(const struct tuple *t, __u8 hook, __u32 now)
{
	return t ? stale_remove(t, hook, now, AF_INET6) : 0;
}

/* True when the packet, whose tuple was found at the hook, begins something new: the flow that
 * was there is removed. */
static __always_inline int stale(const struct pkt *p, const __u8 hook, void *value, __u32 now,
				 const int af)
{
	int opens = hook == NARU_INGRESS ? pkt_is_syn(p) : pkt_is_syn_ack(p);

	if (!opens && !(p->t.proto == NARU_UDP && now - flow_seen(value, now, af) > NARU_IDLE_UDP))
		return 0;
	return af == AF_INET ? stale_remove4(&p->t, hook, now) : stale_remove6(&p->t, hook, now);
}
