/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Population of the look-up table as in the paper's pseudocode 1: each endpoint has a permutation
 * of all slots, made of an offset and a skip; in turn, each takes the next slot of its permutation
 * that is still free. The permutations are walked, not stored: n states instead of n × M numbers.
 */
#include "plan/maglev.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <naru/limits.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/mem.h"

/* Two independent hashes of one identity. Part of what nodes agree on: never to be changed. */
#define OFFSET_SEED 0x6e617275 /* "naru" */
#define SKIP_SEED   0x6d61676c /* "magl" */

#define FREE UINT16_MAX

static const uint32_t ladder[] = { 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071 };

/* One endpoint's place in its permutation. */
struct walk {
	uint32_t slot;
	uint32_t skip;
};

uint32_t maglev_len(size_t n)
{
	if (n < 2)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(ladder); i++)
		if (ladder[i] / 100 >= n)
			return ladder[i];
	return ladder[ARRAY_SIZE(ladder) - 1];
}

static struct walk walk_start(const struct plan_endpoint *ep, uint32_t len)
{
	uint8_t id[18];

	memcpy(id, ep->addr.byte, 16);
	id[16] = ep->port >> 8;
	id[17] = ep->port & 0xff;
	return (struct walk){
		.slot = XXH64(id, sizeof(id), OFFSET_SEED) % len,
		.skip = XXH64(id, sizeof(id), SKIP_SEED) % (len - 1) + 1,
	};
}

/* The next slot of the permutation that is free. len is prime, so every slot comes up once. */
static uint32_t walk_claim(struct walk *walk, const uint16_t *table, uint32_t len)
{
	uint32_t slot;

	do {
		slot = walk->slot;
		walk->slot += walk->skip;
		if (walk->slot >= len)
			walk->slot -= len;
	} while (table[slot] != FREE);
	return slot;
}

void maglev_build(const struct plan_set *set, uint16_t *table)
{
	uint32_t len = maglev_len(set->n);
	_cleanup_(mem_freep) struct walk *walks = NULL;

	if (!len)
		return;
	assert(set->n <= NARU_SET_MAX);
	walks = mem_array(set->n, sizeof(*walks));
	for (size_t i = 0; i < set->n; i++) {
		assert(!i || plan_endpoint_compare(&set->endpoints[i - 1], &set->endpoints[i]) < 0);
		walks[i] = walk_start(&set->endpoints[i], len);
	}
	for (uint32_t slot = 0; slot < len; slot++)
		table[slot] = FREE;
	for (uint32_t filled = 0, turn = 0; filled < len; filled++) {
		table[walk_claim(&walks[turn], table, len)] = turn;
		turn = turn + 1 == set->n ? 0 : turn + 1;
	}
}
