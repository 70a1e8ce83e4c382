// SPDX-License-Identifier: Apache-2.0
/*
 * Request targets and host names in normal form. The HTTP codecs and matching call it.
 */
#include "http/target.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/chars.h"
#include "base/urlpath.h"

/* RFC 1035: a name is at most 253 characters in text, a label 63. */
#define NAME_MAX_LEN  253
#define LABEL_MAX_LEN 63

/* ---- paths ---- */

int target_normalise(struct http_text path, struct arena *arena, struct http_text *ret_path)
{
	ssize_t len;
	char *out;

	if (urlpath_is_normal(path.at, path.len)) {
		*ret_path = path;
		return 0;
	}
	out = arena_alloc(arena, URLPATH_ROOM(path.len));
	len = urlpath_normalise(path.at, path.len, out);
	if (len < 0)
		return (int)len;
	*ret_path = (struct http_text){ out, (size_t)len };
	return 0;
}

/* ---- authorities ---- */

/* A name in lower case, with a NUL; one whose last label is a number has to be an IPv4 address. */
static bool is_name(const char *name, size_t len)
{
	const char *label = name;
	struct addr addr;

	if (!len || len > NAME_MAX_LEN)
		return false;
	for (const char *at = name; at <= name + len; at++) {
		if (at < name + len && *at != '.')
			continue;
		if (at == label || at - label > LABEL_MAX_LEN)
			return false;
		if (at == name + len && chars_all(label, (size_t)(at - label), CHARS_DIGIT))
			return !addr_parse(name, &addr);
		label = at + 1;
	}
	return true;
}

/* "[address]" in the one form of RFC 5952. Returns how much of text it is. */
static ssize_t put_bracketed(struct http_text text, char *out, size_t *ret_len)
{
	char inside[ADDR_STR_LEN];
	const char *close = memchr(text.at, ']', text.len);
	struct addr addr;
	size_t len;

	if (!close)
		return -EINVAL;
	len = (size_t)(close - text.at - 1);
	if (len >= sizeof(inside) || !chars_all(text.at + 1, len, CHARS_PATH))
		return -EINVAL;
	memcpy(inside, text.at + 1, len);
	inside[len] = '\0';
	if (addr_parse(inside, &addr) || addr_family(&addr) != 6)
		return -EINVAL;
	addr_format(&addr, inside);
	*ret_len = strlen(inside) + 2;
	*out = '[';
	memcpy(out + 1, inside, *ret_len - 2);
	out[*ret_len - 1] = ']';
	return (ssize_t)len + 2;
}

static ssize_t put_name(struct http_text text, char *out, size_t *ret_len)
{
	size_t len, kept;

	for (len = 0; len < text.len && chars_is(text.at[len], CHARS_HOST); len++)
		out[len] = chars_lower(text.at[len]);
	/* The dot at the end says that the name is whole, as all of ours are. */
	kept = len && out[len - 1] == '.' ? len - 1 : len;
	out[kept] = '\0';
	if (!is_name(out, kept))
		return -EINVAL;
	*ret_len = kept;
	return (ssize_t)len;
}

/* Digits without a zero before them, 1 to 65535. */
static int parse_port(struct http_text text, uint16_t *ret_port)
{
	unsigned port = 0;

	if (!text.len || text.len > 5 || *text.at == '0' ||
	    !chars_all(text.at, text.len, CHARS_DIGIT))
		return -EINVAL;
	for (size_t i = 0; i < text.len; i++)
		port = port * 10 + (unsigned)(text.at[i] - '0');
	if (port > UINT16_MAX)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

int target_parse_authority(struct http_text text, struct arena *arena,
			   struct http_request *ret_request)
{
	/* A form may be longer than what it is of, by an address at most. */
	char *out = arena_alloc(arena, text.len + ADDR_STR_LEN);
	struct http_text rest;
	uint16_t port = 0;
	size_t len;
	ssize_t used;

	if (!text.len)
		return -EINVAL;
	used = *text.at == '[' ? put_bracketed(text, out, &len) : put_name(text, out, &len);
	if (used < 0)
		return -EINVAL;
	rest = (struct http_text){ text.at + used, text.len - (size_t)used };
	if (rest.len &&
	    (*rest.at != ':' || parse_port((struct http_text){ rest.at + 1, rest.len - 1 }, &port)))
		return -EINVAL;
	memcpy(out + len, rest.at, rest.len);
	ret_request->authority = (struct http_text){ out, len + rest.len };
	ret_request->host = (struct http_text){ out, len };
	ret_request->port = port;
	return 0;
}

/* ---- queries ---- */

/* Escapes that are none stand for themselves. */
static struct http_text decode(struct http_text text, struct arena *arena)
{
	const char *at = text.at, *end = at + text.len;
	char *out, *decoded;
	int value;

	if (!text.len || !memchr(at, '%', text.len))
		return text;
	decoded = out = arena_alloc(arena, text.len);
	while (at < end) {
		if (chars_escape(at, end, &value)) {
			*out++ = (char)value;
			at += 3;
		} else {
			*out++ = *at++;
		}
	}
	return (struct http_text){ decoded, (size_t)(out - decoded) };
}

static struct http_text piece(const char *at, const char *end)
{
	return (struct http_text){ at, (size_t)(end - at) };
}

bool target_query_get(struct http_text query, const char *name, struct arena *arena,
		      struct http_text *ret_value)
{
	const char *at = query.at, *end = at + query.len, *next = at, *equals;
	struct http_text wanted = http_text_of(name);

	for (; at && next < end; at = next + 1) {
		next = memchr(at, '&', (size_t)(end - at));
		if (!next)
			next = end;
		equals = memchr(at, '=', (size_t)(next - at));
		if (!equals)
			equals = next;
		if (!http_text_equal(decode(piece(at, equals), arena), wanted))
			continue;
		*ret_value = decode(piece(equals < next ? equals + 1 : next, next), arena);
		return true;
	}
	return false;
}
