/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The steps of a socket: from what it asks for to an endpoint, and back to what it was told. What
 * it asked for is kept in storage that lives and dies with the socket.
 */
#pragma once
#include "affinity.h"
#include "filter.h"
#include "hash.h"
#include "observe.h"
#include "service.h"

#define ECONNREFUSED 111
#define EHOSTUNREACH 113

#define SOCKET_CONNECTED 1 /* the state TCP_ESTABLISHED, which datagram sockets have, too */

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct naru_sock);
} sock SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, __u64);
	__type(value, struct naru_sock_peer);
	__uint(max_entries, NARU_SOCK_PEER_MAX);
} sock_peer SEC(".maps");

MAP_HASH(sock_off, struct naru_cgroup, __u8, NARU_SOCK_OFF_MAX, BPF_F_NO_PREALLOC);

/* One end of a socket as the hooks show it, in one form for both families. */
struct socket_peer {
	__u32 addr[4]; /* IPv4 in the first word */
	__u16 port;
	__u8 proto;
	__u8 pad;
};

static __always_inline int socket_same_addr(const __u8 a[16], const __u8 b[16])
{
	const __u32 *x = (const __u32 *)a, *y = (const __u32 *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3];
}

/* Remembers what the socket asked for, once for each endpoint. */
static __always_inline struct naru_sock_peer *socket_remember(struct bpf_sock_addr *ctx,
							      const struct naru_endpoint *ep,
							      const __u8 vip_addr[16],
							      __u16 vip_port)
{
	struct naru_sock *s = bpf_sk_storage_get(&sock, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	__u32 slot;

	if (!s)
		return NULL;
	slot = s->next;
	for (int i = 0; i < NARU_SOCK_PEERS; i++)
		if (s->peer[i].ep_port == ep->port &&
		    socket_same_addr(s->peer[i].ep_addr, ep->addr))
			slot = i;
	slot %= NARU_SOCK_PEERS;
	if (slot == s->next % NARU_SOCK_PEERS)
		s->next = slot + 1;
	__builtin_memcpy(s->peer[slot].ep_addr, ep->addr, 16);
	__builtin_memcpy(s->peer[slot].vip_addr, vip_addr, 16);
	s->peer[slot].ep_port = ep->port;
	s->peer[slot].vip_port = vip_port;
	return &s->peer[slot];
}

/* Tells narud which endpoint a connected datagram socket depends on. Pods have none: see
 * socket_is_for_tc(). */
static __always_inline void socket_depends(struct bpf_sock_addr *ctx,
					   const struct naru_sock_peer *peer)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);

	if (peer)
		bpf_map_update_elem(&sock_peer, &cookie, peer, BPF_ANY);
}

/* A socket of the node itself, a pod of the host's network included. */
static __always_inline int socket_is_node(struct bpf_sock_addr *ctx)
{
	return bpf_get_netns_cookie(ctx) == cfg.netns;
}

/* What the node's loopback serves: a hostPort of this address, else one of every address, or a
 * NodePort where those are served. */
static __always_inline struct naru_svc *socket_find_loopback(const struct socket_peer *to,
							     const int af)
{
	struct naru_svc_key key __attribute__((aligned(8))) = {};
	const struct naru_node_addr at = { .node_port =
						   af == AF_INET ? cfg.loopback4 : cfg.loopback6 };
	struct naru_svc *found;

	if (!filter_socket_port(to->proto, to->port))
		return NULL;
	pkt_map_addr(key.addr, to->addr, af);
	key.port = to->port;
	key.proto = to->proto;
	key.family = af == AF_INET ? 4 : 6;
	found = bpf_map_lookup_elem(&svc, &key);
	if (found)
		return found;
	__builtin_memset(key.addr, 0, sizeof(key.addr));
	return service_find_any(&key, &at);
}

/* True in a pod that does not want its sockets translated. Costs nothing while there is none. */
static __always_inline int socket_is_off(void)
{
	const struct naru_state *s = node_state();

	if (!s || !s->sock_off)
		return 0;
	for (int level = 1; level <= NARU_CGROUP_LEVELS; level++) {
		struct naru_cgroup group = { bpf_get_current_ancestor_cgroup_id(level) };

		if (!group.id)
			break;
		if (bpf_map_lookup_elem(&sock_off, &group))
			return 1;
	}
	return 0;
}

/*
 * A pod's socket that TC serves at the pod's device instead, where the pod's address is known:
 * affinity and source ranges are by address. A connected datagram socket keeps what it was given
 * for as long as it lives, and only a flow can be led to another endpoint when that one goes.
 */
static __always_inline int socket_is_for_tc(struct bpf_sock_addr *ctx, const struct socket_peer *to,
					    const struct naru_svc *service, const int connects)
{
	if (service->affinity || service->ranged)
		return 1;
	if (to->proto == NARU_UDP && (connects || ctx->sk->state == SOCKET_CONNECTED))
		return 1;
	return socket_is_off();
}

static __always_inline int socket_error(int error)
{
	bpf_set_retval(-error);
	return 0;
}

static __always_inline int socket_refuse(const struct naru_svc *service, const __u8 vip_addr[16],
					 const struct socket_peer *to)
{
	const struct naru_set *set = &service->internal;

	observe_socket(service->id, to->proto, vip_addr, to->port, NULL, NARU_C_SOCK_REFUSED);
	count(NARU_C_SOCK_REFUSED);
	return socket_error(set->on_empty == NARU_REJECT ? ECONNREFUSED : EHOSTUNREACH);
}

static __always_inline struct naru_endpoint *socket_choose(struct bpf_sock_addr *ctx,
							   const struct naru_svc *service)
{
	const __u8 node[16] = {};
	__u64 hash = hash_word(hash_word(cfg.hash_seed, bpf_get_socket_cookie(ctx)), 0);
	__u32 id = 0;

	return affinity_choose(service, &service->internal, node, hash >> 32, &id);
}

/* What the socket wants to reach, if it is ours. The loopback of a pod is its own. */
static __always_inline struct naru_svc *socket_service(const struct socket_peer *to, int node,
						       const int af)
{
	if (service_is_loopback(to->addr, af))
		return node ? socket_find_loopback(to, af) : NULL;
	if (!filter_socket(to->proto, to->port, to->addr, af))
		return NULL;
	return service_find(to->addr, to->port, to->proto, af);
}

/* No service: refused at a port that a ClusterIP has not. */
static __always_inline int socket_stranger(const struct socket_peer *to, int node, const int af)
{
	__u8 addr[16] __attribute__((aligned(8)));

	if (!filter_closed(to->addr, af) || !service_is_closed(to->addr, af))
		return 1;
	if (!node && socket_is_off())
		return 1;
	pkt_map_addr(addr, to->addr, af);
	observe_socket(0, to->proto, addr, to->port, NULL, NARU_C_SOCK_REFUSED);
	count(NARU_C_SOCK_REFUSED);
	return socket_error(ECONNREFUSED);
}

/* Leads the socket to an endpoint: true when there is one, and *to is it. */
static __always_inline int socket_lead(struct bpf_sock_addr *ctx, const struct naru_svc *service,
				       const __u8 vip_addr[16], struct socket_peer *to,
				       const int connects, const int af)
{
	struct naru_endpoint *ep = socket_choose(ctx, service);
	struct naru_sock_peer *peer;

	if (!ep)
		return 0;
	observe_socket(service->id, to->proto, vip_addr, to->port, ep, NARU_C_MAX);
	peer = socket_remember(ctx, ep, vip_addr, to->port);
	if (connects && to->proto == NARU_UDP)
		socket_depends(ctx, peer);
	service_endpoint_addr(ep, to->addr, af);
	to->port = ep->port;
	count(NARU_C_SOCK_TRANSLATED);
	return 1;
}

/*
 * The endpoint for what a socket wants to reach, written to *to; *ret_found tells whether there
 * is one. Returns what the hook returns.
 */
static __always_inline int socket_forth(struct bpf_sock_addr *ctx, struct socket_peer *to,
					int *ret_found, const int connects, const int af)
{
	__u8 vip_addr[16] __attribute__((aligned(8)));
	struct naru_svc *service;
	int node;

	*ret_found = 0;
	if (to->proto != NARU_TCP && to->proto != NARU_UDP)
		return 1;
	node = socket_is_node(ctx);
	service = socket_service(to, node, af);
	if (!service)
		return socket_stranger(to, node, af);
	if (!node && socket_is_for_tc(ctx, to, service, connects))
		return 1;
	pkt_map_addr(vip_addr, to->addr, af);
	if (service->ranged && !service->ranged_node) {
		observe_socket(service->id, to->proto, vip_addr, to->port, NULL,
			       NARU_C_SOURCE_RANGE);
		count(NARU_C_SOURCE_RANGE);
		return socket_error(EHOSTUNREACH);
	}
	if (!service->internal.count)
		return socket_refuse(service, vip_addr, to);
	*ret_found = socket_lead(ctx, service, vip_addr, to, connects, af);
	return 1;
}

/* The service's address for an endpoint that a socket has to do with; 0 when it is none of ours. */
static __always_inline int socket_back(struct bpf_sock_addr *ctx, struct socket_peer *from,
				       const int af)
{
	struct naru_sock *s = bpf_sk_storage_get(&sock, ctx->sk, NULL, 0);
	__u8 addr[16] __attribute__((aligned(8)));

	if (!s)
		return 0;
	pkt_map_addr(addr, from->addr, af);
	for (int i = 0; i < NARU_SOCK_PEERS; i++) {
		struct naru_sock_peer *peer = &s->peer[i];

		if (peer->ep_port != from->port || !socket_same_addr(peer->ep_addr, addr))
			continue;
		if (af == AF_INET)
			__builtin_memcpy(from->addr, peer->vip_addr + 12, 4);
		else
			__builtin_memcpy(from->addr, peer->vip_addr, 16);
		from->port = peer->vip_port;
		return 1;
	}
	return 0;
}
