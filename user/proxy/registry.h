/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known beyond one table, by the plan's names: the next table finds the same objects again.
 * Belongs to the main thread, which builds tables; the objects are shared by all threads. It refers
 * to each of them until registry_sweep() finds that nobody else does.
 */
#pragma once
#include "proxy/state.h"

struct registry;

/* n_workers slots in every object. */
struct registry *registry_new(unsigned n_workers);
/* Objects that tables or connections still refer to live on. NULL is legal. */
void registry_free(struct registry *registry);
unsigned registry_workers(const struct registry *registry);

/* A kind of object and its name make a key. Borrowed; NULL: not there. */
struct state *registry_find(const struct registry *registry, const char *key);
/* Takes over the caller's reference. The key must not be there. */
void registry_add(struct registry *registry, const char *key, struct state *state);
/* Lets go of what only the registry refers to. */
void registry_sweep(struct registry *registry);
