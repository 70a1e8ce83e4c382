// SPDX-License-Identifier: Apache-2.0
/*
 * Free addresses. Invariant: what is found depends on what others have and on the owner's own name,
 * never on the order in which objects came. allocate.c calls it.
 */
#include "allocate/seek.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "allocate/holders.h"
#include "allocate/rights.h"
#include "base/mem.h"

/* Of a long range the first addresses are taken first, since they are short. */
#define WINDOW 65536

static uint64_t hash_of(const struct owner *owner)
{
	uint64_t hash = XXH64(owner->object->namespace, strlen(owner->object->namespace), 0);

	return XXH64(owner->object->name, strlen(owner->object->name), hash);
}

/* A free address of a range, the owner's own one first. */
static bool find_free(const struct run *run, const struct pools_range *range,
		      const struct owner *owner, struct addr *ret_addr)
{
	pools_number size = range->last - range->first + 1;
	pools_number start = hash_of(owner) % (size < WINDOW ? size : WINDOW);

	if (range->used >= size)
		return false;
	for (pools_number i = 0; i <= range->used; i++) {
		struct addr addr = pools_from_number(range->first + (start + i) % size);

		if (places_is_free(&run->places, &addr)) {
			*ret_addr = addr;
			return true;
		}
	}
	return false;
}

static bool find_in_pool(const struct run *run, size_t index, const struct owner *owner,
			 size_t family, struct addr *ret_addr)
{
	const struct address_pool *pool = run->pools->items[index].pool;

	for (size_t i = 0; i < pool->n_ranges; i++)
		if (pools_family(&pool->ranges[i].first) == family &&
		    find_free(run, pools_find(run->pools, &pool->ranges[i].first), owner, ret_addr))
			return true;
	return false;
}

static int key_compare(const struct owner *a, const struct owner *b)
{
	int order = strcmp(a->object->namespace, b->object->namespace);

	return order ? order : strcmp(a->key, b->key);
}

static int key_rank(const void *pa, const void *pb, void *arg)
{
	const struct run *run = arg;
	size_t a = *(const size_t *)pa, b = *(const size_t *)pb;
	int order = key_compare(&run->owners.items[a], &run->owners.items[b]);

	return order ? order : (a > b) - (a < b);
}

void seek_index(struct run *run)
{
	run->by_key = mem_array(run->owners.n, sizeof(*run->by_key));
	for (size_t i = 0; i < run->owners.n; i++)
		if (!run->owners.items[i].unasked && *run->owners.items[i].key)
			run->by_key[run->n_by_key++] = i;
	if (run->n_by_key)
		qsort_r(run->by_key, run->n_by_key, sizeof(*run->by_key), key_rank, run);
}

static size_t first_of_key(const struct run *run, const struct owner *owner)
{
	size_t low = 0, high = run->n_by_key;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (key_compare(&run->owners.items[run->by_key[middle]], owner) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* An address that another one of the same key has and that can be shared. */
static bool find_shared(const struct run *run, const struct owner *owner, size_t family,
			struct addr *ret_addr)
{
	size_t i = *owner->key ? first_of_key(run, owner) : run->n_by_key;

	for (; i < run->n_by_key; i++) {
		const struct owner *other = &run->owners.items[run->by_key[i]], *rival;
		const struct pools_range *range;

		if (key_compare(other, owner))
			break;
		range = other->has[family] ? pools_find(run->pools, &other->addr[family]) : NULL;
		if (other == owner || !range || !rights_may_use(run, range->pool, owner, true))
			continue;
		if (holders_check(run, owner, places_find(&run->places, &other->addr[family]),
				  &rival) == ALLOCATE_ASSIGNED) {
			*ret_addr = other->addr[family];
			return true;
		}
	}
	return false;
}

static bool pool_has_family(const struct address_pool *pool, size_t family)
{
	for (size_t i = 0; i < pool->n_ranges; i++)
		if (pools_family(&pool->ranges[i].first) == family)
			return true;
	return false;
}

enum allocate_reason seek(const struct run *run, const struct owner *owner, size_t family,
			  struct addr *ret_addr)
{
	enum allocate_reason reason = ALLOCATE_NO_POOL;

	if (find_shared(run, owner, family, ret_addr))
		return ALLOCATE_ASSIGNED;
	for (size_t i = 0; i < run->pools->n; i++) {
		if (!rights_may_use(run, i, owner, *owner->pool) ||
		    !pool_has_family(run->pools->items[i].pool, family))
			continue;
		if (find_in_pool(run, i, owner, family, ret_addr))
			return ALLOCATE_ASSIGNED;
		reason = ALLOCATE_EXHAUSTED;
	}
	return reason;
}
