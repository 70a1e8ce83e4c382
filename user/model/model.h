/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All objects, by kind, namespace and name. Sources (kube/) fill the model; compile/ reads it;
 * nothing else touches it.
 */
#pragma once
#include "model/object.h"

struct model;

struct model *model_new(void);
void model_free(struct model *model);

/*
 * Puts an object in, replacing the one of the same kind, namespace and name. Takes ownership.
 * Returns true when the stored object's content changed (origin does not count).
 */
bool model_put(struct model *model, struct object *object);

/* Removes an object. Returns false when there was none. */
bool model_remove(struct model *model, enum object_kind kind, const char *namespace,
		  const char *name);

/* The object of that key or NULL. Borrowed until the next put or remove. */
const struct object *model_get(const struct model *model, enum object_kind kind,
			       const char *namespace, const char *name);

/*
 * All objects of a kind, sorted by namespace and name. Returns their number; *ret_objects is owned
 * by the model and valid until the next put or remove.
 */
size_t model_list(struct model *model, enum object_kind kind,
		  const struct object *const **ret_objects);

/* Goes up by one with every change of content. */
uint64_t model_generation(const struct model *model);

/* The same of one kind: how many changes there were so far. */
uint64_t model_changes(const struct model *model, enum object_kind kind);

/* One put or remove. */
struct model_change {
	const struct object *former;  /* NULL: there was none */
	const struct object *present; /* NULL: there is none any more */
	bool content;		      /* false: only where it was read differs */
};

/*
 * What was put and removed since the journal began, in this order: it begins with the first
 * model_journal_clear(), and anew with each. Returns false when that is not known, or was too much
 * to be kept. Both objects of an entry stay alive for as long as the entry does.
 */
bool model_journal(const struct model *model, const struct model_change **ret_changes,
		   size_t *ret_n);
void model_journal_clear(struct model *model);
