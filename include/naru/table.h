/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * The flow table of cache lines: what the programs in bpf/ and narud's sweep share. One mmapable
 * array a family; an element is a bucket of four slots, and a slot is one cache line (IPv4) or two
 * (IPv6) with a whole entry behind one 64-bit control word.
 *
 * Glossary: an entry's *home* is the first of the eight buckets in which its hash lets it live, two
 * *main* ones and six of the *stash* behind them; a bucket's *spill* is the number of entries whose
 * home it is and that live elsewhere; an entry *answers* while packets use it.
 *
 * What holds at any time:
 * 1. Key, action and links of a slot are written only by the inserter that has CLAIMED it, and only
 *    until it is LIVE.
 * 2. Each CLAIMED has a version of one more than the slot's last owner: version and answers, the
 *    same before and after, mean one entry all the while.
 * 3. CLAIMED, TENT and DEAD are ended by their inserter alone, which cannot be killed half way:
 *    a BPF program runs to its end. Others may only turn TENT to DEAD.
 * 4. At most one slot answers for a key. Who inserts publishes TENT, then looks: of two, at least
 *    one sees the other.
 * 5. An entry away from home is counted in its home's spill before it is CLAIMED, and until after
 *    it is EMPTY.
 * 6. LIVE and DYING are left by compare-and-swap of the whole word: who succeeds is the one that
 *    removes.
 * 7. narud removes no half of a pair whose other half is in use. One sweep at a time.
 * 8. A peer's position counts only if what is there answers and points back.
 */
#pragma once
#include <linux/types.h>

#include <naru/abi.h>

/* ---- the control word ---------------------------------------------------------------------- */

/*
 * 63..40 version, 39..16 tick of the last packet, 15..4 marks, 3..0 state. In one word, so that
 * "expire unless a packet came" and "note this packet unless the slot is another flow's by now"
 * are one compare-and-swap each.
 */
enum naru_slot_state {
	NARU_SLOT_EMPTY = 0,   /* free; the version is its last owner's */
	NARU_SLOT_CLAIMED = 1, /* an inserter writes it; nobody else may look into it */
	NARU_SLOT_TENT = 2,    /* tentative: seen by rivals, not by packets */
	NARU_SLOT_DEAD = 3,    /* was tentative, and a rival was stronger; its inserter frees it */
	NARU_SLOT_HELD = 4,    /* a BPF program removes it: it exists, and does not answer */
	NARU_SLOT_REAPED = 5,  /* narud removes it: likewise */
	NARU_SLOT_LIVE = 8,    /* answers */
	NARU_SLOT_DYING = 9,   /* answers, and will be removed unless a packet comes */
};

#define NARU_CTRL_STATE	      0x0full
#define NARU_CTRL_ANSWERS     0x08ull
#define NARU_CTRL_MARKS_SHIFT 4
#define NARU_CTRL_MARKS	      0xfff0ull /* of the flow; set and never cleared while it lives */
#define NARU_CTRL_SEEN_SHIFT  16
#define NARU_CTRL_SEEN_MAX    0xffffffu
#define NARU_CTRL_SEEN	      (0xffffffull << NARU_CTRL_SEEN_SHIFT)
#define NARU_CTRL_VERSION_ONE (1ull << 40)
#define NARU_CTRL_VERSION     (~0ull << 40)
/* Two readings that agree in this saw the same entry. */
#define NARU_CTRL_IDENTITY (NARU_CTRL_VERSION | NARU_CTRL_ANSWERS)

/* ---- size ---------------------------------------------------------------------------------- */

#define NARU_TABLE_WAYS	   4 /* slots of a bucket */
#define NARU_TABLE_CHOICES 8 /* buckets in which an entry may live */
#define NARU_TABLE_NO_SLOT 0xffffffffu

/* ---- slots --------------------------------------------------------------------------------- */

/* Marks of an entry: its NARU_F_*, and what else has to change with the control word or fits
 * nowhere else. */
#define NARU_MARK_FLAGS	     0x7f
#define NARU_MARK_SEEN	     0x80 /* by a packet; else the tick means nothing */
#define NARU_MARK_ROAD_SHIFT 8	  /* enum naru_road, two bits */

/*
 * What becomes of a packet: new addresses and ports, and check sum deltas as in struct naru_flow,
 * which these are the first bytes of. `way` alone changes while the entry lives, by
 * compare-and-swap: 15..0 next hop, key of `hops` or 0; 31..16 generation of nh_gen in which it was
 * looked up, 0: not at all; 51..32 id in `svc_name`; 52 nh_ask; 63..53 the version's lower
 * bits, so that nobody changes the way of a slot's next owner.
 */
struct naru_act4 {
	__u8 saddr[4];
	__u8 daddr[4];
	__u16 sport;
	__u16 dport;
	__u16 addr_delta;
	__u16 port_delta;
	__u64 way;
} __attribute__((aligned(8)));

struct naru_act6 {
	__u8 saddr[16];
	__u8 daddr[16];
	__u16 sport;
	__u16 dport;
	__u16 addr_delta;
	__u16 port_delta;
	__u64 way;
} __attribute__((aligned(8)));

#define NARU_WAY_GEN_SHIFT 16
#define NARU_WAY_SVC_SHIFT 32
#define NARU_WAY_SVC_MAX   0xfffffu
#define NARU_WAY_ASK	   (1ull << 52)
#define NARU_WAY_TAG	   (~0ull << 53)
/* Of a control word. */
#define NARU_WAY_TAG_OF(ctrl) ((ctrl) >> 40 << 53)

enum naru_hop_state {
	NARU_HOP_EMPTY = 0,
	NARU_HOP_CLAIMED = 1, /* is being written */
	NARU_HOP_READY = 2,   /* does not change any more */
	NARU_HOP_RETIRED = 3, /* for flows that have it; narud found none */
};

/* `hops`: next hops, shared by flows. 0 is none. */
struct naru_hop {
	__u32 state; /* enum naru_hop_state */
	struct naru_nexthop nh;
	__u8 pad[8];
};

struct naru_slot4 {
	__u64 ctrl;
	struct naru_flow4_key key; /* the tuple on the wire */
	struct naru_act4 act;
	__u32 peer;  /* slot of the other direction */
	__u32 home;  /* bucket */
	__u32 ep;    /* id in `endpoint` */
	__u32 spill; /* of the bucket, in its first slot */
};

struct naru_slot6 {
	__u64 ctrl;
	struct naru_flow6_key key;
	struct naru_act6 act;
	__u64 spare[2];
	__u32 peer;
	__u32 home;
	__u32 ep;
	__u32 spill;
};

struct naru_bucket4 {
	struct naru_slot4 slot[NARU_TABLE_WAYS];
};

struct naru_bucket6 {
	struct naru_slot6 slot[NARU_TABLE_WAYS];
};

_Static_assert(sizeof(struct naru_hop) == 32, "abi");
_Static_assert(sizeof(struct naru_act4) == 24, "abi");
_Static_assert(sizeof(struct naru_act6) == 48, "abi");
_Static_assert(sizeof(struct naru_slot4) == 64, "one cache line");
_Static_assert(sizeof(struct naru_slot6) == 128, "two cache lines");
