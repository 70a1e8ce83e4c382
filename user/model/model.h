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
