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

/* As the server has it, besides what the model knows: for who writes statuses. */
struct store_status {
	const char *text; /* status as JSON, "null" when there is none */
	const char *version;
	const char *uid;
	int64_t generation;
};
/* Status or version of the object is another, or it is gone; the store is not to be asked yet. */
typedef void (*store_seen_fn)(void *arg, enum object_kind kind, const char *namespace,
			      const char *name);
/* Keeps statuses from here on, of good and broken objects; type: only of those whose spec.type is
 * this or that have conditions, NULL: of all. No status is a change to store_take_changed(). */
void store_keep_statuses(struct store *store, const char *type, store_seen_fn fn, void *arg);
/* False: there is no such object, or its status is not kept. Borrowed. */
bool store_find_status(const struct store *store, const char *namespace, const char *name,
		       struct store_status *ret_status);

/* What is known of an object; everything is borrowed. */
struct store_entry {
	const struct object *object;  /* the last good version, or no more than its name */
	bool served;		      /* it is the former */
	const struct object *refused; /* a newest version that is not, as kube/refused.h has it */
	const struct diag_list *diags;
	const char *status; /* as JSON; NULL: it is not kept */
};
typedef void (*store_entry_fn)(void *arg, const struct store_entry *entry);
/* By namespace and name. */
void store_each_entry(const struct store *store, store_entry_fn fn, void *arg);
/* Does any of them have diagnostics? */
bool store_has_wrong(const struct store *store);

/* Adds what is wrong with single objects. */
void store_report(const struct store *store, struct diag_list *diags);
/* True when objects or diagnostics are others than at the last call. */
bool store_take_changed(struct store *store);
