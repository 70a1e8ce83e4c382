// SPDX-License-Identifier: Apache-2.0
/*
 * From HTTPRouteMatch to the plan's matches, and their precedence. rules.c adds, assemble.c sorts.
 */
#include "compile/matches.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "compile/problem.h"
#include "compile/routepath.h"

/* Where we are in the route, for diagnostics. */
struct place {
	struct layer7 *l7;
	struct route_draft *route;
	size_t rule, match;
};

static void refuse(const struct place *place, const char *member, const char *reason)
{
	char field[LAYER7_FIELD_LEN];

	snprintf(field, sizeof(field), "spec.rules[%zu].matches[%zu].%s", place->rule, place->match,
		 member);
	problem_judge(PROBLEM(place->l7->diags, &place->route->route->object, field,
			      &place->route->said, VERDICT_ROUTE_PARTLY),
		      "%s: this match is not served", reason);
}

static bool check_regex(const struct place *place, const char *member, const char *pattern)
{
	char *(*check)(const char *) = place->l7->config->check_regex;
	_cleanup_(mem_freep) char *reason = check ? check(pattern) : NULL;

	if (reason)
		refuse(place, member, reason);
	return !reason;
}

static void lower(char *text)
{
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
}

/* A prefix is one of whole elements: a slash at its end says nothing. */
static void cut_slash(char *path)
{
	size_t len = strlen(path);

	if (len > 1 && path[len - 1] == '/')
		path[len - 1] = 0;
}

static bool take_path(const struct place *place, const struct route_match *from,
		      struct plan_match *to)
{
	static const enum plan_match_type types[] = {
		[MATCH_EXACT] = PLAN_EXACT,
		[MATCH_PREFIX] = PLAN_PREFIX,
		[MATCH_REGEX] = PLAN_REGEX,
	};

	to->path_type = types[from->path_type];
	if (from->path_type == MATCH_REGEX) {
		to->path = mem_strdup(from->path);
		return check_regex(place, "path.value", from->path);
	}
	to->path = routepath_normal(from->path);
	if (!to->path) {
		to->path = mem_strdup("");
		refuse(place, "path.value", ROUTEPATH_REFUSED);
		return false;
	}
	if (from->path_type == MATCH_PREFIX)
		cut_slash(to->path);
	return true;
}

/* Of several of one name only the first counts. Names of fields are alike in any case. */
static bool is_repeated(const struct plan_value_match *values, size_t n, const char *name,
			bool any_case)
{
	for (size_t i = 0; i < n; i++)
		if (!(any_case ? strcasecmp : strcmp)(values[i].name, name))
			return true;
	return false;
}

static bool take_values(const struct place *place, const char *member,
			const struct route_value_match *from, size_t n,
			struct plan_value_match **ret_values, size_t *ret_n)
{
	bool header = !strcmp(member, "headers"), good = true;
	struct plan_value_match *to = mem_array(n, sizeof(*to));
	char field[LAYER7_FIELD_LEN];
	size_t n_to = 0;

	for (size_t i = 0; i < n; i++) {
		if (is_repeated(to, n_to, from[i].name, header))
			continue;
		to[n_to] = (struct plan_value_match){
			.name = mem_strdup(from[i].name),
			.type = from[i].type == MATCH_REGEX ? PLAN_REGEX : PLAN_EXACT,
			.value = mem_strdup(from[i].value),
		};
		if (header)
			lower(to[n_to].name);
		n_to++;
		snprintf(field, sizeof(field), "%s[%zu].value", member, i);
		if (from[i].type == MATCH_REGEX)
			good &= check_regex(place, field, from[i].value);
	}
	*ret_values = to;
	*ret_n = n_to;
	return good;
}

static void values_fini(struct plan_value_match *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(values[i].name);
		free(values[i].value);
	}
	free(values);
}

static void add_match(const struct place *place, const struct route_match *from,
		      const struct match_draft *like)
{
	struct layer7 *l7 = place->l7;
	struct match_draft draft = *like;
	struct plan_match *to = &draft.plan;
	bool good = take_path(place, from, to);

	good &= take_values(place, "headers", from->headers, from->n_headers, &to->headers,
			    &to->n_headers);
	good &= take_values(place, "queryParams", from->queries, from->n_queries, &to->queries,
			    &to->n_queries);
	if (!good) {
		values_fini(to->headers, to->n_headers);
		values_fini(to->queries, to->n_queries);
		free(to->path);
		return;
	}
	to->method = mem_strdup(from->method);
	l7->matches = mem_grow(l7->matches, l7->n_matches, &l7->cap_matches, sizeof(*l7->matches));
	l7->matches[l7->n_matches++] = draft;
}

void matches_add(struct layer7 *l7, size_t route, size_t index, uint32_t rule)
{
	struct route_draft *draft = &l7->routes[route];
	const struct route_rule *from = &draft->route->rules[index];
	const struct match_draft like = { .plan = { .rule = rule }, .route = route };
	struct place place = { .l7 = l7, .route = draft, .rule = index };

	for (size_t i = 0; i < from->n_matches; i++) {
		place.match = i;
		add_match(&place, &from->matches[i], &like);
	}
}

/* ---- precedence ---------------------------------------------------------------------------- */

static int more_first(size_t a, size_t b)
{
	return (a < b) - (a > b);
}

static int path_rank(enum plan_match_type type)
{
	return type == PLAN_EXACT ? 0 : type == PLAN_REGEX ? 1 : 2;
}

static int compare_paths(const struct plan_match *a, const struct plan_match *b)
{
	int order = path_rank(a->path_type) - path_rank(b->path_type);

	if (order || a->path_type == PLAN_EXACT)
		return order;
	return more_first(strlen(a->path), strlen(b->path));
}

int matches_compare(const struct layer7 *l7, size_t a, size_t b)
{
	const struct match_draft *x = &l7->matches[a], *y = &l7->matches[b];
	const struct http_route *r = l7->routes[x->route].route, *s = l7->routes[y->route].route;
	int order = compare_paths(&x->plan, &y->plan);

	if (!order)
		order = !*x->plan.method - !*y->plan.method;
	if (!order)
		order = more_first(x->plan.n_headers, y->plan.n_headers);
	if (!order)
		order = more_first(x->plan.n_queries, y->plan.n_queries);
	if (!order)
		order = layer7_age_compare(&r->object, r->created, &s->object, s->created);
	return order ? order : (a > b) - (a < b);
}
