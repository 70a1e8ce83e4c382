// SPDX-License-Identifier: Apache-2.0
/* One array a set: a few new ones cost a look-up each and one move of what stands behind them.
 * topology.c has the addresses of endpoints in them. */
#include "dataplane/addrset.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void addrset_fini(struct addrset *set)
{
	free(set->items);
	*set = (struct addrset){};
}

void addrset_add(struct addrset *set, const struct addr *addr)
{
	set->items = mem_grow(set->items, set->n, &set->cap, sizeof(*set->items));
	set->items[set->n++] = *addr;
}

void addrset_sort(struct addrset *set)
{
	size_t kept = 0;

	if (set->n)
		qsort(set->items, set->n, sizeof(*set->items), addr_rank);
	for (size_t i = 0; i < set->n; i++) {
		if (!kept || addr_compare(&set->items[kept - 1], &set->items[i]))
			set->items[kept++] = set->items[i];
	}
	set->n = kept;
}

/* The first of the first n that is not before `addr`. */
static size_t lower_bound(const struct addrset *set, size_t n, const struct addr *addr)
{
	size_t low = 0;

	while (low < n) {
		size_t middle = low + (n - low) / 2;

		if (addr_compare(&set->items[middle], addr) < 0)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

static bool has(const struct addrset *set, const struct addr *addr)
{
	size_t at = lower_bound(set, set->n, addr);

	return at < set->n && !addr_compare(&set->items[at], addr);
}

/* The last one first, so that everything moves up once. */
size_t addrset_merge(struct addrset *into, struct addrset *from)
{
	const size_t size = sizeof(*into->items);
	size_t n = 0, end = into->n;

	addrset_sort(from);
	for (size_t i = 0; i < from->n; i++) {
		if (!has(into, &from->items[i]))
			from->items[n++] = from->items[i];
	}
	if (!n)
		return 0;
	into->items = mem_grow(into->items, end + n - 1, &into->cap, size);
	into->n += n;
	for (size_t i = n; i-- > 0;) {
		size_t at = lower_bound(into, end, &from->items[i]);

		memmove(&into->items[at + i + 1], &into->items[at], (end - at) * size);
		into->items[at + i] = from->items[i];
		end = at;
	}
	return n;
}
