/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of a rule, and those of its backends. */
#pragma once
#include "compile/layer7.h"

/* Fills the rule's filters. One that cannot be had makes the rule answer 500, with a diagnostic. */
void filters_take(struct layer7 *l7, size_t route, size_t index, struct plan_rule *rule);

/* Fills the backend's; returns why one of them cannot be had, to be freed. */
char *filters_take_backend(const struct route_backend *from, struct plan_backend *to);
