// SPDX-License-Identifier: Apache-2.0
/*
 * Heads: the search for the empty line, and the lines between. h1.c calls it, h1_body.c for
 * trailers. Invariant: lines end in CR LF and nothing else; a name is a token right before its
 * colon; no line continues another; so there is one way only to read what passed.
 */
#include "http/h1_head.h"

#include <errno.h>
#include <string.h>

#include "base/chars.h"
#include "base/mem.h"
#include "http/h1_framing.h"

/* Method, spaces and version around a target. */
#define LINE_EXTRA (H1_METHOD_MAX + sizeof("  HTTP/1.1\r\n"))

int h1_head_refuse(struct h1_error *ret_error, unsigned status, const char *reason)
{
	*ret_error = (struct h1_error){ .status = (uint16_t)status, .reason = reason };
	return -EBADMSG;
}

/* A byte that no head has, seen before its end: then nobody waits for more. */
static bool is_garbled(const char *at, const char *end)
{
	const char *cr = at;

	if (memchr(at, '\0', (size_t)(end - at)))
		return true;
	while ((cr = memchr(cr, '\r', (size_t)(end - cr))) != NULL) {
		if (++cr < end && *cr != '\n')
			return true;
	}
	return false;
}

/* There is no whole head yet: will there ever be? */
static int check_partial(struct h1_input *input, size_t start, bool request,
			 struct h1_error *ret_error)
{
	const struct h1_limits *limits = input->limits;
	const char *buf = input->buf + start;
	size_t len = input->len - start, from = input->scanned > start ? input->scanned : start;
	size_t line_max = limits->target_bytes + LINE_EXTRA;

	if (len && !chars_is(*buf, CHARS_TOKEN) && !(*buf == '\r' && !start))
		return h1_head_refuse(ret_error, 400, "this is no HTTP");
	if (is_garbled(input->buf + from, input->buf + input->len))
		return h1_head_refuse(ret_error, 400, "a bare CR or a NUL");
	if (request && len >= line_max && !memchr(buf, '\n', line_max))
		return h1_head_refuse(ret_error, 414, "the request line is too long");
	if (input->len >= limits->head_bytes)
		return h1_head_refuse(ret_error, 431, "the head is too long");
	/* The last byte may be a CR whose LF is still to come. */
	input->scanned = input->len - (input->len > 0);
	return -EAGAIN;
}

ssize_t h1_head_find(struct h1_input *input, bool request, size_t *ret_start,
		     struct h1_error *ret_error)
{
	const char *buf = input->buf, *end = buf + input->len, *lf, *line;
	size_t start = request && input->len >= 2 && !memcmp(buf, "\r\n", 2) ? 2 : 0;

	lf = buf + (input->scanned > start ? input->scanned : start);
	for (; (lf = memchr(lf, '\n', (size_t)(end - lf))) != NULL; lf++) {
		line = buf + start;
		if (lf == line || lf[-1] != '\r')
			return h1_head_refuse(ret_error, 400, "a bare LF");
		if (lf == line + 1)
			return h1_head_refuse(ret_error, 400, "an empty first line");
		if (lf[-2] != '\n')
			continue;
		if ((size_t)(lf + 1 - buf) > input->limits->head_bytes)
			return h1_head_refuse(ret_error, 431, "the head is too long");
		*ret_start = start;
		return lf + 1 - buf;
	}
	return check_partial(input, start, request, ret_error);
}

/* Why a line has no name and colon. */
static const char *bad_name(char c, bool empty)
{
	if (empty && (c == ' ' || c == '\t'))
		return "a line that continues another";
	if (c == ' ' || c == '\t')
		return "white space before a colon";
	if (c == '\r')
		return "a line without a colon";
	return empty && c == ':' ? "an empty field name" : "a field name that is no token";
}

char *h1_head_line(char *at, const char *end, struct http_field *ret_field, const char **ret_reason)
{
	char *name = at, *value, *stop;
	size_t len;

	for (; at < end && chars_is(*at, CHARS_TOKEN); at++)
		*at = chars_lower(*at);
	if (at == end || *at != ':' || at == name) {
		*ret_reason = bad_name(at < end ? *at : '\0', at == name);
		return NULL;
	}
	len = (size_t)(at - name);
	for (value = at + 1; value < end && (*value == ' ' || *value == '\t'); value++)
		;
	at = stop = value + (chars_value_end(value, end) - value);
	if (end - at < 2 || at[0] != '\r' || at[1] != '\n') {
		*ret_reason =
			at < end && *at == '\r' ? "a bare CR" : "a control character in a field";
		return NULL;
	}
	while (stop > value && (stop[-1] == ' ' || stop[-1] == '\t'))
		stop--;
	ret_field->name = (struct http_text){ name, len };
	ret_field->value = (struct http_text){ value, (size_t)(stop - value) };
	ret_field->id = http_field_find(ret_field->name);
	return at + 2;
}

bool h1_head_is_disguised(struct http_text name)
{
	static const char *const prefixes[] = { "x-forwarded-", "x-envoy-", "x-original-",
						"x-real-" };
	char plain[32];
	size_t len;

	if (!memchr(name.at, '_', name.len))
		return false;
	for (len = 0; len < name.len && len < sizeof(plain) - 1; len++)
		plain[len] = name.at[len] == '_' ? '-' : name.at[len];
	plain[len] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(plain, prefixes[i], strlen(prefixes[i])))
			return true;
	return len == name.len && http_field_find((struct http_text){ plain, len }) != HTTP_OTHER;
}

/* A field that may be there once only. */
static int once(struct http_text *at, struct http_text value, struct h1_error *ret_error,
		unsigned status, const char *reason)
{
	if (at->at)
		return h1_head_refuse(ret_error, status, reason);
	*at = value;
	return 0;
}

/* Sets apart what is not a field like others; what is goes into the list. */
static int sort_field(const struct h1_input *input, const struct http_field *field, bool request,
		      struct h1_head *head, struct h1_error *ret_error)
{
	switch (field->id) {
	case HTTP_CONTENT_LENGTH:
		return once(&head->length, field->value, ret_error, 400,
			    "two Content-Length fields");
	case HTTP_TRANSFER_ENCODING:
		return once(&head->coding, field->value, ret_error, 400,
			    "two Transfer-Encoding fields");
	case HTTP_HOST:
		if (request)
			return once(&head->host, field->value, ret_error, 400, "two Host fields");
		break;
	case HTTP_EXPECT:
		if (request &&
		    once(&head->expect, field->value, ret_error, 417, "two Expect fields"))
			return -EBADMSG;
		break;
	case HTTP_CONNECTION:
		if (h1_framing_connection(field->value, &head->close, &head->keep_alive))
			return h1_head_refuse(ret_error, 400, "Connection is no list of tokens");
		break;
	default:
		if (request && h1_head_is_disguised(field->name))
			return h1_head_refuse(ret_error, 400, "an underscore in a known name");
	}
	http_fields_append(&head->fields, input->arena, field);
	return 0;
}

int h1_head_fields(const struct h1_input *input, char *at, char *end, bool request,
		   struct h1_head *ret_head, struct h1_error *ret_error)
{
	struct h1_head head = { 0 };
	struct http_field field;
	const char *reason;
	size_t n = 0;

	/* The empty line ends every field before it, so that none can reach beyond. */
	while (at < end - 2) {
		if (n++ == input->limits->fields)
			return h1_head_refuse(ret_error, 431, "too many fields");
		at = h1_head_line(at, end, &field, &reason);
		if (!at)
			return h1_head_refuse(ret_error, 400, reason);
		if (sort_field(input, &field, request, &head, ret_error))
			return -EBADMSG;
	}
	*ret_head = head;
	return 0;
}
