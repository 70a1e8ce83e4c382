/* SPDX-License-Identifier: Apache-2.0 */
/* Where a Gateway may listen, and where of that on this node. */
#pragma once
#include "compile/layer7.h"

struct addresses;

struct addresses *addresses_new(struct layer7 *l7);
void addresses_free(struct addresses *addresses);
void addresses_freep(struct addresses **addresses);

/* Adds the binds of all usable listeners of a gate, one for each listener and address, also those
 * that are for other nodes to serve. */
void addresses_claim(const struct addresses *addresses, struct layer7 *l7, struct gate *gate);
