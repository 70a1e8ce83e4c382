/* SPDX-License-Identifier: Apache-2.0 */
/* Which node answers for an address that every node has. */
#pragma once
#include "compile/layer7.h"

/* Is it this one? Every node finds the same answer from the same Node objects; without any: yes. */
bool announce_here(const struct layer7 *l7, const struct addr *addr);
