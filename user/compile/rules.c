// SPDX-License-Identifier: Apache-2.0
/*
 * From HTTPRouteRule to the plan's rules. Each has a name of its own, which its statistics hang on.
 * layer7.c calls it, once it is known which routes are served.
 */
#include "compile/rules.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "compile/clusters.h"
#include "compile/filters.h"
#include "compile/matches.h"
#include "compile/problem.h"
#include "compile/services.h"
#include "plan/layout.h"

/* ---- names --------------------------------------------------------------------------------- */

/* A name could be another rule's number, so one that begins like a number is not used. */
static bool is_name(const char *name)
{
	return *name && (*name < '0' || *name > '9') && services_plain(name);
}

static int name_compare(const void *a, const void *b)
{
	const struct route_rule *x = *(const struct route_rule *const *)a;
	const struct route_rule *y = *(const struct route_rule *const *)b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x > y) - (x < y);
}

/* For each rule of the route: may it go by its name? Of several of one name the first may. */
static bool *choose_names(const struct http_route *route)
{
	_cleanup_(mem_freep) const struct route_rule **sorted =
		mem_array(route->n_rules, sizeof(*sorted));
	bool *named = mem_array(route->n_rules, sizeof(*named));

	for (size_t i = 0; i < route->n_rules; i++)
		sorted[i] = &route->rules[i];
	if (route->n_rules)
		qsort(sorted, route->n_rules, sizeof(*sorted), name_compare);
	for (size_t i = 0; i < route->n_rules; i++)
		named[sorted[i] - route->rules] =
			is_name(sorted[i]->name) &&
			(!i || strcmp(sorted[i - 1]->name, sorted[i]->name) != 0);
	return named;
}

static char *rule_name(const struct http_route *route, size_t index, bool named)
{
	const struct object *object = &route->object;

	if (named)
		return mem_printf("%s/%s/%s", object->namespace, object->name,
				  route->rules[index].name);
	return mem_printf("%s/%s/%zu", object->namespace, object->name, index);
}

/* ---- rules --------------------------------------------------------------------------------- */

static void take_backends(struct layer7 *l7, size_t route, size_t index, struct plan_rule *rule,
			  bool keep)
{
	const struct route_rule *from = &l7->routes[route].route->rules[index];

	rule->backends = mem_array(from->n_backends, sizeof(*rule->backends));
	rule->n_backends = from->n_backends;
	for (size_t i = 0; i < from->n_backends; i++) {
		struct plan_backend *backend = &rule->backends[i];

		backend->weight = from->backends[i].weight;
		backend->cluster = clusters_refer(l7, route, index, i, keep, backend);
	}
}

static void take_retry(const struct route_rule *from, struct plan_retry *to)
{
	if (!from->retry)
		return;
	to->attempts = from->retry_attempts;
	to->backoff_ms = from->retry_backoff_ms;
	to->codes = mem_array(from->n_retry_codes, sizeof(*to->codes));
	to->n_codes = from->n_retry_codes;
	if (to->n_codes)
		memcpy(to->codes, from->retry_codes, to->n_codes * sizeof(*to->codes));
}

/* What the route's conditions add to themselves without being worse for it. */
static void note(struct layer7 *l7, size_t route, size_t index, const char *member,
		 enum diag_level level, const char *text)
{
	struct route_draft *draft = &l7->routes[route];
	_cleanup_(mem_freep) char *field = mem_printf("spec.rules[%zu].%s", index, member);
	_cleanup_(mem_freep) char *message = mem_printf("%s: %s", field, text);

	problem_add(l7->diags, level, &draft->route->object, field, "%s", text);
	verdict_say(&draft->said, VERDICT_ROUTE_ACCEPTED, message);
}

static struct plan_rule make_rule(struct layer7 *l7, size_t route, size_t index, bool keep)
{
	const struct route_rule *from = &l7->routes[route].route->rules[index];
	struct plan_rule rule = {
		.redirect = { .scheme = mem_strdup(""),
			      .host = mem_strdup(""),
			      .path = mem_strdup("") },
		.rewrite = { .host = mem_strdup(""), .path = mem_strdup("") },
		.request_timeout_ms = from->request_timeout_ms,
		.backend_timeout_ms = from->backend_timeout_ms,
	};

	filters_take(l7, route, index, &rule);
	take_backends(l7, route, index, &rule, keep);
	if (!rule.n_backends && !rule.redirect.status && !rule.answer)
		note(l7, route, index, "backendRefs", DIAG_WARNING,
		     "none, and no redirect: requests of this rule are answered 500");
	take_retry(from, &rule.retry);
	if (from->persistence)
		note(l7, route, index, "sessionPersistence", DIAG_ERROR,
		     "not supported: requests of one session may reach several backends");
	return rule;
}

static void make_rules(struct layer7 *l7, size_t route)
{
	const struct http_route *object = l7->routes[route].route;
	bool keep = l7->routes[route].served;
	_cleanup_(mem_freep) bool *named = choose_names(object);

	for (size_t i = 0; i < object->n_rules; i++) {
		struct plan_rule rule = make_rule(l7, route, i, keep);
		size_t matches = l7->n_matches;
		bool broken = rule.answer;

		rule.name = rule_name(object, i, named[i]);
		l7->rules = mem_grow(l7->rules, l7->n_rules, &l7->cap_rules, sizeof(*l7->rules));
		l7->rules[l7->n_rules++] = rule;
		matches_add(l7, route, i, (uint32_t)l7->n_rules - 1);
		l7->routes[route].n_dropped += broken || l7->n_matches == matches;
	}
}

/* Takes the rules of a route away again that were made for what is wrong with them. */
static void drop_rules(struct layer7 *l7, size_t first_rule, size_t first_match)
{
	while (l7->n_rules > first_rule)
		layout_fini(layout_rule, &l7->rules[--l7->n_rules]);
	while (l7->n_matches > first_match)
		layout_fini(layout_match, &l7->matches[--l7->n_matches].plan);
}

/* State and statistics tell routes apart by name. */
static bool check_name(struct layer7 *l7, struct route_draft *draft)
{
	const struct object *object = &draft->route->object;

	if (services_plain(object->namespace) && services_plain(object->name))
		return true;
	draft->n_dropped = draft->route->n_rules;
	problem_judge(PROBLEM(l7->diags, object, "metadata.name", &draft->said,
			      VERDICT_ROUTE_PARTLY),
		      "not a name: not served");
	return false;
}

void rules_make(struct layer7 *l7)
{
	for (size_t i = 0; i < l7->n_routes; i++) {
		struct route_draft *draft = &l7->routes[i];
		size_t first_rule = l7->n_rules;

		draft->first_match = l7->n_matches;
		if (!draft->ours || !check_name(l7, draft))
			continue;
		make_rules(l7, i);
		if (!draft->served)
			drop_rules(l7, first_rule, draft->first_match);
		draft->n_matches = l7->n_matches - draft->first_match;
	}
}
