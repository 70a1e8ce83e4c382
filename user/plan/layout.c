// SPDX-License-Identifier: Apache-2.0
/*
 * The tables of layout.h, and the one walker that needs no more than them. l7.c and snapshot.c
 * call it. Invariant: every member of l7.h's structs has a row.
 */
#include "plan/layout.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "plan/l7.h"

#define SIZE(type, member)  sizeof(((type *)0)->member)
#define PLACE(type, member) .offset = offsetof(type, member), .size = SIZE(type, member)

#define INT(type, member)                                                                          \
	{                                                                                          \
		.kind = LAYOUT_INT, PLACE(type, member), .max = UINT32_MAX                         \
	}
#define CHOICE(type, member, greatest)                                                             \
	{                                                                                          \
		.kind = LAYOUT_INT, PLACE(type, member), .max = (greatest)                         \
	}
#define FLAG(type, member) CHOICE(type, member, true)
#define BYTES(type, member)                                                                        \
	{                                                                                          \
		.kind = LAYOUT_BYTES, PLACE(type, member)                                          \
	}
#define STRING(type, member)                                                                       \
	{                                                                                          \
		.kind = LAYOUT_STRING, PLACE(type, member)                                         \
	}
#define STRUCT(type, member, fields)                                                               \
	{                                                                                          \
		.kind = LAYOUT_STRUCT, PLACE(type, member), .of = (fields)                         \
	}
#define ARRAY(type, member, fields)                                                                \
	{                                                                                          \
		.kind = LAYOUT_ARRAY, .offset = offsetof(type, member),                            \
		.size = SIZE(type, member[0]), .count = offsetof(type, n_##member), .of = (fields) \
	}
/* The same where the number has another name. */
#define LIST(type, member, number, fields)                                                         \
	{                                                                                          \
		.kind = LAYOUT_ARRAY, .offset = offsetof(type, member),                            \
		.size = SIZE(type, member[0]), .count = offsetof(type, number), .of = (fields)     \
	}
#define INDEX_OR(type, member, target, nowhere)                                                    \
	{                                                                                          \
		.kind = LAYOUT_INDEX, PLACE(type, member),                                         \
		.count = offsetof(struct plan_l7, n_##target), .none = (nowhere)                   \
	}
#define INDEX(type, member, target) INDEX_OR(type, member, target, 0)
/* Arrays of plain values have one member that is the whole element. */
#define VALUE_INDEX(target)                                                                        \
	{                                                                                          \
		{ .kind = LAYOUT_INDEX,                                                            \
		  .size = sizeof(uint32_t),                                                        \
		  .count = offsetof(struct plan_l7, n_##target) },                                 \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}

static const struct layout code_value[] = {
	{ .kind = LAYOUT_INT, .size = sizeof(uint16_t), .max = UINT32_MAX }, { 0 }
};
static const struct layout string_value[] = { { .kind = LAYOUT_STRING, .size = sizeof(char *) },
					      { 0 } };
static const struct layout cert_index[] = VALUE_INDEX(certs);
static const struct layout match_index[] = VALUE_INDEX(matches);
static const struct layout listener_index[] = VALUE_INDEX(listeners);

static const struct layout cert_fields[] = {
	STRING(struct plan_cert, name),
	BYTES(struct plan_cert, fingerprint),
	{ 0 },
};

static const struct layout endpoint_fields[] = {
	BYTES(struct plan_endpoint, addr),
	INT(struct plan_endpoint, port),
	FLAG(struct plan_endpoint, local),
	{ 0 },
};

static const struct layout set_fields[] = {
	LIST(struct plan_set, endpoints, n, endpoint_fields),
	{ 0 },
};

static const struct layout breaker_fields[] = {
	INT(struct plan_breaker, connections),
	INT(struct plan_breaker, pending),
	INT(struct plan_breaker, requests),
	INT(struct plan_breaker, retries),
	INT(struct plan_breaker, requests_per_connection),
	{ 0 },
};

static const struct layout outlier_fields[] = {
	INT(struct plan_outlier, consecutive_5xx),
	INT(struct plan_outlier, consecutive_gateway),
	INT(struct plan_outlier, consecutive_local),
	FLAG(struct plan_outlier, split_local),
	INT(struct plan_outlier, interval_ms),
	INT(struct plan_outlier, base_ejection_ms),
	INT(struct plan_outlier, max_ejection_ms),
	CHOICE(struct plan_outlier, max_percent, 100),
	{ 0 },
};

static const struct layout cluster_fields[] = {
	STRING(struct plan_cluster, name),
	STRUCT(struct plan_cluster, endpoints, set_fields),
	INT(struct plan_cluster, connect_timeout_ms),
	INT(struct plan_cluster, idle_timeout_ms),
	STRUCT(struct plan_cluster, breaker, breaker_fields),
	STRUCT(struct plan_cluster, outlier, outlier_fields),
	{ 0 },
};

static const struct layout header_fields[] = {
	STRING(struct plan_header, name),
	STRING(struct plan_header, value),
	{ 0 },
};

static const struct layout header_list_fields[] = {
	LIST(struct plan_header_list, items, n, header_fields),
	{ 0 },
};

static const struct layout header_change_fields[] = {
	STRUCT(struct plan_header_change, set, header_list_fields),
	STRUCT(struct plan_header_change, add, header_list_fields),
	ARRAY(struct plan_header_change, remove, string_value),
	{ 0 },
};

static const struct layout redirect_fields[] = {
	INT(struct plan_redirect, status),
	STRING(struct plan_redirect, scheme),
	STRING(struct plan_redirect, host),
	INT(struct plan_redirect, port),
	CHOICE(struct plan_redirect, path_change, PLAN_PATH_PREFIX),
	STRING(struct plan_redirect, path),
	{ 0 },
};

static const struct layout rewrite_fields[] = {
	STRING(struct plan_rewrite, host),
	CHOICE(struct plan_rewrite, path_change, PLAN_PATH_PREFIX),
	STRING(struct plan_rewrite, path),
	{ 0 },
};

static const struct layout backend_fields[] = {
	INT(struct plan_backend, weight),
	INDEX_OR(struct plan_backend, cluster, clusters, PLAN_NO_CLUSTER),
	STRUCT(struct plan_backend, request_headers, header_change_fields),
	STRUCT(struct plan_backend, response_headers, header_change_fields),
	{ 0 },
};

static const struct layout retry_fields[] = {
	ARRAY(struct plan_retry, codes, code_value),
	INT(struct plan_retry, attempts),
	INT(struct plan_retry, backoff_ms),
	{ 0 },
};

const struct layout layout_rule[] = {
	STRING(struct plan_rule, name),
	INT(struct plan_rule, answer),
	STRUCT(struct plan_rule, redirect, redirect_fields),
	STRUCT(struct plan_rule, rewrite, rewrite_fields),
	STRUCT(struct plan_rule, request_headers, header_change_fields),
	STRUCT(struct plan_rule, response_headers, header_change_fields),
	ARRAY(struct plan_rule, backends, backend_fields),
	INT(struct plan_rule, request_timeout_ms),
	INT(struct plan_rule, backend_timeout_ms),
	STRUCT(struct plan_rule, retry, retry_fields),
	{ 0 },
};

static const struct layout value_match_fields[] = {
	STRING(struct plan_value_match, name),
	CHOICE(struct plan_value_match, type, PLAN_REGEX),
	STRING(struct plan_value_match, value),
	{ 0 },
};

const struct layout layout_match[] = {
	INDEX(struct plan_match, rule, rules),
	CHOICE(struct plan_match, path_type, PLAN_REGEX),
	STRING(struct plan_match, path),
	STRING(struct plan_match, method),
	ARRAY(struct plan_match, headers, value_match_fields),
	ARRAY(struct plan_match, queries, value_match_fields),
	{ 0 },
};

static const struct layout host_fields[] = {
	STRING(struct plan_host, name),
	ARRAY(struct plan_host, matches, match_index),
	{ 0 },
};

const struct layout layout_listener[] = {
	STRING(struct plan_listener, name),
	STRING(struct plan_listener, hostname),
	FLAG(struct plan_listener, tls),
	ARRAY(struct plan_listener, certs, cert_index),
	ARRAY(struct plan_listener, hosts, host_fields),
	{ 0 },
};

static const struct layout bind_fields[] = {
	BYTES(struct plan_bind, addr),
	INT(struct plan_bind, port),
	FLAG(struct plan_bind, tls),
	ARRAY(struct plan_bind, listeners, listener_index),
	{ 0 },
};

static const struct layout vip_fields[] = {
	BYTES(struct plan_vip, addr),
	FLAG(struct plan_vip, announce),
	FLAG(struct plan_vip, service),
	FLAG(struct plan_vip, proxied),
	{ 0 },
};

const struct layout layout_l7[] = {
	ARRAY(struct plan_l7, certs, cert_fields),
	ARRAY(struct plan_l7, clusters, cluster_fields),
	ARRAY(struct plan_l7, rules, layout_rule),
	ARRAY(struct plan_l7, matches, layout_match),
	ARRAY(struct plan_l7, listeners, layout_listener),
	ARRAY(struct plan_l7, binds, bind_fields),
	ARRAY(struct plan_l7, vips, vip_fields),
	{ 0 },
};

uint32_t layout_int(const struct layout *field, const void *base)
{
	const char *at = (const char *)base + field->offset;
	uint32_t four;
	uint16_t two;

	if (field->size == 1)
		return *(const uint8_t *)at;
	if (field->size == 2) {
		memcpy(&two, at, sizeof(two));
		return two;
	}
	memcpy(&four, at, sizeof(four));
	return four;
}

char *layout_string(const struct layout *field, const void *base)
{
	char *text;

	memcpy(&text, (const char *)base + field->offset, sizeof(text));
	return text;
}

char *layout_array(const struct layout *field, const void *base, size_t *ret_n)
{
	memcpy(ret_n, (const char *)base + field->count, sizeof(*ret_n));
	return layout_string(field, base);
}

void layout_set_string(const struct layout *field, void *base, char *text)
{
	memcpy((char *)base + field->offset, &text, sizeof(text));
}

void layout_set_array(const struct layout *field, void *base, void *items, size_t n)
{
	layout_set_string(field, base, items);
	memcpy((char *)base + field->count, &n, sizeof(n));
}

void layout_fini(const struct layout *fields, void *base)
{
	size_t n = 0;
	char *items;

	for (const struct layout *field = fields; field->kind; field++) {
		if (field->kind == LAYOUT_STRING)
			free(layout_string(field, base));
		if (field->kind == LAYOUT_STRUCT)
			layout_fini(field->of, (char *)base + field->offset);
		if (field->kind != LAYOUT_ARRAY)
			continue;
		items = layout_array(field, base, &n);
		for (size_t i = 0; i < n; i++)
			layout_fini(field->of, items + i * field->size);
		free(items);
	}
}
