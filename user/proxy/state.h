/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of every object that outlives tables: a count of references over all threads. The last
 * one to go frees the object, on whatever thread that happens.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>

/* What workers write lies at least this far apart. */
#define CACHE_LINE 64

struct state {
	_Atomic unsigned refs;
	void (*free)(struct state *state);
};

/* With one reference, the caller's. */
void state_init(struct state *state, void (*free_fn)(struct state *state));
void state_ref(struct state *state);
/* NULL is legal. */
void state_unref(struct state *state);
/* Has only the caller a reference? True stays true while the caller gives none away. */
bool state_is_last(const struct state *state);
