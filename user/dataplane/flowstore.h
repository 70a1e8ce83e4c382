/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where flows are kept, by either body of bpf/lib/flow.h: tables of cache lines or hash maps. The
 * sweep and listings walk it a slice at a time and see entries as keys and values
 * (dataplane/flow.h), whatever it is. The kernel changes it meanwhile.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <naru/abi.h>

#include "dataplane/flow.h"
#include "dataplane/maps.h"

/* An entry as it was when it was read. */
struct flow_entry {
	int family; /* FLOW_V4 or FLOW_V6 */
	const void *key;
	const void *value;
	/* Of the table. */
	uint32_t pos;
	uint64_t ctrl;
};

/* One that lasts. */
struct flow_copy {
	struct flow_entry entry;
	uint8_t key[FLOW_KEY_SIZE] __attribute__((aligned(8)));
	uint8_t value[FLOW_VALUE_SIZE] __attribute__((aligned(8)));
};

/* Zeroed: the beginning of the first family. */
struct flowstore_cursor {
	int family;
	bool started;
	uint32_t at;
};

struct flowstore;

typedef void (*flowstore_fn)(void *arg, const struct flow_entry *entry);

/* The maps' descriptors are borrowed. 0 or -errno. */
int flowstore_open(const struct maps *maps, const struct naru_config *config,
		   struct flowstore **ret_store);
void flowstore_close(struct flowstore *store);

/* Calls fn for the next entries, some thousand at most, until it is told that ticks are at `tick`.
 * 0; -ENOENT: that was the end of cursor->family, which is for the caller to move on; -errno. */
int flowstore_walk(struct flowstore *store, struct flowstore_cursor *cursor, uint32_t tick,
		   flowstore_fn fn, void *arg);

/* The other direction of a flow: 0, -ENOENT or -errno. */
int flowstore_peer(struct flowstore *store, const struct flow_entry *entry,
		   struct flow_copy *ret_peer);
void flowstore_copy(const struct flow_entry *entry, struct flow_copy *ret_copy);
/* True while the entry of a copy is there. */
bool flowstore_has(struct flowstore *store, const struct flow_copy *copy);

/* Removes an entry at once. */
void flowstore_remove(struct flowstore *store, const struct flow_entry *entry);
/* Removes a flow that is over, `entry` first; the table keeps one that a packet has used since. */
void flowstore_expire(struct flowstore *store, const struct flow_entry *entry,
		      const struct flow_copy *peer);
/* Removes an entry no later than with the next call of flowstore_flush(). */
void flowstore_discard(struct flowstore *store, const struct flow_entry *entry);
void flowstore_flush(struct flowstore *store);

/* Round a walk over everything: next hops that no flow has had twice in a row are free again. */
void flowstore_begin(struct flowstore *store);
void flowstore_end(struct flowstore *store);
