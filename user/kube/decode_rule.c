// SPDX-License-Identifier: Apache-2.0
/*
 * One rule of an HTTPRoute, for decode_route.c, with what the schema says of its parts together.
 * Invariant: a rule has at least one match.
 */
#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "kube/duration.h"
#include "kube/field.h"
#include "kube/form.h"
#include "kube/kind.h"
#include "kube/reference.h"
#include "model/gateway.h"

/* The API's own limits; of codes there are not more. */
#define MATCHES_MAX  64
#define FILTERS_MAX  16
#define BACKENDS_MAX 16
#define CODES_MAX    200

#define RULE(member) offsetof(struct route_rule, member)
#define COUNT_OFFSET(member)                                                                       \
	(ptrdiff_t)(offsetof(struct route_rule, n_##member) - offsetof(struct route_rule, member))

static const struct field_range weights = { 0, 1000000 };
static const struct field_range codes_range = { 400, 599 };
static const struct field_range attempts = { 0, INT32_MAX };

/* ---- filters --------------------------------------------------------------------------------- */

/* May stand several times in one list. */
static bool is_repeatable(const char *type)
{
	return !strcmp(type, "RequestMirror") || !strcmp(type, "ExtensionRef");
}

static void check_repeated(struct decode *d, const struct route_filter *filters, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *type = filters[i].type_text;

		for (size_t j = 0; j < i && !is_repeatable(type); j++) {
			if (!strcmp(type, filters[j].type_text))
				return decode_error(d, "%s filter cannot be repeated", type);
		}
	}
}

/* ---- backends -------------------------------------------------------------------------------- */

#define BACKEND(member) offsetof(struct route_backend, member)
static const struct decode_array backend_filters = {
	.size = sizeof(struct route_filter),
	.count_offset = (ptrdiff_t)(BACKEND(n_filters) - BACKEND(filters)),
	.max = FILTERS_MAX,
	.element = { .fn = decode_filter },
};

static const struct decode_field backend_fields[] = {
	{ .name = "weight", .fn = field_number, .offset = BACKEND(weight), .arg = &weights },
	{ .name = "filters",
	  .fn = decode_array,
	  .offset = BACKEND(filters),
	  .arg = &backend_filters },
	{ 0 },
};

static void take_backend(struct decode *d, const struct decode_field *field,
			 struct json_object *value, void *target)
{
	struct route_backend *backend = target;
	const struct object_reference *reference = &backend->reference;
	size_t errors = d->errors;

	(void)field;
	backend->weight = 1;
	decode_fields(d, reference_backend, value, &backend->reference);
	if (d->errors != errors)
		return;
	decode_fields(d, backend_fields, value, target);
	if (!*reference->group && !strcmp(reference->kind, "Service") && !reference->port)
		decode_error(d, "Must have port for Service reference");
	check_repeated(d, backend->filters, backend->n_filters);
}

/* ---- timeouts and retries -------------------------------------------------------------------- */

static const struct decode_field timeout_fields[] = {
	{ .name = "request", .fn = duration_gateway, .offset = RULE(request_timeout_ms) },
	{ .name = "backendRequest", .fn = duration_gateway, .offset = RULE(backend_timeout_ms) },
	{ 0 },
};

static void take_timeouts(struct decode *d, const struct decode_field *field,
			  struct json_object *value, void *target)
{
	const struct route_rule *rule = target;

	(void)field;
	decode_fields(d, timeout_fields, value, target);
	if (rule->request_timeout_ms && rule->backend_timeout_ms > rule->request_timeout_ms)
		decode_error(d, "backendRequest timeout cannot be longer than request timeout");
}

static const struct decode_array codes = {
	.size = sizeof(uint16_t),
	.count_offset = COUNT_OFFSET(retry_codes),
	.max = CODES_MAX,
	.element = { .fn = field_number16, .arg = &codes_range },
};

static const struct decode_field retry_fields[] = {
	{ .name = "codes", .fn = decode_array, .offset = RULE(retry_codes), .arg = &codes },
	{ .name = "attempts",
	  .fn = field_number,
	  .offset = RULE(retry_attempts),
	  .arg = &attempts },
	{ .name = "backoff", .fn = duration_gateway, .offset = RULE(retry_backoff_ms) },
	{ 0 },
};

static void take_retry(struct decode *d, const struct decode_field *field,
		       struct json_object *value, void *target)
{
	struct route_rule *rule = target;

	(void)field;
	if (!value)
		return;
	rule->retry = true;
	rule->retry_attempts = 1;
	decode_fields(d, retry_fields, value, target);
}

/* ---- the rule -------------------------------------------------------------------------------- */

static const struct decode_array matches = {
	.size = sizeof(struct route_match),
	.count_offset = COUNT_OFFSET(matches),
	.max = MATCHES_MAX,
	.element = { .fn = decode_match },
};

static const struct decode_array filters = {
	.size = sizeof(struct route_filter),
	.count_offset = COUNT_OFFSET(filters),
	.max = FILTERS_MAX,
	.element = { .fn = decode_filter },
};

static const struct decode_array backends = {
	.size = sizeof(struct route_backend),
	.count_offset = COUNT_OFFSET(backends),
	.max = BACKENDS_MAX,
	.element = { .fn = take_backend },
};

static const struct decode_field rule_fields[] = {
	{ .name = "name", .fn = form_text, .offset = RULE(name), .arg = &form_subdomain },
	{ .name = "matches", .fn = decode_array, .offset = RULE(matches), .arg = &matches },
	{ .name = "filters", .fn = decode_array, .offset = RULE(filters), .arg = &filters },
	{ .name = "backendRefs", .fn = decode_array, .offset = RULE(backends), .arg = &backends },
	{ .name = "timeouts", .fn = take_timeouts },
	{ .name = "retry", .fn = take_retry },
	{ .name = "sessionPersistence", .fn = field_present, .offset = RULE(persistence) },
	{ 0 },
};

/* A match with nothing in it. */
static void add_default_match(struct decode *d, struct route_rule *rule)
{
	rule->matches = mem_new(sizeof(*rule->matches));
	rule->n_matches = 1;
	decode_match(d, NULL, NULL, rule->matches);
}

static const struct route_filter *find_filter(const struct route_rule *rule, enum filter_type type)
{
	for (size_t i = 0; i < rule->n_filters; i++) {
		if (rule->filters[i].type == type)
			return &rule->filters[i];
	}
	return NULL;
}

/* There must be something to replace. */
static void check_prefix(struct decode *d, const struct route_rule *rule,
			 const struct route_filter *filter)
{
	if (filter && filter->path_change == PATH_PREFIX &&
	    (rule->n_matches != 1 || rule->matches[0].path_type != MATCH_PREFIX))
		decode_error(d,
			     "When using %s filter with path.replacePrefixMatch, exactly one "
			     "PathPrefix match must be specified",
			     filter->type_text);
}

void decode_rule(struct decode *d, const struct decode_field *field, struct json_object *value,
		 void *target)
{
	struct route_rule *rule = target;
	const struct route_filter *redirect, *rewrite;
	size_t errors = d->errors;

	(void)field;
	decode_fields(d, rule_fields, value, target);
	if (d->errors != errors)
		return;
	if (!rule->n_matches)
		add_default_match(d, rule);
	redirect = find_filter(rule, FILTER_REDIRECT);
	rewrite = find_filter(rule, FILTER_REWRITE);
	check_repeated(d, rule->filters, rule->n_filters);
	if (redirect && rewrite)
		decode_error(d, "May specify either RequestRedirect or URLRewrite, but not both");
	if (redirect && rule->n_backends)
		decode_error(d, "RequestRedirect filter must not be used together with "
				"backendRefs");
	check_prefix(d, rule, redirect);
	check_prefix(d, rule, rewrite);
}
