/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose turn it is among weighted backends: smooth weighted round robin, each worker for itself.
 * Shares are exact over each round of as many requests as the weights add up to (reduced), and the
 * turns of one backend lie evenly apart. Workers begin at different places of the round, so that
 * few requests over many workers are shared too. A split outlives tables as long as nothing of it
 * changes; with other backends or weights a new one begins.
 */
#pragma once
#include <stdint.h>

#include "plan/l7.h"
#include "proxy/state.h"

struct registry;
struct split;

/* Makes or finds the split of a planned rule; a new reference. Main thread only. */
struct split *split_get(struct registry *registry, const struct plan_l7 *l7,
			const struct plan_rule *rule);
/* NULL is legal. */
void split_unref(struct split *split);

/* The index of a backend; -1: nothing has weight. */
int split_next(struct split *split, unsigned worker);
