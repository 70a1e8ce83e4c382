/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ClientIP affinity, first packets and sockets only: a client that came back in time goes to the
 * endpoint that it had, as long as the set still has it. All frontends of a service port share what
 * is remembered; each new flow renews it.
 */
#pragma once
#include "service.h"

struct affinity_search {
	__u32 list; /* the set's first block */
	__u32 count;
	__u32 ep;
	__u32 index; /* where it was found */
	__u32 found;
};

static long affinity_look(__u32 block, struct affinity_search *s)
{
	__u32 key = s->list + block;
	const struct naru_list_block *list = bpf_map_lookup_elem(&ep_list, &key);

	if (!list)
		return 1;
	for (__u32 i = 0; i < NARU_LIST_SLOTS; i++) {
		if (list->id[i] != s->ep || block * NARU_LIST_SLOTS + i >= s->count)
			continue;
		s->index = block * NARU_LIST_SLOTS + i;
		s->found = 1;
		return 1;
	}
	return 0;
}

/* Where a set has the endpoint now: at the old place, as a rule, or else anywhere. */
static __always_inline int affinity_in_set(const struct naru_set *set, struct naru_affinity *was,
					   __u32 ep)
{
	struct affinity_search s = { .list = set->list, .count = set->count, .ep = ep };

	if (was->index < set->count)
		affinity_look(was->index / NARU_LIST_SLOTS, &s);
	if (!s.found)
		bpf_loop((set->count + NARU_LIST_SLOTS - 1) / NARU_LIST_SLOTS, affinity_look, &s,
			 0);
	if (s.found && !cfg.dry_run)
		was->index = s.index;
	return s.found;
}

/* The endpoint that the client had, or NULL. */
static __always_inline struct naru_endpoint *affinity_find(const struct naru_svc *service,
							   const struct naru_set *set,
							   const struct naru_affinity_key *key,
							   __u32 now, __u32 *ret_id)
{
	struct naru_affinity *was = bpf_map_lookup_elem(&affinity, key);
	struct naru_endpoint *ep;

	/* Ticks may differ by one between CPUs. */
	if (!was || (__s32)(now - was->seen) > (__s32)service->affinity)
		return NULL;
	/* Read once: the map may give the element to another client meanwhile. */
	*ret_id = *(volatile __u32 *)&was->ep;
	if (!affinity_in_set(set, was, *ret_id))
		return NULL;
	ep = bpf_map_lookup_elem(&endpoint, ret_id);
	if (ep && !cfg.dry_run)
		was->seen = now;
	if (ep)
		trace_stuck(*ret_id);
	return ep;
}

/* The endpoint of a set, which is not empty, for a client (zero: the node's own sockets). */
static __always_inline struct naru_endpoint *affinity_choose(const struct naru_svc *service,
							     const struct naru_set *set,
							     const __u8 client[16], __u32 hash,
							     __u32 *ret_id)
{
	struct naru_affinity_key key __attribute__((aligned(8))) = { .svc = service->id };
	struct naru_affinity is = { .seen = now_tick() };
	struct naru_endpoint *ep;

	if (!service->affinity)
		return service_choose(set, hash, ret_id);
	__builtin_memcpy(key.client, client, sizeof(key.client));
	ep = affinity_find(service, set, &key, is.seen, ret_id);
	if (ep)
		return ep;
	ep = service_choose(set, hash, ret_id);
	is.ep = *ret_id;
	if (ep && !cfg.dry_run)
		bpf_map_update_elem(&affinity, &key, &is, BPF_ANY);
	return ep;
}
