/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments: only the first has ports, so it leaves them for those that follow. First fragments
 * are treated as plain packets; a later one takes the entry of its flow, but neither makes nor
 * refreshes one. One that overtakes the first, or whose first was forgotten, passes untouched and
 * is counted. TC only: XDP leaves every fragment to it.
 */
#pragma once
#include "flow.h"
#include "pkt_rare.h"

/* Ticks (seconds) that a receiver waits for the rest of a packet (RFC 8200, 4.5; Linux: 30). */
#define FRAG_WAIT 60
/* Packets in pieces that are remembered, of each family. */
#define FRAG_MAX 8192

struct frag4_key {
	__u32 saddr;
	__u32 daddr;
	__u32 id;
	__u32 proto;
};

struct frag6_key {
	__u32 saddr[4];
	__u32 daddr[4];
	__u32 id;
};

struct frag {
	__u16 sport;
	__u16 dport;
	__u32 seen; /* tick */
	__u32 proto;
};

/* Not pinned: of the programs of one object, and what is lost with it are packets on their way. */
#define FRAG_MAP(map, k)                                                                           \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_LRU_HASH);                                               \
		__type(key, struct k);                                                             \
		__type(value, struct frag);                                                        \
		__uint(max_entries, FRAG_MAX);                                                     \
	} map SEC(".maps")

FRAG_MAP(frag4, frag4_key);
FRAG_MAP(frag6, frag6_key);

static __always_inline void frag_key4(struct frag4_key *key, const struct pkt *p, __u32 id)
{
	key->saddr = p->t.saddr[0];
	key->daddr = p->t.daddr[0];
	key->id = id;
	key->proto = p->t.proto;
}

static __always_inline void frag_key6(struct frag6_key *key, const struct pkt *p, __u32 id)
{
	__builtin_memcpy(key->saddr, p->t.saddr, 16);
	__builtin_memcpy(key->daddr, p->t.daddr, 16);
	key->id = id;
}

/* Remembers the ports of a first fragment. */
static __always_inline void frag_note(const struct pkt *p, __u32 id, const int af)
{
	struct frag value = {
		.sport = p->t.sport, .dport = p->t.dport, .proto = p->t.proto, .seen = now_tick()
	};

	if (cfg.dry_run)
		return;
	if (af == AF_INET) {
		struct frag4_key key = {};

		frag_key4(&key, p, id);
		bpf_map_update_elem(&frag4, &key, &value, BPF_ANY);
	} else {
		struct frag6_key key = {};

		frag_key6(&key, p, id);
		bpf_map_update_elem(&frag6, &key, &value, BPF_ANY);
	}
}

/* Fills the ports and the protocol of a later fragment. Returns 0, or -1 when they are unknown. */
static __always_inline int frag_recall(struct pkt *p, __u32 id, const int af)
{
	const struct frag *value;

	if (af == AF_INET) {
		struct frag4_key key = {};

		frag_key4(&key, p, id);
		value = bpf_map_lookup_elem(&frag4, &key);
	} else {
		struct frag6_key key = {};

		frag_key6(&key, p, id);
		value = bpf_map_lookup_elem(&frag6, &key);
	}
	if (!value || now_tick() - value->seen > FRAG_WAIT)
		return -1;
	p->t.sport = value->sport;
	p->t.dport = value->dport;
	p->t.proto = value->proto;
	return 0;
}
