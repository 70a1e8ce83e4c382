/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow table of cache lines (<naru/table.h>), one family's, from narud's side: walked where it
 * is mapped, without system calls. Who owns a table calls table_sweep() every now and then, for a
 * slice at a time, so that the packet path keeps its caches. One sweep at a time over a table, in
 * whatever process.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <naru/table.h>

/* One direction of a flow: a slot (struct naru_slot4 or naru_slot6) that had this control word. */
struct table_half {
	const void *slot;
	uint64_t ctrl;
};

/* What becomes of entries is the owner's business. */
struct table_rules {
	/* Is the flow over? Both directions get one verdict. peer is NULL when the other one has
	 * gone. */
	bool (*is_over)(void *arg, const struct table_half *half, const struct table_half *peer);
	/* The entry does not answer any more, and its slot is about to be free. May be NULL. */
	void (*gone)(void *arg, const struct table_half *half);
	void *arg;
};

struct table {
	int family; /* 4 or 6 */
	struct naru_table_config size;
	uint32_t slots;
	struct table_rules rules;
	uint8_t *mem;
	size_t len;
	uint32_t cursor; /* of the sweep: the slot to be visited next */
};

/* What sweeps did since the caller zeroed it. */
struct table_sum {
	uint64_t met;	  /* entries that answer */
	uint64_t marked;  /* dying, and removed by the next sweep */
	uint64_t revived; /* a packet came in between */
	uint64_t removed; /* entries, not pairs */
	uint64_t cleaned; /* left behind by a sweep that was killed */
};

/* Where entries live. */
struct table_fill {
	uint32_t used;
	uint32_t home;
	uint32_t second; /* in the other main bucket */
	uint32_t stash;
};

/* The buckets for so many entries: three quarters of the slots are in use when all of them exist,
 * and new ones find room without fail. */
struct naru_table_config table_size(uint32_t entries);

/* Maps the array behind fd, which stays the caller's. 0 or -errno. */
int table_open(struct table *t, int family, int fd, const struct naru_table_config *size,
	       const struct table_rules *rules);
void table_close(struct table *t);

/*
 * Visits the next slots, and true at the end of the table, where it begins anew. Flows that are
 * over are marked, and removed by the next sweep unless a packet came: both directions, or none.
 */
bool table_sweep(struct table *t, uint32_t slots, struct table_sum *sum);

/* Removes all entries that match, at once, each for itself. Returns how many. */
uint32_t table_remove(struct table *t,
		      bool (*matches)(const void *arg, const struct table_half *half),
		      const void *arg);

/* Removes one entry, whatever packets did since its control word was read. False: it has gone. */
bool table_remove_one(struct table *t, uint32_t pos, uint64_t ctrl);
/* Removes both halves of a flow, or none: false when anything has happened to either since its
 * control word was read. */
bool table_remove_pair(struct table *t, uint32_t pos, uint64_t ctrl, uint32_t peer,
		       uint64_t peer_ctrl);

/* Frees a slot that a sweep left behind which was killed. */
bool table_clean(struct table *t, uint32_t pos);

/* Copies an entry that answers. False: there is none. */
bool table_read(const struct table *t, uint32_t pos, struct naru_slot6 *ret_slot);
/* The other direction's position, or NARU_TABLE_NO_SLOT; its control word. */
uint32_t table_peer(const struct table *t, uint32_t pos, uint64_t *ret_ctrl);

void table_fill(const struct table *t, struct table_fill *ret_fill);
