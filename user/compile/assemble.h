/* SPDX-License-Identifier: Apache-2.0 */
/* The last step: what the others have drafted, in the plan's order and by its indices. */
#pragma once
#include "compile/layer7.h"

void assemble_plan(struct layer7 *l7);
