// SPDX-License-Identifier: Apache-2.0
/*
 * Class, labels, namespace, and what the pool and the object say of each other. allocate.c and
 * seek.c ask.
 */
#include "allocate/rights.h"

#include <string.h>

#include "model/selector.h"

static bool matches_namespace(const struct run *run, const struct address_pool *pool,
			      const char *name)
{
	const struct namespace *namespace =
		(const struct namespace *)model_get(run->model, OBJECT_NAMESPACE, "", name);
	/* Without the object only the label that every namespace has is known. */
	const struct label only = { .key = (char[]){ "kubernetes.io/metadata.name" },
				    .value = (char *)name };

	if (!namespace)
		return selector_matches(pool->namespaces, pool->n_namespaces, &only, 1);
	return selector_matches(pool->namespaces, pool->n_namespaces, namespace->labels,
				namespace->n_labels);
}

static bool matches_class(const struct address_pool *pool, const struct owner *owner)
{
	if (!owner->class_name)
		return true;
	return *owner->class_name ? !strcmp(pool->class_name, owner->class_name)
				  : pool->without_class;
}

bool rights_may_use(const struct run *run, size_t index, const struct owner *owner, bool asked)
{
	const struct address_pool *pool = run->pools->items[index].pool;
	bool service = owner->class_name;

	if (run->pools->items[index].rival || pool->disabled || (pool->manual && !asked))
		return false;
	if (*owner->pool && strcmp(owner->pool, pool->object.name) != 0)
		return false;
	if (!matches_class(pool, owner) || !matches_namespace(run, pool, owner->object->namespace))
		return false;
	return selector_matches(service ? pool->services : pool->gateways,
				service ? pool->n_services : pool->n_gateways, owner->labels,
				owner->n_labels);
}
