/* SPDX-License-Identifier: Apache-2.0 */
/* Who has which address. */
#pragma once
#include "allocate/run.h"

/* Why an owner may not have the place too, which may be NULL, or ALLOCATE_ASSIGNED. *ret_other is
 * who is in the way, NULL when that is no owner. */
enum allocate_reason holders_check(const struct run *run, const struct owner *owner,
				   const struct place *place, const struct owner **ret_other);
/* An address that nobody gets any more; of a node: that nobody may have. */
void holders_block(struct run *run, const struct addr *addr, bool node);
void holders_take(struct run *run, struct owner *owner, size_t family, const struct addr *addr);
/* Nothing happens when it has none. */
void holders_give_back(struct run *run, struct owner *owner, size_t family);
