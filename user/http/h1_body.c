// SPDX-License-Identifier: Apache-2.0
/*
 * Bodies being read: by length, chunked (RFC 9112, 7.1) or until the end of the stream. Both sides
 * of the proxy call it. Invariant: content is handed out as pieces of the caller's bytes, nothing
 * is held back but a line of trailers; what is not content is bounded for the whole body.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/chars.h"
#include "base/mem.h"
#include "http/h1.h"
#include "http/h1_head.h"

/* Of extensions and trailers together: nobody needs more, and they cost work without content. */
#define OVERHEAD_MAX 8192
/* Digits of a size; those of 2^63 and above are refused. */
#define SIZE_DIGITS 16

enum state {
	SIZE,	       /* before and in the digits of a size */
	EXT_NAME,      /* behind a ';' or in the name */
	EXT_VALUE,     /* behind the '=' */
	EXT_TOKEN,     /* in a value */
	EXT_QUOTED,    /* in a quoted one */
	EXT_ESCAPED,   /* behind a '\\' of it */
	EXT_END,       /* behind it */
	SIZE_LF,       /* behind the CR of the line */
	DATA,	       /* in the content */
	DATA_CR,       /* behind it */
	DATA_LF,       /* behind its CR */
	TRAILER_START, /* at the beginning of a line */
	TRAILER,       /* in it */
	END_LF,	       /* behind the CR of the empty line */
};

void h1_body_init(struct h1_body *body, enum http_framing framing, uint64_t length,
		  struct arena *arena)
{
	*body = (struct h1_body){
		.framing = framing,
		.done = framing == HTTP_NO_BODY || (framing == HTTP_LENGTH && !length),
		.left = framing == HTTP_LENGTH ? length : 0,
		.state = SIZE,
		.arena = arena,
	};
}

static size_t take_content(struct h1_body *body, const char *data, size_t len,
			   struct http_text *ret_piece)
{
	size_t n = len < body->left ? len : (size_t)body->left;

	*ret_piece = (struct http_text){ data, n };
	body->left -= n;
	body->total += n;
	return n;
}

static int add_digit(struct h1_body *body, char c)
{
	int value = chars_hex(c);

	if (value < 0 || body->line_len == SIZE_DIGITS || body->left > INT64_MAX >> 4)
		return -EBADMSG;
	body->left = body->left << 4 | (unsigned)value;
	body->line_len++;
	return SIZE;
}

/* The line of a size is over. */
static int begin_chunk(struct h1_body *body)
{
	body->line_len = 0;
	if (!body->left)
		return TRAILER_START;
	if (body->left > INT64_MAX - body->total)
		return -EBADMSG;
	return DATA;
}

/* What may end an extension, or its line. */
static int extension_end(char c)
{
	if (c == ';')
		return EXT_NAME;
	return c == '\r' ? SIZE_LF : -EBADMSG;
}

/* The grammar of extensions, without the white space that some once allowed (BWS). line_len is 0
 * where a name begins. */
static int extension(struct h1_body *body, char c)
{
	bool token = chars_is(c, CHARS_TOKEN), begun = body->line_len > 0;

	if (++body->overhead > OVERHEAD_MAX)
		return -EBADMSG;
	switch (body->state) {
	case EXT_NAME:
		body->line_len = token;
		if (token)
			return EXT_NAME;
		if (!begun)
			return -EBADMSG;
		return c == '=' ? EXT_VALUE : extension_end(c);
	case EXT_VALUE:
		if (c == '"')
			return EXT_QUOTED;
		return token ? EXT_TOKEN : -EBADMSG;
	case EXT_TOKEN:
		return token ? EXT_TOKEN : extension_end(c);
	case EXT_QUOTED:
		if (c == '"')
			return EXT_END;
		if (c == '\\')
			return EXT_ESCAPED;
		return chars_is(c, CHARS_VALUE) ? EXT_QUOTED : -EBADMSG;
	case EXT_ESCAPED:
		return chars_is(c, CHARS_VALUE) ? EXT_QUOTED : -EBADMSG;
	default:
		return extension_end(c);
	}
}

/* One byte of what is between the contents of chunks: the state behind it, or -EBADMSG. */
static int between(struct h1_body *body, char c)
{
	switch (body->state) {
	case SIZE:
		if (!body->line_len || (c != ';' && c != '\r'))
			return add_digit(body, c);
		body->line_len = 0;
		return extension_end(c);
	case SIZE_LF:
		return c == '\n' ? begin_chunk(body) : -EBADMSG;
	case DATA_CR:
		return c == '\r' ? DATA_LF : -EBADMSG;
	case DATA_LF:
		return c == '\n' ? SIZE : -EBADMSG;
	case TRAILER_START:
		return c == '\r' ? END_LF : -EBADMSG;
	case END_LF:
		body->done = c == '\n';
		return body->done ? END_LF : -EBADMSG;
	default:
		return extension(body, c);
	}
}

/*
 * Trailers come behind all that was decided by the head: a field that means something to framing,
 * routing, authentication or caching would be believed too late, or by one reader and not by the
 * next (RFC 9110, 6.5.1). Fields that somebody here knows are all of that sort.
 */
static bool is_forbidden(struct http_text name)
{
	static const char *const names[] = {
		"set-cookie", "cache-control", "age",	"expires",	    "pragma",	     "vary",
		"location",   "max-forwards",  "range", "www-authenticate", "accept-ranges",
	};
	static const char *const prefixes[] = { "content-", "x-forwarded-", "x-real-",
						"x-envoy-", "x-original-",  "if-" };

	if (http_field_find(name) != HTTP_OTHER || h1_head_is_disguised(name))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (http_text_is(name, names[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t len = strlen(prefixes[i]);

		if (name.len >= len && !memcmp(name.at, prefixes[i], len))
			return true;
	}
	return false;
}

/* A whole line of trailers stands in body->line. */
static int end_trailer(struct h1_body *body)
{
	char *line = body->line, *end = line + body->line_len;
	struct http_field field;
	const char *reason;

	if (h1_head_line(line, end, &field, &reason) != end)
		return -EBADMSG;
	if (!is_forbidden(field.name))
		http_fields_append(&body->trailers, body->arena, &field);
	body->line = end;
	body->line_len = 0;
	body->state = TRAILER_START;
	return 0;
}

/* Takes bytes up to the end of a line. */
static ssize_t take_trailer(struct h1_body *body, const char *data, size_t len)
{
	const char *lf = memchr(data, '\n', len);
	size_t n = lf ? (size_t)(lf + 1 - data) : len;

	/* Room for all lines there can be: texts of the fields point into it. */
	if (!body->line)
		body->line = arena_alloc(body->arena, OVERHEAD_MAX);
	body->overhead += n;
	if (body->overhead > OVERHEAD_MAX)
		return -EBADMSG;
	memcpy(body->line + body->line_len, data, n);
	body->line_len += n;
	body->state = TRAILER;
	if (lf && end_trailer(body))
		return -EBADMSG;
	return (ssize_t)n;
}

static ssize_t next_chunked(struct h1_body *body, const char *data, size_t len,
			    struct http_text *ret_piece)
{
	size_t at = 0;
	ssize_t n;

	while (at < len && !body->done) {
		/* Broken once, broken for good. */
		if (body->state < 0)
			return -EBADMSG;
		if (body->state == DATA) {
			at += take_content(body, data + at, len - at, ret_piece);
			if (!body->left)
				body->state = DATA_CR;
			return (ssize_t)at;
		}
		if (body->state == TRAILER || (body->state == TRAILER_START && data[at] != '\r')) {
			n = take_trailer(body, data + at, len - at);
			if (n < 0)
				body->state = (int)n;
			else
				at += (size_t)n;
			continue;
		}
		body->state = between(body, data[at++]);
	}
	return body->state < 0 ? body->state : (ssize_t)at;
}

ssize_t h1_body_next(struct h1_body *body, const char *data, size_t len,
		     struct http_text *ret_piece)
{
	size_t n;

	*ret_piece = (struct http_text){ data, 0 };
	if (body->done)
		return 0;
	switch (body->framing) {
	case HTTP_CHUNKED:
		return next_chunked(body, data, len, ret_piece);
	case HTTP_LENGTH:
		n = take_content(body, data, len, ret_piece);
		body->done = !body->left;
		return (ssize_t)n;
	default:
		assert(body->framing == HTTP_UNTIL_CLOSE);
		body->total += len;
		ret_piece->len = len;
		return (ssize_t)len;
	}
}

int h1_body_end(struct h1_body *body)
{
	if (body->framing == HTTP_UNTIL_CLOSE)
		body->done = true;
	return body->done ? 0 : -EBADMSG;
}
