// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers the keys, and keeps a list of addresses for each. holders.c changes the lists with the
 * places, seek.c looks through them.
 */
#include "allocate/sharing.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int key_rank(const void *pa, const void *pb)
{
	const struct owner *a = *(struct owner *const *)pa, *b = *(struct owner *const *)pb;
	int order = strcmp(a->object->namespace, b->object->namespace);

	return order ? order : strcmp(a->key, b->key);
}

void sharing_init(struct run *run)
{
	_cleanup_(mem_freep) struct owner **owners = mem_array(run->owners.n, sizeof(*owners));
	size_t n = 0;

	for (size_t i = 0; i < run->owners.n; i++)
		if (!run->owners.items[i].unasked && *run->owners.items[i].key)
			owners[n++] = &run->owners.items[i];
	if (!n)
		return;
	qsort(owners, n, sizeof(*owners), key_rank);
	for (size_t i = 0; i < n; i++) {
		run->n_sharings += !i || key_rank(&owners[i - 1], &owners[i]);
		owners[i]->sharing = run->n_sharings;
	}
	run->sharings = mem_array(run->n_sharings, sizeof(*run->sharings));
}

void sharing_fini(struct run *run)
{
	for (size_t i = 0; i < run->n_sharings; i++)
		for (size_t family = 0; family < POOLS_FAMILIES; family++)
			free(run->sharings[i].addrs[family].items);
	free(run->sharings);
}

struct sharing_addrs *sharing_get(const struct run *run, const struct owner *owner, size_t family)
{
	return owner->sharing ? &run->sharings[owner->sharing - 1].addrs[family] : NULL;
}

void sharing_add(struct run *run, const struct owner *owner, size_t family)
{
	struct sharing_addrs *addrs = sharing_get(run, owner, family);

	if (!addrs)
		return;
	if (addrs->n == SHARING_ADDRS_MAX) {
		addrs->more++;
		return;
	}
	addrs->items = mem_grow(addrs->items, addrs->n, &addrs->cap, sizeof(*addrs->items));
	addrs->items[addrs->n++] = owner->addr[family];
}

void sharing_remove(struct run *run, const struct owner *owner, size_t family)
{
	struct sharing_addrs *addrs = sharing_get(run, owner, family);
	size_t i = 0;

	if (!addrs)
		return;
	while (i < addrs->n && addr_compare(&addrs->items[i], &owner->addr[family]))
		i++;
	if (i == addrs->n) {
		addrs->more--;
		return;
	}
	addrs->n--;
	memmove(&addrs->items[i], &addrs->items[i + 1], (addrs->n - i) * sizeof(*addrs->items));
}

bool sharing_is_full(const struct run *run, const struct owner *owner, size_t family)
{
	const struct sharing_addrs *addrs = sharing_get(run, owner, family);
	const struct place *place;

	if (!addrs || addrs->n + addrs->more < SHARING_ADDRS_MAX)
		return false;
	/* Who leaves one to nobody may have another one instead. */
	place = owner->has[family] ? places_find(&run->places, &owner->addr[family]) : NULL;
	return !place || place->n > 1;
}
