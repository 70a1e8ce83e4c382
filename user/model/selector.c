// SPDX-License-Identifier: Apache-2.0
/* As Kubernetes has it: NotIn holds for who has no such label at all. */
#include "model/selector.h"

#include <stdlib.h>
#include <string.h>

bool selector_holds(const struct selector_requirement *requirement, const char *value)
{
	bool found = false;

	for (size_t i = 0; value && i < requirement->n_values; i++)
		found |= !strcmp(requirement->values[i], value);
	switch (requirement->operator) {
	case SELECTOR_IN:
		return found;
	case SELECTOR_NOT_IN:
		return !found;
	case SELECTOR_EXISTS:
		return value;
	default:
		return !value;
	}
}

static int label_compare(const void *key, const void *label)
{
	return strcmp(key, ((const struct label *)label)->key);
}

static const char *value_of(const char *key, const struct label *labels, size_t n_labels)
{
	const struct label *label =
		n_labels ? bsearch(key, labels, n_labels, sizeof(*labels), label_compare) : NULL;

	return label ? label->value : NULL;
}

bool selector_matches(const struct selector_requirement *requirements, size_t n_requirements,
		      const struct label *labels, size_t n_labels)
{
	for (size_t i = 0; i < n_requirements; i++)
		if (!selector_holds(&requirements[i],
				    value_of(requirements[i].key, labels, n_labels)))
			return false;
	return true;
}
