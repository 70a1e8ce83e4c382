/* SPDX-License-Identifier: Apache-2.0 */
/* What is served of layer 7: listeners, routes, backends. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "field.h"
#include "show.h"
#include "table.h"

#define TABLE(name, ...)                                                                           \
	static const char *const name##_titles[] = { __VA_ARGS__ };                                \
	_cleanup_(table_fini) struct table name = { 0 };                                           \
	table_init(&name, ARRAY_SIZE(name##_titles), name##_titles)

/* "*" is every address. */
static void add_place(struct table *table, struct json_object *item)
{
	char text[FIELD_SOCKET_LEN];

	table_cell(table, "%s", field_socket(item, "address", "port", text));
}

/* ---- listeners ----------------------------------------------------------------------------- */

static void add_certificates(struct table *table, struct json_object *listener)
{
	_cleanup_(str_fini) struct str names = { 0 };
	size_t n = field_count(listener, "certificates");

	for (size_t i = 0; i < n; i++)
		str_addf(&names, "%s%s", i ? "," : "",
			 json_object_get_string(field_at(listener, "certificates", i)));
	table_cell(table, "%s", n ? names.buf : "-");
}

int show_l7_listeners(struct json_object *root)
{
	TABLE(table, "ADDRESS", "PROTO", "HOSTNAME", "LISTENER", "ROUTES", "REQUESTS", "NO-ROUTE",
	      "CERTIFICATES", "STATE");
	for (size_t i = 0; i < field_count(root, "listeners"); i++) {
		struct json_object *listener = field_at(root, "listeners", i);

		add_place(&table, listener);
		table_cell(&table, "%s", field_text(listener, "protocol"));
		table_cell(&table, "%s", field_text(listener, "hostname"));
		table_cell(&table, "%s", field_text(listener, "listener"));
		table_cell(&table, "%" PRIu64, field_number(listener, "routes"));
		table_cell(&table, "%" PRIu64, field_number(listener, "requests"));
		table_cell(&table, "%" PRIu64, field_number(listener, "not_found"));
		add_certificates(&table, listener);
		table_cell(&table, "%s", field_text(listener, "state"));
	}
	table_print(&table, "");
	return EXIT_SUCCESS;
}

/* ---- routes -------------------------------------------------------------------------------- */

/* What sets exact matches, prefixes and regular expressions apart. */
static const char *sign(struct json_object *match, const char *type)
{
	const char *text = field_text(match, type);

	return !strcmp(text, "regex") ? "~" : !strcmp(text, "exact") ? "=" : "";
}

static void add_values(struct str *out, struct json_object *route, const char *name,
		       const char *mark)
{
	for (size_t i = 0; i < field_count(route, name); i++) {
		struct json_object *value = field_at(route, name, i);

		str_addf(out, "%s%s%s%s%s", out->len ? " " : "", mark, field_text(value, "name"),
			 !strcmp(field_text(value, "type"), "regex") ? "~" : "=",
			 field_text(value, "value"));
	}
}

/* "POST x-user=ada ?page=2" */
static void add_conditions(struct table *table, struct json_object *route)
{
	_cleanup_(str_fini) struct str text = { 0 };

	str_addf(&text, "%s", field_text(route, "method"));
	add_values(&text, route, "headers", "");
	add_values(&text, route, "queries", "?");
	table_cell(table, "%s", text.len ? text.buf : "-");
}

static uint64_t count_requests(struct json_object *route)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < field_count(route, "backends"); i++)
		sum += field_number(field_at(route, "backends", i), "requests");
	return sum;
}

/* sum: requests of all backends of the route. */
static void add_backend(struct str *out, struct json_object *route, struct json_object *backend,
			uint64_t sum)
{
	const char *cluster = field_text(backend, "cluster");
	uint64_t requests = field_number(backend, "requests");

	str_addf(out, "%s%s", out->len ? ", " : "", *cluster ? cluster : "(broken reference)");
	if (field_count(route, "backends") == 1)
		return;
	str_addf(out, " weight %" PRIu64, field_number(backend, "weight"));
	if (sum)
		str_addf(out, " got %.1f%%", 100.0 * (double)requests / (double)sum);
}

/* Where requests go, or what they get at once. */
static void add_way(struct table *table, struct json_object *route)
{
	_cleanup_(str_fini) struct str text = { 0 };
	uint64_t answer = field_number(route, "answer"), redirect = field_number(route, "redirect");
	uint64_t sum = count_requests(route);

	if (answer)
		str_addf(&text, "answers %" PRIu64, answer);
	else if (redirect)
		str_addf(&text, "redirects %" PRIu64, redirect);
	for (size_t i = 0; !answer && !redirect && i < field_count(route, "backends"); i++)
		add_backend(&text, route, field_at(route, "backends", i), sum);
	table_cell(table, "%s", text.len ? text.buf : "answers 500");
}

int show_l7_routes(struct json_object *root)
{
	TABLE(table, "LISTENER", "HOST", "PATH", "CONDITIONS", "RULE", "REQUESTS", "5XX",
	      "BACKENDS");
	for (size_t i = 0; i < field_count(root, "routes"); i++) {
		struct json_object *route = field_at(root, "routes", i);

		table_cell(&table, "%s", field_text(route, "listener"));
		table_cell(&table, "%s", field_text(route, "host"));
		table_cell(&table, "%s%s", sign(route, "path_type"), field_text(route, "path"));
		add_conditions(&table, route);
		table_cell(&table, "%s", field_text(route, "rule"));
		table_cell(&table, "%" PRIu64, field_number(route, "requests"));
		table_cell(&table, "%" PRIu64,
			   json_object_get_uint64(field_at(route, "by_class", 5)));
		add_way(&table, route);
	}
	table_print(&table, "");
	return EXIT_SUCCESS;
}

/* ---- backends ------------------------------------------------------------------------------ */

/* "3/100", "3" where there is no limit. */
static void add_limit(struct table *table, struct json_object *backend, const char *name)
{
	struct json_object *limit = field_of(backend, name);
	uint64_t used = field_number(limit, "used");

	if (field_of(limit, "limit"))
		table_cell(table, "%" PRIu64 "/%" PRIu64, used, field_number(limit, "limit"));
	else
		table_cell(table, "%" PRIu64, used);
}

static void add_endpoint(struct table *table, struct json_object *backend,
			 struct json_object *endpoint)
{
	uint64_t ejected_ms = field_number(endpoint, "ejected_ms");

	table_cell(table, "%s", field_text(backend, "cluster"));
	add_place(table, endpoint);
	table_cell(table, "%" PRIu64, field_number(endpoint, "connections"));
	table_cell(table, "%" PRIu64, field_number(endpoint, "idle"));
	table_cell(table, "%" PRIu64, field_number(endpoint, "requests"));
	table_cell(table, "%" PRIu64, field_number(endpoint, "ok"));
	table_cell(table, "%" PRIu64, field_number(endpoint, "failed"));
	if (ejected_ms)
		table_cell(table, "for %" PRIu64 "s, time %" PRIu64, (ejected_ms + 999) / 1000,
			   field_number(endpoint, "ejections"));
	else
		table_cell(table, "no");
}

int show_l7_backends(struct json_object *root)
{
	static const char *const limits[] = { "connections", "pending", "requests", "retries" };

	TABLE(backends, "BACKEND", "CONNECTIONS", "PENDING", "REQUESTS", "RETRIES", "RETRIED",
	      "REFUSED", "ENDPOINTS");
	TABLE(endpoints, "BACKEND", "ENDPOINT", "CONNECTIONS", "IDLE", "REQUESTS", "OK", "FAILED",
	      "EJECTED");
	for (size_t i = 0; i < field_count(root, "backends"); i++) {
		struct json_object *backend = field_at(root, "backends", i);
		size_t n = field_count(backend, "endpoints");

		table_cell(&backends, "%s", field_text(backend, "cluster"));
		for (size_t j = 0; j < ARRAY_SIZE(limits); j++)
			add_limit(&backends, backend, limits[j]);
		table_cell(&backends, "%" PRIu64, field_number(backend, "retried"));
		table_cell(&backends, "%" PRIu64, field_number(backend, "overflows"));
		table_cell(&backends, "%zu", n);
		for (size_t j = 0; j < n; j++)
			add_endpoint(&endpoints, backend, field_at(backend, "endpoints", j));
	}
	table_print(&backends, "");
	putchar('\n');
	table_print(&endpoints, "");
	return EXIT_SUCCESS;
}
