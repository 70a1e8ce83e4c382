/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From objects to the plan of one node. A pure function: no I/O, no clock, no globals. A wrong
 * object becomes a diagnostic on that object and never stops the others.
 */
#pragma once
#include "model/model.h"
#include "plan/plan.h"

/* Never fails; the caller frees the plan with plan_free(). node_name is this node's. */
struct plan *compile(struct model *model, const char *node_name);
