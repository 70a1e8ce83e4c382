// SPDX-License-Identifier: Apache-2.0
/*
 * One match against one request: method, headers, query parameters, and a path that is a regular
 * expression. What is cheap is looked at first. Any thread may ask; nothing is written but
 * the subject's own memory.
 */
#include "proxy/match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/target.h"

static bool is_text(struct http_text text, const char *string)
{
	return http_text_equal(text, http_text_of(string));
}

/* Those of a list that are regular expressions, at their indices. */
static int compile_values(const struct plan_value_match *values, size_t n, struct regex **regexes,
			  char **ret_error)
{
	for (size_t i = 0; i < n; i++) {
		int r = 0;

		if (values[i].type == PLAN_REGEX)
			r = regex_new(values[i].value, &regexes[i], ret_error);
		if (r)
			return r;
	}
	return 0;
}

int match_init(struct match *match, const struct plan_match *plan, const struct rule *rule,
	       char **ret_error)
{
	int r = 0;

	*match = (struct match){ .plan = plan, .rule = rule };
	if (plan->n_headers)
		match->headers = mem_array(plan->n_headers, sizeof(*match->headers));
	if (plan->n_queries)
		match->queries = mem_array(plan->n_queries, sizeof(*match->queries));
	if (plan->path_type == PLAN_REGEX)
		r = regex_new(plan->path, &match->path, ret_error);
	if (!r)
		r = compile_values(plan->headers, plan->n_headers, match->headers, ret_error);
	if (!r)
		r = compile_values(plan->queries, plan->n_queries, match->queries, ret_error);
	return r;
}

void match_fini(struct match *match)
{
	for (size_t i = 0; match->headers && i < match->plan->n_headers; i++)
		regex_free(match->headers[i]);
	for (size_t i = 0; match->queries && i < match->plan->n_queries; i++)
		regex_free(match->queries[i]);
	regex_free(match->path);
	free(match->headers);
	free(match->queries);
	*match = (struct match){ 0 };
}

static int regex_test(const struct regex *regex, const struct match_subject *subject,
		      struct http_text text)
{
	return regex_match(regex, subject->scratch, text.at, text.len);
}

static int value_test(const struct plan_value_match *plan, const struct regex *regex,
		      const struct match_subject *subject, struct http_text value)
{
	return regex ? regex_test(regex, subject, value) : is_text(value, plan->value);
}

/* The values of all fields from index first on that have its name. */
static struct http_text join(const struct http_fields *fields, size_t first, struct arena *arena)
{
	struct http_text name = fields->items[first].name, value = fields->items[first].value;
	size_t last = first, len = value.len;
	char *joined, *end;

	for (size_t i = first + 1; i < fields->n; i++) {
		if (!http_text_equal(fields->items[i].name, name))
			continue;
		last = i;
		len += 1 + fields->items[i].value.len;
	}
	if (last == first)
		return value;
	joined = end = arena_alloc(arena, len);
	for (size_t i = first; i <= last; i++) {
		const struct http_field *field = &fields->items[i];

		if (!http_text_equal(field->name, name))
			continue;
		if (i > first)
			*end++ = ',';
		memcpy(end, field->value.at, field->value.len);
		end += field->value.len;
	}
	return (struct http_text){ joined, len };
}

static bool header_get(const struct match_subject *subject, const char *name,
		       struct http_text *ret_value)
{
	const struct http_fields *fields = &subject->request->fields;

	/* Not among the fields: the parser has taken it out. */
	if (!strcmp(name, "host")) {
		*ret_value = subject->request->authority;
		return true;
	}
	for (size_t i = 0; i < fields->n; i++) {
		if (!is_text(fields->items[i].name, name))
			continue;
		*ret_value = join(fields, i, subject->arena);
		return true;
	}
	return false;
}

static int headers_test(const struct match *match, const struct match_subject *subject)
{
	for (size_t i = 0; i < match->plan->n_headers; i++) {
		const struct plan_value_match *plan = &match->plan->headers[i];
		struct http_text value;
		int r;

		if (!header_get(subject, plan->name, &value))
			return 0;
		r = value_test(plan, match->headers[i], subject, value);
		if (r <= 0)
			return r;
	}
	return 1;
}

static int queries_test(const struct match *match, const struct match_subject *subject)
{
	for (size_t i = 0; i < match->plan->n_queries; i++) {
		const struct plan_value_match *plan = &match->plan->queries[i];
		struct http_text value;
		int r;

		if (!target_query_get(subject->request->query, plan->name, subject->arena, &value))
			return 0;
		r = value_test(plan, match->queries[i], subject, value);
		if (r <= 0)
			return r;
	}
	return 1;
}

static int conditions_test(const struct match *match, const struct match_subject *subject)
{
	int r;

	if (*match->plan->method && !is_text(subject->request->method, match->plan->method))
		return 0;
	r = headers_test(match, subject);
	if (r > 0)
		r = queries_test(match, subject);
	if (r > 0 && match->path)
		r = regex_test(match->path, subject, subject->request->path);
	return r;
}

int match_test(const struct match *match, const struct match_subject *subject)
{
	int r = conditions_test(match, subject);

	/* Thousands of matches must not take thousands of times the memory of a request. */
	if (subject->arena->total)
		arena_reset(subject->arena);
	return r;
}
