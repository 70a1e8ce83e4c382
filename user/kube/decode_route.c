// SPDX-License-Identifier: Apache-2.0
/*
 * gateway.networking.k8s.io HTTPRoute, under the rules that its schema has. kind.c has the row.
 */
#include <string.h>

#include "base/mem.h"
#include "kube/duration.h"
#include "kube/field.h"
#include "kube/form.h"
#include "kube/kind.h"
#include "kube/reference.h"
#include "model/gateway.h"

/* The API's own limits. */
#define PARENTS_MAX   32
#define HOSTNAMES_MAX 16
#define RULES_MAX     16
#define MATCHES_MAX   128 /* of all rules together */

#define ROUTE(member) offsetof(struct http_route, member)
#define COUNT_OFFSET(member)                                                                       \
	(ptrdiff_t)(offsetof(struct http_route, n_##member) - offsetof(struct http_route, member))

static const struct decode_array parents = {
	.size = sizeof(struct object_reference),
	.count_offset = COUNT_OFFSET(parents),
	.max = PARENTS_MAX,
	.element = { .fn = decode_object, .arg = reference_parent },
};

static const struct decode_array hostnames = {
	.size = sizeof(char *),
	.count_offset = COUNT_OFFSET(hostnames),
	.max = HOSTNAMES_MAX,
	.element = { .fn = form_text, .arg = &form_hostname },
};

static const struct decode_array rules = {
	.size = sizeof(struct route_rule),
	.count_offset = COUNT_OFFSET(rules),
	.min = 1,
	.max = RULES_MAX,
	.element = { .fn = decode_rule },
};

static const struct decode_field annotation_fields[] = {
	{ .name = "naru.io/fail-closed", .fn = field_string, .offset = ROUTE(fail_closed) },
	{ 0 },
};

static const struct decode_field metadata_fields[] = {
	{ .name = "annotations", .fn = decode_object, .arg = annotation_fields },
	{ .name = "creationTimestamp", .fn = duration_timestamp, .offset = ROUTE(created) },
	{ 0 },
};

static const struct decode_field spec_fields[] = {
	{ .name = "parentRefs", .fn = decode_array, .offset = ROUTE(parents), .arg = &parents },
	{ .name = "hostnames", .fn = decode_array, .offset = ROUTE(hostnames), .arg = &hostnames },
	{ .name = "rules", .fn = decode_array, .offset = ROUTE(rules), .arg = &rules },
	{ 0 },
};

static bool is_same_parent(const struct object_reference *a, const struct object_reference *b)
{
	return !strcmp(a->group, b->group) && !strcmp(a->kind, b->kind) &&
	       !strcmp(a->name, b->name) && !strcmp(a->namespace, b->namespace);
}

/* Two references to one parent must name different parts of it. */
static const char *compare_parents(const struct object_reference *a,
				   const struct object_reference *b)
{
	if (!is_same_parent(a, b))
		return NULL;
	if (!*a->section != !*b->section || !a->port != !b->port)
		return "sectionName or port must be specified when parentRefs includes 2 or more "
		       "references to the same parent";
	if (!strcmp(a->section, b->section) && a->port == b->port)
		return "sectionName or port must be unique when parentRefs includes 2 or more "
		       "references to the same parent";
	return NULL;
}

static void check_parents(struct decode *d, const struct http_route *route)
{
	for (size_t i = 0; i < route->n_parents; i++) {
		const char *reason = NULL;

		for (size_t j = 0; j < i && !reason; j++)
			reason = compare_parents(&route->parents[i], &route->parents[j]);
		if (reason)
			decode_error_at(d, "parentRefs", i, reason);
	}
}

static bool is_name_taken(const struct http_route *route, size_t index)
{
	const char *name = route->rules[index].name;

	for (size_t i = 0; i < index && *name; i++) {
		if (!strcmp(name, route->rules[i].name))
			return true;
	}
	return false;
}

static void check_rules(struct decode *d, const struct http_route *route)
{
	size_t matches = 0;

	for (size_t i = 0; i < route->n_rules; i++) {
		if (is_name_taken(route, i))
			decode_error_at(d, "rules", i, "Rule name must be unique within the route");
		matches += route->rules[i].n_matches;
		if (matches > MATCHES_MAX)
			return decode_error_at(d, "rules", i,
					       "the total number of matches across all rules in a "
					       "route must not be more than 128");
	}
}

/* A rule with nothing in it takes every request. */
static void add_default_rule(struct decode *d, struct http_route *route)
{
	route->rules = mem_new(sizeof(*route->rules));
	route->n_rules = 1;
	decode_rule(d, NULL, NULL, route->rules);
}

/* What the schema says of entries together. The target is the route. */
static void take_spec(struct decode *d, const struct decode_field *field, struct json_object *value,
		      void *target)
{
	struct http_route *route = target;

	(void)field;
	decode_fields(d, spec_fields, value, target);
	if (d->errors)
		return;
	if (!route->n_rules)
		add_default_rule(d, route);
	check_parents(d, route);
	check_rules(d, route);
}

const struct decode_field decode_route_fields[] = {
	{ .name = "metadata", .fn = decode_object, .arg = metadata_fields },
	{ .name = "spec", .fn = take_spec, .flags = DECODE_REQUIRED },
	{ 0 },
};
