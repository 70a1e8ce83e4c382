// SPDX-License-Identifier: Apache-2.0
/* Open addressing, at most half full; nothing is ever taken out. allocate.c uses it. */
#include "allocate/places.h"

#include <stdlib.h>
#include <xxhash.h>

#include "base/mem.h"

#define START 64

void places_init(struct places *places)
{
	*places = (struct places){
		.items = mem_array(START, sizeof(*places->items)),
		.mask = START - 1,
	};
}

void places_fini(struct places *places)
{
	free(places->items);
}

static struct place *probe(const struct places *places, const struct addr *addr)
{
	size_t at = XXH64(addr->byte, sizeof(addr->byte), 0) & places->mask;

	while (places->items[at].there && addr_compare(&places->items[at].addr, addr))
		at = (at + 1) & places->mask;
	return &places->items[at];
}

struct place *places_find(const struct places *places, const struct addr *addr)
{
	struct place *place = probe(places, addr);

	return place->there ? place : NULL;
}

static void grow(struct places *places)
{
	struct places bigger = {
		.items = mem_array(2 * (places->mask + 1), sizeof(*places->items)),
		.mask = 2 * places->mask + 1,
		.n = places->n,
	};

	for (size_t i = 0; i <= places->mask; i++)
		if (places->items[i].there)
			*probe(&bigger, &places->items[i].addr) = places->items[i];
	free(places->items);
	*places = bigger;
}

struct place *places_add(struct places *places, const struct addr *addr)
{
	struct place *place = probe(places, addr);

	if (place->there)
		return place;
	if (2 * (places->n + 1) > places->mask) {
		grow(places);
		place = probe(places, addr);
	}
	*place = (struct place){ .addr = *addr, .there = true };
	places->n++;
	return place;
}

bool places_is_free(const struct places *places, const struct addr *addr)
{
	const struct place *place = places_find(places, addr);

	return !place || (!place->node && !place->reserved && !place->n);
}
