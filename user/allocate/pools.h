/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All AddressPools made ready for questions: which one has an address, which give any. Of pools
 * with the same addresses only the oldest one gives (of one age the first by name).
 */
#pragma once
#include "model/model.h"
#include "model/pool.h"

/* __extension__: what ISO C does not have. */
__extension__ typedef unsigned __int128 pools_number;

/* Indices of families: IPv4, IPv6. */
#define POOLS_FAMILIES 2

struct pools_range {
	pools_number first, last;
	size_t pool; /* index */
	uint64_t used;
};

struct pools_item {
	const struct address_pool *pool;
	const struct address_pool *rival; /* has some of its addresses: this one gives none */
	/* How many addresses there are, at most INT64_MAX, and how many nobody may get now. */
	uint64_t total[POOLS_FAMILIES], used[POOLS_FAMILIES];
};

struct pools {
	struct pools_item *items; /* by name */
	size_t n;
	struct pools_range *ranges; /* of pools without rivals, by address */
	size_t n_ranges;
};

/* Borrows the pools from the model, which must not change meanwhile. */
void pools_init(struct pools *pools, struct model *model);
void pools_fini(struct pools *pools);

/* The range of a pool that gives, or NULL. */
struct pools_range *pools_find(const struct pools *pools, const struct addr *addr);
/* The pool that has the address, whether it gives or not, or NULL. */
const struct pools_item *pools_owner(const struct pools *pools, const struct addr *addr);
const struct pools_item *pools_get(const struct pools *pools, const char *name);

/* The index of an address's family. */
size_t pools_family(const struct addr *addr);
pools_number pools_to_number(const struct addr *addr);
struct addr pools_from_number(pools_number number);
