/* SPDX-License-Identifier: Apache-2.0 */
/* What the statuses of routes and Gateways say whose newest version cannot be decoded. */
#pragma once
#include "kube/store.h"
#include "plan/verdict.h"
#include "status/wants.h"

struct refusals_config {
	const struct verdicts *verdicts; /* which Gateways and classes are ours */
	struct model *model;		 /* has the Services that are parents */
};

/* entry has a refused version. To be called when everything else that is wanted of such objects
 * is there: this takes its place. Of what is not naru's to answer for, as far as that is known,
 * nothing is wanted. */
void refusals_want(const struct refusals_config *config, const struct store_entry *entry,
		   struct wants *wants);
