/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers the first packet of a flow whose service has no endpoint: RST to a SYN (RFC 9293, 3.5.2),
 * port unreachable to a datagram (RFC 792; RFC 4443, 3.1). TC only; the answer leaves by the device
 * the packet came from, in the service's name.
 */
#pragma once
#include "answer.h"

#define REJECT_ICMP_UNREACH   3
#define REJECT_ICMP_PORT      3
#define REJECT_ICMPV6_UNREACH 1
#define REJECT_ICMPV6_PORT    4

/* True when a device is to finish the check sum at `off`: then a change outside the pseudo header
 * does not reach the field. */
static __always_inline int reject_is_partial(struct __sk_buff *ctx, __u32 off)
{
	__u16 before = bpf_htons(0x1234), after = 0;

	bpf_skb_store_bytes(ctx, off, &before, sizeof(before), 0);
	bpf_l4_csum_replace(ctx, off, 0, 1, 0);
	bpf_skb_load_bytes(ctx, off, &after, sizeof(after));
	return before == after;
}

/* Where the segment ends, by the IP header: frames may be padded. */
static __always_inline __u32 reject_segment_end(const struct __sk_buff *ctx, const int af)
{
	const void *data = ctx_data(ctx), *end = ctx_end(ctx);
	const struct ipv6hdr *ip6 = data + PKT_L3;
	const struct iphdr *ip = data + PKT_L3;

	if (af == AF_INET)
		return (const void *)(ip + 1) > end ? 0 : PKT_L3 + bpf_ntohs(ip->tot_len);
	return (const void *)(ip6 + 1) > end ? 0
					     : PKT_L3 + sizeof(*ip6) + bpf_ntohs(ip6->payload_len);
}

/* The reset that answers the SYN, without its check sum. */
static __always_inline int reject_segment(struct __sk_buff *ctx, const struct pkt *p,
					  struct tcphdr *rst, const int af)
{
	__u32 end = reject_segment_end(ctx, af);
	struct tcphdr syn;

	if (!end || bpf_skb_load_bytes(ctx, pkt_l4(p), &syn, sizeof(syn)))
		return -1;
	rst->source = bpf_htons(p->t.dport);
	rst->dest = bpf_htons(p->t.sport);
	rst->ack_seq = bpf_htonl(bpf_ntohl(syn.seq) + 1 + end - pkt_l4(p) - syn.doff * 4);
	rst->doff = sizeof(*rst) / 4;
	rst->rst = 1;
	rst->ack = 1;
	return 0;
}

/* A SYN becomes IP header and reset, both without options. */
static __always_inline int reject_tcp(struct __sk_buff *ctx, const struct pkt *p, const int af)
{
	const __u32 ip_len = af == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	struct ipv6hdr ip6 = {};
	struct iphdr ip4 = {};
	struct tcphdr rst = {};
	__u64 sum;
	int partial;

	if (reject_segment(ctx, p, &rst, af))
		return -1;
	partial = reject_is_partial(ctx, pkt_l4(p) + 16);
	if (pkt_l4(p) != PKT_L3 + ip_len &&
	    bpf_skb_adjust_room(ctx, -(__s32)(pkt_l4(p) - PKT_L3 - ip_len), BPF_ADJ_ROOM_NET, 0))
		return -1;
	if (bpf_skb_change_tail(ctx, PKT_L3 + ip_len + sizeof(rst), 0))
		return -1;
	sum = answer_pseudo(p->t.saddr, p->t.daddr, IPPROTO_TCP, sizeof(rst), af);
	if (partial)
		rst.check = csum_fold(sum);
	else
		rst.check = ~csum_fold(sum +
				       (__u32)bpf_csum_diff(NULL, 0, (void *)&rst, sizeof(rst), 0));
	if (af == AF_INET)
		answer_ip4(&ip4, p->t.daddr, p->t.saddr, IPPROTO_TCP, ip_len + sizeof(rst));
	else
		answer_ip6(&ip6, p->t.daddr, p->t.saddr, IPPROTO_TCP, sizeof(rst));
	if (bpf_skb_store_bytes(ctx, PKT_L3, af == AF_INET ? (void *)&ip4 : &ip6, ip_len,
				BPF_F_RECOMPUTE_CSUM) ||
	    bpf_skb_store_bytes(ctx, PKT_L3 + ip_len, &rst, sizeof(rst), BPF_F_RECOMPUTE_CSUM))
		return -1;
	return rewrite_swap_macs(ctx);
}

static __noinline int reject_tcp4(struct __sk_buff *ctx, const struct pkt *p)
{
	return p ? reject_tcp(ctx, p, AF_INET) : -1;
}

static __noinline int reject_tcp6(struct __sk_buff *ctx, const struct pkt *p)
{
	return p ? reject_tcp(ctx, p, AF_INET6) : -1;
}

/* Port unreachable, from the service. */
static __always_inline int reject_datagram(struct __sk_buff *ctx, const struct pkt *p, const int af)
{
	struct answer a = {
		.type = af == AF_INET ? REJECT_ICMP_UNREACH : REJECT_ICMPV6_UNREACH,
		.code = af == AF_INET ? REJECT_ICMP_PORT : REJECT_ICMPV6_PORT,
	};

	__builtin_memcpy(a.saddr, p->t.daddr, 4 * PKT_WORDS(af));
	return answer(ctx, p, &a, af);
}

static __always_inline int reject(struct __sk_buff *ctx, const struct pkt *p, const int af)
{
	if (p->t.proto != NARU_TCP)
		return reject_datagram(ctx, p, af);
	if (af == AF_INET ? reject_tcp4(ctx, p) : reject_tcp6(ctx, p)) {
		count(NARU_C_REWRITE);
		return TC_ACT_SHOT;
	}
	return bpf_redirect(ctx_ifindex(ctx), 0);
}
