/* SPDX-License-Identifier: Apache-2.0 */
/* Plans and requests for the tests of the proxy's routing, in as few words as their rows have. */
#pragma once
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/http.h"
#include "plan/l7.h"

/* With room for one more item. */
static inline void *rig_room(void *items, size_t n, size_t size)
{
	void *bigger = mem_array(n + 1, size);

	if (n)
		memcpy(bigger, items, n * size);
	free(items);
	return bigger;
}

#define RIG_APPEND(items, n, ...)                                                                  \
	((items) = rig_room(items, n, sizeof(*(items))), (items)[(n)++] = __VA_ARGS__)

static inline char *rig_empty(void)
{
	return mem_strdup("");
}

static inline uint32_t rig_rule(struct plan_l7 *l7, const char *name)
{
	RIG_APPEND(l7->rules, l7->n_rules,
		   (struct plan_rule){
			   .name = mem_strdup(name),
			   .redirect = { .scheme = rig_empty(),
					 .host = rig_empty(),
					 .path = rig_empty() },
			   .rewrite = { .host = rig_empty(), .path = rig_empty() },
		   });
	return (uint32_t)l7->n_rules - 1;
}

static inline uint32_t rig_match(struct plan_l7 *l7, uint32_t rule, enum plan_match_type type,
				 const char *path)
{
	RIG_APPEND(l7->matches, l7->n_matches,
		   (struct plan_match){
			   .rule = rule,
			   .path_type = type,
			   .path = mem_strdup(path),
			   .method = rig_empty(),
		   });
	return (uint32_t)l7->n_matches - 1;
}

/* "get" or "~g.t" in a header or query parameter. */
static inline void rig_value(struct plan_value_match **items, size_t *n, const char *name,
			     const char *value)
{
	bool regex = value[0] == '~';

	RIG_APPEND(*items, *n,
		   (struct plan_value_match){
			   .name = mem_strdup(name),
			   .type = regex ? PLAN_REGEX : PLAN_EXACT,
			   .value = mem_strdup(value + regex),
		   });
}

static inline void rig_header(struct plan_header_list *list, const char *name, const char *value)
{
	RIG_APPEND(list->items, list->n,
		   (struct plan_header){ mem_strdup(name), mem_strdup(value) });
}

static inline uint32_t rig_listener(struct plan_l7 *l7, const char *name, const char *hostname)
{
	RIG_APPEND(l7->listeners, l7->n_listeners,
		   (struct plan_listener){
			   .name = mem_strdup(name),
			   .hostname = mem_strdup(hostname),
		   });
	return (uint32_t)l7->n_listeners - 1;
}

/* A match becomes the last of a host of a listener. */
static inline void rig_attach(struct plan_l7 *l7, uint32_t listener, const char *host,
			      uint32_t match)
{
	struct plan_listener *plan = &l7->listeners[listener];
	struct plan_host *at = NULL;

	for (size_t i = 0; i < plan->n_hosts; i++)
		if (!strcmp(plan->hosts[i].name, host))
			at = &plan->hosts[i];
	if (!at) {
		RIG_APPEND(plan->hosts, plan->n_hosts,
			   (struct plan_host){ .name = mem_strdup(host) });
		at = &plan->hosts[plan->n_hosts - 1];
	}
	RIG_APPEND(at->matches, at->n_matches, match);
}

/* The address is the zero one, unless its last byte is given. */
static inline void rig_bind(struct plan_l7 *l7, uint8_t last, uint16_t port,
			    const uint32_t *listeners, size_t n)
{
	struct plan_bind *bind;

	RIG_APPEND(l7->binds, l7->n_binds, (struct plan_bind){ .port = port });
	bind = &l7->binds[l7->n_binds - 1];
	if (last)
		bind->addr = (struct addr){ { [10] = 0xff, 0xff, 10, 0, 0, last } };
	for (size_t i = 0; i < n; i++)
		RIG_APPEND(bind->listeners, bind->n_listeners, listeners[i]);
}

static inline struct http_text rig_text(const char *text)
{
	return (struct http_text){ text, strlen(text) };
}

/* headers: "name: value\n…", may be NULL, as may query. */
static inline struct http_request rig_request(struct arena *arena, const char *host,
					      const char *path, const char *query,
					      const char *headers)
{
	struct http_request request = {
		.method = HTTP_TEXT("GET"),
		.scheme = HTTP_TEXT("http"),
		.authority = rig_text(host),
		.host = rig_text(host),
		.path = rig_text(path),
		.minor = 1,
	};

	if (query)
		request.query = rig_text(query);
	while (headers && *headers) {
		const char *colon = strchr(headers, ':'), *end = strchrnul(headers, '\n');

		http_fields_add(&request.fields, arena,
				(struct http_text){ headers, (size_t)(colon - headers) },
				(struct http_text){ colon + 2, (size_t)(end - colon - 2) });
		headers = *end ? end + 1 : end;
	}
	return request;
}

/* "name: value\n…" of all fields. */
static inline char *rig_fields(struct arena *arena, const struct http_fields *fields)
{
	char *text = arena_printf(arena, "%s", "");

	for (size_t i = 0; i < fields->n; i++) {
		const struct http_field *field = &fields->items[i];

		text = arena_printf(arena, "%s%.*s: %.*s\n", text, (int)field->name.len,
				    field->name.at, (int)field->value.len, field->value.at);
	}
	return text;
}
