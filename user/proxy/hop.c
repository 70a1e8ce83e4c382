// SPDX-License-Identifier: Apache-2.0
/*
 * Hop-by-hop fields. Invariant: what a nomination can cost is bounded by HOP_MAX names for each
 * field of the message.
 */
#include "proxy/hop.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/chars.h"
#include "base/mem.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes an element off the list, perhaps empty, without space around it. */
static struct http_text next_element(struct http_text *list)
{
	const char *comma = memchr(list->at, ',', list->len);
	size_t len = comma ? (size_t)(comma - list->at) : list->len;
	struct http_text element = { list->at, len };

	list->at += comma ? len + 1 : len;
	list->len -= comma ? len + 1 : len;
	while (element.len && is_space(element.at[0])) {
		element.at++;
		element.len--;
	}
	while (element.len && is_space(element.at[element.len - 1]))
		element.len--;
	return element;
}

static int parse_list(struct http_text list, struct hop *hop)
{
	while (list.len) {
		struct http_text name = next_element(&list);

		if (!name.len)
			continue;
		if (!chars_all(name.at, name.len, CHARS_TOKEN) || hop->n == HOP_MAX)
			return -EINVAL;
		hop->names[hop->n++] = name;
	}
	return 0;
}

int hop_parse(const struct http_fields *fields, struct hop *ret_hop)
{
	ret_hop->n = 0;
	for (size_t i = 0; i < fields->n; i++) {
		int r = 0;

		if (fields->items[i].id == HTTP_CONNECTION)
			r = parse_list(fields->items[i].value, ret_hop);
		if (r)
			return r;
	}
	return 0;
}

bool hop_is_fixed(const struct http_field *field)
{
	switch (field->id) {
	case HTTP_CONNECTION:
	case HTTP_KEEP_ALIVE:
	case HTTP_PROXY_CONNECTION:
	case HTTP_PROXY_AUTHENTICATE:
	case HTTP_PROXY_AUTHORIZATION:
	case HTTP_TE:
	case HTTP_TRAILER:
	case HTTP_TRANSFER_ENCODING:
	case HTTP_UPGRADE:
		return true;
	default:
		return http_text_is(field->name, "http2-settings");
	}
}

/* Who routes, authenticates, keeps or reads a message relies on these; a name with a dash at its
 * end stands for all that begin so. */
static bool is_protected(const struct http_field *field)
{
	static const char *const names[] = {
		"host",		"authorization", "cookie",	 "set-cookie",	  "forwarded",
		"x-forwarded-", "x-real-ip",	 "x-request-id", "via",		  "content-",
		"expect",	"range",	 "if-",		 "cache-control", "date",
		"location",	"origin",	 "x-envoy-",	 "traceparent",	  "access-control-",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *name = names[i];
		bool family = name[strlen(name) - 1] == '-';

		if (family ? http_text_starts(field->name, name) : http_text_is(field->name, name))
			return true;
	}
	return false;
}

bool hop_nominates(const struct hop *hop, const struct http_field *field)
{
	for (size_t i = 0; i < hop->n; i++) {
		struct http_text name = hop->names[i];

		if (name.len == field->name.len && !strncasecmp(name.at, field->name.at, name.len))
			return !is_protected(field);
	}
	return false;
}
