/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table: the only file that knows how flows are stored. This body keeps them in one
 * preallocated hash map a family; nothing is ever evicted. narud sweeps expired flows, and the
 * kernel reclaims some by itself when the map is full.
 *
 * A *value* is struct naru_flow4 or naru_flow6: the new source and destination address, then the
 * part without a family, struct naru_flow. A flow has two entries, each keyed by the tuple as it
 * stands on the wire in its direction; from the value of one follows the key of the other.
 */
#pragma once
#include <naru/expire.h>

#include "count.h"
#include "maps.h"
#include "pkt.h"
#include "share.h"

#define FLOW_EEXIST		17
#define FLOW_ENTRY_ADDRS(value) ((__u32 *)(value))

static __always_inline struct naru_flow *flow_core(void *value, const int af)
{
	return af == AF_INET ? &((struct naru_flow4 *)value)->f : &((struct naru_flow6 *)value)->f;
}

static __always_inline void flow_key4(struct naru_flow4_key *key, const struct tuple *t, __u8 hook)
{
	__builtin_memcpy(key->saddr, t->saddr, 4);
	__builtin_memcpy(key->daddr, t->daddr, 4);
	key->sport = t->sport;
	key->dport = t->dport;
	key->proto = t->proto;
	key->hook = hook;
	key->pad = 0;
}

static __always_inline void flow_key6(struct naru_flow6_key *key, const struct tuple *t, __u8 hook)
{
	__builtin_memcpy(key->saddr, t->saddr, 16);
	__builtin_memcpy(key->daddr, t->daddr, 16);
	key->sport = t->sport;
	key->dport = t->dport;
	key->proto = t->proto;
	key->hook = hook;
	key->pad = 0;
}

/* The value of a tuple at a hook, or NULL. */
static __always_inline void *flow_lookup(const struct tuple *t, __u8 hook, const int af)
{
	if (af == AF_INET) {
		struct naru_flow4_key key;

		flow_key4(&key, t, hook);
		return bpf_map_lookup_elem(&flow4, &key);
	} else {
		struct naru_flow6_key key;

		flow_key6(&key, t, hook);
		return bpf_map_lookup_elem(&flow6, &key);
	}
}

/* 0 or -errno. Before Linux 6.4 only the lower half of what the helper returns is meant. */
static __always_inline int flow_update(const struct tuple *t, __u8 hook, const void *value,
				       __u64 flags, const int af)
{
	if (cfg.dry_run)
		return flags == BPF_NOEXIST && flow_lookup(t, hook, af) ? -FLOW_EEXIST : 0;
	if (af == AF_INET) {
		struct naru_flow4_key key;

		flow_key4(&key, t, hook);
		return (int)bpf_map_update_elem(&flow4, &key, value, flags);
	} else {
		struct naru_flow6_key key;

		flow_key6(&key, t, hook);
		return (int)bpf_map_update_elem(&flow6, &key, value, flags);
	}
}

static __always_inline void flow_delete(const struct tuple *t, __u8 hook, const int af)
{
	if (cfg.dry_run)
		return;
	if (af == AF_INET) {
		struct naru_flow4_key key;

		flow_key4(&key, t, hook);
		bpf_map_delete_elem(&flow4, &key);
	} else {
		struct naru_flow6_key key;

		flow_key6(&key, t, hook);
		bpf_map_delete_elem(&flow6, &key);
	}
}

/* The tuple of the other direction, as it stands on the wire. Returns its hook. */
static __always_inline __u8 flow_peer(void *value, __u8 proto, struct tuple *ret_t, const int af)
{
	const struct naru_flow *f = flow_core(value, af);
	const __u32 *addrs = FLOW_ENTRY_ADDRS(value);

	__builtin_memcpy(ret_t->saddr, addrs + PKT_WORDS(af), 4 * PKT_WORDS(af));
	__builtin_memcpy(ret_t->daddr, addrs, 4 * PKT_WORDS(af));
	ret_t->sport = f->dport;
	ret_t->dport = f->sport;
	ret_t->proto = proto;
	return f->road == NARU_STACK && !(f->flags & NARU_F_REPLY) ? NARU_EGRESS : NARU_INGRESS;
}

/* Marks that a packet has passed. Written only when something changes, so that a busy flow dirties
 * its cache line once a tick. */
static __always_inline void flow_note(struct naru_flow *f, const struct pkt *p, __u32 now)
{
	__u8 marks = (p->tcp_flags & (PKT_SYN | PKT_ACK)) == PKT_ACK ? NARU_F_ACK : 0;

	if (p->tcp_flags & (PKT_FIN | PKT_RST))
		marks |= (p->tcp_flags & PKT_FIN ? NARU_F_FIN : 0) |
			 (p->tcp_flags & PKT_RST ? NARU_F_RST : 0);
	if (f->seen != now) {
		if (p->t.proto == NARU_UDP && f->seen)
			marks |= (__s32)(now - f->seen) > 1 || f->flags & NARU_F_AGAIN
					 ? NARU_F_STREAM
					 : NARU_F_AGAIN;
		f->seen = now;
	}
	if (marks & ~f->flags)
		f->flags |= marks;
}

/* True when the client may use the tuple for a new connection: both sides have closed, one has
 * reset, or time is up. */
static __always_inline int flow_is_over(void *value, __u8 proto, __u32 now, const int af)
{
	struct naru_flow *f = flow_core(value, af), *rev;
	enum naru_flow_state is;
	struct tuple peer = {};
	void *other;
	__u8 hook;

	hook = flow_peer(value, proto, &peer, af);
	other = flow_lookup(&peer, hook, af);
	rev = other ? flow_core(other, af) : NULL;
	if (f->flags & NARU_F_REPLY) {
		/* The endpoint has gone, and the client's entry with it; its first answer may still
		 * be on the way. */
		if (!rev)
			return f->seen != 0;
		is = naru_flow_state(rev, f, proto);
		return is == NARU_CLOSED || is == NARU_RESET ||
		       naru_flow_expired(rev, f, proto, now);
	}
	is = naru_flow_state(f, rev, proto);
	return is == NARU_CLOSED || is == NARU_RESET || naru_flow_expired(f, rev, proto, now);
}

/* Removes both entries of the flow that `value`, found under `t`, is part of. The reply entry goes
 * last: its key is the source port, which another flow may take at once, and by then no packet of
 * this one may go out with it. */
static __always_inline void flow_remove(const struct tuple *t, __u8 hook, void *value, const int af)
{
	struct tuple peer = {};
	__u8 peer_hook = flow_peer(value, t->proto, &peer, af);
	__u8 is_reply = flow_core(value, af)->flags & NARU_F_REPLY;

	share_add(flow_core(value, af)->svc, -1, af);
	if (!is_reply)
		flow_delete(t, hook, af);
	flow_delete(&peer, peer_hook, af);
	if (is_reply)
		flow_delete(t, hook, af);
}

/* ---- a full map ---------------------------------------------------------------------------- */

/* New flows a second that a full map still takes while no narud sweeps. */
#define FLOW_RECLAIM_BATCH 4096

struct reclaim {
	__u32 now;
	__u32 freed;
};

static __always_inline long reclaim_entry(const struct tuple *t, __u8 hook, void *value,
					  struct reclaim *r, const int af)
{
	if (flow_core(value, af)->flags & NARU_F_REPLY ||
	    !flow_is_over(value, t->proto, r->now, af))
		return 0;
	flow_remove(t, hook, value, af);
	count(NARU_C_FLOW_RECLAIMED);
	return ++r->freed >= FLOW_RECLAIM_BATCH;
}

static long reclaim4(void *map __attribute__((unused)), struct naru_flow4_key *key,
		     struct naru_flow4 *value, struct reclaim *r)
{
	struct tuple t = { .sport = key->sport, .dport = key->dport, .proto = key->proto };

	__builtin_memcpy(t.saddr, key->saddr, 4);
	__builtin_memcpy(t.daddr, key->daddr, 4);
	return reclaim_entry(&t, key->hook, value, r, AF_INET);
}

static long reclaim6(void *map __attribute__((unused)), struct naru_flow6_key *key,
		     struct naru_flow6 *value, struct reclaim *r)
{
	struct tuple t = { .sport = key->sport, .dport = key->dport, .proto = key->proto };

	__builtin_memcpy(t.saddr, key->saddr, 16);
	__builtin_memcpy(t.daddr, key->daddr, 16);
	return reclaim_entry(&t, key->hook, value, r, AF_INET6);
}

/* Frees a batch of finished flows, at most once a tick for the whole node: a walk over a full map
 * costs milliseconds. Returns how many. */
static __always_inline __u32 flow_reclaim(__u32 now, const int af)
{
	struct naru_state *s = node_state();
	struct reclaim r = { .now = now };
	__u32 last;

	if (!s || cfg.dry_run)
		return 0;
	last = s->reclaim_tick;
	if (last == now || !__sync_bool_compare_and_swap(&s->reclaim_tick, last, now))
		return 0;
	if (af == AF_INET)
		bpf_for_each_map_elem(&flow4, reclaim4, &r, 0);
	else
		bpf_for_each_map_elem(&flow6, reclaim6, &r, 0);
	return r.freed;
}
