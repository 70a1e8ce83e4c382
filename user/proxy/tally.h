/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters that outlive tables: of a rule, of one of its backends, of a listener. Each worker
 * counts in cache lines of its own; who reports adds them up.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "proxy/state.h"

struct registry;
struct tally;

/* Makes or finds the tally of that key; a new reference. Main thread only. */
struct tally *tally_get(struct registry *registry, const char *key, size_t n_counters);
/* NULL is legal. */
void tally_unref(struct tally *tally);

void tally_count(struct tally *tally, unsigned worker, size_t counter);
/* Over all workers. */
uint64_t tally_sum(const struct tally *tally, size_t counter);
