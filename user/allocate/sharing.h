/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What those of one namespace and sharing key have together. Who has none looks through all of it:
 * that is little, whatever the key's author does.
 */
#pragma once
#include "allocate/run.h"

#define SHARING_ADDRS_MAX  64 /* of one key and family */
#define SHARING_OWNERS_MAX 64 /* of one address */

/* Of one family, in the order in which they were taken. */
struct sharing_addrs {
	struct addr *items;
	size_t n, cap;
	size_t more; /* that were held though there were as many; nobody else gets them */
};

struct sharing {
	struct sharing_addrs addrs[POOLS_FAMILIES];
};

/* To be called once, before anything is taken. */
void sharing_init(struct run *run);
void sharing_fini(struct run *run);

/* NULL: it has no key. */
struct sharing_addrs *sharing_get(const struct run *run, const struct owner *owner, size_t family);
/* The owner is the first one of its address, or was the last one. */
void sharing_add(struct run *run, const struct owner *owner, size_t family);
void sharing_remove(struct run *run, const struct owner *owner, size_t family);

/* May the owner have no address that nobody of its key has? */
bool sharing_is_full(const struct run *run, const struct owner *owner, size_t family);
