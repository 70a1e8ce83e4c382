/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses the link is still to be told about: each several times, since nobody confirms it
 * and a switch may take a while to forward. Under a clock of the caller.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define REPEAT_TIMES 5
#define REPEAT_MS    1100
#define REPEAT_BURST 256 /* addresses at a time */

struct repeat_item {
	struct addr addr;
	unsigned left;
	uint64_t due_ms;
};

struct repeat {
	struct repeat_item *items; /* sorted by address */
	size_t n, cap;
	size_t next; /* where the next look begins, so that none is left out */
};

void repeat_fini(struct repeat *repeat);

/* From now on; again from the start, if it was under way. */
void repeat_add(struct repeat *repeat, const struct addr *addr, uint64_t now_ms);
void repeat_drop(struct repeat *repeat, const struct addr *addr);

/* Calls fn for those that are due, REPEAT_BURST at most. */
void repeat_due(struct repeat *repeat, uint64_t now_ms,
		void (*fn)(void *arg, const struct addr *addr), void *arg);
