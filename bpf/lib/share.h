/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fairness between services when the flow map fills up: a service may have so many times the flows
 * for which there is room left, and no more. So one flood leaves a fifth of the map to others, two
 * leave a ninth, and there is always some room (dynamic thresholds: Choudhury and Hahne, 1998). The
 * counts are touched by first and last packets only; they are about right, which is enough.
 */
#pragma once
#include "maps.h"

static __always_inline void share_add(__u32 service, __u32 n, const int af)
{
	struct naru_svc_flows *of = bpf_map_lookup_elem(&svc_flows, &service);
	struct naru_state *s = node_state();

	if (cfg.dry_run)
		return;
	if (of)
		__sync_fetch_and_add(&of->flows, n);
	if (s)
		__sync_fetch_and_add(&s->flows[af != AF_INET], n);
}

/* True when the service may have one more flow. */
static __always_inline int share_left(__u32 service, const int af)
{
	const struct naru_svc_flows *of = bpf_map_lookup_elem(&svc_flows, &service);
	const struct naru_state *s = node_state();
	__s64 room;

	if (!of || !s)
		return 1;
	room = (__s64)cfg.flows_max / 2 - (__s32)s->flows[af != AF_INET];
	return (__s32)of->flows <= 0 || (__s32)of->flows < room * NARU_FLOWS_SHARE;
}
