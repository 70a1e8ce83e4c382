// SPDX-License-Identifier: Apache-2.0
/*
 * One match of an HTTPRoute's rule, for decode_rule.c. Invariants: header names are lower case, a
 * name stands once in a list, and a PathPrefix has no slash at its end unless it is "/".
 */
#include <ctype.h>
#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "kube/field.h"
#include "kube/form.h"
#include "kube/kind.h"
#include "model/gateway.h"

/* The API's own limit, for headers and for query parameters. */
#define VALUES_MAX 16

static const struct field_word path_types[] = {
	{ "PathPrefix", MATCH_PREFIX },
	{ "Exact", MATCH_EXACT },
	{ "RegularExpression", MATCH_REGEX },
	{ NULL, 0 },
};

static const struct field_word value_types[] = {
	{ "Exact", MATCH_EXACT },
	{ "RegularExpression", MATCH_REGEX },
	{ NULL, 0 },
};

#define MATCH(member) offsetof(struct route_match, member)
#define VALUE(member) offsetof(struct route_value_match, member)

/* "/a/" and "/a" match the same paths; the shorter one is what everybody compares with. */
static void cut_slash(char *path)
{
	size_t len = strlen(path);

	if (len > 1 && path[len - 1] == '/')
		path[len - 1] = '\0';
}

/* The target is the match, whose type was read by the row before. */
static void take_value(struct decode *d, const struct decode_field *field,
		       struct json_object *value, void *target)
{
	struct route_match *match = target;
	const char *text = value ? field_text(d, value) : "/", *fault = NULL;

	(void)field;
	match->path = mem_strdup(text ? text : "");
	if (text && match->path_type != MATCH_REGEX)
		fault = form_find_path_fault(text);
	else if (text && strlen(text) > FORM_PATH_MAX)
		fault = "may not be longer than 1024 characters";
	if (fault)
		decode_error(d, "%s", fault);
	else if (match->path_type == MATCH_PREFIX)
		cut_slash(match->path);
}

static const struct decode_field path_fields[] = {
	{ .name = "type", .fn = field_enum, .offset = MATCH(path_type), .arg = path_types },
	{ .name = "value", .fn = take_value },
	{ 0 },
};

static const struct decode_field header_fields[] = {
	{ .name = "type", .fn = field_enum, .offset = VALUE(type), .arg = value_types },
	{ .name = "name",
	  .fn = form_text,
	  .offset = VALUE(name),
	  .flags = DECODE_REQUIRED,
	  .arg = &form_header_name },
	{ .name = "value",
	  .fn = form_text,
	  .offset = VALUE(value),
	  .flags = DECODE_REQUIRED,
	  .arg = &form_header_value },
	{ 0 },
};

static const struct decode_field query_fields[] = {
	{ .name = "type", .fn = field_enum, .offset = VALUE(type), .arg = value_types },
	{ .name = "name",
	  .fn = form_text,
	  .offset = VALUE(name),
	  .flags = DECODE_REQUIRED,
	  .arg = &form_header_name },
	{ .name = "value",
	  .fn = form_text,
	  .offset = VALUE(value),
	  .flags = DECODE_REQUIRED,
	  .arg = &form_query_value },
	{ 0 },
};

static const struct decode_array headers = {
	.size = sizeof(struct route_value_match),
	.count_offset = (ptrdiff_t)(MATCH(n_headers) - MATCH(headers)),
	.max = VALUES_MAX,
	.element = { .fn = decode_object, .arg = header_fields },
};

static const struct decode_array queries = {
	.size = sizeof(struct route_value_match),
	.count_offset = (ptrdiff_t)(MATCH(n_queries) - MATCH(queries)),
	.max = VALUES_MAX,
	.element = { .fn = decode_object, .arg = query_fields },
};

static const struct decode_field match_fields[] = {
	{ .name = "path", .fn = decode_object, .arg = path_fields },
	{ .name = "method", .fn = form_text, .offset = MATCH(method), .arg = &form_method },
	{ .name = "headers", .fn = decode_array, .offset = MATCH(headers), .arg = &headers },
	{ .name = "queryParams", .fn = decode_array, .offset = MATCH(queries), .arg = &queries },
	{ 0 },
};

/* Of several entries for one name the API takes the first. */
static void drop_repeated(struct route_value_match *values, size_t *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		size_t j = 0;

		while (j < kept && strcmp(values[i].name, values[j].name) != 0)
			j++;
		if (j == kept) {
			values[kept++] = values[i];
			continue;
		}
		free(values[i].name);
		free(values[i].value);
	}
	*n = kept;
}

static void lower(char *text)
{
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

void decode_match(struct decode *d, const struct decode_field *field, struct json_object *value,
		  void *target)
{
	struct route_match *match = target;
	size_t errors = d->errors;

	(void)field;
	decode_fields(d, match_fields, value, target);
	if (d->errors != errors)
		return;
	for (size_t i = 0; i < match->n_headers; i++)
		lower(match->headers[i].name);
	drop_repeated(match->headers, &match->n_headers);
	drop_repeated(match->queries, &match->n_queries);
}
