// SPDX-License-Identifier: Apache-2.0
/* Looks for a ReferenceGrant. gateways.c asks for Secrets, clusters.c for Services. */
#include "compile/grants.h"

#include <string.h>

#include "compile/layer7.h"

const char *grants_namespace(const struct object *referrer, const struct object_reference *to)
{
	return *to->namespace ? to->namespace : referrer->namespace;
}

static bool takes_from(const struct reference_grant *grant, const struct object *referrer)
{
	for (size_t i = 0; i < grant->n_from; i++) {
		const struct grant_from *from = &grant->from[i];

		if (!strcmp(from->group, LAYER7_GROUP) &&
		    !strcmp(from->kind, object_kind_name(referrer->kind)) &&
		    !strcmp(from->namespace, referrer->namespace))
			return true;
	}
	return false;
}

static bool gives(const struct reference_grant *grant, const struct object_reference *to)
{
	for (size_t i = 0; i < grant->n_to; i++) {
		const struct grant_to *what = &grant->to[i];

		if (!strcmp(what->group, to->group) && !strcmp(what->kind, to->kind) &&
		    (!*what->name || !strcmp(what->name, to->name)))
			return true;
	}
	return false;
}

/* The first grant of a namespace in the sorted list. */
static size_t first_of(const struct object *const *grants, size_t n, const char *namespace)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(grants[middle]->namespace, namespace) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool grants_allow(struct model *model, const struct object *referrer,
		  const struct object_reference *to)
{
	const char *namespace = grants_namespace(referrer, to);
	const struct object *const *grants;
	size_t n;

	if (!strcmp(namespace, referrer->namespace))
		return true;
	n = model_list(model, OBJECT_REFERENCE_GRANT, &grants);
	for (size_t i = first_of(grants, n, namespace);
	     i < n && !strcmp(grants[i]->namespace, namespace); i++) {
		const struct reference_grant *grant = (const struct reference_grant *)grants[i];

		if (takes_from(grant, referrer) && gives(grant, to))
			return true;
	}
	return false;
}
