/* SPDX-License-Identifier: Apache-2.0 */
/* Large sets of addresses, sorted, that change by a few at a time. */
#pragma once
#include <stddef.h>

#include "base/addr.h"

struct addrset {
	struct addr *items;
	size_t n, cap;
};

void addrset_fini(struct addrset *set);

/* At the end, whatever is there; a set again only after addrset_sort(). */
void addrset_add(struct addrset *set, const struct addr *addr);
/* Sorted, each once. */
void addrset_sort(struct addrset *set);

/* Adds all of `from`, which need not be sorted and is not of use after. Returns how many of them
 * are new. */
size_t addrset_merge(struct addrset *into, struct addrset *from);
