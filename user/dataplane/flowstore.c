/* SPDX-License-Identifier: Apache-2.0 */
/* Each call has a body for hash maps (hash_*) and one for tables (lines_*). */
#include "dataplane/flowstore.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "base/log.h"
#include "base/mem.h"
#include "dataplane/table.h"

#define BATCH 4096u
#define SLOTS 65536u /* of a table in one step, unless BATCH entries were met before */

struct flowstore {
	bool hash;
	uint32_t tick;
	/* Hash maps. */
	int fd[FLOW_FAMILIES];
	uint8_t *keys, *values;
	uint8_t *gone; /* keys to be removed with few system calls */
	size_t n_gone;
	int gone_family;
	/* Tables. */
	struct table table[FLOW_FAMILIES];
	struct naru_hop *hops;
	bool hop_met[NARU_HOPS_MAX];
	uint32_t hop_retired[NARU_HOPS_MAX]; /* since when */
};

#define HOP_GRACE 10 /* ticks for which what has retired may still be on its way into a flow */
#define HOPS_SIZE (NARU_HOPS_MAX * sizeof(struct naru_hop))

/* ---- life ---- */

static int open_lines(struct flowstore *s, const struct maps *maps,
		      const struct naru_table_config *size)
{
	const struct table_rules rules = { 0 };
	int r = table_open(&s->table[FLOW_V4], 4, maps->table4, size, &rules);

	if (!r)
		r = table_open(&s->table[FLOW_V6], 6, maps->table6, size, &rules);
	if (r)
		return log_err(r, "map the tables of flows");
	s->hops = mmap(NULL, HOPS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, maps->hops, 0);
	if (s->hops != MAP_FAILED)
		return 0;
	s->hops = NULL;
	return log_err(-errno, "map the next hops");
}

int flowstore_open(const struct maps *maps, const struct naru_config *config,
		   struct flowstore **ret_store)
{
	struct flowstore *s = mem_new(sizeof(*s));
	int r;

	s->hash = config->flow_hash;
	s->fd[FLOW_V4] = maps->flow4;
	s->fd[FLOW_V6] = maps->flow6;
	r = s->hash ? 0 : open_lines(s, maps, &config->table);
	if (r) {
		flowstore_close(s);
		return r;
	}
	if (s->hash) {
		s->keys = mem_array(BATCH, FLOW_KEY_SIZE);
		s->values = mem_array(BATCH, FLOW_VALUE_SIZE);
		s->gone = mem_array(BATCH, FLOW_KEY_SIZE);
	}
	*ret_store = s;
	return 0;
}

void flowstore_close(struct flowstore *s)
{
	if (!s)
		return;
	for (int i = 0; i < FLOW_FAMILIES; i++)
		table_close(&s->table[i]);
	if (s->hops)
		munmap(s->hops, HOPS_SIZE);
	free(s->keys);
	free(s->values);
	free(s->gone);
	free(s);
}

/* ---- hash maps ---- */

static int hash_walk(struct flowstore *s, struct flowstore_cursor *cursor, flowstore_fn fn,
		     void *arg)
{
	const struct flow_family *family = &flow_families[cursor->family];
	uint32_t n = BATCH, next = 0;
	int r = bpf_map_lookup_batch(s->fd[cursor->family], cursor->started ? &cursor->at : NULL,
				     &next, s->keys, s->values, &n, NULL);

	if (r && r != -ENOENT)
		return r;
	for (uint32_t i = 0; i < n; i++) {
		struct flow_entry entry = { .family = cursor->family,
					    .key = s->keys + i * family->key_size,
					    .value = s->values + i * family->value_size };

		fn(arg, &entry);
	}
	flowstore_flush(s);
	cursor->at = next;
	cursor->started = !r;
	return r;
}

static int hash_peer(struct flowstore *s, const struct flow_entry *entry,
		     struct flow_copy *ret_peer)
{
	flow_peer_key(&flow_families[entry->family], entry->key, entry->value, ret_peer->key);
	return bpf_map_lookup_elem(s->fd[entry->family], ret_peer->key, ret_peer->value);
}

/* A key that is gone ends a batch; the rest goes on behind it. */
static void hash_delete_keys(int fd, const uint8_t *keys, size_t key_size, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t some = (uint32_t)(n - i);

		if (!bpf_map_delete_batch(fd, keys + i * key_size, &some, NULL))
			return;
		i += some;
	}
}

/* ---- tables ---- */

/* What an entry is, in the hash map's terms. */
static void lines_decode(const struct flowstore *s, const struct naru_slot6 *slot, int n,
			 struct flow_copy *copy)
{
	const struct naru_slot4 *slot4 = (const void *)slot;
	const struct flow_family *family = &flow_families[n];
	uint64_t ctrl = slot->ctrl, marks = (ctrl & NARU_CTRL_MARKS) >> NARU_CTRL_MARKS_SHIFT;
	uint64_t way = n == FLOW_V4 ? slot4->act.way : slot->act.way;
	struct naru_flow *f = (void *)(copy->value + 2 * family->addr_len);
	uint32_t idle = (s->tick - (uint32_t)(ctrl >> NARU_CTRL_SEEN_SHIFT)) & NARU_CTRL_SEEN_MAX;

	memset(copy, 0, sizeof(*copy));
	memcpy(copy->key, n == FLOW_V4 ? (const void *)&slot4->key : &slot->key, family->key_size);
	memcpy(copy->value, n == FLOW_V4 ? (const void *)&slot4->act : &slot->act,
	       2 * (size_t)family->addr_len + 4 * sizeof(uint16_t));
	f->flags = marks & NARU_MARK_FLAGS;
	f->road = (enum naru_road)(marks >> NARU_MARK_ROAD_SHIFT & 3);
	f->svc = way >> NARU_WAY_SVC_SHIFT & NARU_WAY_SVC_MAX;
	f->ep = n == FLOW_V4 ? slot4->ep : slot->ep;
	/* Ticks may differ by one between CPUs, and 0 has a meaning. */
	if (marks & NARU_MARK_SEEN)
		f->seen = s->tick - (idle > NARU_CTRL_SEEN_MAX / 2 ? 0 : idle);
	if (marks & NARU_MARK_SEEN && !f->seen)
		f->seen = 1;
}

/* Positions of the copy are set by the caller. */
static bool lines_read(const struct flowstore *s, int family, uint32_t pos, struct flow_copy *copy,
		       uint32_t *ret_hop)
{
	struct naru_slot6 slot;

	bool found = false;

	/* Once more when the slot was given to another flow meanwhile. */
	for (int i = 0; i < 2 && !found; i++)
		found = table_read(&s->table[family], pos, &slot);
	if (!found)
		return false;
	lines_decode(s, &slot, family, copy);
	copy->entry = (struct flow_entry){ .family = family,
					   .key = copy->key,
					   .value = copy->value,
					   .pos = pos,
					   .ctrl = slot.ctrl };
	*ret_hop = (family == FLOW_V4 ? ((const struct naru_slot4 *)(const void *)&slot)->act.way
				      : slot.act.way) &
		   0xffff;
	return true;
}

static int lines_walk(struct flowstore *s, struct flowstore_cursor *cursor, flowstore_fn fn,
		      void *arg)
{
	struct table *t = &s->table[cursor->family];
	uint32_t pos = cursor->started ? cursor->at : 0, end = t->slots, met = 0, hop;
	struct flow_copy copy;

	if (end - pos > SLOTS)
		end = pos + SLOTS;
	for (; pos < end && met < BATCH; pos++) {
		table_clean(t, pos);
		if (!lines_read(s, cursor->family, pos, &copy, &hop))
			continue;
		s->hop_met[hop & (NARU_HOPS_MAX - 1)] = true;
		met++;
		fn(arg, &copy.entry);
	}
	cursor->at = pos;
	cursor->started = pos < t->slots;
	return cursor->started ? 0 : -ENOENT;
}

static int lines_peer(struct flowstore *s, const struct flow_entry *entry,
		      struct flow_copy *ret_peer)
{
	uint64_t ctrl;
	uint32_t pos = table_peer(&s->table[entry->family], entry->pos, &ctrl), hop;

	if (pos == NARU_TABLE_NO_SLOT || !lines_read(s, entry->family, pos, ret_peer, &hop))
		return -ENOENT;
	return 0;
}

/* A next hop retires when no flow has it, and is free some time and a walk later. */
static void judge_hop(struct flowstore *s, uint32_t i)
{
	uint32_t is = __atomic_load_n(&s->hops[i].state, __ATOMIC_ACQUIRE), next = is;

	if (is == NARU_HOP_READY && !s->hop_met[i]) {
		next = NARU_HOP_RETIRED;
		s->hop_retired[i] = s->tick;
	} else if (is == NARU_HOP_RETIRED && s->hop_met[i]) {
		next = NARU_HOP_READY;
	} else if (is == NARU_HOP_RETIRED && s->tick - s->hop_retired[i] > HOP_GRACE) {
		next = NARU_HOP_EMPTY;
	}
	if (is != next)
		__atomic_store_n(&s->hops[i].state, next, __ATOMIC_SEQ_CST);
}

/* ---- either ---- */

int flowstore_walk(struct flowstore *s, struct flowstore_cursor *cursor, uint32_t tick,
		   flowstore_fn fn, void *arg)
{
	assert(cursor->family >= 0 && cursor->family < FLOW_FAMILIES);
	s->tick = tick;
	return s->hash ? hash_walk(s, cursor, fn, arg) : lines_walk(s, cursor, fn, arg);
}

int flowstore_peer(struct flowstore *s, const struct flow_entry *entry, struct flow_copy *ret_peer)
{
	int r = s->hash ? hash_peer(s, entry, ret_peer) : lines_peer(s, entry, ret_peer);

	if (r || !s->hash)
		return r;
	ret_peer->entry = (struct flow_entry){ .family = entry->family,
					       .key = ret_peer->key,
					       .value = ret_peer->value };
	return 0;
}

void flowstore_copy(const struct flow_entry *entry, struct flow_copy *ret_copy)
{
	const struct flow_family *family = &flow_families[entry->family];

	ret_copy->entry = *entry;
	memcpy(ret_copy->key, entry->key, family->key_size);
	memcpy(ret_copy->value, entry->value, family->value_size);
	ret_copy->entry.key = ret_copy->key;
	ret_copy->entry.value = ret_copy->value;
}

bool flowstore_has(struct flowstore *s, const struct flow_copy *copy)
{
	const struct flow_entry *entry = &copy->entry;
	uint8_t value[FLOW_VALUE_SIZE];
	struct naru_slot6 slot;

	if (s->hash)
		return !bpf_map_lookup_elem(s->fd[entry->family], copy->key, value);
	return table_read(&s->table[entry->family], entry->pos, &slot) &&
	       !((slot.ctrl ^ entry->ctrl) & NARU_CTRL_IDENTITY);
}

void flowstore_remove(struct flowstore *s, const struct flow_entry *entry)
{
	if (s->hash)
		bpf_map_delete_elem(s->fd[entry->family], entry->key);
	else
		table_remove_one(&s->table[entry->family], entry->pos, entry->ctrl);
}

void flowstore_expire(struct flowstore *s, const struct flow_entry *entry,
		      const struct flow_copy *peer)
{
	if (!s->hash && peer) {
		table_remove_pair(&s->table[entry->family], entry->pos, entry->ctrl,
				  peer->entry.pos, peer->entry.ctrl);
		return;
	}
	flowstore_remove(s, entry);
	if (peer)
		flowstore_remove(s, &peer->entry);
}

void flowstore_discard(struct flowstore *s, const struct flow_entry *entry)
{
	size_t size = flow_families[entry->family].key_size;

	if (!s->hash) {
		flowstore_remove(s, entry);
		return;
	}
	if (s->n_gone == BATCH || s->gone_family != entry->family)
		flowstore_flush(s);
	s->gone_family = entry->family;
	memcpy(s->gone + s->n_gone++ * size, entry->key, size);
}

void flowstore_flush(struct flowstore *s)
{
	if (s->n_gone)
		hash_delete_keys(s->fd[s->gone_family], s->gone,
				 flow_families[s->gone_family].key_size, s->n_gone);
	s->n_gone = 0;
}

void flowstore_begin(struct flowstore *s)
{
	memset(s->hop_met, 0, sizeof(s->hop_met));
}

void flowstore_end(struct flowstore *s)
{
	for (uint32_t i = 1; !s->hash && i < NARU_HOPS_MAX; i++)
		judge_hop(s, i);
}
