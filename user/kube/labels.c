// SPDX-License-Identifier: Apache-2.0
/*
 * Labels of objects and selectors over them. Invariant: a selector is a list of requirements that
 * must all hold; matchLabels come first, each as In with one value.
 */
#include "kube/labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kube/field.h"
#include "kube/form.h"

/* Not the API's limit but far beyond what anybody has. */
#define LABELS_MAX 1024

static void take_label(struct decode *d, const struct decode_field *field,
		       struct json_object *value, void *target)
{
	struct label *label = target;

	label->key = mem_strdup(d->top->name);
	field_string(d, field, value, &label->value);
}

static const struct decode_array labels = {
	.size = sizeof(struct label),
	.count_offset = (ptrdiff_t)(offsetof(struct namespace, n_labels) -
				    offsetof(struct namespace, labels)),
	.max = LABELS_MAX,
	.element = { .fn = take_label },
};

/* A label that is null has no key: there was an error, so its place does not matter. */
static int compare_labels(const void *left, const void *right)
{
	const struct label *a = left, *b = right;

	return strcmp(a->key ? a->key : "", b->key ? b->key : "");
}

void labels_map(struct decode *d, const struct decode_field *field, struct json_object *value,
		void *target)
{
	const struct decode_field map = { .name = field->name, .arg = &labels };
	struct namespace *namespace = (void *)((char *)target - offsetof(struct namespace, labels));

	decode_map(d, &map, value, target);
	if (namespace->n_labels)
		qsort(namespace->labels, namespace->n_labels, sizeof(struct label), compare_labels);
}

#define REQUIREMENT(member) offsetof(struct selector_requirement, member)
static const struct field_word operators[] = {
	{ "In", SELECTOR_IN },
	{ "NotIn", SELECTOR_NOT_IN },
	{ "Exists", SELECTOR_EXISTS },
	{ "DoesNotExist", SELECTOR_DOES_NOT_EXIST },
	{ NULL, 0 },
};

static const struct decode_array values = {
	.size = sizeof(char *),
	.count_offset = (ptrdiff_t)(REQUIREMENT(n_values) - REQUIREMENT(values)),
	.max = LABELS_MAX,
	.element = { .fn = field_string },
};

static const struct decode_field requirement_fields[] = {
	{ .name = "key",
	  .fn = form_text,
	  .offset = REQUIREMENT(key),
	  .flags = DECODE_REQUIRED,
	  .arg = &form_name },
	{ .name = "operator",
	  .fn = field_enum,
	  .offset = REQUIREMENT(operator),
	  .flags = DECODE_REQUIRED,
	  .arg = operators },
	{ .name = "values", .fn = decode_array, .offset = REQUIREMENT(values), .arg = &values },
	{ 0 },
};

static void take_requirement(struct decode *d, const struct decode_field *field,
			     struct json_object *value, void *target)
{
	struct selector_requirement *requirement = target;
	size_t errors = d->errors;
	bool wanted;

	(void)field;
	decode_fields(d, requirement_fields, value, target);
	wanted = requirement->operator== SELECTOR_IN || requirement->operator== SELECTOR_NOT_IN;
	if (d->errors == errors && wanted != (requirement->n_values > 0))
		decode_error(d, wanted ? "values must be given for operators In and NotIn"
				       : "values may not be given for operators Exists and "
					 "DoesNotExist");
}

static void take_match_label(struct decode *d, const struct decode_field *field,
			     struct json_object *value, void *target)
{
	struct selector_requirement *requirement = target;

	requirement->key = mem_strdup(d->top->name);
	requirement->values = mem_new(sizeof(char *));
	requirement->n_values = 1;
	field_string(d, field, value, requirement->values);
}

static const struct decode_array match_labels = {
	.size = sizeof(struct selector_requirement),
	.count_offset = (ptrdiff_t)(offsetof(struct labels_selector, n) -
				    offsetof(struct labels_selector, items)),
	.max = LABELS_MAX,
	.element = { .fn = take_match_label },
};

static const struct decode_array match_expressions = {
	.size = sizeof(struct selector_requirement),
	.count_offset = (ptrdiff_t)(offsetof(struct labels_selector, n) -
				    offsetof(struct labels_selector, items)),
	.max = LABELS_MAX,
	.element = { .fn = take_requirement },
};

/* Puts them behind those of the row before. The target is the selector. */
static void take_requirements(struct decode *d, const struct decode_field *field,
			      struct json_object *value, void *target)
{
	const struct decode_field list = { .name = field->name, .arg = &match_expressions };
	struct labels_selector *selector = target, more = { 0 };
	size_t cap = selector->n;

	decode_array(d, &list, value, &more.items);
	for (size_t i = 0; i < more.n; i++) {
		selector->items =
			mem_grow(selector->items, selector->n, &cap, sizeof(*selector->items));
		selector->items[selector->n++] = more.items[i];
	}
	free(more.items);
}

static const struct decode_field selector_fields[] = {
	{ .name = "matchLabels", .fn = decode_map, .arg = &match_labels },
	{ .name = "matchExpressions", .fn = take_requirements },
	{ 0 },
};

void labels_take_selector(struct decode *d, const struct decode_field *field,
			  struct json_object *value, void *target)
{
	(void)field;
	if (value)
		decode_fields(d, selector_fields, value, target);
}
