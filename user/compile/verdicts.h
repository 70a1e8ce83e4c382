/* SPDX-License-Identifier: Apache-2.0 */
/* From what the steps of layer 7 found to the plan's verdicts. */
#pragma once
#include "compile/layer7.h"

/* Once everything is decided, before assemble.c moves the drafts into the plan. */
void verdicts_make(struct layer7 *l7);
