/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Step 4, first packets only: from a frontend to one of its endpoints. The writer publishes a
 * service by one update of `svc` after everything it points at, and keeps what an old value points
 * at for a grace period; so a missing endpoint is a counted anomaly, not a race.
 */
#pragma once
#include "count.h"
#include "maps.h"
#include "pkt.h"

/* Only a host itself may send there: sockets ask by a function of their own, and packets that come
 * in with such an address are the kernel's to drop. */
static __always_inline int service_is_loopback(const __u32 *addr, const int af)
{
	if (af == AF_INET)
		return (addr[0] & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
	return !addr[0] && !addr[1] && !addr[2] && addr[3] == bpf_htonl(1);
}

/* The NodePort or hostPort that an address of this node has, where `key` names no address. */
static __always_inline struct naru_svc *service_find_any(const struct naru_svc_key *key,
							 const struct naru_node_addr *at)
{
	struct naru_svc *found = bpf_map_lookup_elem(&svc, key);

	return found && found->kind == NARU_NODE_PORT && !at->node_port ? NULL : found;
}

/* The frontend of an address and port, or the NodePort of an address of this node, or NULL. */
static __always_inline struct naru_svc *service_find(const __u32 *addr, __u16 port, __u8 proto,
						     const int af)
{
	struct naru_svc_key key __attribute__((aligned(8))) = {};
	struct naru_node_addr *at;
	struct naru_svc *found;

	if (service_is_loopback(addr, af))
		return NULL;
	pkt_map_addr(key.addr, addr, af);
	key.port = port;
	key.proto = proto;
	key.family = af == AF_INET ? 4 : 6;
	found = bpf_map_lookup_elem(&svc, &key);
	if (found)
		return found;
	at = bpf_map_lookup_elem(&node_addr, key.addr);
	if (!at)
		return NULL;
	__builtin_memset(key.addr, 0, sizeof(key.addr));
	return service_find_any(&key, at);
}

/* True when the address is a ClusterIP whose ports without a service refuse. */
static __always_inline int service_is_closed(const __u32 *addr, const int af)
{
	struct naru_svc_key key __attribute__((aligned(8))) = {};

	pkt_map_addr(key.addr, addr, af);
	key.family = af == AF_INET ? 4 : 6;
	return bpf_map_lookup_elem(&svc, &key) != NULL;
}

/* True when the client's address is in the service's source ranges, if it has any. */
static __always_inline int service_admits(const struct naru_svc *service, const __u32 *client,
					  const int af)
{
	struct naru_range_key key __attribute__((aligned(8))) = {};

	if (!service->ranged)
		return 1;
	trace_seen(NARU_TRACE_RANGED);
	key.prefixlen = 8 * (sizeof(key) - sizeof(key.prefixlen));
	key.svc = service->id;
	pkt_map_addr(key.addr, client, af);
	return bpf_map_lookup_elem(&source_range, &key) != NULL;
}

/* The endpoint of a set, which is not empty, for a hash. NULL is counted. */
static __always_inline struct naru_endpoint *service_choose(const struct naru_set *set, __u32 hash,
							    __u32 *ret_id)
{
	struct naru_list_block *list;
	struct naru_lut_block *block;
	struct naru_endpoint *ep = NULL;
	__u32 index = 0, slot = 0, key;

	if (set->lut_len) {
		slot = hash % set->lut_len;
		key = set->lut + slot / NARU_LUT_SLOTS;
		block = bpf_map_lookup_elem(&lut, &key);
		if (block)
			index = block->index[slot % NARU_LUT_SLOTS];
	}
	key = set->list + index / NARU_LIST_SLOTS;
	list = bpf_map_lookup_elem(&ep_list, &key);
	if (list) {
		*ret_id = list->id[index % NARU_LIST_SLOTS];
		ep = bpf_map_lookup_elem(&endpoint, ret_id);
	}
	if (ep)
		trace_choice(hash, slot, index, *ret_id);
	else
		count(NARU_C_NO_ENDPOINT_ENTRY);
	return ep;
}

/* An endpoint of this node. Objects written by hand do not say where it is; an address of the
 * node itself is told all the same. */
static __always_inline int service_is_local(const struct naru_endpoint *ep)
{
	return ep->local || bpf_map_lookup_elem(&node_addr, ep->addr);
}

/* The endpoint's address in the packet's family. */
static __always_inline void service_endpoint_addr(const struct naru_endpoint *ep, __u32 *ret_addr,
						  const int af)
{
	if (af == AF_INET)
		__builtin_memcpy(ret_addr, ep->addr + 12, 4);
	else
		__builtin_memcpy(ret_addr, ep->addr, 16);
}
