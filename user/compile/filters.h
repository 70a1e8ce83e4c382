/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of a rule. */
#pragma once
#include "compile/layer7.h"

/* Fills the rule's filters. One that cannot be had makes the rule answer 500, with a diagnostic. */
void filters_take(struct layer7 *l7, size_t route, size_t index, struct plan_rule *rule);
