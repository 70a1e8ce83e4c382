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

static const struct decode_field metadata_fields[] = {
	{ .name = "creationTimestamp", .fn = duration_timestamp, .offset = ROUTE(created) },
	{ 0 },
};

static const struct decode_field spec_fields[] = {
	{ .name = "parentRefs", .fn = decode_array, .offset = ROUTE(parents), .arg = &parents },
	{ .name = "hostnames", .fn = decode_array, .offset = ROUTE(hostnames), .arg = &hostnames },
	{ .name = "rules", .fn = decode_array, .offset = ROUTE(rules), .arg = &rules },
	{ 0 },
};

const struct decode_field decode_route_fields[] = {
	{ .name = "metadata", .fn = decode_object, .arg = metadata_fields },
	{ .name = "spec", .fn = decode_object, .arg = spec_fields, .flags = DECODE_REQUIRED },
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

static const char *check_parents(const struct http_route *route)
{
	const char *reason = NULL;

	for (size_t i = 0; i < route->n_parents && !reason; i++) {
		for (size_t j = 0; j < i && !reason; j++)
			reason = compare_parents(&route->parents[i], &route->parents[j]);
	}
	return reason;
}

static const char *check_rules(const struct http_route *route)
{
	size_t matches = 0;

	for (size_t i = 0; i < route->n_rules; i++) {
		const char *name = route->rules[i].name;

		matches += route->rules[i].n_matches;
		for (size_t j = 0; j < i && *name; j++) {
			if (!strcmp(name, route->rules[j].name))
				return "Rule name must be unique within the route";
		}
	}
	return matches <= MATCHES_MAX ? NULL
				      : "the total number of matches across all rules in a route "
					"must not be more than 128";
}

static void report(struct decode *d, const char *name, const char *reason)
{
	const struct decode_frame spec = { .name = "spec" };
	const struct decode_frame field = { .up = &spec, .name = name };

	if (!reason)
		return;
	d->top = &field;
	decode_error(d, "%s", reason);
	d->top = NULL;
}

/* A rule with nothing in it takes every request. */
static void add_default_rule(struct decode *d, struct http_route *route)
{
	route->rules = mem_new(sizeof(*route->rules));
	route->n_rules = 1;
	decode_rule(d, NULL, NULL, route->rules);
}

void decode_route_finish(struct decode *d, struct object *object)
{
	struct http_route *route = (struct http_route *)object;

	if (!route->n_rules)
		add_default_rule(d, route);
	report(d, "parentRefs", check_parents(route));
	report(d, "rules", check_rules(route));
}
