/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses whose ports without a service refuse: frontends of kind NARU_NO_PORT in `svc`, which no
 * service owns, each with its bit in the filter. */
#pragma once
#include "dataplane/inforce.h"
#include "plan/plan.h"

/* Writes those that are missing and marks all with the round. 0 or the first -errno. */
int closed_apply(struct inforce *in, const struct plan *plan);
/* True when the frontend is one of them, and of this round. */
bool closed_is_wanted(const struct inforce *in, const struct live_front *front);
