/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The least that a flow costs which is kept in the table of cache lines: parse, one look-up, an
 * endpoint and a source port by hash, both entries, all of it rewritten. What a load balancer has
 * besides, services and routes, is left out.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "lib/csum.h"

/* No flow is over here; but a condition that does not look at the time would lose the argument. */
#define TABLE_IS_OVER(slot, pos, ctrl, now, af) (table_idle(ctrl, now) > NARU_CTRL_SEEN_MAX / 2)
#include "lib/table_insert.h"

#define PAIR_TRIES 4

struct pair {
	struct table_new6 forth, back; /* of either family */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct pair);
	__uint(max_entries, 1);
} pairs SEC(".maps");

static __always_inline void pair_key(__u64 *key, const struct tuple *t, const int af)
{
	const int words = TABLE_KEY_WORDS(af);

	if (af == AF_INET) {
		key[0] = t->saddr[0] | (__u64)t->daddr[0] << 32;
	} else {
		__builtin_memcpy(key, t->saddr, 16);
		__builtin_memcpy(key + 2, t->daddr, 16);
	}
	key[words - 1] = (__u64)t->sport | (__u64)t->dport << 16 | (__u64)t->proto << 32;
}

static __always_inline void pair_act(__u64 *act, const struct tuple *was, const struct tuple *is,
				     const int af)
{
	__u64 addrs = csum_words(0, was->saddr, is->saddr, PKT_WORDS(af)), ports;

	addrs = csum_fold(csum_words(addrs, was->daddr, is->daddr, PKT_WORDS(af)));
	ports = csum_fold((__u64)(__u16)~bpf_htons(was->sport) + (__u16)~bpf_htons(was->dport) +
			  bpf_htons(is->sport) + bpf_htons(is->dport));
	pair_key(act, is, af);
	act[TABLE_ACT_WORDS(af) - 2] =
		(__u64)is->sport | (__u64)is->dport << 16 | addrs << 32 | ports << 48;
	act[TABLE_ACT_WORDS(af) - 1] = 0;
}

static __always_inline void pair_reverse(struct tuple *out, const struct tuple *t, const int af)
{
	__builtin_memcpy(out->saddr, t->daddr, 4 * PKT_WORDS(af));
	__builtin_memcpy(out->daddr, t->saddr, 4 * PKT_WORDS(af));
	out->sport = t->dport;
	out->dport = t->sport;
	out->proto = t->proto;
}

/* A flow from the node's address, x.x.x.1, to one of sixteen endpoints in the client's network. */
static __always_inline int pair_begin(const struct tuple *t, const int af)
{
	struct tuple to = *t, from = {}, client = {};
	const int words = TABLE_KEY_WORDS(af), last = PKT_WORDS(af) - 1;
	int r = -TABLE_EEXIST;
	struct pair *pair;
	__u32 zero = 0;
	__u64 hash;

	pair = bpf_map_lookup_elem(&pairs, &zero);
	if (!pair)
		return r;
	pair_key((__u64 *)&pair->forth, t, af);
	hash = table_hash((__u64 *)&pair->forth, af);
	to.daddr[last] = bpf_htonl(0x0a010210 + (hash & 15));
	to.saddr[last] = bpf_htonl(0x0a010201);
	to.dport = 8080;
	pair_reverse(&client, t, af);
	for (__u32 i = 0; i < PAIR_TRIES && r == -TABLE_EEXIST; i++) {
		hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15ull;
		to.sport = 1024 + table_scale(hash >> 32, 28976);
		pair_act((__u64 *)&pair->forth + words, t, &to, af);
		pair_reverse(&from, &to, af);
		pair_key((__u64 *)&pair->back, &from, af);
		pair_act((__u64 *)&pair->back + words, &from, &client, af);
		r = table_insert_pair(&pair->forth, &pair->back, af);
	}
	return r;
}

__noinline int pair_begin4(const struct tuple *t)
{
	return t ? pair_begin(t, AF_INET) : -TABLE_EINVAL;
}

__noinline int pair_begin6(const struct tuple *t)
{
	return t ? pair_begin(t, AF_INET6) : -TABLE_EINVAL;
}

static __always_inline int pair_look(const struct tuple *t, __u64 *ret_act, const int af)
{
	struct table_hit hit = { .act = ret_act };
	__u64 key[TABLE_KEY_MAX];

	pair_key(key, t, af);
	return !!table_lookup(key, &hit, af);
}

__noinline int pair_look4(const struct tuple *t, struct naru_act6 *ret_act)
{
	return t && ret_act ? pair_look(t, (__u64 *)ret_act, AF_INET) : 0;
}

__noinline int pair_look6(const struct tuple *t, struct naru_act6 *ret_act)
{
	return t && ret_act ? pair_look(t, (__u64 *)ret_act, AF_INET6) : 0;
}

static __always_inline int pair_found(const struct tuple *t, struct naru_act6 *ret_act,
				      const int af)
{
	return af == AF_INET ? pair_look4(t, ret_act) : pair_look6(t, ret_act);
}

static __always_inline int pair_rewrite(struct xdp_md *ctx, const struct naru_act6 *to,
					const int af)
{
	const __u64 *act = (const __u64 *)to;
	__u64 tail = act[TABLE_ACT_WORDS(af) - 2];
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct tcphdr *tcp = data + (af == AF_INET ? 34 : 54);
	struct iphdr *ip4 = data + PKT_L3;
	struct ipv6hdr *ip6 = data + PKT_L3;

	if ((void *)(tcp + 1) > end)
		return XDP_PASS;
	if (af == AF_INET) {
		ip4->saddr = act[0];
		ip4->daddr = act[0] >> 32;
		ip4->ttl--;
		ip4->check = csum_adjust(ip4->check, (__u16)(tail >> 32) + 0xfeffu);
	} else {
		__builtin_memcpy(&ip6->saddr, act, 32);
		ip6->hop_limit--;
	}
	tcp->source = bpf_htons(tail);
	tcp->dest = bpf_htons(tail >> 16);
	tcp->check = csum_adjust(tcp->check, (__u32)(__u16)(tail >> 32) + (__u16)(tail >> 48));
	((__u8 *)data)[5] = 6; /* as if link addresses were known */
	return XDP_TX;
}

static __always_inline int pair_translate(struct xdp_md *ctx, const int af)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct naru_act6 act = {};
	struct pkt p = {};

	if (pkt_parse(data, end, &p, af) != PKT_OK)
		return XDP_PASS;
	if (!pair_found(&p.t, &act, af) &&
	    ((af == AF_INET ? pair_begin4(&p.t) : pair_begin6(&p.t)) ||
	     !pair_found(&p.t, &act, af)))
		return XDP_DROP;
	return pair_rewrite(ctx, &act, af);
}

SEC("xdp.frags")
int pair_xdp(struct xdp_md *ctx)
{
	switch (pkt_ethertype((void *)(long)ctx->data, (void *)(long)ctx->data_end)) {
	case ETH_P_IP:
		return pair_translate(ctx, AF_INET);
	case ETH_P_IPV6:
		return pair_translate(ctx, AF_INET6);
	default:
		return XDP_PASS;
	}
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
