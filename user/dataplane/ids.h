/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to small numbers that survive restarts: ids of services and endpoints. A number that is
 * given up rests in quarantine, still bound to its name, until a sweep over all flows that began
 * after that moment has seen nobody hold it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ids;

/* Ids are 1 … max. */
struct ids *ids_new(uint32_t max);
void ids_free(struct ids *ids);

/* Binds what an earlier process left, in quarantine until ids_get(). -EEXIST, -ERANGE. */
int ids_restore(struct ids *ids, const void *key, size_t len, uint32_t id);

/* Finds or allots the id of a key and takes a reference on it. -ENOSPC. */
int ids_get(struct ids *ids, const void *key, size_t len, uint32_t *ret_id);
/* Takes a reference on a number that is bound, without looking for its key. -ENOENT. */
int ids_hold(struct ids *ids, uint32_t id);
/* Gives one reference back. */
void ids_put(struct ids *ids, uint32_t id);

/* 0 when the key has none. */
uint32_t ids_find(const struct ids *ids, const void *key, size_t len);
/* True while somebody has a reference on it. */
bool ids_is_held(const struct ids *ids, const void *key, size_t len);
/* Numbers in use or in quarantine. */
size_t ids_used(const struct ids *ids);
/* Numbers in quarantine. */
size_t ids_resting(const struct ids *ids);

/*
 * A sweep: begin, ids_seen() for every id that a flow holds, end. fn is called for each id that
 * nobody holds; if it returns true, the number may be given to another name, else the id rests on.
 */
typedef bool (*ids_freed_fn)(void *arg, uint32_t id);
void ids_sweep_begin(struct ids *ids);
void ids_seen(struct ids *ids, uint32_t id);
void ids_sweep_end(struct ids *ids, ids_freed_fn fn, void *arg);
