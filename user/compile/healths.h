/* SPDX-License-Identifier: Apache-2.0 */
/* Load balancers ask nodes which of them have endpoints: who may ask, and the answer. */
#pragma once
#include "compile/draft.h"
#include "compile/slices.h"

/* Fills plan->healths for the Services that have drafts. */
void healths_list(const struct drafts *drafts, const struct slices *slices, struct plan *plan);

/* Counts those of one Service again. True when they are others than before. */
bool healths_follow(const struct service *service, const struct slices *slices, struct plan *plan);
