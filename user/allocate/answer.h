/* SPDX-License-Identifier: Apache-2.0 */
/* From the end of a run to what its caller gets. */
#pragma once
#include "allocate/run.h"

/* The order of assignments. For qsort and bsearch. */
int answer_rank(const void *a, const void *b);
void answer_all(struct run *run, struct allocation *allocation);
