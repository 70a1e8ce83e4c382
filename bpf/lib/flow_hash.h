/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Flows in one preallocated hash map a family: the body of flow.h when cfg.flow_hash is set. */
#pragma once
#include "maps.h"
#include "pkt.h"

static __always_inline void flow_hash_key4(struct naru_flow4_key *key, const struct tuple *t,
					   __u8 hook)
{
	__builtin_memcpy(key->saddr, t->saddr, 4);
	__builtin_memcpy(key->daddr, t->daddr, 4);
	key->sport = t->sport;
	key->dport = t->dport;
	key->proto = t->proto;
	key->hook = hook;
	key->pad = 0;
}

static __always_inline void flow_hash_key6(struct naru_flow6_key *key, const struct tuple *t,
					   __u8 hook)
{
	__builtin_memcpy(key->saddr, t->saddr, 16);
	__builtin_memcpy(key->daddr, t->daddr, 16);
	key->sport = t->sport;
	key->dport = t->dport;
	key->proto = t->proto;
	key->hook = hook;
	key->pad = 0;
}

static __always_inline void *flow_hash_lookup(const struct tuple *t, __u8 hook, const int af)
{
	if (af == AF_INET) {
		struct naru_flow4_key key;

		flow_hash_key4(&key, t, hook);
		return bpf_map_lookup_elem(&flow4, &key);
	} else {
		struct naru_flow6_key key;

		flow_hash_key6(&key, t, hook);
		return bpf_map_lookup_elem(&flow6, &key);
	}
}

/* 0 or -errno. Before Linux 6.4 only the lower half of what the helper returns is meant. */
static __always_inline int flow_hash_update(const struct tuple *t, __u8 hook, const void *value,
					    __u64 flags, const int af)
{
	if (af == AF_INET) {
		struct naru_flow4_key key;

		flow_hash_key4(&key, t, hook);
		return (int)bpf_map_update_elem(&flow4, &key, value, flags);
	} else {
		struct naru_flow6_key key;

		flow_hash_key6(&key, t, hook);
		return (int)bpf_map_update_elem(&flow6, &key, value, flags);
	}
}

static __always_inline void flow_hash_delete(const struct tuple *t, __u8 hook, const int af)
{
	if (cfg.dry_run)
		return;
	if (af == AF_INET) {
		struct naru_flow4_key key;

		flow_hash_key4(&key, t, hook);
		bpf_map_delete_elem(&flow4, &key);
	} else {
		struct naru_flow6_key key;

		flow_hash_key6(&key, t, hook);
		bpf_map_delete_elem(&flow6, &key);
	}
}
