/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects of one list of the API server, decoded: the sink of a reflector. An object that
 * cannot be decoded keeps its last good version and has a diagnostic, until a good version comes or
 * it goes. Before store_publish() the model does not know of them.
 */
#pragma once
#include "base/diag.h"
#include "kube/reflector.h"
#include "model/model.h"

struct kind;
struct store;

/* file is the list's path, for diagnostics. */
struct store *store_new(const struct kind *kind, const char *file);
/* What comes from here on is of this kind, and from there. What is known stays. */
void store_set_kind(struct store *store, const struct kind *kind, const char *file);
/* Leaves the model as it is. NULL is legal. */
void store_free(struct store *store);

/* Its argument is the store. */
extern const struct reflector_sink store_sink;

/* From here on the model, which is borrowed, has what the store has. */
void store_publish(struct store *store, struct model *model);
/* Forgets all objects; a model that it was published to, too. */
void store_clear(struct store *store);

/* The last good version, NULL if there is none. Borrowed. */
const struct object *store_find(const struct store *store, const struct object *key);
typedef void (*store_fn)(void *arg, const struct object *object);
/* Calls fn for every good object, by namespace and name. */
void store_each(const struct store *store, store_fn fn, void *arg);

/* Adds what is wrong with single objects. */
void store_report(const struct store *store, struct diag_list *diags);
/* True when objects or diagnostics are others than at the last call. */
bool store_take_changed(struct store *store);
