/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table of cache lines: hash, look-up, noting a packet, removing an entry. <naru/table.h>
 * has the layout and what holds at any time; table_insert.h makes entries.
 *
 * A slot is seen as an array of 64-bit words, so one body serves both families. No lock is taken.
 * Whoever writes a control word does so by compare-and-swap or exchange, or takes a spill up and
 * down by fetch-and-add: each of them a full barrier on every architecture, as long as its result
 * is used (else clang emits the form that orders nothing on arm64).
 */
#pragma once
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <naru/table.h>

#include "pkt.h"

/* The race test stretches what is dangerous, follows entries, and leaves one safety out at a time:
 * 1 the second reading of the control word, 2 looking for rivals, 3 becoming live by
 * compare-and-swap, 4 new versions. */
#ifndef TABLE_YIELD
#define TABLE_YIELD()	   (void)0
#define TABLE_ID(slot, af) 0 /* read while the slot is surely the caller's */
#define TABLE_LIVE(id)	   (void)(id)
#define TABLE_GONE(id)	   (void)(id)
#define TABLE_FLAW(n)	   0
#endif

#define TABLE_KEY_WORDS(af)  ((af) == AF_INET ? 2 : 5)
#define TABLE_ACT_WORDS(af)  ((af) == AF_INET ? 3 : 6)
#define TABLE_SLOT_WORDS(af) ((af) == AF_INET ? 8 : 16)
#define TABLE_KEY	     1 /* word */
#define TABLE_ACT(af)	     (TABLE_KEY + TABLE_KEY_WORDS(af))
/* Words of 32 bits, seen from the end of a slot. */
#define TABLE_PEER	4
#define TABLE_HOME	3
#define TABLE_EP	2
#define TABLE_SPILL	1
#define TABLE_KEY_MAX	5
#define TABLE_ACT_MAX	6
#define TABLE_READ(p)	(*(const volatile __u64 *)(p))
#define TABLE_READ32(p) (*(const volatile __u32 *)(p))

#define TABLE_MAP(map, bucket)                                                                     \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                 \
		__type(key, __u32);                                                                \
		__type(value, bucket);                                                             \
		__uint(max_entries, 4); /* the loader knows better */                              \
	} map SEC(".maps")

TABLE_MAP(table4, struct naru_bucket4);
TABLE_MAP(table6, struct naru_bucket6);

/* Set by the loader; of both families. */
#ifndef TABLE_CONFIG
const volatile struct naru_table_config table_config = { .main = 2, .stash = 2 };
#define TABLE_CONFIG table_config
#endif

/* What a look-up found, and where it was. */
struct table_hit {
	__u64 *act; /* the caller's: the action is copied there */
	__u64 ctrl;
	__u32 pos;
	__u32 ep;
};

/*
 * A reader needs control word, key and action, control word in this order. x86 keeps loads in
 * order, arm64 does when the address of the later one depends on the value of the earlier. So it
 * is made to: v & 0 is zero to the verifier, and a dependency to the processor. The look-up that
 * most packets end with does without where TABLE_CONFIG.in_order says so.
 */
#define TABLE_AFTER(p, v)                                                                          \
	({                                                                                         \
		__u64 none = (v);                                                                  \
                                                                                                   \
		asm volatile("%0 &= 0" : "+r"(none));                                              \
		(__u64 *)((char *)(p) + none);                                                     \
	})
#define TABLE_AFTER_UNLESS(in_order, p, v) ((in_order) ? (__u64 *)(p) : TABLE_AFTER(p, v))

/* ---- where --------------------------------------------------------------------------------- */

/*
 * NH, the universal hash of UMAC (RFC 4418): a sum of products of keyed halves, in which two keys
 * meet with a chance of 2^-32 for a secret seed. The finish spreads it over 64 bits.
 */
static __always_inline __u64 table_hash(const __u64 *key, const int af)
{
	__u64 h = 0;

#pragma unroll
	for (int i = 0; i < TABLE_KEY_WORDS(af); i++)
		h += (__u64)((__u32)key[i] + TABLE_CONFIG.seed[2 * i]) *
		     ((__u32)(key[i] >> 32) + TABLE_CONFIG.seed[2 * i + 1]);
	h = (h ^ h >> 32) * 0x9e3779b97f4a7c15ull;
	h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9ull;
	return h ^ h >> 32;
}

/* Scales 32 bits of a hash to 0 .. n - 1: its upper bits tell. */
static __always_inline __u32 table_scale(__u64 h, __u32 n)
{
	return (__u64)(__u32)h * n >> 32;
}

static __always_inline __u32 table_home(__u64 h)
{
	return table_scale(h, TABLE_CONFIG.main);
}

/* The buckets in which a hash may live, by number: home, the other main one, then three pairs of
 * the stash. */
static __always_inline __u32 table_choice(__u64 h, __u32 choice)
{
	__u32 main = TABLE_CONFIG.main, stash = TABLE_CONFIG.stash, home = table_home(h), b;

	if (!choice)
		return home;
	if (choice == 1) {
		b = table_scale(h >> 32, main);
		if (b == home)
			b++;
		return b == main ? 0 : b;
	}
	h = (h ^ h >> 32) * 0x94d049bb133111ebull;
	b = table_scale(h >> (8 + 12 * ((choice - 2) >> 1)), stash) + (choice & 1);
	return main + (b == stash ? 0 : b);
}

/* The slot of a bucket at which the search begins: entries are spread over lines, and while there
 * is room a hit touches one of them. */
static __always_inline __u32 table_first(__u64 h)
{
	return h & (NARU_TABLE_WAYS - 1);
}

static __always_inline __u64 *table_bucket(__u32 b, const int af)
{
	return af == AF_INET ? bpf_map_lookup_elem(&table4, &b) : bpf_map_lookup_elem(&table6, &b);
}

static __always_inline __u64 *table_way(__u64 *bucket, __u32 n, const int af)
{
	__u64 way = n;

	asm volatile("%0 &= 3" : "+r"(way)); /* where the verifier sees it */
	return (__u64 *)((char *)bucket + way * TABLE_SLOT_WORDS(af) * sizeof(__u64));
}

static __always_inline __u64 *table_slot(__u32 pos, const int af)
{
	__u64 *bucket = table_bucket(pos / NARU_TABLE_WAYS, af);

	return bucket ? table_way(bucket, pos, af) : NULL;
}

static __always_inline __u32 *table_tail(__u64 *slot, __u32 field, const int af)
{
	return (__u32 *)slot + 2 * TABLE_SLOT_WORDS(af) - field;
}

/* ---- atomics ------------------------------------------------------------------------------- */

static __always_inline void table_xchg(__u64 *ctrl, __u64 to)
{
	to = __sync_lock_test_and_set(ctrl, to);
	asm volatile("" ::"r"(to));
}

static __always_inline void table_spill(__u32 home, __u32 by, const int af)
{
	__u64 *bucket = table_bucket(home, af);
	__u32 was;

	if (!bucket)
		return;
	was = __sync_fetch_and_add(table_tail(bucket, TABLE_SPILL, af), by);
	asm volatile("" ::"r"(was));
}

static __always_inline __u64 table_seen(__u32 now)
{
	return (__u64)now << NARU_CTRL_SEEN_SHIFT & NARU_CTRL_SEEN;
}

/* Ticks since the last packet. Ticks may differ by one between CPUs. */
static __always_inline __u32 table_idle(__u64 ctrl, __u32 now)
{
	__u32 idle = (now - (__u32)(ctrl >> NARU_CTRL_SEEN_SHIFT)) & NARU_CTRL_SEEN_MAX;

	return idle > NARU_CTRL_SEEN_MAX / 2 ? 0 : idle;
}

/* ---- look-up ------------------------------------------------------------------------------- */

/* *ret_read depends on what was read, for TABLE_AFTER. */
static __always_inline int table_same_key(const __u64 *slot, const __u64 *key, __u64 *ret_read,
					  const int af)
{
	__u64 differ = 0;

#pragma unroll
	for (int i = 0; i < TABLE_KEY_WORDS(af); i++)
		differ |= TABLE_READ(slot + TABLE_KEY + i) ^ key[i];
	*ret_read = differ;
	asm volatile("" : "+r"(*ret_read)); /* or clang concludes that it is 0 */
	return !differ;
}

/* Copies the entry of a slot, if it is the key's. The copy counts only if the control word still
 * names the same entry afterwards. */
static __always_inline int table_copy(__u64 *slot, __u64 c, const __u64 *key, struct table_hit *hit,
				      int in_order, const int af)
{
	__u64 *entry = TABLE_AFTER_UNLESS(in_order, slot, c), read, again;

	if (!table_same_key(entry, key, &read, af))
		return 0;
	TABLE_YIELD();
#pragma unroll
	for (int i = 0; i < TABLE_ACT_WORDS(af); i++) {
		again = TABLE_READ(entry + TABLE_ACT(af) + i);
		hit->act[i] = again;
		read |= again;
		if (!i)
			TABLE_YIELD();
	}
	hit->ep = TABLE_READ32(table_tail(entry, TABLE_EP, af));
	again = TABLE_READ(TABLE_AFTER_UNLESS(in_order, slot, read | hit->ep));
	if (!TABLE_FLAW(1) && (c ^ again) & NARU_CTRL_IDENTITY)
		return 0;
	hit->ctrl = again;
	return 1;
}

/* The slot where the search begins, if it answers for the key: most do. */
static __always_inline __u64 *table_probe(__u64 h, const __u64 *key, struct table_hit *hit,
					  const int af)
{
	__u32 b = table_home(h), first = table_first(h);
	__u64 *slot = table_bucket(b, af), c;

	if (!slot)
		return NULL;
	slot = table_way(slot, first, af);
	c = TABLE_READ(slot);
	if (!(c & NARU_CTRL_ANSWERS) || !table_copy(slot, c, key, hit, TABLE_CONFIG.in_order, af))
		return NULL;
	hit->pos = b * NARU_TABLE_WAYS + first;
	return slot;
}

/* The slot of a bucket that answers for the key. */
static __always_inline __u64 *table_search(__u32 b, __u32 first, const __u64 *key,
					   struct table_hit *hit, const int af)
{
	__u64 *bucket = table_bucket(b, af);

	if (!bucket)
		return NULL;
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < NARU_TABLE_WAYS; i++) {
		__u64 *slot = table_way(bucket, first + i, af), c = TABLE_READ(slot);

		if (!(c & NARU_CTRL_ANSWERS) || !table_copy(slot, c, key, hit, 0, af))
			continue;
		hit->pos = b * NARU_TABLE_WAYS + ((first + i) & (NARU_TABLE_WAYS - 1));
		return slot;
	}
	return NULL;
}

/* True when entries of this home live elsewhere. */
static __always_inline int table_is_spilt(__u64 h, const int af)
{
	__u64 *home = table_bucket(table_home(h), af);

	return home && TABLE_READ32(table_tail(home, TABLE_SPILL, af));
}

/* The slot that answers for a key, or NULL. What it says is in *ret_hit: the slot itself may be
 * another flow's at any time, and is good for table_note() and table_peer() only. */
static __always_inline __u64 *table_lookup(const __u64 *key, struct table_hit *ret_hit,
					   const int af)
{
	__u64 h = table_hash(key, af), *slot;

	slot = table_probe(h, key, ret_hit, af);
	if (slot)
		return slot;
	slot = table_search(table_home(h), table_first(h), key, ret_hit, af);
	if (slot || !table_is_spilt(h, af))
		return slot;
	for (__u32 i = 1; i < NARU_TABLE_CHOICES; i++) {
		slot = table_search(table_choice(h, i), table_first(h), key, ret_hit, af);
		if (slot)
			return slot;
	}
	return NULL;
}

/* The position of the entry's other direction, if both are still there, and its control word. */
static __always_inline __u32 table_peer(__u64 *slot, __u64 ctrl, __u32 pos, __u64 *ret_ctrl,
					const int af)
{
	__u32 at = TABLE_READ32(table_tail(slot, TABLE_PEER, af)), back;
	__u64 *peer, c;

	if (at == NARU_TABLE_NO_SLOT)
		return NARU_TABLE_NO_SLOT;
	peer = table_slot(at, af);
	if (!peer)
		return NARU_TABLE_NO_SLOT;
	c = TABLE_READ(peer);
	if (!(c & NARU_CTRL_ANSWERS))
		return NARU_TABLE_NO_SLOT;
	back = TABLE_READ32(table_tail(TABLE_AFTER(peer, c), TABLE_PEER, af));
	/* The slot may have been given to another flow before its peer was read. */
	if (back != pos || (TABLE_READ(TABLE_AFTER(slot, back)) ^ ctrl) & NARU_CTRL_IDENTITY)
		return NARU_TABLE_NO_SLOT;
	*ret_ctrl = c;
	return at;
}

/* The control word once a packet has been noted. */
static __always_inline __u64 table_noted(__u64 ctrl, __u64 marks, __u32 now)
{
	return (ctrl & (NARU_CTRL_VERSION | NARU_CTRL_MARKS)) |
	       (marks << NARU_CTRL_MARKS_SHIFT & NARU_CTRL_MARKS) | table_seen(now) |
	       NARU_SLOT_LIVE;
}

/* Notes a packet: a slot that another flow has by now stays as it is, a dying one lives on. Writes
 * when something changes, so once a tick. */
static __always_inline void table_note(__u64 *slot, __u64 ctrl, __u64 marks, __u32 now)
{
	__u64 old;

	for (int i = 0; i < 3; i++) {
		__u64 want = table_noted(ctrl, marks, now);

		if (ctrl == want)
			return;
		TABLE_YIELD();
		old = __sync_val_compare_and_swap(slot, ctrl, want);
		if (old == ctrl || (old ^ ctrl) & NARU_CTRL_IDENTITY)
			return;
		ctrl = old;
	}
}

/* ---- removal ------------------------------------------------------------------------------- */

/* Takes what answers out of use; 1 for the one caller that did, to whom the slot belongs then. */
static __always_inline int table_hold(__u64 *slot, __u64 ctrl)
{
	__u64 old;

	for (int i = 0; i < 4 && ctrl & NARU_CTRL_ANSWERS; i++) {
		old = __sync_val_compare_and_swap(slot, ctrl,
						  (ctrl & ~NARU_CTRL_STATE) | NARU_SLOT_HELD);
		if (old == ctrl)
			return 1;
		if ((old ^ ctrl) & NARU_CTRL_IDENTITY)
			return 0;
		ctrl = old;
	}
	return 0;
}

/* Frees a slot that is the caller's. */
static __always_inline void table_free(__u64 *slot, __u32 pos, __u32 home, const int af)
{
	table_xchg(slot, (TABLE_READ(slot) & NARU_CTRL_VERSION) | NARU_SLOT_EMPTY);
	if (home != pos / NARU_TABLE_WAYS)
		table_spill(home, -1, af);
}

/* 1 for the one caller that removed the entry. */
static __always_inline int table_remove(__u32 pos, __u64 ctrl, const int af)
{
	__u64 *slot = table_slot(pos, af);

	if (!slot || !table_hold(slot, ctrl))
		return 0;
	TABLE_GONE(TABLE_ID(slot, af));
	TABLE_YIELD();
	table_free(slot, pos, TABLE_READ32(table_tail(slot, TABLE_HOME, af)), af);
	return 1;
}
