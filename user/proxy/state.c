// SPDX-License-Identifier: Apache-2.0
/*
 * References over threads. Invariant: who takes one has one already, or is the main thread and got
 * it from the registry; so a count never rises again from what state_is_last() saw.
 */
#include "proxy/state.h"

#include <assert.h>
#include <stddef.h>

void state_init(struct state *state, void (*free_fn)(struct state *state))
{
	atomic_init(&state->refs, 1);
	state->free = free_fn;
}

void state_ref(struct state *state)
{
	unsigned before = atomic_fetch_add_explicit(&state->refs, 1, memory_order_relaxed);

	assert(before);
}

void state_unref(struct state *state)
{
	unsigned before;

	if (!state)
		return;
	/* Whatever a thread did to the object happens before the last one frees it. */
	before = atomic_fetch_sub_explicit(&state->refs, 1, memory_order_acq_rel);
	assert(before);
	if (before == 1)
		state->free(state);
}

bool state_is_last(const struct state *state)
{
	return atomic_load_explicit(&state->refs, memory_order_acquire) == 1;
}
