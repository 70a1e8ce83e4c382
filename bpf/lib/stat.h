/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets, bytes and flows of each service. Include after ctx_xdp.h or ctx_tc.h, or, for sockets,
 * by itself. The only thing that seeing costs an established packet.
 */
#pragma once
#include "maps.h"

static __always_inline struct naru_svc_stat *stat_get(__u32 service)
{
	return cfg.dry_run ? NULL : bpf_map_lookup_elem(&svc_stat, &service);
}

#ifdef CTX
/* A packet that is sent on, before it is rewritten. */
static __always_inline void stat_packet(const CTX *ctx, const struct pkt *p,
					const struct naru_flow *f)
{
	struct naru_svc_stat *s = stat_get(f->svc);
	__u32 back = !!(f->flags & NARU_F_REPLY);

	if (!s)
		return;
	s->packets[back]++;
	s->bytes[back] += ctx_bytes(ctx, p);
}
#endif

static __always_inline void stat_flow(__u32 service)
{
	struct naru_svc_stat *s = stat_get(service);

	if (s)
		s->flows++;
}
