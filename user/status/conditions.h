/* SPDX-License-Identifier: Apache-2.0 */
/* From the plan's verdicts to what the statuses of Gateway API's objects should say. */
#pragma once
#include <stdbool.h>

#include "plan/verdict.h"
#include "status/wants.h"

/* Who knows what the nodes have done. */
struct conditions_ack {
	/* Is the Gateway in force on a node as it was judged: at this generation? */
	bool (*programmed)(void *arg, const struct verdict_gateway *gateway);
	/* Why no node has room for it; NULL: some has, or nobody tried. May be NULL. Borrowed. */
	const char *(*no_room)(void *arg, const struct verdict_gateway *gateway);
	void *arg;
	/* The versions of Gateway API's definitions in the cluster, as kube/crds.h lists them; NULL
	 * or "": not known, and nothing is said of them. */
	const char *definitions;
};

/*
 * Adds the status of each object that there is a verdict on. A route without a parent of ours gets
 * an empty list, so that what naru once said there goes; where it never said anything that is
 * nothing to write.
 */
void conditions_want(const struct verdicts *verdicts, const struct conditions_ack *ack,
		     struct wants *wants);
