/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses that somebody has or that nobody may get, each with who has it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

struct place {
	struct addr addr;
	bool there;    /* the place is an address's at all */
	bool node;     /* it is a node's own: nobody may have it */
	bool reserved; /* it is in use where no pool has a say: nobody gets it any more */
	size_t first;  /* 1 + the index of the owner that got it last, or 0 */
	size_t n;      /* owners */
};

struct places {
	struct place *items;
	size_t mask, n;
};

void places_init(struct places *places);
void places_fini(struct places *places);
/* NULL when nothing is known of the address. Borrowed until the next places_add(). */
struct place *places_find(const struct places *places, const struct addr *addr);
/* The place of the address, made if there is none. */
struct place *places_add(struct places *places, const struct addr *addr);
/* May it be given to somebody who shares it with nobody? */
bool places_is_free(const struct places *places, const struct addr *addr);
