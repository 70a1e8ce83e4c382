// SPDX-License-Identifier: Apache-2.0
/*
 * Free addresses. Invariant: what is found depends on what others have and on the owner's own name,
 * never on the order in which objects came. allocate.c calls it.
 */
#include "allocate/seek.h"

#include <string.h>
#include <xxhash.h>

#include "allocate/holders.h"
#include "allocate/rights.h"
#include "allocate/sharing.h"

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

/* An address that another one of the same key has and that can be shared. */
static bool find_shared(const struct run *run, const struct owner *owner, size_t family,
			struct addr *ret_addr)
{
	const struct sharing_addrs *addrs = sharing_get(run, owner, family);

	for (size_t i = 0; addrs && i < addrs->n; i++) {
		const struct pools_range *range = pools_find(run->pools, &addrs->items[i]);
		const struct owner *rival;

		if (!range || !rights_may_use(run, range->pool, owner, true))
			continue;
		if (holders_check(run, owner, places_find(&run->places, &addrs->items[i]),
				  &rival) == ALLOCATE_ASSIGNED) {
			*ret_addr = addrs->items[i];
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
	if (sharing_is_full(run, owner, family))
		return ALLOCATE_SHARING_LIMIT;
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
