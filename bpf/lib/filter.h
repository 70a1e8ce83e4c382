/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Step 2: "certainly not ours" at the price of a few bit tests. A set bit promises nothing; a
 * clear one is final.
 */
#pragma once
#include "maps.h"
#include "pkt.h"

static __always_inline int filter_bit(const __u32 *words, __u32 bit)
{
	return words[bit >> 5 & (NARU_FILTER_WORDS - 1)] >> (bit & 31) & 1;
}

static __always_inline int filter_half(const struct naru_filter_half *half, __u8 proto, __u16 port,
				       const __u32 *addr, const int af)
{
	return filter_bit(half->ports[proto == NARU_UDP], port) &&
	       filter_bit(half->addrs, naru_addr_bit(addr, PKT_WORDS(af)));
}

/* A packet that comes in: to a frontend, to any port of a ClusterIP, to a port that source
 * translation gave out, or, when flows bypass the stack, from an endpoint. */
static __always_inline int filter_ingress(const struct tuple *t, const int af)
{
	__u32 zero = 0, bit = naru_addr_bit(t->daddr, PKT_WORDS(af));
	const struct naru_filter *f = bpf_map_lookup_elem(&filter, &zero);

	if (!f)
		return 0;
	if (filter_bit(f->front.addrs, bit)) {
		if (filter_bit(f->front.ports[t->proto == NARU_UDP], t->dport) ||
		    (t->dport >= cfg.snat_min && t->dport <= cfg.snat_max) ||
		    filter_bit(f->closed, bit))
			return 1;
	}
	return cfg.bypass_netfilter && filter_half(&f->back, t->proto, t->sport, t->saddr, af);
}

/* True if the address alone tells that a packet that comes in is not ours, which most are: before
 * anything else of it is looked at. With cfg.bypass_netfilter it may be an answer, and an ICMP
 * error about one comes from anywhere. A dry run wants to know more. */
static __always_inline int filter_early(const void *data, const void *end, const int af)
{
	const void *addr = data + (af == AF_INET ? PKT_L3 + offsetof(struct iphdr, daddr)
						 : PKT_L3 + offsetof(struct ipv6hdr, daddr));
	const struct naru_filter *f;
	__u32 zero = 0;

	if (cfg.bypass_netfilter || cfg.dry_run || addr + 4 * PKT_WORDS(af) > end)
		return 0;
	f = bpf_map_lookup_elem(&filter, &zero);
	return !f || !filter_bit(f->front.addrs, naru_addr_bit(addr, PKT_WORDS(af)));
}

/* A packet that leaves: from an endpoint. */
static __always_inline int filter_egress(const struct tuple *t, const int af)
{
	__u32 zero = 0;
	const struct naru_filter *f = bpf_map_lookup_elem(&filter, &zero);

	return f && filter_half(&f->back, t->proto, t->sport, t->saddr, af);
}

/* The addresses alone, as far as the filters of the hooks look at them. */
static __always_inline int filter_addr(const struct tuple *t, __u8 hook, const int af)
{
	__u32 zero = 0;
	const struct naru_filter *f = bpf_map_lookup_elem(&filter, &zero);

	if (!f)
		return 0;
	if (hook == NARU_INGRESS &&
	    filter_bit(f->front.addrs, naru_addr_bit(t->daddr, PKT_WORDS(af))))
		return 1;
	return (hook == NARU_EGRESS || cfg.bypass_netfilter) &&
	       filter_bit(f->back.addrs, naru_addr_bit(t->saddr, PKT_WORDS(af)));
}

/* What a socket wants to reach. */
static __always_inline int filter_socket(__u8 proto, __u16 port, const __u32 *addr, const int af)
{
	__u32 zero = 0;
	const struct naru_filter *f = bpf_map_lookup_elem(&filter, &zero);

	return f && filter_half(&f->front, proto, port, addr, af);
}

/* A port that a socket wants to reach on the node's loopback. */
static __always_inline int filter_socket_port(__u8 proto, __u16 port)
{
	__u32 zero = 0;
	const struct naru_filter *f = bpf_map_lookup_elem(&filter, &zero);

	return f && filter_bit(f->front.ports[proto == NARU_UDP], port);
}

/* An address whose every port is ours. */
static __always_inline int filter_closed(const __u32 *addr, const int af)
{
	__u32 zero = 0;
	const struct naru_filter *f = bpf_map_lookup_elem(&filter, &zero);

	return f && filter_bit(f->closed, naru_addr_bit(addr, PKT_WORDS(af)));
}
