/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Turns a packet into an ICMP or ICMPv6 error about it (RFC 792; RFC 4443, 3), which leaves by the
 * device the packet came from. TC only.
 *
 * Packets come with a whole check sum, with one that a device is to finish, or with a sum over the
 * whole frame by the NIC; the helpers used here keep each of them right. The inner packet is cut
 * to its IP headers and the transport header.
 */
#pragma once
#include "nexthop.h"
#include "rewrite.h"

#define ANSWER_TTL	  64
#define ANSWER_QUOTE4_MAX 80  /* the longest IPv4 header and a TCP header */
#define ANSWER_QUOTE6_MAX 112 /* the same with six short extension headers */

/* Not from <linux/icmp.h>, which draws in the C library's headers. */
struct answer_icmp {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__u32 word;
};

/* Which error, and who sends it. */
struct answer {
	__u32 saddr[4];
	__u32 word; /* in wire order */
	__u8 type;
	__u8 code;
	__u8 pad[2];
};

static __always_inline void answer_ip4(struct iphdr *ip, const __u32 *saddr, const __u32 *daddr,
				       __u8 proto, __u32 total)
{
	const __u32 none[5] = { ~0u, ~0u, ~0u, ~0u, ~0u };

	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = bpf_htons(total);
	ip->ttl = ANSWER_TTL;
	ip->protocol = proto;
	ip->saddr = saddr[0];
	ip->daddr = daddr[0];
	ip->check = csum_apply(0xffff, csum_words(0, none, (const __u32 *)ip, 5));
}

static __always_inline void answer_ip6(struct ipv6hdr *ip, const __u32 *saddr, const __u32 *daddr,
				       __u8 proto, __u32 payload)
{
	ip->version = 6;
	ip->payload_len = bpf_htons(payload);
	ip->nexthdr = proto;
	ip->hop_limit = ANSWER_TTL;
	__builtin_memcpy(&ip->saddr, saddr, 16);
	__builtin_memcpy(&ip->daddr, daddr, 16);
}

/* The sum of the pseudo header of the answer, in words as they stand in memory. */
static __always_inline __u64 answer_pseudo(const __u32 *saddr, const __u32 *daddr, __u8 proto,
					   __u32 len, const int af)
{
	__u64 sum = bpf_htons(proto) + bpf_htons(len);

	for (int i = 0; i < PKT_WORDS(af); i++)
		sum += (__u64)saddr[i] + daddr[i];
	return sum;
}

/* How much of the packet is quoted: the transport header as far as its check sum, which the kernel
 * does not cut off while a device is to finish it. */
static __always_inline __u32 answer_quoted(const struct pkt *p)
{
	__u32 header = p->t.proto == IPPROTO_TCP ? 20 : p->t.proto == IPPROTO_SCTP ? 12 : 8;

	return pkt_l4(p) - PKT_L3 + header;
}

static __noinline int answer4(struct __sk_buff *ctx, const struct pkt *p, const struct answer *a)
{
	struct {
		struct iphdr ip;
		struct answer_icmp icmp;
	} head = {};
	__u8 quote[ANSWER_QUOTE4_MAX] = {};
	__u32 n;
	__u64 sum;

	if (!p || !a)
		return -1;
	n = answer_quoted(p);
	if (n > ANSWER_QUOTE4_MAX || n < 28 || bpf_skb_load_bytes(ctx, PKT_L3, quote, n))
		return -1;
	if (bpf_skb_change_tail(ctx, PKT_L3 + n, 0) ||
	    bpf_skb_adjust_room(ctx, sizeof(head), BPF_ADJ_ROOM_MAC, 0))
		return -1;
	answer_ip4(&head.ip, a->saddr, p->t.saddr, IPPROTO_ICMP, sizeof(head) + n);
	head.icmp.type = a->type;
	head.icmp.code = a->code;
	head.icmp.word = a->word;
	sum = (__u32)bpf_csum_diff(NULL, 0, (void *)quote, sizeof(quote), 0);
	head.icmp.checksum = ~csum_fold(sum + *(__u16 *)&head.icmp + head.icmp.word);
	if (bpf_skb_store_bytes(ctx, PKT_L3, &head, sizeof(head), BPF_F_RECOMPUTE_CSUM))
		return -1;
	return rewrite_swap_macs(ctx);
}

static __noinline int answer6(struct __sk_buff *ctx, const struct pkt *p, const struct answer *a)
{
	struct {
		struct ipv6hdr ip;
		struct answer_icmp icmp;
	} head = {};
	__u8 quote[ANSWER_QUOTE6_MAX] = {};
	__u64 sum;
	__u32 n;

	if (!p || !a)
		return -1;
	n = answer_quoted(p);
	if (n > ANSWER_QUOTE6_MAX)
		n = ANSWER_QUOTE6_MAX;
	if (n < 48 || bpf_skb_load_bytes(ctx, PKT_L3, quote, n))
		return -1;
	if (bpf_skb_change_tail(ctx, PKT_L3 + n, 0) ||
	    bpf_skb_adjust_room(ctx, sizeof(head), BPF_ADJ_ROOM_MAC, 0))
		return -1;
	answer_ip6(&head.ip, a->saddr, p->t.saddr, IPPROTO_ICMPV6, sizeof(head.icmp) + n);
	head.icmp.type = a->type;
	head.icmp.code = a->code;
	head.icmp.word = a->word;
	sum = answer_pseudo(a->saddr, p->t.saddr, IPPROTO_ICMPV6, sizeof(head.icmp) + n, AF_INET6);
	sum += (__u32)bpf_csum_diff(NULL, 0, (void *)quote, sizeof(quote), 0);
	head.icmp.checksum = ~csum_fold(sum + *(__u16 *)&head.icmp + head.icmp.word);
	if (bpf_skb_store_bytes(ctx, PKT_L3, &head, sizeof(head), BPF_F_RECOMPUTE_CSUM))
		return -1;
	return rewrite_swap_macs(ctx);
}

/* Sends the error about the packet, which is unchanged so far. The verdict. */
static __always_inline int answer(struct __sk_buff *ctx, const struct pkt *p,
				  const struct answer *a, const int af)
{
	if (af == AF_INET ? answer4(ctx, p, a) : answer6(ctx, p, a)) {
		count(NARU_C_REWRITE);
		return TC_ACT_SHOT;
	}
	return bpf_redirect(ctx_ifindex(ctx), 0);
}

/* ---- what a router tells ------------------------------------------------------------------- */

/* The size of the largest packet that this one is, as it goes out. */
static __always_inline __u32 answer_segment(struct __sk_buff *ctx, const struct pkt *p)
{
	__u32 header = pkt_l4(p) - PKT_L3 + 8;
	__u8 offset = 0;

	if (!ctx->gso_size)
		return p->len;
	if (p->t.proto == IPPROTO_TCP) {
		bpf_skb_load_bytes(ctx, pkt_l4(p) + 12, &offset, 1);
		header += (offset >> 4) * 4 - 8;
	}
	return header + ctx->gso_size;
}

/* A packet that is larger than the MTU at first sight. 0 when it is not, being one that a device
 * is to cut into segments; else the verdict, plus 1. */
static __always_inline int answer_router(struct __sk_buff *ctx, const struct pkt *p, __u32 mtu,
					 const int af)
{
	struct answer a = {};

	if (p->ttl > 1 && answer_segment(ctx, p) <= mtu)
		return 0;
	if (nexthop_source(nexthop_device(ctx_ifindex(ctx)), a.saddr, af))
		__builtin_memcpy(a.saddr, p->t.daddr, sizeof(a.saddr));
	count(p->ttl > 1 ? NARU_C_TOO_BIG : NARU_C_TTL);
	if (p->ttl <= 1) {
		a.type = af == AF_INET ? 11 : 3;
	} else {
		a.type = af == AF_INET ? 3 : 2;
		a.code = af == AF_INET ? 4 : 0;
		a.word = bpf_htonl(mtu);
	}
	return 1 + answer(ctx, p, &a, af);
}

static __noinline int answer_router4(struct __sk_buff *ctx, const struct pkt *p, __u32 mtu)
{
	return p ? answer_router(ctx, p, mtu, AF_INET) : 0;
}

static __noinline int answer_router6(struct __sk_buff *ctx, const struct pkt *p, __u32 mtu)
{
	return p ? answer_router(ctx, p, mtu, AF_INET6) : 0;
}
