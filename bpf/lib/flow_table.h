/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flows in the table of cache lines: the body of flow.h unless cfg.flow_hash is set. A look-up
 * leaves a copy in the CPU's *view*. That is what the steps read; whatever they change goes back
 * into the slot by compare-and-swap. No program is interrupted by another one that uses the view:
 * packets are handled with bottom halves disabled.
 */
#pragma once
#include <naru/expire.h>

#include "count.h"
#include "maps.h"
#include "pkt.h"
#include "share.h"

#define TABLE_CONFIG   cfg.table
#define TABLE_YIELD()  (void)0
#define TABLE_FLAW(n)  0
#define TABLE_LIVE(id) (void)(id)
/* Flows are counted by their forward entries. */
#define TABLE_ID(slot, af)			flow_table_id(slot, af)
#define TABLE_GONE(id)				flow_table_gone(id)
#define TABLE_IS_OVER(slot, pos, ctrl, now, af) flow_table_reclaimable(slot, pos, ctrl, now, af)
#define TABLE_SEAL(word, ctrl)			((word) | NARU_WAY_TAG_OF(ctrl))
#define TABLE_RECLAIMED()			count(NARU_C_FLOW_RECLAIMED)

static __always_inline __u64 flow_table_id(const __u64 *slot, const int af);
static __always_inline void flow_table_gone(__u64 id);
static __always_inline int flow_table_reclaimable(__u64 *slot, __u32 pos, __u64 ctrl, __u32 now,
						  const int af);

#include "table_insert.h"

MAP_ARRAY(hops, BPF_MAP_TYPE_ARRAY, struct naru_hop, NARU_HOPS_MAX, BPF_F_MMAPABLE);

#define FLOW_TABLE_PROBES 16 /* places in which a next hop may be */

struct flow_view {
	union {
		struct naru_flow4 value4;
		struct naru_flow6 value6;
	};
	__u64 ctrl;
	__u64 way;
	__u32 pos;
	__u32 pad;
	/* Of the look-up. */
	__u64 key[TABLE_KEY_MAX];
	__u64 hash;
};

MAP_ARRAY(flow_views, BPF_MAP_TYPE_PERCPU_ARRAY, struct flow_view, 1, 0);

/* Entries that are about to be made. */
struct flow_claims {
	struct table_new6 new; /* of either family */
	__u32 pos[2];	       /* of the forward entry and of the reply entry */
};

MAP_ARRAY(flow_claims, BPF_MAP_TYPE_PERCPU_ARRAY, struct flow_claims, 1, 0);

static __always_inline struct flow_view *flow_table_view(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&flow_views, &zero);
}

static __always_inline struct flow_claims *flow_table_claims(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&flow_claims, &zero);
}

static __always_inline struct naru_flow *flow_table_core(void *value, const int af)
{
	return af == AF_INET ? &((struct naru_flow4 *)value)->f : &((struct naru_flow6 *)value)->f;
}

/* One by one: a load of two members that have just been stored apart waits for both stores. */
#define FLOW_TABLE_PORT(p) ((__u64) * (const volatile __u16 *)&(p))

/* Words of a key, as both families have them. */
static __always_inline void flow_table_key(__u64 *key, const struct tuple *t, __u8 hook,
					   const int af)
{
	__u64 tail = FLOW_TABLE_PORT(t->sport) | FLOW_TABLE_PORT(t->dport) << 16 |
		     (__u64)t->proto << 32 | (__u64)hook << 40;

	if (af == AF_INET) {
		key[0] = t->saddr[0] | (__u64)t->daddr[0] << 32;
		key[1] = tail;
	} else {
		__builtin_memcpy(key, t->saddr, 16);
		__builtin_memcpy(key + 2, t->daddr, 16);
		key[4] = tail;
	}
}

/* ---- when a flow is over ------------------------------------------------------------------- */

static __always_inline __u64 flow_table_marks(__u64 ctrl)
{
	return (ctrl & NARU_CTRL_MARKS) >> NARU_CTRL_MARKS_SHIFT;
}

/* The tick of the last packet; 0: there was none. */
static __always_inline __u32 flow_table_seen(__u64 ctrl, __u32 now)
{
	return flow_table_marks(ctrl) & NARU_MARK_SEEN ? now - table_idle(ctrl, now) : 0;
}

/* What the rule wants to know of an entry. */
static __always_inline void flow_table_half(struct naru_flow *f, __u64 ctrl, __u32 now)
{
	f->flags = flow_table_marks(ctrl) & NARU_MARK_FLAGS;
	f->seen = flow_table_seen(ctrl, now);
}

/* peer_ctrl 0: the other half has gone. */
static __always_inline int flow_table_over(__u64 ctrl, __u64 peer_ctrl, __u8 proto, __u32 now)
{
	struct naru_flow f = {}, peer = {};
	enum naru_flow_state is;
	int reply;

	flow_table_half(&f, ctrl, now);
	flow_table_half(&peer, peer_ctrl, now);
	reply = f.flags & NARU_F_REPLY;
	/* The endpoint has gone, and the client's entry with it; its first answer may still be on
	 * the way. */
	if (reply && !peer_ctrl)
		return f.seen != 0;
	if (reply) {
		is = naru_flow_state(&peer, &f, proto);
		return is == NARU_CLOSED || is == NARU_RESET ||
		       naru_flow_expired(&peer, &f, proto, now);
	}
	is = naru_flow_state(&f, peer_ctrl ? &peer : NULL, proto);
	return is == NARU_CLOSED || is == NARU_RESET ||
	       naru_flow_expired(&f, peer_ctrl ? &peer : NULL, proto, now);
}

static __always_inline __u64 flow_table_peer_ctrl(__u64 *slot, __u32 pos, __u64 ctrl, const int af)
{
	__u64 peer_ctrl = 0;

	return table_peer(slot, ctrl, pos, &peer_ctrl, af) == NARU_TABLE_NO_SLOT ? 0 : peer_ctrl;
}

static __always_inline int flow_table_reclaimable(__u64 *slot, __u32 pos, __u64 ctrl, __u32 now,
						  const int af)
{
	__u8 proto = TABLE_READ(slot + TABLE_KEY_WORDS(af)) >> 32;

	return flow_table_over(ctrl, flow_table_peer_ctrl(slot, pos, ctrl, af), proto, now);
}

/* The service of a forward entry and its family; 0 of a reply entry. */
static __always_inline __u64 flow_table_id(const __u64 *slot, const int af)
{
	__u64 way = TABLE_READ(slot + TABLE_ACT(af) + TABLE_ACT_WORDS(af) - 1);
	__u64 service = way >> NARU_WAY_SVC_SHIFT & NARU_WAY_SVC_MAX;

	if (flow_table_marks(TABLE_READ(slot)) & NARU_F_REPLY)
		return 0;
	return service << 1 | (af != AF_INET);
}

static __always_inline void flow_table_gone(__u64 id)
{
	if (id >> 1)
		share_add(id >> 1, -1, id & 1 ? AF_INET6 : AF_INET);
}

/* ---- look-up ------------------------------------------------------------------------------- */

/* The view's value, but for the next hop and the last packet: what is the action's, its first
 * bytes, is there already, and the way behind it. */
static __always_inline void flow_table_decode(struct flow_view *v, const struct table_hit *hit,
					      const int af)
{
	struct naru_flow *f = flow_table_core(v, af);
	__u64 way = hit->act[TABLE_ACT_WORDS(af) - 1];

	v->ctrl = hit->ctrl;
	v->pos = hit->pos;
	v->way = way;
	f->flags = flow_table_marks(hit->ctrl) & NARU_MARK_FLAGS;
	f->nh_ask = !!(way & NARU_WAY_ASK);
	f->svc = way >> NARU_WAY_SVC_SHIFT & NARU_WAY_SVC_MAX;
	f->ep = hit->ep;
	f->road = flow_table_marks(hit->ctrl) >> NARU_MARK_ROAD_SHIFT;
}

/* A view of a flow that is not there. */
static __always_inline void *flow_table_show(const void *value, const int af)
{
	const __u32 words =
		af == AF_INET ? sizeof(struct naru_flow4) / 8 : sizeof(struct naru_flow6) / 8;
	struct flow_view *v = flow_table_view();

	if (!v)
		return NULL;
#pragma unroll
	for (__u32 i = 0; i < words; i++)
		((__u64 *)v)[i] = ((const __u64 *)value)[i];
	v->ctrl = 0;
	v->way = 0;
	return v;
}

/* The first packet of each tick looks the next hop up. */
static __always_inline const struct naru_nexthop *flow_table_nexthop(const struct flow_view *v,
								     __u32 now, __u16 gen)
{
	__u32 key = v->way & 0xffff;
	struct naru_hop *hop;

	if (!key || (__u16)(v->way >> NARU_WAY_GEN_SHIFT) != gen ||
	    (v->ctrl ^ table_seen(now)) & NARU_CTRL_SEEN)
		return NULL;
	hop = bpf_map_lookup_elem(&hops, &key);
	return hop ? &hop->nh : NULL;
}

enum {
	FLOW_TABLE_MISS,
	FLOW_TABLE_HIT,
	FLOW_TABLE_ELSEWHERE, /* not where it was looked for */
};

static __always_inline int flow_table_find(struct flow_view *v, const struct tuple *t, __u8 hook,
					   const int af)
{
	struct table_hit hit = { .act = (__u64 *)v };

	if (!v)
		return FLOW_TABLE_MISS;
	flow_table_key(v->key, t, hook, af);
	v->hash = table_hash(v->key, af);
	if (!table_probe(v->hash, v->key, &hit, af))
		return FLOW_TABLE_ELSEWHERE;
	flow_table_decode(v, &hit, af);
	return FLOW_TABLE_HIT;
}

/* The same in one of the buckets. */
static __always_inline int flow_table_away(__u32 choice, const int af)
{
	struct flow_view *v = flow_table_view();
	struct table_hit hit = { .act = (__u64 *)v };

	if (!v)
		return FLOW_TABLE_MISS;
	if (table_search(table_choice(v->hash, choice), table_first(v->hash), v->key, &hit, af)) {
		flow_table_decode(v, &hit, af);
		return FLOW_TABLE_HIT;
	}
	return choice || table_is_spilt(v->hash, af) ? FLOW_TABLE_ELSEWHERE : FLOW_TABLE_MISS;
}

/* Global subprograms: the verifier looks at each of them once. */
__noinline int flow_table_find4(const struct tuple *t, __u32 hook)
{
	return t ? flow_table_find(flow_table_view(), t, hook, AF_INET) : FLOW_TABLE_MISS;
}

__noinline int flow_table_find6(const struct tuple *t, __u32 hook)
{
	return t ? flow_table_find(flow_table_view(), t, hook, AF_INET6) : FLOW_TABLE_MISS;
}

__noinline int flow_table_away4(__u32 choice)
{
	return flow_table_away(choice, AF_INET);
}

__noinline int flow_table_away6(__u32 choice)
{
	return flow_table_away(choice, AF_INET6);
}

static __always_inline void *flow_table_elsewhere(int found, const int af)
{
	for (__u32 i = 0; i < NARU_TABLE_CHOICES && found == FLOW_TABLE_ELSEWHERE; i++)
		found = af == AF_INET ? flow_table_away4(i) : flow_table_away6(i);
	return found == FLOW_TABLE_HIT ? flow_table_view() : NULL;
}

static __always_inline void *flow_table_lookup(const struct tuple *t, __u8 hook, const int af)
{
	int found = af == AF_INET ? flow_table_find4(t, hook) : flow_table_find6(t, hook);

	return flow_table_elsewhere(found, af);
}

/* The same without a call, where established packets go by. */
static __always_inline void *flow_table_meet(const struct tuple *t, __u8 hook, const int af)
{
	struct flow_view *v = flow_table_view();
	int found = flow_table_find(v, t, hook, af);

	return found == FLOW_TABLE_HIT ? v : flow_table_elsewhere(found, af);
}

/* ---- changes ------------------------------------------------------------------------------- */

static __always_inline int flow_table_mark(__u32 pos, __u64 ctrl, __u32 marks, __u32 now,
					   const int af)
{
	__u64 *slot = table_slot(pos, af);

	if (slot)
		table_note(slot, ctrl, marks, now);
	return 0;
}

__noinline int flow_table_mark4(__u32 pos, __u64 ctrl, __u32 marks, __u32 now)
{
	return flow_table_mark(pos, ctrl, marks, now, AF_INET);
}

__noinline int flow_table_mark6(__u32 pos, __u64 ctrl, __u32 marks, __u32 now)
{
	return flow_table_mark(pos, ctrl, marks, now, AF_INET6);
}

/* A packet with such flags would change nothing. */
static __always_inline int flow_table_is_noted(const struct flow_view *v, __u8 flags, __u32 now)
{
	return table_noted(v->ctrl, flags | NARU_MARK_SEEN, now) == v->ctrl;
}

static __always_inline void flow_table_note(const struct flow_view *v, __u8 flags, __u32 now,
					    const int af)
{
	if (af == AF_INET)
		flow_table_mark4(v->pos, v->ctrl, flags | NARU_MARK_SEEN, now);
	else
		flow_table_mark6(v->pos, v->ctrl, flags | NARU_MARK_SEEN, now);
}

/* One way for another, unless the entry's is neither the one that was read nor the entry itself. */
static __always_inline void flow_table_lead(struct flow_view *v, __u64 way, const int af)
{
	__u64 *slot = table_slot(v->pos, af), was;

	if (!slot || way == v->way)
		return;
	was = __sync_val_compare_and_swap(slot + TABLE_ACT(af) + TABLE_ACT_WORDS(af) - 1, v->way,
					  way);
	if (was == v->way)
		v->way = way;
}

static __always_inline int flow_table_same_hop(const struct naru_nexthop *a,
					       const struct naru_nexthop *b)
{
	const __u32 *x = (const __u32 *)a, *y = (const __u32 *)b;
	__u32 differ = 0;

#pragma unroll
	for (__u32 i = 0; i < sizeof(*a) / 4; i++)
		differ |= x[i] ^ y[i];
	return !differ;
}

/* Writes a next hop where there is room. */
static __always_inline int flow_table_write_hop(struct naru_hop *hop, const struct naru_nexthop *nh)
{
	__u32 was;

	if (!__sync_bool_compare_and_swap(&hop->state, NARU_HOP_EMPTY, NARU_HOP_CLAIMED))
		return 0;
	hop->nh = *nh;
	was = __sync_lock_test_and_set(&hop->state, NARU_HOP_READY);
	asm volatile("" ::"r"(was));
	return 1;
}

/* The key in `hops` of a next hop; 0: there is no room, and the way is looked up for each
 * packet. */
__noinline int flow_table_hop(const struct naru_nexthop *nh)
{
	__u32 at, i;

	if (!nh)
		return 0;
	at = (nh->ifindex * 31 + nh->dmac[5] * 7 + nh->dmac[4] * 257 + nh->dmac[3]) * 2654435769u >>
	     16;
	for (i = 0; i < FLOW_TABLE_PROBES; i++) {
		__u32 key = (at + i) & (NARU_HOPS_MAX - 1);
		struct naru_hop *hop = key ? bpf_map_lookup_elem(&hops, &key) : NULL;
		__u32 is;

		if (!hop)
			continue;
		is = TABLE_READ32(&hop->state);
		if (is == NARU_HOP_READY && flow_table_same_hop(&hop->nh, nh))
			return key;
		if (is == NARU_HOP_EMPTY && flow_table_write_hop(hop, nh))
			return key;
	}
	return 0;
}

/* The word of a flow whose next hop, if it has a generation, is known. */
static __always_inline __u64 flow_table_way(const struct naru_flow *f)
{
	__u64 way = (__u64)(f->svc & NARU_WAY_SVC_MAX) << NARU_WAY_SVC_SHIFT;
	__u32 hop = f->nh_gen ? flow_table_hop(&f->nh) : 0;

	if (hop)
		way |= hop | (__u64)f->nh_gen << NARU_WAY_GEN_SHIFT |
		       (f->nh_ask ? NARU_WAY_ASK : 0);
	return way;
}

/* The view's next hop was looked up anew. */
static __always_inline void flow_table_led(struct flow_view *v, const int af)
{
	flow_table_lead(v, flow_table_way(flow_table_core(v, af)) | NARU_WAY_TAG_OF(v->ctrl), af);
}

static __always_inline void flow_table_asked(struct flow_view *v, const int af)
{
	flow_table_lead(v, v->way & ~NARU_WAY_ASK, af);
}

/* ---- entries come and go ------------------------------------------------------------------- */

/* Says what is to be claimed. */
static __always_inline int flow_table_prepare(const struct tuple *was, __u8 hook,
					      const struct tuple *is, const struct naru_flow *f,
					      __u32 now, const int af)
{
	struct flow_claims *c = flow_table_claims();
	const int words = TABLE_KEY_WORDS(af), act = TABLE_ACT_WORDS(af);
	__u64 *new;
	__u32 *tail;

	if (!c)
		return -TABLE_ENOSPC;
	new = (__u64 *)&c->new;
	flow_table_key(new, was, hook, af);
	/* Addresses lie in an action as they do in a key, ports and deltas as in a flow. */
	flow_table_key(new + words, is, 0, af);
	new[words + act - 2] = FLOW_TABLE_PORT(f->sport) | FLOW_TABLE_PORT(f->dport) << 16 |
			       FLOW_TABLE_PORT(f->addr_delta) << 32 |
			       FLOW_TABLE_PORT(f->port_delta) << 48;
	new[words + act - 1] = flow_table_way(f);
	tail = (__u32 *)(new + words + act);
	tail[TABLE_NEW_EP] = f->ep;
	tail[TABLE_NEW_MARKS] = (f->flags & NARU_MARK_FLAGS) | (f->seen ? NARU_MARK_SEEN : 0) |
				f->road << NARU_MARK_ROAD_SHIFT;
	tail[TABLE_NEW_NOW] = now;
	return 0;
}

/* Claims its place. */
static __always_inline int flow_table_claim(const int reply, const int af)
{
	struct flow_claims *c = flow_table_claims();
	int pos;

	if (!c)
		return -TABLE_ENOSPC;
	pos = af == AF_INET ? table_insert_claim4((void *)&c->new) : table_insert_claim6(&c->new);
	if (pos < 0)
		return pos;
	c->pos[reply] = pos;
	return 0;
}

static __always_inline int flow_table_commit(const int af)
{
	struct flow_claims *c = flow_table_claims();

	return c ? table_insert_commit_pair(c->pos[0], c->pos[1], af) : -TABLE_EEXIST;
}

/* Gives the reply entry's place back. */
static __always_inline void flow_table_release(const int af)
{
	struct flow_claims *c = flow_table_claims();

	if (c)
		table_insert_release(c->pos[1], af);
}

/* Both halves, the reply entry last. */
static __always_inline int flow_table_remove(__u32 pos, __u64 ctrl, const int af)
{
	int is_reply = !!(flow_table_marks(ctrl) & NARU_F_REPLY);
	__u64 *slot = table_slot(pos, af), peer_ctrl = 0;
	__u32 peer;

	if (!slot)
		return 0;
	peer = table_peer(slot, ctrl, pos, &peer_ctrl, af);
	if (peer != NARU_TABLE_NO_SLOT && is_reply)
		table_remove(peer, peer_ctrl, af);
	table_remove(pos, ctrl, af);
	if (peer != NARU_TABLE_NO_SLOT && !is_reply)
		table_remove(peer, peer_ctrl, af);
	return 0;
}

__noinline int flow_table_remove4(__u32 pos, __u64 ctrl)
{
	return flow_table_remove(pos, ctrl, AF_INET);
}

__noinline int flow_table_remove6(__u32 pos, __u64 ctrl)
{
	return flow_table_remove(pos, ctrl, AF_INET6);
}

/* The other half's control word, or 0. */
static __always_inline __u64 flow_table_other(__u32 pos, __u64 ctrl, const int af)
{
	__u64 *slot = table_slot(pos, af);

	return slot ? flow_table_peer_ctrl(slot, pos, ctrl, af) : 0;
}

__noinline int flow_table_over4(__u32 pos, __u64 ctrl, __u8 proto, __u32 now)
{
	return flow_table_over(ctrl, flow_table_other(pos, ctrl, AF_INET), proto, now);
}

__noinline int flow_table_over6(__u32 pos, __u64 ctrl, __u8 proto, __u32 now)
{
	return flow_table_over(ctrl, flow_table_other(pos, ctrl, AF_INET6), proto, now);
}

/* Frees what is over in one bucket. Returns how many flows. */
static __always_inline __u32 flow_table_reclaim(__u32 b, __u32 now, const int af)
{
	__u32 freed = 0;

	for (__u32 i = 0; i < NARU_TABLE_WAYS; i++) {
		__u32 pos = b * NARU_TABLE_WAYS + i;
		__u64 *slot = table_slot(pos, af), c;

		if (!slot)
			break;
		c = TABLE_READ(slot);
		if (!(c & NARU_CTRL_ANSWERS) || flow_table_marks(c) & NARU_F_REPLY ||
		    !flow_table_reclaimable(slot, pos, c, now, af))
			continue;
		if (af == AF_INET)
			flow_table_remove4(pos, c);
		else
			flow_table_remove6(pos, c);
		count(NARU_C_FLOW_RECLAIMED);
		freed++;
	}
	return freed;
}

__noinline int flow_table_reclaim4(__u32 b, __u32 now)
{
	return flow_table_reclaim(b, now, AF_INET);
}

__noinline int flow_table_reclaim6(__u32 b, __u32 now)
{
	return flow_table_reclaim(b, now, AF_INET6);
}
