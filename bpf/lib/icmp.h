/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP and ICMPv6 errors about packets of our flows, in both directions. Whoever sends one quotes
 * the packet as it met it; so the quoted tuple, turned round, is the key of the entry by which
 * packets of the error's own direction go, at the same hook. The quoted packet becomes what the
 * receiver of the error has sent, addresses, ports and check sums. The error goes to him; it stays
 * from whom it is, unless that is the endpoint, which the client does not know, or the client's
 * side of a flow whose endpoint knows only the node. An error makes no entry and refreshes none.
 *
 * The words that change in a flow's packet and in the quoted one of the other direction are the
 * same, so the entry's deltas serve here too. TC only.
 */
#pragma once
#include "filter.h"
#include "first.h"
#include "pkt_rare.h"

#define ICMP_HEADER 8

struct icmp_head {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__u32 word;
};

/* Unreachable and fragmentation needed, time exceeded, parameter problem (RFC 792, RFC 4443). */
static __always_inline int icmp_is_error(__u8 type, const int af)
{
	if (af == AF_INET)
		return type == 3 || type == 11 || type == 12;
	return type >= 1 && type <= 4;
}

/* What an error is about: p->t is its tuple turned round, that of the error's own direction. */
struct icmp_about {
	struct pkt p;
	struct pkt quoted;
	__u32 at; /* where the quoted network header begins */
};

/* Room for it: a program has 512 bytes of stack in all. */
MAP_ARRAY(icmp_room, BPF_MAP_TYPE_PERCPU_ARRAY, struct icmp_about, 1, 0);

static __always_inline int icmp_parse(const struct __sk_buff *ctx, const struct pkt *outer,
				      struct icmp_about *ret_about, const int af)
{
	const struct icmp_head *icmp = ctx_data(ctx) + pkt_l4(outer);
	struct pkt *quoted = &ret_about->quoted;

	__builtin_memset(ret_about, 0, sizeof(*ret_about));
	if ((const void *)(icmp + 1) > ctx_end(ctx) || !icmp_is_error(icmp->type, af) ||
	    pkt_l4(outer) > PKT_HEADERS)
		return -1;
	ret_about->at = pkt_l4(outer) + ICMP_HEADER;
	if (pkt_parse_quoted(ctx_data(ctx), ctx_end(ctx), ret_about->at & 127, quoted, af) !=
	    PKT_K_PLAIN)
		return -1;
	first_reverse(&ret_about->p.t, &quoted->t, af);
	ret_about->p.l4 = quoted->l4;
	return 0;
}

/* Replaces a word of the packet and adds the change to a delta. */
static __always_inline void icmp_put16(__u16 *at, __u16 is, __u64 *delta)
{
	*delta += (__u64)(__u16) ~*at + is;
	*at = is;
}

/* The check sum of the quoted transport header, as far as it is quoted. */
static __always_inline void icmp_quoted_csum(CTX *ctx, const struct pkt *p,
					     const struct naru_flow *f, __u64 *delta)
{
	__u16 *field = ctx_data(ctx) + pkt_l4(p) + (p->t.proto == IPPROTO_TCP ? 16 : 6);

	if ((void *)(field + 1) > ctx_end(ctx) || p->t.proto == IPPROTO_SCTP)
		return;
	if (p->t.proto == IPPROTO_UDP && !*field)
		return;
	icmp_put16(field, csum_apply(*field, (__u64)f->addr_delta + f->port_delta), delta);
}

/* The quoted packet. Adds what it changes in the error's check sum to *delta. */
static __always_inline int icmp_rewrite_quoted(CTX *ctx, const struct icmp_about *about,
					       void *value, __u64 *delta, const int af)
{
	const struct naru_flow *f = flow_core(value, af);
	const __u32 *addrs = FLOW_ENTRY_ADDRS(value);
	void *at = ctx_data(ctx) + (about->at & 127);
	struct pkt_quoted *ports = ctx_data(ctx) + pkt_l4(&about->p);
	struct ipv6hdr *ip6 = at;
	struct iphdr *ip4 = at;

	if ((void *)(ports + 1) > ctx_end(ctx))
		return -1;
	*delta += (__u64)f->addr_delta + f->port_delta;
	if (af == AF_INET) {
		if ((void *)(ip4 + 1) > ctx_end(ctx))
			return -1;
		ip4->saddr = addrs[1];
		ip4->daddr = addrs[0];
		icmp_put16(&ip4->check, csum_apply(ip4->check, f->addr_delta), delta);
	} else {
		if ((void *)(ip6 + 1) > ctx_end(ctx))
			return -1;
		__builtin_memcpy(&ip6->saddr, addrs + 4, 16);
		__builtin_memcpy(&ip6->daddr, addrs, 16);
	}
	ports->source = bpf_htons(f->dport);
	ports->dest = bpf_htons(f->sport);
	icmp_quoted_csum(ctx, &about->p, f, delta);
	return 0;
}

/* The error's own addresses and its check sum. */
static __always_inline int icmp_rewrite_outer(CTX *ctx, const struct pkt *outer,
					      const struct icmp_about *about, void *value,
					      __u64 delta, const int af)
{
	const struct naru_flow *f = flow_core(value, af);
	const __u32 *addrs = FLOW_ENTRY_ADDRS(value);
	const int words = PKT_WORDS(af);
	int hide = f->flags & NARU_F_REPLY ? first_same_addr(outer->t.saddr, about->p.t.saddr, af)
					   : f->flags & NARU_F_SNAT;
	__u32 is[8] = {};
	struct icmp_head *icmp;
	__u64 moved;

	__builtin_memcpy(is, hide ? addrs : outer->t.saddr, 4 * words);
	__builtin_memcpy(is + words, addrs + words, 4 * words);
	moved = csum_words(0, outer->t.saddr, is, words);
	moved = csum_words(moved, outer->t.daddr, is + words, words);
	if (af == AF_INET6)
		delta += csum_fold(moved);
	icmp = ctx_data(ctx) + pkt_l4(outer);
	if ((void *)(icmp + 1) > ctx_end(ctx))
		return -1;
	icmp->checksum = csum_apply(icmp->checksum, delta);
	return af == AF_INET ? rewrite_ip4(ctx, is, csum_fold(moved), f->road == NARU_REDIRECT)
			     : rewrite_ip6(ctx, is, f->road == NARU_REDIRECT);
}
