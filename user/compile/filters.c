// SPDX-License-Identifier: Apache-2.0
/*
 * From HTTPRouteFilter to the plan. Tenants write them and the proxy puts them into messages, so
 * what would end a header field early, or change how a message is framed, is refused here. A rule
 * without a filter that it asked for would do what nobody asked for: it answers 500. rules.c calls.
 */
#include "compile/filters.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "compile/problem.h"
#include "compile/routepath.h"

/* ---- texts --------------------------------------------------------------------------------- */

static bool is_token(const char *text)
{
	static const char signs[] = "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return *text && !text[strspn(text, signs)];
}

static bool is_value(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text == 0x7f || ((unsigned char)*text < ' ' && *text != '\t'))
			return false;
	return true;
}

static bool is_host(const char *text)
{
	static const char signs[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

	return !text[strspn(text, signs)];
}

static char *lower(const char *text)
{
	char *copy = mem_strdup(text);

	for (char *at = copy; *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	return copy;
}

/* ---- header fields ------------------------------------------------------------------------- */

/* Fields by which the proxy frames messages and finds their way: its own to write. */
static bool is_ours(const char *name)
{
	static const char *const names[] = { "connection", "content-length",	"host",
					     "keep-alive", "proxy-connection",	"te",
					     "trailer",	   "transfer-encoding", "upgrade" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static const char *check_name(const char *name)
{
	if (!is_token(name))
		return "is not the name of a header field";
	return is_ours(name) ? "is the proxy's own to write" : NULL;
}

static void add_header(struct plan_header_list *list, char *name, const char *value)
{
	size_t cap = list->n;

	/* Grows by doubling: n is a power of two when it is full. */
	if ((list->n & (list->n - 1)) == 0)
		list->items = mem_grow(list->items, list->n, &cap, sizeof(*list->items));
	list->items[list->n++] = (struct plan_header){ .name = name, .value = mem_strdup(value) };
}

/* Returns what is wrong with the first bad one, to be freed. */
static char *take_headers(const struct route_header *from, size_t n, struct plan_header_list *to)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(mem_freep) char *name = lower(from[i].name);
		const char *reason = check_name(name);

		if (!reason && !is_value(from[i].value))
			reason = "has a value that no header field may have";
		if (reason)
			return mem_printf("%s %s", from[i].name, reason);
		add_header(to, TAKE_PTR(name), from[i].value);
	}
	return NULL;
}

static char *take_removals(const struct route_filter *filter, struct plan_header_change *to)
{
	char **names = mem_array(to->n_remove + filter->n_remove, sizeof(*names));
	const char *reason;

	if (to->n_remove)
		memcpy(names, to->remove, to->n_remove * sizeof(*names));
	free(to->remove);
	to->remove = names;
	for (size_t i = 0; i < filter->n_remove; i++) {
		_cleanup_(mem_freep) char *name = lower(filter->remove[i]);

		reason = check_name(name);
		if (reason)
			return mem_printf("%s %s", filter->remove[i], reason);
		to->remove[to->n_remove++] = TAKE_PTR(name);
	}
	return NULL;
}

static char *take_header_change(const struct route_filter *filter, struct plan_header_change *to)
{
	char *reason = take_headers(filter->set, filter->n_set, &to->set);

	if (!reason)
		reason = take_headers(filter->add, filter->n_add, &to->add);
	return reason ? reason : take_removals(filter, to);
}

/* ---- redirect and rewrite ------------------------------------------------------------------ */

static bool all_prefixes(const struct route_rule *rule)
{
	for (size_t i = 0; i < rule->n_matches; i++)
		if (rule->matches[i].path_type != MATCH_PREFIX)
			return false;
	return true;
}

/* The new path as it is sent; a prefix may be replaced by nothing. */
static char *take_path(const struct route_filter *filter, const struct route_rule *rule,
		       enum plan_path_change *ret_change, char **path)
{
	static const enum plan_path_change changes[] = {
		[PATH_KEEP] = PLAN_PATH_KEEP,
		[PATH_FULL] = PLAN_PATH_FULL,
		[PATH_PREFIX] = PLAN_PATH_PREFIX,
	};
	char *normal;

	*ret_change = changes[filter->path_change];
	if (filter->path_change == PATH_KEEP)
		return NULL;
	if (filter->path_change == PATH_PREFIX && !all_prefixes(rule))
		return mem_strdup("replacePrefixMatch needs matches of type PathPrefix only");
	if (filter->path_change == PATH_PREFIX && !*filter->path)
		return NULL;
	normal = routepath_normal(filter->path);
	if (!normal)
		return mem_strdup(ROUTEPATH_REFUSED);
	free(*path);
	*path = normal;
	return NULL;
}

static char *take_redirect(const struct route_filter *filter, const struct route_rule *rule,
			   struct plan_redirect *to)
{
	static const uint16_t codes[] = { 301, 302, 303, 307, 308 };
	bool known = false;

	if (to->status)
		return mem_strdup("a second redirect");
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		known |= filter->status == codes[i];
	if (!known)
		return mem_printf("%u is not the status of a redirect", filter->status);
	if (*filter->scheme && strcmp(filter->scheme, "http") != 0 &&
	    strcmp(filter->scheme, "https") != 0)
		return mem_printf("scheme %s is neither http nor https", filter->scheme);
	if (!is_host(filter->hostname))
		return mem_printf("%s is not a host name", filter->hostname);
	to->status = filter->status;
	to->port = filter->port;
	free(to->scheme);
	to->scheme = mem_strdup(filter->scheme);
	free(to->host);
	to->host = mem_strdup(filter->hostname);
	return take_path(filter, rule, &to->path_change, &to->path);
}

static char *take_rewrite(const struct route_filter *filter, const struct route_rule *rule,
			  struct plan_rewrite *to)
{
	if (*to->host || to->path_change != PLAN_PATH_KEEP)
		return mem_strdup("a second rewrite");
	if (!is_host(filter->hostname))
		return mem_printf("%s is not a host name", filter->hostname);
	free(to->host);
	to->host = mem_strdup(filter->hostname);
	return take_path(filter, rule, &to->path_change, &to->path);
}

/* ---- all of a rule ------------------------------------------------------------------------- */

/* Returns why the filter cannot be had, to be freed. */
static char *take(const struct route_filter *filter, const struct route_rule *from,
		  struct plan_rule *to)
{
	switch (filter->type) {
	case FILTER_REQUEST_HEADERS:
		return take_header_change(filter, &to->request_headers);
	case FILTER_RESPONSE_HEADERS:
		return take_header_change(filter, &to->response_headers);
	case FILTER_REDIRECT:
		return take_redirect(filter, from, &to->redirect);
	case FILTER_REWRITE:
		return take_rewrite(filter, from, &to->rewrite);
	default:
		return mem_printf("%s is not supported", filter->type_text);
	}
}

/* A filter of somebody else's is a reference, too, to a kind that is not known here. */
static void check_reference(const struct route_filter *filter, const char *field,
			    struct route_draft *draft)
{
	_cleanup_(mem_freep) char *message =
		mem_printf("%s: no kind of filter is known to refer to", field);

	if (!strcmp(filter->type_text, "ExtensionRef"))
		verdict_say(&draft->said, VERDICT_ROUTE_BAD_KIND, message);
}

char *filters_take_backend(const struct route_backend *from, struct plan_backend *to)
{
	char *reason = NULL;

	for (size_t i = 0; i < from->n_filters && !reason; i++) {
		const struct route_filter *filter = &from->filters[i];

		if (filter->type == FILTER_REQUEST_HEADERS)
			reason = take_header_change(filter, &to->request_headers);
		else if (filter->type == FILTER_RESPONSE_HEADERS)
			reason = take_header_change(filter, &to->response_headers);
		else
			reason = mem_printf("%s is not supported for a backend", filter->type_text);
	}
	return reason;
}

void filters_take(struct layer7 *l7, size_t route, size_t index, struct plan_rule *rule)
{
	struct route_draft *draft = &l7->routes[route];
	const struct route_rule *from = &draft->route->rules[index];
	char field[LAYER7_FIELD_LEN];

	for (size_t i = 0; i < from->n_filters; i++) {
		_cleanup_(mem_freep) char *reason = take(&from->filters[i], from, rule);

		if (!reason)
			continue;
		rule->answer = 500;
		snprintf(field, sizeof(field), "spec.rules[%zu].filters[%zu]", index, i);
		problem_judge(PROBLEM(l7->diags, &draft->route->object, field, &draft->said,
				      VERDICT_ROUTE_PARTLY),
			      "%s: requests of this rule are answered 500", reason);
		if (from->filters[i].type == FILTER_OTHER)
			check_reference(&from->filters[i], field, draft);
	}
}
