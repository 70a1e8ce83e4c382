/* SPDX-License-Identifier: Apache-2.0 */
/* From the EndpointSlices of a Service to the sets of one of its ports. */
#pragma once
#include "compile/draft.h"
#include "compile/slices.h"

/*
 * Fills draft->plan.cluster, and draft->plan.local if a frontend uses it. A set that is too large
 * keeps its first NARU_SET_MAX endpoints, with a diagnostic.
 */
void endpoints_choose(struct draft *draft, const struct slices *slices, struct diag_list *diags);

/* A port of a Service in one family. */
struct endpoints_of {
	const struct service *service;
	const struct service_port *port;
	int family;
};

/*
 * The same choice whatever hints say, for layer 7; diags NULL: layer 4 has said it. *ret_set stays
 * as it is when there are none.
 */
void endpoints_cluster(const struct endpoints_of *of, const struct slices *slices,
		       struct diag_list *diags, struct plan_set *ret_set);
