// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The flow table of cache lines, hurried: each run of `race` is one random operation on a few keys,
 * with delays at every dangerous place. Keys and actions follow from an identity, so that whatever
 * is mixed up shows. `fill` and `find` take one key after the other.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "race.h"

struct race_cpu race_cpu[RACE_CPUS];
__s32 race_owner[2][RACE_KEYS]; /* answering entries of a key */
volatile struct race_setting race_setting = { .keys = 64, .yield_mask = ~0u };
const volatile __u32 race_family = 4;
const volatile __u32 race_flaw;

static __always_inline struct race_cpu *me(void)
{
	return &race_cpu[bpf_get_smp_processor_id() & (RACE_CPUS - 1)];
}

static __always_inline __u64 random(struct race_cpu *c)
{
	__u64 x = c->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	c->random = x;
	return x * 0x2545f4914f6cdd1dull;
}

static long spin(__u32 i __attribute__((unused)), void *ctx __attribute__((unused)))
{
	bpf_ktime_get_ns();
	return 0;
}

/* Mostly short, now and then twenty times longer. */
__noinline int race_yield(void)
{
	__u32 r = random(me()) >> 33;

	if (r & race_setting.yield_mask)
		return 0;
	r >>= 8;
	bpf_loop((r & 0x1f00 ? 1 : 20) * (r & race_setting.yield_max), spin, NULL, 0);
	return 0;
}

/* Counts up after an entry became live and down before its slot is free: what is there is never
 * less, so two are two. */
static __always_inline void follow(__u64 id, int by)
{
	__s32 was = __sync_fetch_and_add(&race_owner[id & 1][id >> 8 & (RACE_KEYS - 1)], by);

	if (by > 0 && was > 0)
		me()->anomaly[RACE_WINNERS]++;
}

#define TABLE_YIELD()	   race_yield()
#define TABLE_ID(slot, af) (TABLE_READ((slot) + TABLE_KEY_WORDS(af)) >> 40)
#define TABLE_LIVE(id)	   follow(id, 1)
#define TABLE_GONE(id)	   follow(id, -1)
#define TABLE_FLAW(n)	   (race_flaw == (n))
#define TABLE_IS_OVER(slot, pos, ctrl, now, af)                                                    \
	(!((ctrl) >> NARU_CTRL_MARKS_SHIFT & RACE_MARK_OPEN) && table_idle(ctrl, now) > RACE_OVER)
#include "lib/table_insert.h"

#define NEW_WORDS (sizeof(struct table_new6) / sizeof(__u64)) /* room for either family */
__u64 race_new[RACE_CPUS][2][NEW_WORDS];

/* ---- identities ---- */

static __always_inline __u64 mix(__u64 x)
{
	x ^= x >> 31;
	x *= 0x7fb5d329728ea185ull;
	x ^= x >> 27;
	x *= 0x81dadef4bc2dd44dull;
	return x ^ x >> 33;
}

/* The last word of a key ends in direction (8 bits) and identity (16). */
static __always_inline void make_key(__u64 *key, __u32 id, __u32 dir, const int af)
{
	__u64 last;

#pragma unroll
	for (int i = 0; i < TABLE_KEY_WORDS(af) - 1; i++)
		key[i] = mix(id * 2 + dir + 1 + i);
	last = mix(key[0]) & 0xffffffffffull;
	key[TABLE_KEY_WORDS(af) - 1] = last | (__u64)dir << 40 | (__u64)id << 48;
}

/* A word of the action of a key's entry number `nonce`, which is the first word. */
static __always_inline __u64 act_word(const __u64 *key, __u64 nonce, int i)
{
	return i ? mix(key[0] ^ mix(nonce + i)) : nonce;
}

static __always_inline void make(__u64 *new, __u32 id, __u32 dir, const int af)
{
	const int words = TABLE_KEY_WORDS(af) + TABLE_ACT_WORDS(af);
	__u64 nonce = random(me());
	__u32 *tail = (__u32 *)(new + words);

	make_key(new, id, dir, af);
#pragma unroll
	for (int i = 0; i < TABLE_ACT_WORDS(af); i++)
		new[TABLE_KEY_WORDS(af) + i] = act_word(new, nonce, i);
	tail[TABLE_NEW_EP] = id & 7;
	tail[TABLE_NEW_MARKS] = race_setting.marks;
	tail[TABLE_NEW_NOW] = race_setting.now;
}

/* ---- operations ---- */

enum then {
	NOTHING,
	NOTE,
	REMOVE
};

static __always_inline void remove_pair(__u64 *slot, const struct table_hit *hit, const int af)
{
	__u64 peer_ctrl = 0;
	__u32 peer = table_peer(slot, hit->ctrl, hit->pos, &peer_ctrl, af);

	if (!table_remove(hit->pos, hit->ctrl, af))
		return;
	me()->count[RACE_REMOVED]++;
	if (peer != NARU_TABLE_NO_SLOT && table_remove(peer, peer_ctrl, af))
		me()->count[RACE_REMOVED]++;
}

static __always_inline int look_up(__u32 id, __u32 dir, enum then then, const int af)
{
	__u64 key[TABLE_KEY_MAX] = {}, differ = 0, *slot;
	struct race_cpu *c = me();
	__u64 act[TABLE_ACT_MAX] = {};
	struct table_hit hit = { .act = act };

	make_key(key, id, dir & 1, af);
	slot = table_lookup(key, &hit, af);
	c->count[slot ? RACE_HIT : RACE_MISS]++;
	if (!slot)
		return 0;
#pragma unroll
	for (int i = 1; i < TABLE_ACT_WORDS(af); i++)
		differ |= hit.act[i] ^ act_word(key, hit.act[0], i);
	if (differ)
		c->anomaly[RACE_ACTION]++;
	if (then == NOTE)
		table_note(slot, hit.ctrl, hit.act[0] & 0xff, race_setting.now);
	else if (then == REMOVE)
		remove_pair(slot, &hit, af);
	return 1;
}

static __always_inline int insert(__u32 id, __u32 reply_id, const int af)
{
	__u64(*new)[NEW_WORDS] = race_new[bpf_get_smp_processor_id() & (RACE_CPUS - 1)];
	struct race_cpu *c = me();
	int r;

	make(new[0], id, 0, af);
	make(new[1], reply_id, 1, af);
	r = table_insert_pair(new[0], new[1], af);
	if (!r)
		c->count[RACE_INSERTED]++;
	else if (r == -TABLE_EEXIST)
		c->count[RACE_EXISTS]++;
	else if (r == -TABLE_ENOSPC)
		c->count[RACE_FULL]++;
	else
		c->anomaly[RACE_ERRNO]++;
	return 0;
}

/* Is the key in two places? One is seen before and after the other: the same entry both times has
 * answered together with it. */
static __always_inline int check(__u32 id, __u32 dir, const int af)
{
	__u64 key[TABLE_KEY_MAX] = {}, first_ctrl = 0, h, read, *first = NULL;

	make_key(key, id, dir & 1, af);
	h = table_hash(key, af);
	for (__u32 i = 0; i < NARU_TABLE_CHOICES * NARU_TABLE_WAYS; i++) {
		__u64 *slot = table_slot(table_choice(h, i / NARU_TABLE_WAYS) * NARU_TABLE_WAYS +
						 i % NARU_TABLE_WAYS,
					 af),
		      c;

		if (!slot)
			break;
		c = TABLE_READ(slot);
		if (!(c & NARU_CTRL_ANSWERS) ||
		    !table_same_key(TABLE_AFTER(slot, c), key, &read, af))
			continue;
		if ((TABLE_READ(TABLE_AFTER(slot, read)) ^ c) & NARU_CTRL_IDENTITY || slot == first)
			continue;
		if (!first) {
			first = slot;
			first_ctrl = c;
		} else if (!((TABLE_READ(TABLE_AFTER(first, read)) ^ first_ctrl) &
			     NARU_CTRL_IDENTITY)) {
			me()->anomaly[RACE_DUPLICATE]++;
		}
	}
	return 0;
}

/* Global, so that each is verified once. */
__noinline int race_look_up4(__u32 id, __u32 dir, __u32 then)
{
	return look_up(id, dir, then, AF_INET);
}

__noinline int race_look_up6(__u32 id, __u32 dir, __u32 then)
{
	return look_up(id, dir, then, AF_INET6);
}

__noinline int race_insert4(__u32 id, __u32 reply_id)
{
	return insert(id, reply_id, AF_INET);
}

__noinline int race_insert6(__u32 id, __u32 reply_id)
{
	return insert(id, reply_id, AF_INET6);
}

__noinline int race_check4(__u32 id, __u32 dir)
{
	return check(id, dir, AF_INET);
}

__noinline int race_check6(__u32 id, __u32 dir)
{
	return check(id, dir, AF_INET6);
}

static __always_inline int any_look_up(__u32 id, __u32 dir, enum then then)
{
	return race_family == 4 ? race_look_up4(id, dir, then) : race_look_up6(id, dir, then);
}

static __always_inline void any_insert(__u32 id, __u32 reply_id)
{
	if (race_family == 4)
		race_insert4(id, reply_id);
	else
		race_insert6(id, reply_id);
}

static __always_inline void any_check(__u32 id, __u32 dir)
{
	if (race_family == 4)
		race_check4(id, dir);
	else
		race_check6(id, dir);
}

SEC("xdp")
int race(struct xdp_md *ctx __attribute__((unused)))
{
	__u64 r = random(me());
	__u32 id = r >> 8 & (race_setting.keys - 1) & (RACE_KEYS - 1);
	__u32 other = r >> 24 & (race_setting.keys - 1) & (RACE_KEYS - 1);
	__u32 what = r >> 60;

	me()->count[RACE_OPS]++;
	if (what < 5)
		any_insert(id, other);
	else if (what < 7)
		any_look_up(id, other, REMOVE);
	else if (what < 8)
		any_check(id, other);
	else
		any_look_up(id, other, what < 11 ? NOTE : NOTHING);
	return XDP_DROP;
}

SEC("xdp")
int fill(struct xdp_md *ctx __attribute__((unused)))
{
	__u32 id = race_setting.next++;

	any_insert(id, id);
	return XDP_DROP;
}

SEC("xdp")
int find(struct xdp_md *ctx __attribute__((unused)))
{
	__u32 id = race_setting.next++;

	any_look_up(id, 0, NOTHING);
	any_look_up(id, 1, NOTHING);
	return XDP_DROP;
}

char naru_license[] SEC("license") = "Dual BSD/GPL";
