// SPDX-License-Identifier: Apache-2.0
/*
 * networking.istio.io DestinationRule: connection pool and outlier detection. Whatever else stands
 * in its spec is listed by path, so that nobody takes it for being in force: the tables here are
 * also the list of what is read. kind.c has the row.
 */
#include <ctype.h>
#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/duration.h"
#include "kube/field.h"
#include "kube/form.h"
#include "kube/kind.h"
#include "model/gateway.h"

/* Paths that are listed, and the longest name in them: no field of Istio's comes near. */
#define UNSUPPORTED_MAX 32
#define KEY_MAX		64

#define RULE(member) offsetof(struct destination_rule, member)

static const struct field_range counts = { 0, INT32_MAX };
static const struct field_range wide_counts = { 0, UINT32_MAX };
static const struct field_range percents = { 0, 100 };

static void lower(char *text)
{
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

/* "shop", "shop.market", "*.example.com"; Istio takes upper case, too. */
static bool is_host(const char *text)
{
	_cleanup_(mem_freep) char *copy = mem_strdup(text);

	lower(copy);
	return !strcmp(copy, "*") || form_is_hostname(copy);
}

static const struct form host = {
	.fits = is_host,
	.what = "a service's host name such as cart or cart.market.svc.cluster.local",
};

static void take_host(struct decode *d, const struct decode_field *field, struct json_object *value,
		      void *target)
{
	form_text(d, field, value, target);
	lower(*(char **)target);
}

/* Istio refuses 0 here. */
static void take_interval(struct decode *d, const struct decode_field *field,
			  struct json_object *value, void *target)
{
	uint32_t ms = *(uint32_t *)target;
	size_t errors = d->errors;

	duration_istio(d, field, value, &ms);
	if (d->errors != errors)
		return;
	if (value && !ms)
		decode_error(d, "must be 1ms or longer");
	*(uint32_t *)target = ms;
}

/* 0 switches the timeout off, which is not the same as leaving it to the default. */
static void take_idle(struct decode *d, const struct decode_field *field, struct json_object *value,
		      void *target)
{
	uint32_t ms = 0;
	size_t errors = d->errors;

	duration_istio(d, field, value, &ms);
	if (value && d->errors == errors)
		*(uint32_t *)target = ms ? ms : UINT32_MAX;
}

static const struct decode_field tcp_fields[] = {
	{ .name = "maxConnections",
	  .fn = field_number,
	  .offset = RULE(max_connections),
	  .arg = &counts },
	{ .name = "connectTimeout", .fn = take_interval, .offset = RULE(connect_timeout_ms) },
	{ .name = "idleTimeout", .fn = take_idle, .offset = RULE(idle_timeout_ms) },
	{ 0 },
};

static const struct decode_field http_fields[] = {
	{ .name = "http1MaxPendingRequests",
	  .fn = field_number,
	  .offset = RULE(max_pending),
	  .arg = &counts },
	{ .name = "http2MaxRequests",
	  .fn = field_number,
	  .offset = RULE(max_requests),
	  .arg = &counts },
	{ .name = "maxRequestsPerConnection",
	  .fn = field_number,
	  .offset = RULE(max_requests_per_connection),
	  .arg = &counts },
	{ .name = "maxRetries", .fn = field_number, .offset = RULE(max_retries), .arg = &counts },
	{ .name = "idleTimeout", .fn = take_idle, .offset = RULE(idle_timeout_ms) },
	{ 0 },
};

/* http stands last: its idleTimeout goes before that of tcp. */
static const struct decode_field pool_fields[] = {
	{ .name = "tcp", .fn = decode_object, .arg = tcp_fields },
	{ .name = "http", .fn = decode_object, .arg = http_fields },
	{ 0 },
};

static const struct decode_field outlier_fields[] = {
	{ .name = "consecutive5xxErrors",
	  .fn = field_number,
	  .offset = RULE(consecutive_5xx),
	  .arg = &wide_counts },
	{ .name = "consecutiveGatewayErrors",
	  .fn = field_number,
	  .offset = RULE(consecutive_gateway),
	  .arg = &wide_counts },
	{ .name = "consecutiveLocalOriginFailures",
	  .fn = field_number,
	  .offset = RULE(consecutive_local),
	  .arg = &wide_counts },
	{ .name = "splitExternalLocalOriginErrors", .fn = field_bool, .offset = RULE(split_local) },
	{ .name = "interval", .fn = take_interval, .offset = RULE(interval_ms) },
	{ .name = "baseEjectionTime", .fn = take_interval, .offset = RULE(base_ejection_ms) },
	{ .name = "maxEjectionPercent",
	  .fn = field_number,
	  .offset = RULE(max_ejection_percent),
	  .arg = &percents },
	{ 0 },
};

/* The target is the rule. Istio takes 0 percent for not given. */
static void take_outlier(struct decode *d, const struct decode_field *field,
			 struct json_object *value, void *target)
{
	struct destination_rule *rule = target;

	if (!value)
		return;
	rule->outlier = true;
	rule->consecutive_5xx = 5;
	rule->consecutive_local = 5;
	rule->interval_ms = 10000;
	rule->base_ejection_ms = 30000;
	decode_fields(d, field->arg, value, target);
	if (!rule->max_ejection_percent)
		rule->max_ejection_percent = 10;
}

static const struct decode_field policy_fields[] = {
	{ .name = "connectionPool", .fn = decode_object, .arg = pool_fields },
	{ .name = "outlierDetection", .fn = take_outlier, .arg = outlier_fields },
	{ 0 },
};

static const struct decode_field spec_fields[] = {
	{ .name = "host",
	  .fn = take_host,
	  .offset = RULE(host),
	  .flags = DECODE_REQUIRED,
	  .arg = &host },
	{ .name = "trafficPolicy", .fn = decode_object, .arg = policy_fields },
	{ 0 },
};

/* Rows of objects have a table as their argument. */
static bool has_table(const struct decode_field *row)
{
	return row->fn == decode_object || row->fn == take_outlier;
}

static const struct decode_field *find_row(const struct decode_field *rows, const char *name)
{
	while (rows->name && strcmp(rows->name, name) != 0)
		rows++;
	return rows->name ? rows : NULL;
}

static bool is_empty(struct json_object *value)
{
	if (json_object_is_type(value, json_type_object))
		return !json_object_object_length(value);
	if (json_object_is_type(value, json_type_array))
		return !json_object_array_length(value);
	return !value;
}

static void add_unsupported(struct destination_rule *rule, const char *path, const char *name)
{
	size_t cap = rule->n_unsupported;

	if (cap >= UNSUPPORTED_MAX || strlen(name) > KEY_MAX)
		return;
	rule->unsupported = mem_grow(rule->unsupported, cap, &cap, sizeof(char *));
	rule->unsupported[rule->n_unsupported++] = mem_printf("%s.%s", path, name);
}

/* Lists the members of value for which the tables have no row. */
static void list_unsupported(struct destination_rule *rule, const struct decode_field *rows,
			     struct json_object *value, const char *path)
{
	if (!json_object_is_type(value, json_type_object))
		return;
	json_object_object_foreach (value, name, member) {
		const struct decode_field *row = find_row(rows, name);
		_cleanup_(mem_freep) char *inner = NULL;

		if (!row && !is_empty(member))
			add_unsupported(rule, path, name);
		if (!row || !has_table(row))
			continue;
		inner = mem_printf("%s.%s", path, name);
		list_unsupported(rule, row->arg, member, inner);
	}
}

static void take_spec(struct decode *d, const struct decode_field *field, struct json_object *value,
		      void *target)
{
	(void)field;
	decode_fields(d, spec_fields, value, target);
	list_unsupported(target, spec_fields, value, "spec");
}

const struct decode_field decode_destination_fields[] = {
	{ .name = "spec", .fn = take_spec, .flags = DECODE_REQUIRED },
	{ 0 },
};
