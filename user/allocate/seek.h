/* SPDX-License-Identifier: Apache-2.0 */
/* An address for who has none: one that may be shared, or else a free one. */
#pragma once
#include "allocate/run.h"

/* ALLOCATE_ASSIGNED and the address, or why there is none: no pool, none with anything left, or its
 * key has enough. */
enum allocate_reason seek(const struct run *run, const struct owner *owner, size_t family,
			  struct addr *ret_addr);
