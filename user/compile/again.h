/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiling once more after few changes: the same plan as compile() would make of the same model,
 * for work that goes with the changes and not with the cluster. What changed is read from the
 * model's journal.
 */
#pragma once
#include "compile/compile.h"

struct again;

/* The settings are borrowed, and the same from call to call. */
struct again *again_new(const struct compile_config *config);
/* NULL is legal. */
void again_free(struct again *again);

/*
 * Turns the former plan, which the last call returned, into that of the model as it is now, whose
 * journal begins anew. plan->step tells in what they differ. former NULL: from the beginning.
 */
struct plan *again_compile(struct again *again, struct plan *former, struct model *model);
