/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers the first packet of a flow whose service has no endpoint: RST to a SYN (RFC 9293, 3.5.2),
 * port unreachable to a datagram (RFC 792; RFC 4443, 3.1). TC only; the answer leaves by the device
 * the packet came from, in the service's name.
 *
 * The RST is made by changing the SYN in place, word by word through the check sum helpers, so
 * that it is right for packets whose check sum a device is still to finish, too. The inner packet
 * of an ICMP error is cut to the IP header and eight bytes.
 */
#pragma once
#include "rewrite.h"

/* Not from <linux/icmp.h>, which draws in the C library's headers. */
#define REJECT_ICMP_UNREACH   3
#define REJECT_ICMP_PORT      3
#define REJECT_ICMPV6_UNREACH 1
#define REJECT_ICMPV6_PORT    4

struct reject_icmp {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__u32 unused;
};

#define REJECT_TTL	 64
#define REJECT_QUOTE_MAX 68 /* the longest IPv4 header and eight bytes */

/* Swaps addresses and resets the time to live. The sums of transport headers do not change. */
static __always_inline int reject_turn_ip(struct __sk_buff *ctx, const struct pkt *p, const int af)
{
	if (rewrite_swap_macs(ctx))
		return -1;
	if (af == AF_INET) {
		struct iphdr *ip = ctx_data(ctx) + PKT_L3;

		if ((void *)(ip + 1) > ctx_end(ctx))
			return -1;
		ip->saddr = p->t.daddr[0];
		ip->daddr = p->t.saddr[0];
		ip->check = csum_apply(ip->check, (__u64)(__u16)~bpf_htons(ip->ttl << 8) +
							  bpf_htons(REJECT_TTL << 8));
		ip->ttl = REJECT_TTL;
	} else {
		struct ipv6hdr *ip = ctx_data(ctx) + PKT_L3;

		if ((void *)(ip + 1) > ctx_end(ctx))
			return -1;
		__builtin_memcpy(&ip->saddr, p->t.daddr, 16);
		__builtin_memcpy(&ip->daddr, p->t.saddr, 16);
		ip->hop_limit = REJECT_TTL;
	}
	return 0;
}

static __always_inline int reject_tcp(struct __sk_buff *ctx, const struct pkt *p, const int af)
{
	struct tcphdr *tcp;
	__u32 words[2], old[2];
	__u16 flags, old_flags;
	__u64 delta = 0;

	if (reject_turn_ip(ctx, p, af))
		return -1;
	tcp = ctx_data(ctx) + pkt_l4(p);
	if ((void *)(tcp + 1) > ctx_end(ctx))
		return -1;
	old[0] = tcp->seq;
	old[1] = tcp->ack_seq;
	old_flags = ((__u16 *)tcp)[6];
	words[0] = 0;
	words[1] = bpf_htonl(bpf_ntohl(tcp->seq) + 1 + (__u32)(long)CTX_LOAD(ctx, len) - pkt_l4(p) -
			     tcp->doff * 4);
	flags = (old_flags & bpf_htons(0xf000)) | bpf_htons(PKT_RST | PKT_ACK);
	tcp->source = bpf_htons(p->t.dport);
	tcp->dest = bpf_htons(p->t.sport);
	tcp->seq = words[0];
	tcp->ack_seq = words[1];
	((__u16 *)tcp)[6] = flags;
	delta = csum_words(0, old, words, 2) + (__u16)~old_flags + flags;
	return bpf_l4_csum_replace(ctx, pkt_l4(p) + 16, 0, csum_fold(delta), 0) ? -1 : 0;
}

static __always_inline void reject_ip4(struct iphdr *ip, const struct pkt *p, __u32 total)
{
	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = bpf_htons(total);
	ip->ttl = REJECT_TTL;
	ip->protocol = IPPROTO_ICMP;
	ip->saddr = p->t.daddr[0];
	ip->daddr = p->t.saddr[0];
	ip->check = csum_apply(0xffff, csum_words(0, (__u32[5]){ ~0u, ~0u, ~0u, ~0u, ~0u },
						  (const __u32 *)ip, 5));
}

static __noinline int reject_udp4(struct __sk_buff *ctx, const struct pkt *p)
{
	struct {
		struct iphdr ip;
		struct reject_icmp icmp;
	} head = {};
	__u8 quote[REJECT_QUOTE_MAX] = {};
	__u32 n;

	if (!p)
		return -1;
	n = pkt_l4(p) - PKT_L3 + 8;
	if (n > REJECT_QUOTE_MAX || n < 28 || bpf_skb_load_bytes(ctx, PKT_L3, quote, n))
		return -1;
	if (bpf_skb_change_tail(ctx, PKT_L3 + n, 0) ||
	    bpf_skb_adjust_room(ctx, sizeof(head), BPF_ADJ_ROOM_MAC, 0))
		return -1;
	reject_ip4(&head.ip, p, sizeof(head) + n);
	head.icmp.type = REJECT_ICMP_UNREACH;
	head.icmp.code = REJECT_ICMP_PORT;
	head.icmp.checksum =
		~csum_fold((__u64)(__u32)bpf_csum_diff(NULL, 0, (void *)quote, sizeof(quote), 0) +
			   *(__u16 *)&head.icmp);
	return bpf_skb_store_bytes(ctx, PKT_L3, &head, sizeof(head), 0) || rewrite_swap_macs(ctx)
		       ? -1
		       : 0;
}

static __noinline int reject_udp6(struct __sk_buff *ctx, const struct pkt *p)
{
	struct {
		struct ipv6hdr ip;
		struct reject_icmp icmp;
	} head = {};
	__u8 quote[48];
	__u64 sum;

	if (!p || bpf_skb_load_bytes(ctx, PKT_L3, quote, sizeof(quote)))
		return -1;
	if (bpf_skb_change_tail(ctx, PKT_L3 + sizeof(quote), 0) ||
	    bpf_skb_adjust_room(ctx, sizeof(head), BPF_ADJ_ROOM_MAC, 0))
		return -1;
	head.ip.version = 6;
	head.ip.payload_len = bpf_htons(sizeof(head.icmp) + sizeof(quote));
	head.ip.nexthdr = IPPROTO_ICMPV6;
	head.ip.hop_limit = REJECT_TTL;
	__builtin_memcpy(&head.ip.saddr, p->t.daddr, 16);
	__builtin_memcpy(&head.ip.daddr, p->t.saddr, 16);
	head.icmp.type = REJECT_ICMPV6_UNREACH;
	head.icmp.code = REJECT_ICMPV6_PORT;
	sum = (__u32)bpf_csum_diff(NULL, 0, (void *)quote, sizeof(quote), 0);
	sum += (__u32)bpf_csum_diff(NULL, 0, (void *)&head.ip.saddr, 32, 0);
	sum += *(__u16 *)&head.icmp + head.ip.payload_len + bpf_htons(IPPROTO_ICMPV6);
	head.icmp.checksum = ~csum_fold(sum);
	return bpf_skb_store_bytes(ctx, PKT_L3, &head, sizeof(head), 0) || rewrite_swap_macs(ctx)
		       ? -1
		       : 0;
}

static __always_inline int reject(struct __sk_buff *ctx, const struct pkt *p, const int af)
{
	int r;

	if (p->t.proto == NARU_TCP)
		r = reject_tcp(ctx, p, af);
	else
		r = af == AF_INET ? reject_udp4(ctx, p) : reject_udp6(ctx, p);
	if (r) {
		count(NARU_C_REWRITE);
		return TC_ACT_SHOT;
	}
	return bpf_redirect(ctx_ifindex(ctx), 0);
}
