/* SPDX-License-Identifier: Apache-2.0 */
/* What a service points at, into the maps. 0 or -errno of the kernel. */
#pragma once
#include "dataplane/inforce.h"

/* Before n sets, if there will be so many: where the map `lut` can be mapped, tables are then built
 * where they lie, which saves most of their cost. Only for as long as that lasts: all of the map
 * would count as narud's memory. */
void write_begin(struct inforce *in, size_t n);
void write_end(struct inforce *in);

/* Endpoints that are not there yet, then the list, then the table. */
int write_set(struct inforce *in, const struct live_set *set, uint8_t proto);
int write_name(struct inforce *in, const struct plan_service *plan, uint32_t id);
