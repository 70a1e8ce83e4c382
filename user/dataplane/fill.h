/* SPDX-License-Identifier: Apache-2.0 */
/* How full the maps are. dataplane.c calls it for who looks. */
#pragma once
#include "dataplane/dataplane.h"
#include "dataplane/l4.h"
#include "dataplane/vips.h"

/* A row of status->maps. map: a literal. */
void fill_add(struct dataplane_status *status, const char *map, size_t used, size_t max);

/* The addresses; the array is replaced. */
void fill_vips(const struct vips *vips, struct dataplane_vip **rows,
	       struct dataplane_status *status);

/* Rows of the maps that layer 4 alone has, and its writes. What programs write is counted on the
 * spot. */
void fill_l4(const struct l4 *l4, struct dataplane_status *status);
