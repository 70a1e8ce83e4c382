/* SPDX-License-Identifier: Apache-2.0 */
/* From the EndpointSlices of a Service to the two sets of one of its ports. */
#pragma once
#include "compile/draft.h"
#include "compile/slices.h"

/*
 * Fills draft->plan.cluster, and draft->plan.local if a frontend uses it. A set that is too large
 * keeps its first NARU_SET_MAX endpoints, with a diagnostic.
 */
void endpoints_choose(struct draft *draft, const struct slices *slices, const char *node_name,
		      struct diag_list *diags);
