/* SPDX-License-Identifier: Apache-2.0 */
/* From backendRefs to clusters: which Service port is meant, and its endpoints. */
#pragma once
#include "compile/layer7.h"

/*
 * The reference of a backend of a rule, as an index of l7->refs, or PLAN_NO_CLUSTER with a
 * diagnostic; its filters go into to. Not to be kept: adds no reference.
 */
uint32_t clusters_refer(struct layer7 *l7, size_t route, size_t rule, size_t backend, bool keep,
			struct plan_backend *to);

/*
 * Makes the plan's clusters of the references, sorted by name, and writes into each backend of the
 * plan's rules the index of its cluster.
 */
void clusters_make(struct layer7 *l7);

/*
 * Gives the clusters of a Service the endpoints that it has now; *ret_changed becomes true when
 * they are others than before. Returns false when that takes more than the Service.
 */
bool clusters_follow(const struct service *service, const struct slices *slices, struct plan_l7 *l7,
		     bool *ret_changed);
