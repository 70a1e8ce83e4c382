/* SPDX-License-Identifier: Apache-2.0 */
/* What narud does not do to flows, it does to the maps themselves. */
#include "flows.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/mem.h"
#include "dataplane/table.h"

static struct flowstore *store;
static struct maps maps;
static struct naru_config config;
static struct table table4, table6;
static uint32_t free_slot; /* where flows_put() looks next */

static int number(int family)
{
	return family == AF_INET ? FLOW_V4 : FLOW_V6;
}

bool flows_in_hash(void)
{
	const char *table = getenv("NARU_FLOW_TABLE");

	return table && !strcmp(table, "hash");
}

void flows_open(const struct maps *from, const struct naru_config *settings)
{
	const struct table_rules rules = { 0 };

	flows_close();
	maps = *from;
	config = *settings;
	free_slot = 0;
	assert_int_equal(flowstore_open(&maps, &config, &store), 0);
	if (config.flow_hash)
		return;
	assert_int_equal(table_open(&table4, 4, maps.table4, &config.table, &rules), 0);
	assert_int_equal(table_open(&table6, 6, maps.table6, &config.table, &rules), 0);
}

void flows_close(void)
{
	flowstore_close(store);
	store = NULL;
	table_close(&table4);
	table_close(&table6);
}

/* ---- all of them ---- */

struct gathered {
	struct flow_copy *copies;
	size_t n, max;
};

static void gather(void *arg, const struct flow_entry *entry)
{
	struct gathered *g = arg;

	if (g->n < g->max)
		flowstore_copy(entry, &g->copies[g->n]);
	g->n++;
}

static size_t walk(int family, uint32_t now, struct flow_copy *copies, size_t max)
{
	struct flowstore_cursor cursor = { .family = number(family) };
	struct gathered g = { .copies = copies, .max = max };
	int r;

	do
		r = flowstore_walk(store, &cursor, now, gather, &g);
	while (!r);
	assert_int_equal(r, -ENOENT);
	return g.n;
}

size_t flows_all(int family, uint32_t now, struct flow_copy *ret_copies, size_t max)
{
	size_t n = walk(family, now, ret_copies, max);

	return n < max ? n : max;
}

size_t flows_count(int family)
{
	return walk(family, 0, NULL, 0);
}

/* In turns: a walk over a hash map may miss entries. */
static size_t clear(int family)
{
	size_t n = flows_count(family);

	for (size_t left = n; left; left = flows_count(family)) {
		struct flow_copy *copies = mem_array(left, sizeof(*copies));
		size_t found = flows_all(family, 0, copies, left);

		for (size_t i = 0; i < found; i++)
			flowstore_remove(store, &copies[i].entry);
		free(copies);
	}
	return n;
}

size_t flows_clear(void)
{
	return clear(AF_INET) + clear(AF_INET6);
}

void flows_remove(const struct flow_copy *copy)
{
	flowstore_remove(store, &copy->entry);
}

/* ---- one of them ---- */

bool flows_find(int family, const void *key, uint32_t now, struct flow_copy *ret_copy)
{
	size_t n = flows_count(family), size = flow_families[number(family)].key_size;
	struct flow_copy *copies = mem_array(n + 1, sizeof(*copies));
	bool found = false;

	n = flows_all(family, now, copies, n);
	for (size_t i = 0; i < n && !found; i++) {
		found = !memcmp(copies[i].key, key, size);
		if (found)
			flowstore_copy(&copies[i].entry, ret_copy);
	}
	free(copies);
	return found;
}

static void age_line(struct table *t, uint32_t pos, uint32_t ticks)
{
	size_t size = t->family == 4 ? sizeof(struct naru_slot4) : sizeof(struct naru_slot6);
	uint64_t *ctrl = (uint64_t *)(void *)(t->mem + pos * size);
	uint32_t seen = (uint32_t)(*ctrl >> NARU_CTRL_SEEN_SHIFT) - ticks;

	*ctrl = (*ctrl & ~NARU_CTRL_SEEN) |
		((uint64_t)seen << NARU_CTRL_SEEN_SHIFT & NARU_CTRL_SEEN);
}

/* Keys first: an update moves an entry to the front of its bucket, so a walk would not end. */
void flows_age(int family, uint32_t ticks)
{
	size_t n = flows_count(family);
	struct flow_copy *copies = mem_array(n + 1, sizeof(*copies));
	int fd = family == AF_INET ? maps.flow4 : maps.flow6;

	n = flows_all(family, 0, copies, n);
	for (size_t i = 0; i < n; i++) {
		struct naru_flow *f =
			(struct naru_flow *)(void *)flow_tail(&flow_families[number(family)],
							      copies[i].value);

		if (!config.flow_hash) {
			age_line(family == AF_INET ? &table4 : &table6, copies[i].entry.pos, ticks);
			continue;
		}
		if (f->seen)
			f->seen -= ticks;
		assert_int_equal(bpf_map_update_elem(fd, copies[i].key, copies[i].value, BPF_EXIST),
				 0);
	}
	free(copies);
}

static struct naru_slot4 *next_free(uint32_t *ret_pos)
{
	struct naru_slot4 *slots = (struct naru_slot4 *)(void *)table4.mem;

	for (uint32_t i = 0; i < table4.slots; i++) {
		*ret_pos = free_slot++ % table4.slots;
		if (!(slots[*ret_pos].ctrl & NARU_CTRL_STATE))
			return &slots[*ret_pos];
	}
	fail_msg("the table is full");
	return NULL;
}

/* At any place: nobody looks these up by their keys. */
static void put_line(const struct naru_flow4_key *key, const struct naru_flow4 *value,
		     struct naru_slot4 *slot, uint32_t pos, uint32_t peer)
{
	uint64_t marks = value->f.flags | (value->f.seen ? NARU_MARK_SEEN : 0) |
			 (uint64_t)value->f.road << NARU_MARK_ROAD_SHIFT;

	slot->key = *key;
	memcpy(&slot->act, value, offsetof(struct naru_act4, way));
	slot->act.way = (uint64_t)value->f.svc << NARU_WAY_SVC_SHIFT;
	slot->peer = peer;
	slot->home = pos / NARU_TABLE_WAYS;
	slot->ep = value->f.ep;
	slot->ctrl = marks << NARU_CTRL_MARKS_SHIFT |
		     ((uint64_t)value->f.seen << NARU_CTRL_SEEN_SHIFT & NARU_CTRL_SEEN) |
		     NARU_SLOT_LIVE;
}

void flows_put(const struct naru_flow4_key *fwd_key, const struct naru_flow4 *fwd,
	       const struct naru_flow4_key *rev_key, const struct naru_flow4 *rev)
{
	uint32_t fwd_pos = NARU_TABLE_NO_SLOT, rev_pos = NARU_TABLE_NO_SLOT;
	struct naru_slot4 *fwd_slot, *rev_slot;

	if (config.flow_hash) {
		assert_true(!rev || !bpf_map_update_elem(maps.flow4, rev_key, rev, BPF_NOEXIST));
		assert_true(!fwd || !bpf_map_update_elem(maps.flow4, fwd_key, fwd, BPF_NOEXIST));
		return;
	}
	fwd_slot = fwd ? next_free(&fwd_pos) : NULL;
	rev_slot = rev ? next_free(&rev_pos) : NULL;
	if (rev)
		put_line(rev_key, rev, rev_slot, rev_pos, fwd_pos);
	if (fwd)
		put_line(fwd_key, fwd, fwd_slot, fwd_pos, rev_pos);
}
