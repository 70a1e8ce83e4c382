/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to the requests that a route's rules match. */
#pragma once
#include "compile/layer7.h"

/* Adds the rules and matches of all routes of ours that some listener of the plan takes; the others
 * of ours are looked at for diagnostics alone. */
void rules_make(struct layer7 *l7);
