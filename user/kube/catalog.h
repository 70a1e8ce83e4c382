/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which definition of an object counts when several files have one: that of the file whose path
 * comes last. The catalog keeps them all and puts the counting ones into the model; when one goes,
 * the next takes its place.
 */
#pragma once
#include <stdbool.h>

#include "base/diag.h"
#include "model/model.h"

struct catalog;

/* The model is borrowed. */
struct catalog *catalog_new(struct model *model);
/* Leaves the model as it is. */
void catalog_free(struct catalog *catalog);

/* Adds the definition of object->origin.file or replaces it. Takes ownership. */
void catalog_put(struct catalog *catalog, struct object *object);
/* Removes the definition that object->origin.file has of this key, if any. */
void catalog_remove(struct catalog *catalog, const struct object *object);
/* True when the model's content changed since the last call. */
bool catalog_take_changed(struct catalog *catalog);
/* A warning for every definition that does not count. */
void catalog_report(const struct catalog *catalog, struct diag_list *diags);
