/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet is that pkt_parse() calls rare: an ICMP or ICMPv6 message, a fragment, or one with
 * IPv6 extension headers; and the packet that an ICMP error quotes. Pure, like pkt.h.
 *
 * Headers that say where a packet goes by their own means (a routing header with segments left) or
 * that hide what follows (authentication, encryption) are not walked over.
 */
#pragma once
#include "pkt.h"

#define PKT_RARE_HEADERS 224 /* what a TC program makes linear for these */
#define PKT_RARE_L4_MAX	 200 /* transport headers begin no later */
#define PKT_EXT_MAX	 6   /* extension headers that are walked over */

enum pkt_kind {
	PKT_K_PLAIN,   /* complete: as if pkt_parse() had said PKT_OK */
	PKT_K_FIRST,   /* the first fragment, complete */
	PKT_K_LATER,   /* another fragment: no ports, l4 is where its payload begins */
	PKT_K_ICMP,    /* l4 is the ICMP header */
	PKT_K_SHORT,   /* headers end beyond the given bytes */
	PKT_K_UNKNOWN, /* more headers than are walked over, or one with a meaning of its own */
	PKT_K_OTHER,   /* of no interest, or malformed */
};

/* The first eight bytes of each extension header. */
struct pkt_ext {
	__u8 next;
	__u8 len; /* of all but the first eight bytes, in eights; fragment: 0 */
	__u8 b2;
	__u8 b3;
	__u32 id; /* fragment: identification */
};

struct pkt_walk {
	__u32 id;   /* of the fragment */
	__u16 at;   /* offset of the next header, */
	__u8 proto; /* and which it is */
	__u8 kind;  /* enum pkt_kind */
};

static __always_inline int pkt_is_ext(__u8 proto)
{
	return proto < 64 && (PKT_RARE6 & ~(1ull << IPPROTO_ICMPV6)) >> proto & 1;
}

/* One extension header. */
static __always_inline void pkt_walk_one(const struct pkt_ext *ext, struct pkt_walk *w)
{
	__u32 len = 8;

	if (w->proto == IPPROTO_FRAGMENT) {
		w->id = ext->id;
		if (ext->b2 || ext->b3 & 0xf8)
			w->kind = PKT_K_LATER;
		else if (ext->b3 & 1)
			w->kind = PKT_K_FIRST;
	} else {
		if (w->proto == IPPROTO_ROUTING && ext->b3)
			w->kind = PKT_K_UNKNOWN; /* segments are left */
		len += ext->len * 8u;
	}
	w->proto = ext->next;
	w->at += len;
	if (w->at > PKT_RARE_L4_MAX)
		w->kind = PKT_K_UNKNOWN;
}

/* From the header at w->at, which is w->proto, to the first that is no extension header. */
static __always_inline void pkt_walk(const void *data, const void *end, struct pkt_walk *w)
{
	for (int i = 0; i < PKT_EXT_MAX; i++) {
		const struct pkt_ext *ext = data + (w->at & 255);

		if (w->kind > PKT_K_FIRST || !pkt_is_ext(w->proto))
			return;
		if ((const void *)(ext + 1) > end) {
			w->kind = PKT_K_SHORT;
			return;
		}
		pkt_walk_one(ext, w);
	}
	if (w->kind <= PKT_K_FIRST && pkt_is_ext(w->proto))
		w->kind = PKT_K_UNKNOWN;
}

static __always_inline int pkt_has_ports(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

static __always_inline void pkt_rare_ip4(const void *data, const void *end, struct pkt *p,
					 struct pkt_walk *w)
{
	const struct iphdr *ip = data + PKT_L3;

	w->kind = PKT_K_SHORT;
	if ((const void *)(ip + 1) > end)
		return;
	w->kind = PKT_K_OTHER;
	if (ip->version != 4 || ip->ihl < 5 || bpf_ntohs(ip->tot_len) < ip->ihl * 4 + 8)
		return;
	p->t.saddr[0] = ip->saddr;
	p->t.daddr[0] = ip->daddr;
	p->ttl = ip->ttl;
	p->len = bpf_ntohs(ip->tot_len);
	w->proto = ip->protocol;
	w->at = PKT_L3 + ip->ihl * 4;
	w->id = ip->id;
	w->kind = PKT_K_PLAIN;
	if (ip->frag_off & bpf_htons(0x1fff))
		w->kind = PKT_K_LATER;
	else if (ip->frag_off & bpf_htons(0x2000))
		w->kind = PKT_K_FIRST;
}

static __always_inline void pkt_rare_ip6(const void *data, const void *end, struct pkt *p,
					 struct pkt_walk *w)
{
	const struct ipv6hdr *ip = data + PKT_L3;

	w->kind = PKT_K_SHORT;
	if ((const void *)(ip + 1) > end)
		return;
	w->kind = PKT_K_OTHER;
	if (ip->version != 6)
		return;
	__builtin_memcpy(p->t.saddr, &ip->saddr, 16);
	__builtin_memcpy(p->t.daddr, &ip->daddr, 16);
	p->ttl = ip->hop_limit;
	p->len = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	w->proto = ip->nexthdr;
	w->at = PKT_L3 + sizeof(*ip);
	w->kind = PKT_K_PLAIN;
	pkt_walk(data, end, w);
	if (w->kind <= PKT_K_ICMP && p->len < w->at - PKT_L3 + 8u)
		w->kind = PKT_K_OTHER;
}

/* Fills p, as far as its kind says, and *ret_id for fragments. */
static __always_inline enum pkt_kind pkt_parse_rare(const void *data, const void *end,
						    struct pkt *p, __u32 *ret_id, const int af)
{
	struct pkt_walk w = {};
	enum pkt_result r;

	if (af == AF_INET)
		pkt_rare_ip4(data, end, p, &w);
	else
		pkt_rare_ip6(data, end, p, &w);
	if (w.kind > PKT_K_ICMP)
		return w.kind;
	p->t.proto = w.proto;
	p->l4 = w.at;
	*ret_id = w.id;
	if (w.kind == PKT_K_PLAIN && w.proto == (af == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return PKT_K_ICMP;
	if (w.kind == PKT_K_LATER)
		return af == AF_INET6 || pkt_has_ports(w.proto) ? PKT_K_LATER : PKT_K_OTHER;
	if (w.proto != IPPROTO_TCP && w.proto != IPPROTO_UDP)
		return PKT_K_OTHER;
	if (w.proto == IPPROTO_TCP && p->len < w.at - PKT_L3 + 20u)
		return PKT_K_OTHER;
	r = pkt_parse_l4(data, end, p, pkt_l4(p));
	return r == PKT_OK ? w.kind : PKT_K_SHORT;
}

/* ---- the packet that an ICMP error is about ------------------------------------------------ */

/* Bytes of a transport header that are always quoted. */
struct pkt_quoted {
	__u16 source;
	__u16 dest;
	__u32 rest;
};

/* Its tuple and l4, given where its network header begins. PKT_K_PLAIN, or why not. */
static __always_inline enum pkt_kind pkt_parse_quoted(const void *data, const void *end, __u32 at,
						      struct pkt *p, const int af)
{
	struct pkt_walk w = { .kind = PKT_K_PLAIN };
	const struct ipv6hdr *ip6 = data + at;
	const struct iphdr *ip4 = data + at;
	const struct pkt_quoted *ports;

	if (af == AF_INET) {
		if ((const void *)(ip4 + 1) > end)
			return PKT_K_SHORT;
		if (ip4->version != 4 || ip4->ihl < 5 || ip4->frag_off & bpf_htons(0x1fff))
			return PKT_K_OTHER;
		p->t.saddr[0] = ip4->saddr;
		p->t.daddr[0] = ip4->daddr;
		w.proto = ip4->protocol;
		w.at = at + ip4->ihl * 4;
	} else {
		if ((const void *)(ip6 + 1) > end)
			return PKT_K_SHORT;
		if (ip6->version != 6)
			return PKT_K_OTHER;
		__builtin_memcpy(p->t.saddr, &ip6->saddr, 16);
		__builtin_memcpy(p->t.daddr, &ip6->daddr, 16);
		w.proto = ip6->nexthdr;
		w.at = at + sizeof(*ip6);
		pkt_walk(data, end, &w);
	}
	if (w.kind > PKT_K_FIRST)
		return w.kind;
	if (!pkt_has_ports(w.proto) || w.at > PKT_RARE_L4_MAX)
		return PKT_K_OTHER;
	p->t.proto = w.proto;
	p->l4 = w.at;
	ports = data + pkt_l4(p);
	if ((const void *)(ports + 1) > end)
		return PKT_K_SHORT;
	p->t.sport = bpf_ntohs(ports->source);
	p->t.dport = bpf_ntohs(ports->dest);
	return PKT_K_PLAIN;
}
