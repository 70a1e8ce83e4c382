// SPDX-License-Identifier: Apache-2.0
/*
 * Messages to bytes. Both sides of the proxy call it. Invariant: a message ends where its framing
 * says, whatever its texts hold: what came from peers is checked long before, what came from routes
 * too, and a byte that slipped through would turn into one that is harmless here.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/chars.h"
#include "http/h1.h"

/* More than the longest fixed part of a head: first line, Host, framing, Connection, empty line. */
#define FIXED_LEN 160
/* ": " and CR LF */
#define FIELD_EXTRA 4

static char *put(char *at, const char *text, size_t len)
{
	if (len)
		memcpy(at, text, len);
	return at + len;
}

#define PUT(at, literal) put((at), (literal), sizeof(literal) - 1)

/* A text that is one word: of a class, or visible at least. */
static char *put_word(char *at, struct http_text text, unsigned class)
{
	for (size_t i = 0; i < text.len; i++)
		*at++ = chars_is(text.at[i], class) ? text.at[i] : '_';
	return at;
}

static char *put_value(char *at, struct http_text text)
{
	char *end = put(at, text.at, text.len);

	while ((at += chars_value_end(at, end) - at) < end)
		*at++ = ' ';
	return end;
}

static char *put_number(char *at, uint64_t number)
{
	char digits[20], *digit = digits + sizeof(digits);

	do
		*--digit = (char)('0' + number % 10);
	while (number /= 10);
	return put(at, digit, (size_t)(digits + sizeof(digits) - digit));
}

static char *put_field(char *at, struct http_text name, struct http_text value)
{
	at = put_word(at, name, CHARS_TOKEN);
	at = PUT(at, ": ");
	at = put_value(at, value);
	return PUT(at, "\r\n");
}

static size_t fields_len(const struct http_fields *fields)
{
	size_t len = 0;

	for (size_t i = 0; i < fields->n; i++)
		len += fields->items[i].name.len + fields->items[i].value.len + FIELD_EXTRA;
	return len;
}

/* Those that are written from the message itself are left out. */
static char *put_fields(char *at, const struct http_fields *fields, bool request)
{
	for (size_t i = 0; i < fields->n; i++) {
		const struct http_field *field = &fields->items[i];

		if (field->id == HTTP_CONTENT_LENGTH || field->id == HTTP_TRANSFER_ENCODING ||
		    field->id == HTTP_CONNECTION || (request && field->id == HTTP_HOST))
			continue;
		at = put_field(at, field->name, field->value);
	}
	return at;
}

static char *put_length(char *at, uint64_t length)
{
	at = PUT(at, "content-length: ");
	at = put_number(at, length);
	return PUT(at, "\r\n");
}

static char *put_chunked(char *at)
{
	return PUT(at, "transfer-encoding: chunked\r\n");
}

struct http_text h1_format_request(struct arena *arena, const struct http_request *request)
{
	size_t room = request->method.len + request->path.len + request->query.len +
		      request->authority.len + fields_len(&request->fields) + FIXED_LEN;
	char *text = arena_alloc(arena, room), *at = text;

	assert(request->framing != HTTP_UNTIL_CLOSE);
	at = put_word(at, request->method, CHARS_TOKEN);
	at = PUT(at, " ");
	at = put_word(at, request->path, CHARS_QUERY);
	if (request->query.at) {
		at = PUT(at, "?");
		at = put_word(at, request->query, CHARS_QUERY);
	}
	at = PUT(at, " HTTP/1.1\r\n");
	at = put_field(at, HTTP_TEXT("host"), request->authority);
	at = put_fields(at, &request->fields, true);
	if (request->framing == HTTP_LENGTH)
		at = put_length(at, request->length);
	else if (request->framing == HTTP_CHUNKED)
		at = put_chunked(at);
	if (!request->keep_alive)
		at = PUT(at, "connection: close\r\n");
	at = PUT(at, "\r\n");
	assert(at <= text + room);
	return (struct http_text){ text, (size_t)(at - text) };
}

/* 1xx and 204 have no framing fields (RFC 9110, 8.6), and 1xx decide nothing about the
 * connection. */
static char *put_response_framing(char *at, const struct http_response *response)
{
	bool keep = response->keep_alive && response->framing != HTTP_UNTIL_CLOSE;

	if (response->status < 200)
		return at;
	if (response->framing == HTTP_CHUNKED)
		at = put_chunked(at);
	else if (response->framing == HTTP_LENGTH ||
		 (response->framing == HTTP_NO_BODY && response->has_length &&
		  response->status != 204))
		at = put_length(at, response->length);
	if (!keep)
		at = PUT(at, "connection: close\r\n");
	else if (!response->minor)
		at = PUT(at, "connection: keep-alive\r\n");
	return at;
}

struct http_text h1_format_response(struct arena *arena, const struct http_response *response)
{
	struct http_text reason =
		response->reason.len ? response->reason : http_reason(response->status);
	size_t room = reason.len + fields_len(&response->fields) + FIXED_LEN;
	char *text = arena_alloc(arena, room), *at = text;

	assert(response->status >= 100 && response->status <= 999);
	at = PUT(at, "HTTP/1.1 ");
	at = put_number(at, response->status);
	at = PUT(at, " ");
	at = put_value(at, reason);
	at = PUT(at, "\r\n");
	at = put_fields(at, &response->fields, false);
	at = put_response_framing(at, response);
	at = PUT(at, "\r\n");
	assert(at <= text + room);
	return (struct http_text){ text, (size_t)(at - text) };
}

size_t h1_format_chunk(char buf[static H1_CHUNK_LEN], bool first, size_t len)
{
	/* A chunk without content would be the last one. */
	assert(len);
	return (size_t)snprintf(buf, H1_CHUNK_LEN, "%s%zx\r\n", first ? "" : "\r\n", len);
}

struct http_text h1_format_last_chunk(struct arena *arena, bool first,
				      const struct http_fields *trailers)
{
	char *text = arena_alloc(arena, FIXED_LEN + (trailers ? fields_len(trailers) : 0));
	char *at = text;

	if (!first)
		at = PUT(at, "\r\n");
	at = PUT(at, "0\r\n");
	if (trailers)
		at = put_fields(at, trailers, true);
	at = PUT(at, "\r\n");
	return (struct http_text){ text, (size_t)(at - text) };
}
