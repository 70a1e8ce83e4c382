/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Making entries of the flow table of cache lines, one or a pair. An entry's slot is claimed,
 * filled and published as tentative; then rivals for the same key are looked for, and only the one
 * that wins is committed, that is, becomes live. Of a pair the reply entry is claimed first: its
 * key is the port allocator, so it is the one that often exists.
 *
 * Nothing is evicted. In a full neighbourhood the slot of a flow that is over may be taken, as
 * TABLE_IS_OVER says, which whoever includes this file may define.
 */
#pragma once
#include "table.h"

#ifndef TABLE_IS_OVER
#define TABLE_IS_OVER(slot, pos, ctrl, now, af) ((void)(now), 0)
#endif
/* The last word of an action, once the slot is known. */
#ifndef TABLE_SEAL
#define TABLE_SEAL(word, ctrl) (word)
#endif
#ifndef TABLE_RECLAIMED
#define TABLE_RECLAIMED() (void)0
#endif

#define TABLE_EEXIST 17
#define TABLE_EINVAL 22
#define TABLE_ENOSPC 28

/* What is handed in: words of key and action, then the same tail in both families. */
struct table_new4 {
	struct naru_flow4_key key;
	struct naru_act4 act;
	__u32 ep;
	__u32 marks;
	__u32 now;
	__u32 pad;
};

struct table_new6 {
	struct naru_flow6_key key;
	struct naru_act6 act;
	__u32 ep;
	__u32 marks;
	__u32 now;
	__u32 pad;
};

/* Words of 32 bits of the tail. */
enum {
	TABLE_NEW_EP,
	TABLE_NEW_MARKS,
	TABLE_NEW_NOW,
};

static __always_inline __u32 table_insert_tail(const __u64 *new, int field, const int af)
{
	return ((const __u32 *)(new + TABLE_KEY_WORDS(af) + TABLE_ACT_WORDS(af)))[field];
}

/* ---- a place ------------------------------------------------------------------------------- */

/* One bucket's first free slot if it does not have the key: a position, -EEXIST or -ENOSPC. */
static __always_inline int table_insert_look(const __u64 *key, __u32 b, __u32 first, const int af)
{
	__u64 *bucket = table_bucket(b, af), ctrl[NARU_TABLE_WAYS], read;
	int found = -TABLE_ENOSPC;

	if (!bucket)
		return -TABLE_EINVAL;
#pragma unroll
	for (__u32 i = 0; i < NARU_TABLE_WAYS; i++) /* all lines side by side */
		ctrl[i] = TABLE_READ(table_way(bucket, first + i, af));
#pragma unroll
	for (__u32 i = 0; i < NARU_TABLE_WAYS; i++) {
		__u64 *slot = table_way(bucket, first + i, af);
		__u32 is = ctrl[i] & NARU_CTRL_STATE;

		if (is == NARU_SLOT_EMPTY && found < 0)
			found = b * NARU_TABLE_WAYS + ((first + i) & (NARU_TABLE_WAYS - 1));
		if (is != NARU_SLOT_TENT && is < NARU_SLOT_HELD)
			continue;
		slot = TABLE_AFTER(slot, ctrl[i]);
		if (table_same_key(slot, key, &read, af) &&
		    !((TABLE_READ(TABLE_AFTER(slot, read)) ^ ctrl[i]) & NARU_CTRL_VERSION))
			return -TABLE_EEXIST;
	}
	return found;
}

/* Global subprograms: the verifier looks at each of them once, and each has its stack only while
 * it runs. */
__noinline int table_insert_look4(const struct naru_flow4_key *key, __u32 b, __u32 first)
{
	return key ? table_insert_look((const __u64 *)key, b, first, AF_INET) : -TABLE_EINVAL;
}

__noinline int table_insert_look6(const struct naru_flow6_key *key, __u32 b, __u32 first)
{
	return key ? table_insert_look((const __u64 *)key, b, first, AF_INET6) : -TABLE_EINVAL;
}

/* The first free slot for a key that does not exist: a position, -EEXIST or -ENOSPC. */
static __always_inline int table_insert_find(const __u64 *key, __u64 h, const int af)
{
	__u64 *home = table_bucket(table_home(h), af);
	__u32 spill = home ? TABLE_READ32(table_tail(home, TABLE_SPILL, af)) : 0;
	int found = -TABLE_ENOSPC, r;

	for (__u32 i = 0; i < NARU_TABLE_CHOICES; i++) {
		/* Nothing of this home lives further on. */
		if (i && found >= 0 && !spill)
			break;
		r = af == AF_INET ? table_insert_look4((const void *)key, table_choice(h, i),
						       table_first(h))
				  : table_insert_look6((const void *)key, table_choice(h, i),
						       table_first(h));
		if (r < 0 && r != -TABLE_ENOSPC)
			return r;
		if (found < 0)
			found = r;
	}
	return found;
}

/* Turns a slot that the caller saw empty, or holds, into its own. */
static __always_inline __u64 table_insert_claimed(__u64 ctrl)
{
	return ((ctrl & NARU_CTRL_VERSION) + (TABLE_FLAW(4) ? 0 : NARU_CTRL_VERSION_ONE)) |
	       NARU_SLOT_CLAIMED;
}

/* Takes a free slot. An entry away from its home is announced there before it exists. */
static __always_inline int table_insert_take(const __u64 *key, __u64 h, const int af)
{
	__u32 home = table_home(h);
	__u64 *slot, c;
	int pos;

	for (int i = 0; i < 4; i++) {
		pos = table_insert_find(key, h, af);
		if (pos < 0)
			return pos;
		slot = table_slot(pos, af);
		if (!slot)
			return -TABLE_EINVAL;
		if ((__u32)pos / NARU_TABLE_WAYS != home)
			table_spill(home, 1, af);
		c = TABLE_READ(slot);
		TABLE_YIELD();
		if ((c & NARU_CTRL_STATE) == NARU_SLOT_EMPTY &&
		    __sync_bool_compare_and_swap(slot, c, table_insert_claimed(c)))
			return pos;
		if ((__u32)pos / NARU_TABLE_WAYS != home)
			table_spill(home, -1, af);
	}
	return -TABLE_ENOSPC;
}

/* Takes the slot of a flow that is over, in one of the two main buckets; its other half goes, too.
 */
static __always_inline int table_insert_reclaim(__u64 h, __u32 now, const int af)
{
	__u32 home = table_home(h);

	for (__u32 i = 0; i < 2 * NARU_TABLE_WAYS; i++) {
		__u32 b = table_choice(h, i / NARU_TABLE_WAYS), was, peer;
		__u32 pos = b * NARU_TABLE_WAYS + i % NARU_TABLE_WAYS;
		__u64 *slot = table_slot(pos, af), c, peer_ctrl = 0;

		if (!slot)
			break;
		c = TABLE_READ(slot);
		if (!(c & NARU_CTRL_ANSWERS) || !TABLE_IS_OVER(slot, pos, c, now, af))
			continue;
		peer = table_peer(slot, c, pos, &peer_ctrl, af);
		if (!__sync_bool_compare_and_swap(slot, c, (c & ~NARU_CTRL_STATE) | NARU_SLOT_HELD))
			continue;
		TABLE_GONE(TABLE_ID(slot, af));
		was = TABLE_READ32(table_tail(slot, TABLE_HOME, af));
		if (b != home)
			table_spill(home, 1, af);
		table_xchg(slot, table_insert_claimed(c));
		if (b != was)
			table_spill(was, -1, af);
		if (peer != NARU_TABLE_NO_SLOT)
			table_remove(peer, peer_ctrl, af);
		return pos;
	}
	return -TABLE_ENOSPC;
}

__noinline int table_insert_reclaim4(__u64 h, __u32 now)
{
	return table_insert_reclaim(h, now, AF_INET);
}

__noinline int table_insert_reclaim6(__u64 h, __u32 now)
{
	return table_insert_reclaim(h, now, AF_INET6);
}

/* ---- rivals -------------------------------------------------------------------------------- */

/* What `other`, at position p, means for our tentative entry at `pos`: 0 when it is stronger. A
 * live rival is; of two tentative ones the lower position is, and marks the other one dead. */
static __always_inline int table_insert_beats(__u64 *other, const __u64 *key, __u32 p, __u32 pos,
					      const int af)
{
	__u64 c = TABLE_READ(other), again, old, read;

	/* Who publishes after this will see us. */
	if ((c & NARU_CTRL_STATE) != NARU_SLOT_TENT && (c & NARU_CTRL_STATE) < NARU_SLOT_HELD)
		return 1;
	if (!table_same_key(TABLE_AFTER(other, c), key, &read, af))
		return 1;
	TABLE_YIELD();
	again = TABLE_READ(TABLE_AFTER(other, read));
	if ((again ^ c) & NARU_CTRL_VERSION)
		return 1;
	if ((again & NARU_CTRL_STATE) == NARU_SLOT_TENT) {
		if (p < pos)
			return 0;
		old = __sync_val_compare_and_swap(other, again,
						  (again & ~NARU_CTRL_STATE) | NARU_SLOT_DEAD);
		if (old == again || (old ^ again) & NARU_CTRL_VERSION)
			return 1;
		again = old;
	}
	return (again & NARU_CTRL_STATE) < NARU_SLOT_HELD;
}

/* Our tentative entry stands at `pos`; 1 if it may go on, as far as this bucket is concerned. */
static __always_inline int table_insert_settle(const __u64 *key, __u32 b, __u32 pos, const int af)
{
	__u64 *bucket = table_bucket(b, af);

	if (!bucket)
		return 1;
#pragma unroll
	for (__u32 way = 0; way < NARU_TABLE_WAYS; way++) {
		__u32 p = b * NARU_TABLE_WAYS + way;

		if (p != pos && !table_insert_beats(table_way(bucket, way, af), key, p, pos, af))
			return 0;
	}
	return 1;
}

__noinline int table_insert_settle4(const struct naru_flow4_key *key, __u32 b, __u32 pos)
{
	return key ? table_insert_settle((const __u64 *)key, b, pos, AF_INET) : 0;
}

__noinline int table_insert_settle6(const struct naru_flow6_key *key, __u32 b, __u32 pos)
{
	return key ? table_insert_settle((const __u64 *)key, b, pos, AF_INET6) : 0;
}

/* Of two inserters at least one sees the other: both have published before they look, with full
 * barriers. 1 if our entry may go on. */
static __always_inline int table_insert_wins(const __u64 *key, __u64 h, __u32 pos, const int af)
{
	int wins = 1;

	for (__u32 i = 0; i < NARU_TABLE_CHOICES && wins; i++) {
		/* Nothing of this home lives further on. */
		if (i == 1 && !table_is_spilt(h, af))
			break;
		wins = af == AF_INET
			       ? table_insert_settle4((const void *)key, table_choice(h, i), pos)
			       : table_insert_settle6((const void *)key, table_choice(h, i), pos);
	}
	return wins;
}

/* ---- one entry ----------------------------------------------------------------------------- */

/* The claim was a full barrier: who still copies the former entry finds another control word. */
static __always_inline void table_insert_fill(volatile __u64 *slot, const __u64 *new, __u32 home,
					      const int af)
{
	const int words = TABLE_KEY_WORDS(af) + TABLE_ACT_WORDS(af);

	TABLE_YIELD();
#pragma unroll
	for (int i = 0; i < words; i++) {
		slot[TABLE_KEY + i] = i < words - 1 ? new[i] : TABLE_SEAL(new[i], *slot);
		if (i == TABLE_KEY_WORDS(af))
			TABLE_YIELD();
	}
	*(volatile __u32 *)table_tail((__u64 *)slot, TABLE_PEER, af) = NARU_TABLE_NO_SLOT;
	*(volatile __u32 *)table_tail((__u64 *)slot, TABLE_HOME, af) = home;
	*(volatile __u32 *)table_tail((__u64 *)slot, TABLE_EP, af) =
		table_insert_tail(new, TABLE_NEW_EP, af);
}

/* Claims, fills, publishes and settles. Returns the position of an entry that has to be committed
 * or released; -EEXIST or -ENOSPC. */
static __always_inline int table_insert_claim(const __u64 *new, const int af)
{
	__u64 h = table_hash(new, af), marks = table_insert_tail(new, TABLE_NEW_MARKS, af), *slot;
	__u32 now = table_insert_tail(new, TABLE_NEW_NOW, af), home = table_home(h);
	int pos = table_insert_take(new, h, af);

	if (pos == -TABLE_ENOSPC) {
		pos = af == AF_INET ? table_insert_reclaim4(h, now) : table_insert_reclaim6(h, now);
		if (pos >= 0)
			TABLE_RECLAIMED();
	}
	if (pos < 0)
		return pos;
	slot = table_slot(pos, af);
	if (!slot)
		return -TABLE_EINVAL;
	table_insert_fill(slot, new, home, af);
	table_xchg(slot, (TABLE_READ(slot) & NARU_CTRL_VERSION) | NARU_SLOT_TENT | table_seen(now) |
				 (marks << NARU_CTRL_MARKS_SHIFT & NARU_CTRL_MARKS));
	TABLE_YIELD();
	if (TABLE_FLAW(2) || table_insert_wins(new, h, pos, af))
		return pos;
	table_free(slot, pos, home, af);
	return -TABLE_EEXIST;
}

__noinline int table_insert_claim4(const struct table_new4 *new)
{
	return new ? table_insert_claim((const __u64 *)new, AF_INET) : -TABLE_EINVAL;
}

__noinline int table_insert_claim6(const struct table_new6 *new)
{
	return new ? table_insert_claim((const __u64 *)new, AF_INET6) : -TABLE_EINVAL;
}

/* Gives back what was claimed and not committed. */
static __always_inline void table_insert_release(__u32 pos, const int af)
{
	__u64 *slot = table_slot(pos, af);

	if (slot)
		table_free(slot, pos, TABLE_READ32(table_tail(slot, TABLE_HOME, af)), af);
}

/* Makes a claimed entry answer. Returns its control word, or 0: a rival was stronger. */
static __always_inline __u64 table_insert_commit(__u32 pos, const int af)
{
	__u64 *slot = table_slot(pos, af), c, live, id;

	if (!slot)
		return 0;
	c = TABLE_READ(slot);
	live = (c & ~NARU_CTRL_STATE) | NARU_SLOT_LIVE;
	id = TABLE_ID(slot, af);
	TABLE_YIELD();
	if (TABLE_FLAW(3))
		*(volatile __u64 *)slot = live;
	else if ((c & NARU_CTRL_STATE) != NARU_SLOT_TENT ||
		 !__sync_bool_compare_and_swap(slot, c, live))
		return 0;
	TABLE_LIVE(id);
	return live;
}

/* ---- a pair -------------------------------------------------------------------------------- */

static __always_inline int table_insert_link(__u32 pos, __u32 peer, const int af)
{
	__u64 *slot = table_slot(pos, af);

	if (!slot)
		return 0;
	*(volatile __u32 *)table_tail(slot, TABLE_PEER, af) = peer;
	return 1;
}

/* Both claimed entries become live, or none: the reply entry first, as no answer comes before the
 * packet that it answers. */
static __always_inline int table_insert_commit_pair(__u32 fwd, __u32 reply, const int af)
{
	__u64 c = 0;

	if (table_insert_link(reply, fwd, af) && table_insert_link(fwd, reply, af))
		c = table_insert_commit(reply, af);
	if (c && table_insert_commit(fwd, af))
		return 0;
	table_insert_release(fwd, af);
	if (c)
		table_remove(reply, c, af);
	else
		table_insert_release(reply, af);
	return -TABLE_EEXIST;
}

/* Starts to load the lines of a key's home: who does not wait for a load has a prefetch. */
static __always_inline void table_insert_warm(const __u64 *key, const int af)
{
	__u64 *bucket = table_bucket(table_home(table_hash(key, af)), af), ctrl;

	if (!bucket)
		return;
#pragma unroll
	for (__u32 i = 0; i < NARU_TABLE_WAYS; i++) {
		ctrl = TABLE_READ(bucket + i * TABLE_SLOT_WORDS(af));
		asm volatile("" ::"r"(ctrl));
	}
}

/* Inserts both directions or none: 0 or -errno. */
static __always_inline int table_insert_pair(const void *fwd, const void *reply, const int af)
{
	int r, f;

	table_insert_warm(reply, af);
	table_insert_warm(fwd, af);
	r = af == AF_INET ? table_insert_claim4(reply) : table_insert_claim6(reply);
	if (r < 0)
		return r;
	f = af == AF_INET ? table_insert_claim4(fwd) : table_insert_claim6(fwd);
	if (f < 0) {
		table_insert_release(r, af);
		return f;
	}
	return table_insert_commit_pair(f, r, af);
}
