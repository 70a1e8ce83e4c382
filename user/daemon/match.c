/* SPDX-License-Identifier: Apache-2.0 */
/* One row a parameter. What is not understood is refused, not left out: who filters by a word that
 * was mistyped would take what comes for what was asked for. */
#include "daemon/match.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/chars.h"
#include "base/mem.h"
#include "base/sockaddr.h"
#include "plan/plan.h"

#define VALUE_MAX 256

static int take_text(const char *value, char *to, size_t size)
{
	size_t len = strlen(value);

	if (len >= size)
		return -EINVAL;
	memcpy(to, value, len + 1);
	return 0;
}

static int take_service(const char *value, struct match *match)
{
	return take_text(value, match->service, sizeof(match->service));
}

static int take_event(const char *value, struct match *match)
{
	static const char *const events[] = { "flow", "socket", "drop", "refused" };

	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (!strcmp(events[i], value))
			return take_text(value, match->event, sizeof(match->event));
	return -EINVAL;
}

static int take_number(const char *value, uint64_t most, uint64_t *ret_number)
{
	char *end;

	if (*value < '0' || *value > '9' || strlen(value) > 18)
		return -EINVAL;
	*ret_number = strtoull(value, &end, 10);
	return *end || *ret_number > most ? -EINVAL : 0;
}

static int take_limit(const char *value, struct match *match)
{
	return take_number(value, UINT64_MAX, &match->limit);
}

static int take_proto(const char *value, struct match *match)
{
	static const uint8_t protos[] = { 6, 17, 132 };

	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		if (!strcmp(plan_proto_name(protos[i]), value)) {
			match->proto = protos[i];
			return 0;
		}
	}
	return -EINVAL;
}

static int take_addr(const char *text, struct cidr *ret_cidr)
{
	if (strchr(text, '/'))
		return cidr_parse(text, ret_cidr);
	ret_cidr->len = 128;
	return addr_parse(text, &ret_cidr->addr);
}

static int take_end(char *text, struct match_end *ret_end)
{
	char *host;

	if (sockaddr_split(text, &host, &ret_end->port) < 0)
		return -EINVAL;
	return *host || !ret_end->port ? take_addr(host, &ret_end->cidr) : 0;
}

static int take_client(const char *value, struct match *match)
{
	char text[VALUE_MAX];

	return take_text(value, text, sizeof(text)) ? -EINVAL : take_end(text, &match->client);
}

static int take_backend(const char *value, struct match *match)
{
	char text[VALUE_MAX];

	return take_text(value, text, sizeof(text)) ? -EINVAL : take_end(text, &match->backend);
}

static const struct {
	const char *name;
	int (*take)(const char *value, struct match *match);
} rows[] = {
	{ "service", take_service }, { "client", take_client }, { "backend", take_backend },
	{ "proto", take_proto },     { "event", take_event },	{ "limit", take_limit },
};

/* RFC 3986, 2.1. */
static int decode(const char *from, size_t len, char *to)
{
	size_t n = 0;
	int value;

	for (size_t i = 0; i < len; i++) {
		if (n + 1 >= VALUE_MAX)
			return -EINVAL;
		if (from[i] != '%') {
			to[n++] = from[i];
			continue;
		}
		if (!chars_escape(from + i, from + len, &value))
			return -EINVAL;
		to[n++] = (char)value;
		i += 2;
	}
	to[n] = 0;
	return strlen(to) == n ? 0 : -EINVAL;
}

static int take_pair(const char *pair, size_t len, struct match *match)
{
	const char *equals = memchr(pair, '=', len);
	size_t name = equals ? (size_t)(equals - pair) : len;
	char value[VALUE_MAX] = "";

	if (equals && decode(equals + 1, len - name - 1, value))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strlen(rows[i].name) == name && !memcmp(rows[i].name, pair, name))
			return rows[i].take(value, match);
	return -EINVAL;
}

int match_parse(const char *query, struct match *ret_match, struct str *ret_error)
{
	struct match match = { .limit = 0 };

	while (*query) {
		size_t len = strcspn(query, "&");

		if (take_pair(query, len, &match)) {
			str_addf(ret_error, "%.*s: not understood\n", (int)len, query);
			return -EINVAL;
		}
		query += len + (query[len] == '&');
	}
	*ret_match = match;
	return 0;
}

/* With or without the port. */
static bool is_named(const char *wanted, const char *name)
{
	const char *colon = strrchr(name, ':');
	size_t len = strlen(wanted);

	if (!strcmp(wanted, name))
		return true;
	return colon && len == (size_t)(colon - name) && !memcmp(wanted, name, len);
}

/* With or without the namespace. */
bool match_fits_service(const struct match *match, const char *name)
{
	const char *slash = strchr(name, '/');

	if (!*match->service || is_named(match->service, name))
		return true;
	return slash && is_named(match->service, slash + 1);
}

bool match_fits_end(const struct match_end *end, const struct addr *addr, uint16_t port)
{
	if (end->port && end->port != port)
		return false;
	return !end->cidr.len || cidr_contains(&end->cidr, addr);
}
