// SPDX-License-Identifier: Apache-2.0
/*
 * Ranges of all pools that give lie in one sorted array without overlaps, so that an address finds
 * its pool by bisection. allocate.c and compile/ ask.
 */
#include "allocate/pools.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

size_t pools_family(const struct addr *addr)
{
	return addr_family(addr) == 4 ? 0 : 1;
}

pools_number pools_to_number(const struct addr *addr)
{
	pools_number number = 0;

	for (size_t i = 0; i < sizeof(addr->byte); i++)
		number = number << 8 | addr->byte[i];
	return number;
}

struct addr pools_from_number(pools_number number)
{
	struct addr addr;

	for (size_t i = sizeof(addr.byte); i-- > 0; number >>= 8)
		addr.byte[i] = (uint8_t)number;
	return addr;
}

/* ---- who is first --------------------------------------------------------------------------- */

/* The older one first; of unknown age is the newest. */
static int age_rank(const void *pa, const void *pb)
{
	const struct pools_item *a = *(const struct pools_item *const *)pa;
	const struct pools_item *b = *(const struct pools_item *const *)pb;
	uint64_t x = (uint64_t)a->pool->created - 1, y = (uint64_t)b->pool->created - 1;

	if (x != y)
		return x < y ? -1 : 1;
	return strcmp(a->pool->object.name, b->pool->object.name);
}

/* The first range that does not end before the number. */
static size_t find_place(const struct pools *pools, pools_number number)
{
	size_t low = 0, high = pools->n_ranges;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pools->ranges[middle].last < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct address_pool *find_rival(const struct pools *pools,
					     const struct address_pool *pool)
{
	for (size_t i = 0; i < pool->n_ranges; i++) {
		size_t at = find_place(pools, pools_to_number(&pool->ranges[i].first));

		if (at < pools->n_ranges &&
		    pools->ranges[at].first <= pools_to_number(&pool->ranges[i].last))
			return pools->items[pools->ranges[at].pool].pool;
	}
	return NULL;
}

static void add_ranges(struct pools *pools, size_t index)
{
	const struct address_pool *pool = pools->items[index].pool;

	for (size_t i = 0; i < pool->n_ranges; i++) {
		const struct pools_range range = {
			.first = pools_to_number(&pool->ranges[i].first),
			.last = pools_to_number(&pool->ranges[i].last),
			.pool = index,
		};
		size_t at = find_place(pools, range.first);

		memmove(&pools->ranges[at + 1], &pools->ranges[at],
			(pools->n_ranges++ - at) * sizeof(range));
		pools->ranges[at] = range;
	}
}

/* ---- the index ------------------------------------------------------------------------------ */

static void count_total(struct pools_item *item)
{
	for (size_t i = 0; i < item->pool->n_ranges; i++) {
		const struct address_range *range = &item->pool->ranges[i];
		uint64_t *total = &item->total[pools_family(&range->first)];
		pools_number sum =
			pools_to_number(&range->last) - pools_to_number(&range->first) + 1 + *total;

		*total = sum > INT64_MAX ? INT64_MAX : (uint64_t)sum;
	}
}

static void settle(struct pools *pools, const struct pools_item **order)
{
	qsort(order, pools->n, sizeof(struct pools_item *), age_rank);
	for (size_t i = 0; i < pools->n; i++) {
		size_t index = (size_t)(order[i] - pools->items);

		pools->items[index].rival = find_rival(pools, pools->items[index].pool);
		if (!pools->items[index].rival)
			add_ranges(pools, index);
	}
}

void pools_init(struct pools *pools, struct model *model)
{
	_cleanup_(mem_freep) const struct pools_item **order = NULL;
	const struct object *const *objects;
	size_t n = model_list(model, OBJECT_ADDRESS_POOL, &objects), n_ranges = 0;

	*pools = (struct pools){ .items = mem_array(n, sizeof(*pools->items)), .n = n };
	order = mem_array(n, sizeof(struct pools_item *));
	for (size_t i = 0; i < n; i++) {
		pools->items[i].pool = (const struct address_pool *)objects[i];
		count_total(&pools->items[i]);
		n_ranges += pools->items[i].pool->n_ranges;
		order[i] = &pools->items[i];
	}
	pools->ranges = mem_array(n_ranges, sizeof(*pools->ranges));
	if (n)
		settle(pools, order);
}

void pools_fini(struct pools *pools)
{
	free(pools->items);
	free(pools->ranges);
}

struct pools_range *pools_find(const struct pools *pools, const struct addr *addr)
{
	pools_number number = pools_to_number(addr);
	size_t at = find_place(pools, number);

	return at < pools->n_ranges && pools->ranges[at].first <= number ? &pools->ranges[at]
									 : NULL;
}

static bool has(const struct address_pool *pool, const struct addr *addr)
{
	for (size_t i = 0; i < pool->n_ranges; i++)
		if (addr_compare(&pool->ranges[i].first, addr) <= 0 &&
		    addr_compare(addr, &pool->ranges[i].last) <= 0)
			return true;
	return false;
}

const struct pools_item *pools_owner(const struct pools *pools, const struct addr *addr)
{
	const struct pools_range *range = pools_find(pools, addr);

	if (range)
		return &pools->items[range->pool];
	for (size_t i = 0; i < pools->n; i++)
		if (pools->items[i].rival && has(pools->items[i].pool, addr))
			return &pools->items[i];
	return NULL;
}

static int name_rank(const void *key, const void *item)
{
	return strcmp(key, ((const struct pools_item *)item)->pool->object.name);
}

const struct pools_item *pools_get(const struct pools *pools, const char *name)
{
	if (!pools->n)
		return NULL;
	return bsearch(name, pools->items, pools->n, sizeof(*pools->items), name_rank);
}
