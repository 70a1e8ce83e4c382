/* SPDX-License-Identifier: Apache-2.0 */
/* What a route's rules match, and which match goes before which. */
#pragma once
#include "compile/layer7.h"

/* Adds the matches of a rule of a route that has the index `rule` in the plan. One that can never
 * match, or that is no regular expression, is left out with a diagnostic. */
void matches_add(struct layer7 *l7, size_t route, size_t index, uint32_t rule);

/*
 * The order of the Gateway API, the first to be tried first. Regular expressions, of which it does
 * not speak, stand between exact paths and prefixes, the longer pattern first.
 */
int matches_compare(const struct layer7 *l7, size_t a, size_t b);
