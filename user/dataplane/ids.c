/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The id table. sync.c takes and gives references, restore.c binds what the pinned maps say, the
 * sweep ends quarantines. Invariant: an id leaves the table only at the end of a sweep that began
 * after its last reference went and that met no flow with it.
 */
#include "dataplane/ids.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#include "base/hash.h"
#include "base/mem.h"

/*
 * A table begins with buckets for a good part of what it may hold: doubling 100,000 ids into place
 * costs as much as adding them. Memory of those that are never used is never touched.
 */
#undef HASH_INITIAL_NUM_BUCKETS
#undef HASH_INITIAL_NUM_BUCKETS_LOG2
#define HASH_INITIAL_NUM_BUCKETS_LOG2 (ids->log2_buckets)
#define HASH_INITIAL_NUM_BUCKETS      (1u << ids->log2_buckets)
#define IDS_A_BUCKET		      4u

struct item {
	UT_hash_handle hh;
	LIST_ENTRY(item) rest; /* while nobody holds it */
	uint32_t id;
	uint32_t refs;
	uint64_t released; /* number of sweeps begun when the last reference went */
	uint64_t seen;	   /* the last sweep that met it */
	size_t len;
	uint8_t key[];
};

struct ids {
	uint32_t max;
	uint32_t next; /* where the search for a free number goes on: late re-use */
	LIST_HEAD(, item) resting;
	size_t n_resting;
	uint64_t sweep;	       /* sweeps begun so far */
	unsigned log2_buckets; /* of by_key, at first */
	struct item *by_key;
	struct item **by_id;
};

struct ids *ids_new(uint32_t max)
{
	struct ids *ids = mem_new(sizeof(*ids));

	ids->max = max;
	ids->next = 1;
	while (IDS_A_BUCKET << ids->log2_buckets < max)
		ids->log2_buckets++;
	ids->by_id = mem_array((size_t)max + 1, sizeof(*ids->by_id));
	return ids;
}

static void lay_down(struct ids *ids, struct item *item)
{
	item->released = ids->sweep;
	LIST_INSERT_HEAD(&ids->resting, item, rest);
	ids->n_resting++;
}

static void wake(struct ids *ids, struct item *item)
{
	LIST_REMOVE(item, rest);
	ids->n_resting--;
}

static void drop(struct ids *ids, struct item *item)
{
	HASH_DEL(ids->by_key, item);
	ids->by_id[item->id] = NULL;
	free(item);
}

void ids_free(struct ids *ids)
{
	struct item *item, *tmp;

	if (!ids)
		return;
	HASH_ITER (hh, ids->by_key, item, tmp)
		drop(ids, item);
	free(ids->by_id);
	free(ids);
}

static unsigned hash_of(const void *key, size_t len)
{
	unsigned hash;

	HASH_VALUE(key, len, hash);
	return hash;
}

static struct item *find_by(const struct ids *ids, const void *key, size_t len, unsigned hash)
{
	struct item *item;

	HASH_FIND_BYHASHVALUE(hh, ids->by_key, key, len, hash, item);
	return item;
}

static struct item *find(const struct ids *ids, const void *key, size_t len)
{
	return find_by(ids, key, len, hash_of(key, len));
}

static struct item *enter(struct ids *ids, const void *key, size_t len, unsigned hash, uint32_t id)
{
	struct item *item = mem_new(sizeof(*item) + len);

	item->id = id;
	item->len = len;
	memcpy(item->key, key, len);
	HASH_ADD_BYHASHVALUE(hh, ids->by_key, key, len, hash, item);
	ids->by_id[id] = item;
	lay_down(ids, item);
	return item;
}

int ids_restore(struct ids *ids, const void *key, size_t len, uint32_t id)
{
	unsigned hash;

	if (!id || id > ids->max)
		return -ERANGE;
	hash = hash_of(key, len);
	if (ids->by_id[id] || find_by(ids, key, len, hash))
		return -EEXIST;
	enter(ids, key, len, hash, id);
	return 0;
}

static uint32_t free_number(struct ids *ids)
{
	for (uint32_t i = 0; i < ids->max; i++) {
		uint32_t id = ids->next;

		ids->next = id == ids->max ? 1 : id + 1;
		if (!ids->by_id[id])
			return id;
	}
	return 0;
}

int ids_get(struct ids *ids, const void *key, size_t len, uint32_t *ret_id)
{
	unsigned hash = hash_of(key, len);
	struct item *item = find_by(ids, key, len, hash);

	if (!item) {
		uint32_t id = HASH_COUNT(ids->by_key) < ids->max ? free_number(ids) : 0;

		if (!id)
			return -ENOSPC;
		item = enter(ids, key, len, hash, id);
	}
	if (!item->refs++)
		wake(ids, item);
	*ret_id = item->id;
	return 0;
}

int ids_hold(struct ids *ids, uint32_t id)
{
	struct item *item = id <= ids->max ? ids->by_id[id] : NULL;

	if (!item)
		return -ENOENT;
	if (!item->refs++)
		wake(ids, item);
	return 0;
}

void ids_put(struct ids *ids, uint32_t id)
{
	struct item *item = ids->by_id[id];

	assert(item && item->refs);
	if (!--item->refs)
		lay_down(ids, item);
}

uint32_t ids_find(const struct ids *ids, const void *key, size_t len)
{
	const struct item *item = find(ids, key, len);

	return item ? item->id : 0;
}

bool ids_is_held(const struct ids *ids, const void *key, size_t len)
{
	const struct item *item = find(ids, key, len);

	return item && item->refs;
}

size_t ids_used(const struct ids *ids)
{
	return HASH_COUNT(ids->by_key);
}

size_t ids_resting(const struct ids *ids)
{
	return ids->n_resting;
}

void ids_sweep_begin(struct ids *ids)
{
	ids->sweep++;
}

void ids_seen(struct ids *ids, uint32_t id)
{
	if (id && id <= ids->max && ids->by_id[id])
		ids->by_id[id]->seen = ids->sweep;
}

void ids_sweep_end(struct ids *ids, ids_freed_fn fn, void *arg)
{
	struct item *item, *next;

	for (item = LIST_FIRST(&ids->resting); item; item = next) {
		next = LIST_NEXT(item, rest);
		if (item->released >= ids->sweep || item->seen == ids->sweep)
			continue;
		if (!fn(arg, item->id))
			continue;
		wake(ids, item);
		drop(ids, item);
	}
}
