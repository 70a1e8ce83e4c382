/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SCTP (RFC 9260) as far as it differs from TCP: what a packet means is told by its first chunk,
 * and the check sum covers the whole packet. Addresses within chunks stay: like the kernel's, our
 * translation serves associations of one address a side. Include after ctx_xdp.h or ctx_tc.h.
 *
 * A sum that is still to be made is not known from one that is made. It is changed all the same:
 * whoever makes it does so from scratch, and reads nothing there before.
 */
#pragma once
#include "crc.h"

/* What the ports change by, as a little-endian word. */
static __always_inline __u32 sctp_diff(const struct tuple *t, __u16 sport, __u16 dport)
{
	__u32 source = t->sport ^ sport, dest = t->dport ^ dport;

	return source >> 8 | (source & 255) << 8 | (dest >> 8) << 16 | (dest & 255) << 24;
}

/* Brings the check sum in line with new ports, and the sum that a NIC made over the whole packet in
 * line with all that has changed, which the check sum does not make up for as others do. */
static __always_inline int sctp_sum(CTX *ctx, const struct pkt *p, const struct naru_flow *f,
				    const int af)
{
	__u32 change = sctp_diff(&p->t, f->sport, f->dport);
	__u64 delta = (__u64)f->port_delta + (af == AF_INET6 ? f->addr_delta : 0);
	struct pkt_sctp *head;
	__u16 was[2];

	if (change)
		change = crc_change(change, p->len + PKT_L3 - pkt_l4(p));
	head = ctx_data(ctx) + pkt_l4(p);
	if ((void *)(head + 1) > ctx_end(ctx))
		return -1;
	__builtin_memcpy(was, head->sum, sizeof(was));
	for (int i = 0; i < 4; i++)
		head->sum[i] ^= change >> 8 * i;
	delta += (__u64)(__u16)~was[0] + (__u16)~was[1];
	__builtin_memcpy(was, head->sum, sizeof(was));
	ctx_csum_update(ctx, csum_fold(delta + was[0] + was[1]));
	return 0;
}

/* Real subprograms: TCP and UDP shall not pay for it. */
static __noinline int sctp_sum4(CTX *ctx, const struct pkt *p, const struct naru_flow *f)
{
	return p && f ? sctp_sum(ctx, p, f, AF_INET) : -1;
}

static __noinline int sctp_sum6(CTX *ctx, const struct pkt *p, const struct naru_flow *f)
{
	return p && f ? sctp_sum(ctx, p, f, AF_INET6) : -1;
}
