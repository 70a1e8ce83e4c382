// SPDX-License-Identifier: Apache-2.0
/* What became of every object, in words. Called once, at the end. */
#include "allocate/answer.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"

static void tell(struct assignment *assignment)
{
	struct str text = { 0 };
	char addr[ADDR_STR_LEN];

	for (size_t i = 0; i < assignment->n; i++) {
		const struct allocate_addr *has = &assignment->addrs[i];

		str_addf(&text, "%s%s", i ? "; " : "", addr_format(&has->addr, addr));
		if (has->pool)
			str_addf(&text, " of AddressPool %s", has->pool->object.name);
		else
			str_addf(&text, " is in no AddressPool any more: it stays for as long as "
					"it is used");
	}
	if (assignment->message)
		str_addf(&text, "%s%s", text.len ? "; " : "", assignment->message);
	free(assignment->message);
	assignment->message = text.buf;
}

/* Without the second family most are content; without what was asked for, nobody. */
static bool holds(const struct owner *owner, size_t n)
{
	bool small =
		owner->reason == ALLOCATE_NO_POOL || owner->reason == ALLOCATE_EXHAUSTED ||
		(owner->reason == ALLOCATE_SHARING_LIMIT && !owner->wishes[0] && !owner->wishes[1]);

	if (owner->reason == ALLOCATE_ASSIGNED)
		return n > 0;
	return small && n && !owner->all && !*owner->pool;
}

static void answer(const struct run *run, struct owner *owner, struct allocation *allocation)
{
	struct assignment *assignment = &allocation->items[allocation->n];
	bool kept = false;

	*assignment = (struct assignment){ .object = owner->object };
	for (size_t i = 0; i < owner->n_families; i++) {
		size_t family = owner->families[i];
		const struct pools_item *item;

		if (!owner->has[family])
			continue;
		item = pools_owner(run->pools, &owner->addr[family]);
		kept |= !item;
		assignment->addrs[assignment->n++] = (struct allocate_addr){
			.addr = owner->addr[family],
			.pool = item ? item->pool : NULL,
		};
	}
	if (owner->silent && !assignment->n && !owner->managed &&
	    (owner->unasked || owner->reason <= ALLOCATE_NO_POOL))
		return;
	assignment->holds = holds(owner, assignment->n);
	assignment->reason = !assignment->holds ? owner->reason
			     : kept		? ALLOCATE_KEPT
						: ALLOCATE_ASSIGNED;
	/* A Gateway that has an address misses no other family. */
	if (!assignment->holds || owner->class_name)
		assignment->message = TAKE_PTR(owner->message);
	tell(assignment);
	allocation->n++;
}

int answer_rank(const void *a, const void *b)
{
	return object_compare_key(((const struct assignment *)a)->object,
				  ((const struct assignment *)b)->object);
}

void answer_all(struct run *run, struct allocation *allocation)
{
	allocation->items = mem_array(run->owners.n, sizeof(*allocation->items));
	for (size_t i = 0; i < run->owners.n; i++)
		answer(run, &run->owners.items[i], allocation);
	if (allocation->n)
		qsort(allocation->items, allocation->n, sizeof(*allocation->items), answer_rank);
}
