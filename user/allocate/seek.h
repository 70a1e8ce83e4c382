/* SPDX-License-Identifier: Apache-2.0 */
/* An address for who has none: one that may be shared, or else a free one. */
#pragma once
#include "allocate/run.h"

/* To be called once, before. */
void seek_index(struct run *run);
/* ALLOCATE_ASSIGNED and the address, or why there is none: no pool, or none with anything left. */
enum allocate_reason seek(const struct run *run, const struct owner *owner, size_t family,
			  struct addr *ret_addr);
