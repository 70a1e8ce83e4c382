/* SPDX-License-Identifier: Apache-2.0 */
/* Are two loads of one object the same, in everything that anybody can see of them? */
#pragma once
#include <stdbool.h>
#include <string.h>

#include "kube/load.h"

static inline bool same_object(const struct object *a, const struct object *b)
{
	return object_equal(a, b) && a->origin.generation == b->origin.generation &&
	       !strcmp(a->origin.uid, b->origin.uid) &&
	       !strcmp(a->origin.resource_version, b->origin.resource_version);
}

/* Broken ones have no more than a key. */
static inline bool same_load(const struct load *a, const struct load *b)
{
	if (a->partial != b->partial || a->skipped != b->skipped || a->n != b->n ||
	    a->n_broken != b->n_broken || !diag_equal(&a->diags, &b->diags))
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!same_object(a->objects[i], b->objects[i]))
			return false;
	for (size_t i = 0; i < a->n_broken; i++)
		if (object_compare_key(a->broken[i], b->broken[i]))
			return false;
	return true;
}
