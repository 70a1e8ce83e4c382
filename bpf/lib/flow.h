/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table: the only file that knows how flows are stored, and that is in one of two ways: in
 * a table of cache lines (flow_table.h), or with cfg.flow_hash in hash maps (flow_hash.h); the
 * verifier takes the other one out. Nothing is ever evicted. narud sweeps expired flows, and the
 * kernel reclaims some by itself when there is no room.
 *
 * A *value* is struct naru_flow4 or naru_flow6: the new source and destination address, then the
 * part without a family, struct naru_flow. It is an element of the hash map, or a copy in the CPU's
 * view that lasts until the next look-up. A flow has two entries, each keyed by the tuple as it
 * stands on the wire in its direction; from the value of one follows the key of the other.
 */
#pragma once
#include <naru/expire.h>

#include "count.h"
#include "flow_hash.h"
#include "flow_table.h"
#include "maps.h"
#include "pkt.h"
#include "share.h"

_Static_assert(PKT_FIN == NARU_F_FIN && PKT_RST == NARU_F_RST && PKT_ACK == NARU_F_ACK,
	       "flags of TCP are marks of flows");

#define FLOW_EEXIST		17
#define FLOW_ENTRY_ADDRS(value) ((__u32 *)(value))
#define FLOW_ENTRY_WORDS(af)                                                                       \
	((af) == AF_INET ? sizeof(struct naru_flow4) / 8 : sizeof(struct naru_flow6) / 8)

static __always_inline struct naru_flow *flow_core(void *value, const int af)
{
	return af == AF_INET ? &((struct naru_flow4 *)value)->f : &((struct naru_flow6 *)value)->f;
}

/* The value of a tuple at a hook, or NULL. */
static __always_inline void *flow_lookup(const struct tuple *t, __u8 hook, const int af)
{
	return cfg.flow_hash ? flow_hash_lookup(t, hook, af) : flow_table_lookup(t, hook, af);
}

/* The same without a call: for the look-up that established packets go by. */
static __always_inline void *flow_meet(const struct tuple *t, __u8 hook, const int af)
{
	return cfg.flow_hash ? flow_hash_lookup(t, hook, af) : flow_table_meet(t, hook, af);
}

/* For a dry run: a value that may be written to, of what was looked up or, if that is NULL, of what
 * is in the room. The room may be overwritten. */
static __always_inline void *flow_show(void *value, void *room, const int af)
{
	const __u64 *from = value;
	__u64 *to = room;

	if (!cfg.flow_hash)
		return value ? value : flow_table_show(room, af);
	if (!value)
		return room;
#pragma unroll
	for (__u32 i = 0; i < FLOW_ENTRY_WORDS(af); i++)
		to[i] = from[i];
	return room;
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

/* The tick of the last packet; 0: there was none. */
static __always_inline __u32 flow_seen(void *value, __u32 now, const int af)
{
	const struct flow_view *v = value;

	return cfg.flow_hash ? flow_core(value, af)->seen : flow_table_seen(v->ctrl, now);
}

/* Marks that a packet has passed. Written only when something changes, so that a busy flow dirties
 * its cache line once a tick. */
static __always_inline void flow_note(void *value, const struct pkt *p, __u32 now, const int af)
{
	__u8 marks = p->tcp_flags & (NARU_F_FIN | NARU_F_RST | NARU_F_ACK);
	struct naru_flow *f = flow_core(value, af);
	__u32 seen;

	if (p->tcp_flags & PKT_SYN)
		marks &= ~NARU_F_ACK;
	if (!cfg.flow_hash && flow_table_is_noted(value, marks, now))
		return;
	if (cfg.dry_run)
		return;
	seen = flow_seen(value, now, af);
	if (seen != now && seen && p->t.proto == NARU_UDP)
		marks |= (__s32)(now - seen) > 1 || f->flags & NARU_F_AGAIN ? NARU_F_STREAM
									    : NARU_F_AGAIN;
	if (!cfg.flow_hash) {
		flow_table_note(value, marks, now, af);
		return;
	}
	if (seen != now)
		f->seen = now;
	if (marks & ~f->flags)
		f->flags |= marks;
}

/* The next hop that was looked up in this tick and generation, if any. */
static __always_inline const struct naru_nexthop *flow_nexthop(void *value, __u32 now, __u16 gen,
							       const int af)
{
	const struct naru_flow *f = flow_core(value, af);

	if (!cfg.flow_hash)
		return flow_table_nexthop(value, now, gen);
	return f->nh_seen == now && f->nh_gen == gen ? &f->nh : NULL;
}

/* The value's next hop was looked up anew. */
static __always_inline void flow_led(void *value, const int af)
{
	if (!cfg.flow_hash && !cfg.dry_run)
		flow_table_led(value, af);
}

/* A packet is about to go by the kernel's neighbour code. */
static __always_inline void flow_asked(void *value, const int af)
{
	flow_core(value, af)->nh_ask = 0;
	if (!cfg.flow_hash && !cfg.dry_run)
		flow_table_asked(value, af);
}

/* ---- flows that are over ------------------------------------------------------------------- */

static __always_inline int flow_hash_is_over(void *value, __u8 proto, __u32 now, const int af)
{
	struct naru_flow *f = flow_core(value, af), *rev;
	enum naru_flow_state is;
	struct tuple peer = {};
	void *other;
	__u8 hook;

	hook = flow_peer(value, proto, &peer, af);
	other = flow_hash_lookup(&peer, hook, af);
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

/* True when the client may use the tuple for a new connection: both sides have closed, one has
 * reset, or time is up. */
static __always_inline int flow_is_over(void *value, __u8 proto, __u32 now, const int af)
{
	const struct flow_view *v = value;

	if (cfg.flow_hash)
		return flow_hash_is_over(value, proto, now, af);
	return af == AF_INET ? flow_table_over4(v->pos, v->ctrl, proto, now)
			     : flow_table_over6(v->pos, v->ctrl, proto, now);
}

/* True when the other direction is there, too. `peer` is room for its tuple. */
static __always_inline int flow_is_whole(void *value, __u8 proto, struct tuple *peer, const int af)
{
	const struct flow_view *v = value;

	if (!cfg.flow_hash)
		return flow_table_other(v->pos, v->ctrl, af) != 0;
	__builtin_memset(peer, 0, sizeof(*peer));
	return !!flow_hash_lookup(peer, flow_peer(value, proto, peer, af), af);
}

static __always_inline void flow_hash_remove(const struct tuple *t, __u8 hook, void *value,
					     const int af)
{
	struct tuple peer = {};
	__u8 peer_hook = flow_peer(value, t->proto, &peer, af);
	__u8 is_reply = flow_core(value, af)->flags & NARU_F_REPLY;

	share_add(flow_core(value, af)->svc, -1, af);
	if (!is_reply)
		flow_hash_delete(t, hook, af);
	flow_hash_delete(&peer, peer_hook, af);
	if (is_reply)
		flow_hash_delete(t, hook, af);
}

/* Removes both entries of the flow that `value`, found under `t`, is part of. The reply entry goes
 * last: its key is the source port, which another flow may take at once, and by then no packet of
 * this one may go out with it. */
static __always_inline void flow_remove(const struct tuple *t, __u8 hook, void *value, const int af)
{
	const struct flow_view *v = value;

	if (cfg.flow_hash)
		flow_hash_remove(t, hook, value, af);
	else if (cfg.dry_run)
		return;
	else if (af == AF_INET)
		flow_table_remove4(v->pos, v->ctrl);
	else
		flow_table_remove6(v->pos, v->ctrl);
}

/* ---- a new flow ---------------------------------------------------------------------------- */

static __always_inline void flow_value(void *room, const struct tuple *is,
				       const struct naru_flow *f, const int af)
{
	__u32 *addrs = FLOW_ENTRY_ADDRS(room);

	__builtin_memcpy(addrs, is->saddr, 4 * PKT_WORDS(af));
	__builtin_memcpy(addrs + PKT_WORDS(af), is->daddr, 4 * PKT_WORDS(af));
	__builtin_memcpy(flow_core(room, af), f, sizeof(*f));
}

/* An entry to be made: packets that look like `was` at a hook become `is`. */
struct flow_new {
	const struct tuple *was;
	const struct tuple *is;
	const struct naru_flow *f;
	void *room; /* for a value, which is left there in a dry run */
	__u32 now;
	__u8 hook;
};

/* Takes its place; that is only done when flow_place() has been called, too, and no packet uses the
 * entry for sure before flow_commit(). `again`: what has the key is this flow's own, or its flow is
 * over. 0, -EEXIST or another -errno. */
static __always_inline int flow_claim(const struct flow_new *n, const int again, const int af)
{
	if (!cfg.flow_hash && !cfg.dry_run)
		return flow_table_prepare(n->was, n->hook, n->is, n->f, n->now, af);
	flow_value(n->room, n->is, n->f, af);
	if (cfg.dry_run)
		return !again && flow_lookup(n->was, n->hook, af) ? -FLOW_EEXIST : 0;
	return flow_hash_update(n->was, n->hook, n->room, again ? BPF_ANY : BPF_NOEXIST, af);
}

/* Claims what was named last: apart, because of the stack that it takes. 0 or -errno. */
static __always_inline int flow_place(const int reply, const int af)
{
	return cfg.flow_hash || cfg.dry_run ? 0 : flow_table_claim(reply, af);
}

/* Both entries are claimed: they begin to answer, or -EEXIST and there is none. */
static __always_inline int flow_commit(const int af)
{
	return cfg.flow_hash || cfg.dry_run ? 0 : flow_table_commit(af);
}

/* Gives the claimed reply entry back. `ours`: it is not another CPU's as much as this one's. */
static __always_inline void flow_release(const struct tuple *t, __u8 hook, int ours, const int af)
{
	if (cfg.dry_run)
		return;
	if (!cfg.flow_hash)
		flow_table_release(af);
	else if (ours)
		flow_hash_delete(t, hook, af);
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

static long reclaim_bucket4(void *map __attribute__((unused)), __u32 *b,
			    void *bucket __attribute__((unused)), struct reclaim *r)
{
	r->freed += flow_table_reclaim4(*b, r->now);
	return r->freed >= FLOW_RECLAIM_BATCH;
}

static long reclaim_bucket6(void *map __attribute__((unused)), __u32 *b,
			    void *bucket __attribute__((unused)), struct reclaim *r)
{
	r->freed += flow_table_reclaim6(*b, r->now);
	return r->freed >= FLOW_RECLAIM_BATCH;
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
	if (!cfg.flow_hash && af == AF_INET)
		bpf_for_each_map_elem(&table4, reclaim_bucket4, &r, 0);
	else if (!cfg.flow_hash)
		bpf_for_each_map_elem(&table6, reclaim_bucket6, &r, 0);
	else if (af == AF_INET)
		bpf_for_each_map_elem(&flow4, reclaim4, &r, 0);
	else
		bpf_for_each_map_elem(&flow6, reclaim6, &r, 0);
	return r.freed;
}
