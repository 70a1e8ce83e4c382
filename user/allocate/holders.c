// SPDX-License-Identifier: Apache-2.0
/*
 * Invariant: a place has more than one owner only if all of them have the same key, namespace and
 * policy, and ports of their own; and pools count every place that somebody has, once.
 */
#include "allocate/holders.h"

#include <stdlib.h>
#include <string.h>

#include "allocate/sharing.h"

static bool have_common_port(const struct owner *a, const struct owner *b)
{
	const struct owner *few = a->n_ports < b->n_ports ? a : b, *many = few == a ? b : a;

	for (size_t i = 0; i < few->n_ports; i++)
		if (bsearch(&few->ports[i], many->ports, many->n_ports, sizeof(*many->ports),
			    owners_port_rank))
			return true;
	return false;
}

/* Why two may not have one address, or ALLOCATE_ASSIGNED. */
static enum allocate_reason compare(const struct owner *a, const struct owner *b)
{
	if (!a->sharing || a->sharing != b->sharing)
		return ALLOCATE_TAKEN;
	if (have_common_port(a, b))
		return ALLOCATE_PORT_CLASH;
	return a->policy != b->policy ? ALLOCATE_POLICY_CLASH : ALLOCATE_ASSIGNED;
}

static struct owner *owner_at(const struct run *run, size_t number)
{
	return &run->owners.items[number - 1];
}

enum allocate_reason holders_check(const struct run *run, const struct owner *owner,
				   const struct place *place, const struct owner **ret_other)
{
	size_t family = place ? pools_family(&place->addr) : 0;

	*ret_other = NULL;
	if (!place)
		return ALLOCATE_ASSIGNED;
	if (place->node)
		return ALLOCATE_TAKEN;
	if (place->n >= SHARING_OWNERS_MAX &&
	    owner_at(run, place->first)->sharing == owner->sharing)
		return ALLOCATE_SHARING_LIMIT;
	for (size_t at = place->first; at; at = owner_at(run, at)->next[family]) {
		enum allocate_reason reason = compare(owner, owner_at(run, at));

		*ret_other = owner_at(run, at);
		if (reason != ALLOCATE_ASSIGNED)
			return reason;
	}
	return ALLOCATE_ASSIGNED;
}

static void count(const struct run *run, const struct addr *addr, int by)
{
	struct pools_range *range = pools_find(run->pools, addr);

	if (!range)
		return;
	range->used += (uint64_t)by;
	run->pools->items[range->pool].used[pools_family(addr)] += (uint64_t)by;
}

void holders_block(struct run *run, const struct addr *addr, bool node)
{
	struct place *place = places_add(&run->places, addr);

	if (!place->node && !place->reserved)
		count(run, addr, 1);
	if (node)
		place->node = true;
	else
		place->reserved = true;
}

void holders_take(struct run *run, struct owner *owner, size_t family, const struct addr *addr)
{
	struct place *place = places_add(&run->places, addr);

	if (!place->n && !place->reserved)
		count(run, addr, 1);
	owner->next[family] = place->first;
	place->first = (size_t)(owner - run->owners.items) + 1;
	owner->has[family] = true;
	owner->addr[family] = *addr;
	if (!place->n++)
		sharing_add(run, owner, family);
}

void holders_give_back(struct run *run, struct owner *owner, size_t family)
{
	struct place *place = places_find(&run->places, &owner->addr[family]);
	size_t number = (size_t)(owner - run->owners.items) + 1, *at;

	if (!owner->has[family])
		return;
	for (at = &place->first; *at != number; at = &owner_at(run, *at)->next[family])
		;
	*at = owner->next[family];
	owner->has[family] = false;
	if (--place->n)
		return;
	sharing_remove(run, owner, family);
	if (!place->reserved)
		count(run, &place->addr, -1);
}
