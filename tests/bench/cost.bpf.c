/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What naru's cost per packet is measured with and against.
 *
 * A repeated test run does not restore a packet that was rewritten. So a wrapper makes the packet,
 * from a template and a list that is walked in order (the list itself is in random order, so that
 * flows come in random order at no cost of the wrapper), and calls the program under test by a
 * tail call. The same with an empty program is what has to be subtracted.
 *
 * The yardstick is a program that does only what no load balancer can leave out: parse, one
 * look-up in a hash map, new destination, check sums, link addresses, send back.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../tests/bench/cost.h"

#ifndef AF_INET
#define AF_INET	 2
#define AF_INET6 10
#endif

__u32 next, packets; /* of the list */
__u64 frame[COST_WORDS_MAX];
__u64 failed; /* tail calls that did not happen */
__u64 missed; /* look-ups of the minimal program that found nothing */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct cost_packet);
	__uint(max_entries, 1); /* the loader knows better */
} list SEC(".maps");

#define PROGRAM_MAP(name)                                                                          \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);                                             \
		__uint(key_size, 4);                                                               \
		__uint(value_size, 4);                                                             \
		__uint(max_entries, 1);                                                            \
	} name SEC(".maps")

PROGRAM_MAP(target_xdp);
PROGRAM_MAP(target_tc);

#define FLOW_MAP(name, k)                                                                          \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_HASH);                                                   \
		__type(key, k);                                                                    \
		__type(value, struct cost_value);                                                  \
		__uint(max_entries, 1);                                                            \
	} name SEC(".maps")

FLOW_MAP(minimal4, struct cost_key4);
FLOW_MAP(minimal6, struct cost_key6);

/* ---- the wrapper --------------------------------------------------------------------------- */

static __always_inline int make(void *data, const void *end, const int af)
{
	const int size = af == AF_INET ? COST_FRAME4 : COST_FRAME6;
	const int l4 = af == AF_INET ? 34 : 54;
	const struct cost_packet *p;
	struct tcphdr *tcp = data + l4;
	__u64 *word = data;
	__u32 i = next;

	next = i + 1 >= packets ? 0 : i + 1;
	p = bpf_map_lookup_elem(&list, &i);
	if (!p || data + size > end)
		return -1;
#pragma unroll
	for (int k = 0; k < size / 8; k++)
		word[k] = frame[k];
	if (af == AF_INET) {
		struct iphdr *ip = data + ETH_HLEN;

		__builtin_memcpy(&ip->saddr, p->saddr, 4);
		__builtin_memcpy(&ip->daddr, p->daddr, 4);
		ip->check = p->ip_check;
	} else {
		struct ipv6hdr *ip = data + ETH_HLEN;

		__builtin_memcpy(&ip->saddr, p->saddr, 16);
		__builtin_memcpy(&ip->daddr, p->daddr, 16);
	}
	tcp->source = p->sport;
	tcp->dest = p->dport;
	tcp->check = p->l4_check;
	return 0;
}

#define WRAPPER(name, section, type, map, af)                                                      \
	SEC(section)                                                                               \
	int name(type *ctx)                                                                        \
	{                                                                                          \
		if (!make((void *)(long)ctx->data, (void *)(long)ctx->data_end, af))               \
			bpf_tail_call(ctx, &map, 0);                                               \
		failed++;                                                                          \
		return 0;                                                                          \
	}

WRAPPER(wrap4_xdp, "xdp.frags", struct xdp_md, target_xdp, AF_INET)
WRAPPER(wrap6_xdp, "xdp.frags", struct xdp_md, target_xdp, AF_INET6)
WRAPPER(wrap4_tc, "tc", struct __sk_buff, target_tc, AF_INET)
WRAPPER(wrap6_tc, "tc", struct __sk_buff, target_tc, AF_INET6)

SEC("xdp.frags")
int empty_xdp(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_TX;
}

SEC("tc")
int empty_tc(struct __sk_buff *ctx)
{
	(void)ctx;
	return TC_ACT_UNSPEC;
}

/* ---- the yardstick -------------------------------------------------------------------------- */

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline __u64 change(__u64 sum, const void *was, const void *is, const int words)
{
	const __u32 *a = was, *b = is;

	for (int i = 0; i < words; i++)
		sum += (__u64)(__u32)~a[i] + b[i];
	return sum;
}

/* A new flow goes to one of sixteen endpoints behind one next hop. */
static __always_inline struct cost_value *begin4(const struct cost_key4 *key)
{
	struct cost_value v = { .dport = bpf_htons(8080),
				.dmac = { 2, [5] = 6 },
				.smac = { 2, [5] = 1 } };
	__u32 daddr = bpf_htonl(0x0a01020a) + ((key->saddr * 2654435761u >> 28) << 24);
	__u64 sum = change(0, &key->daddr, &daddr, 1);

	missed++;
	__builtin_memcpy(v.daddr, &daddr, 4);
	v.ip_delta = fold(sum);
	v.l4_delta = fold(sum + (__u16)~key->dport + v.dport);
	bpf_map_update_elem(&minimal4, key, &v, BPF_NOEXIST);
	return bpf_map_lookup_elem(&minimal4, key);
}

static __always_inline struct cost_value *begin6(const struct cost_key6 *key)
{
	struct cost_value v = { .dport = bpf_htons(8080),
				.dmac = { 2, [5] = 6 },
				.smac = { 2, [5] = 1 } };

	missed++;
	v.daddr[0] = 0xfd;
	v.daddr[3] = 1;
	v.daddr[5] = 2;
	v.daddr[15] = 0x10 + (key->saddr[15] & 15);
	v.l4_delta = fold(change(0, key->daddr, v.daddr, 4) + (__u16)~key->dport + v.dport);
	bpf_map_update_elem(&minimal6, key, &v, BPF_NOEXIST);
	return bpf_map_lookup_elem(&minimal6, key);
}

static __always_inline int finish(struct ethhdr *eth, struct tcphdr *tcp,
				  const struct cost_value *v)
{
	tcp->dest = v->dport;
	tcp->check = ~fold((__u64)(__u16)~tcp->check + v->l4_delta);
	__builtin_memcpy(eth->h_dest, v->dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, v->smac, ETH_ALEN);
	return 1;
}

static __always_inline int translate4(void *data, const void *end)
{
	struct iphdr *ip = data + ETH_HLEN;
	struct tcphdr *tcp = (void *)(ip + 1);
	struct cost_key4 key = {};
	struct cost_value *v;

	if ((void *)(tcp + 1) > end || ip->ihl != 5 || ip->protocol != IPPROTO_TCP ||
	    ip->frag_off & bpf_htons(0x3fff) || ip->ttl <= 1)
		return 0;
	key.saddr = ip->saddr;
	key.daddr = ip->daddr;
	key.sport = tcp->source;
	key.dport = tcp->dest;
	key.proto = IPPROTO_TCP;
	v = bpf_map_lookup_elem(&minimal4, &key);
	if (!v)
		v = begin4(&key);
	if (!v)
		return 0;
	__builtin_memcpy(&ip->daddr, v->daddr, 4);
	ip->ttl--;
	ip->check = ~fold((__u64)(__u16)~ip->check + v->ip_delta + (__u16)~bpf_htons(0x0100));
	return finish(data, tcp, v);
}

static __always_inline int translate6(void *data, const void *end)
{
	struct ipv6hdr *ip = data + ETH_HLEN;
	struct tcphdr *tcp = (void *)(ip + 1);
	struct cost_key6 key = {};
	struct cost_value *v;

	if ((void *)(tcp + 1) > end || ip->nexthdr != IPPROTO_TCP || ip->hop_limit <= 1)
		return 0;
	__builtin_memcpy(key.saddr, &ip->saddr, 32);
	key.sport = tcp->source;
	key.dport = tcp->dest;
	key.proto = IPPROTO_TCP;
	v = bpf_map_lookup_elem(&minimal6, &key);
	if (!v)
		v = begin6(&key);
	if (!v)
		return 0;
	__builtin_memcpy(&ip->daddr, v->daddr, 16);
	ip->hop_limit--;
	return finish(data, tcp, v);
}

static __always_inline int translate(void *data, const void *end)
{
	const struct ethhdr *eth = data;

	if ((const void *)(eth + 1) > end)
		return 0;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return translate4(data, end);
	return eth->h_proto == bpf_htons(ETH_P_IPV6) ? translate6(data, end) : 0;
}

SEC("xdp.frags")
int minimal_xdp(struct xdp_md *ctx)
{
	return translate((void *)(long)ctx->data, (void *)(long)ctx->data_end) ? XDP_TX : XDP_PASS;
}

/* Its check sums are written straight, as a TC program on whole check sums may. */
SEC("tc")
int minimal_tc(struct __sk_buff *ctx)
{
	if (!translate((void *)(long)ctx->data, (void *)(long)ctx->data_end))
		return TC_ACT_UNSPEC;
	return bpf_redirect(ctx->ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
