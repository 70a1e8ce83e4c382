// SPDX-License-Identifier: Apache-2.0
/*
 * The cutting of answers, for reflector.c and discovery.c. Invariants: what is kept between two
 * calls is one object of at most max bytes and, of a list, an envelope of at most ENVELOPE_MAX; an
 * object that came in one piece is not copied.
 */
#include "kube/jsonstream.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"
#include "kube/plain.h"

#define ENVELOPE_MAX (1u << 20)
/* Times the longest object: what goes on beyond is an object that never ends. */
#define SKIPPED_MAX 8
#define ITEMS	    "items"

struct jsonstream {
	enum jsonstream_shape shape;
	size_t max;
	const struct jsonstream_ops *ops;
	void *arg;
	unsigned depth; /* brackets that are open */
	unsigned base;	/* depth at which the object at hand began */
	bool text;	/* inside a text, and behind a backslash of it */
	bool escape;
	bool inside; /* an object that is to be handed on */
	bool items;  /* between the brackets of the list's elements */
	bool stray;  /* inside something between them that is no object */
	bool stopped;
	size_t skipped;		 /* bytes of the object at hand, which is too long */
	char key[sizeof(ITEMS)]; /* the last text in the list itself */
	size_t key_len;
	struct str part; /* of the object at hand, as far as it came in earlier calls */
	struct str envelope;
};

struct jsonstream *jsonstream_new(enum jsonstream_shape shape, size_t max,
				  const struct jsonstream_ops *ops, void *arg)
{
	struct jsonstream *s = mem_new(sizeof(*s));

	s->shape = shape;
	s->max = max;
	s->ops = ops;
	s->arg = arg;
	return s;
}

void jsonstream_free(struct jsonstream *stream)
{
	if (!stream)
		return;
	secret_wipe(stream->part.buf, stream->part.cap);
	str_fini(&stream->part);
	str_fini(&stream->envelope);
	free(stream);
}

const char *jsonstream_envelope(const struct jsonstream *stream)
{
	return stream->envelope.len ? stream->envelope.buf : "";
}

bool jsonstream_is_inside(const struct jsonstream *stream)
{
	return stream->inside;
}

static void drop_part(struct jsonstream *s)
{
	secret_wipe(s->part.buf, s->part.len);
	s->part.len = 0;
}

static void lose(struct jsonstream *s, const char *reason)
{
	if (!s->ops->lost(s->arg, reason))
		s->stopped = true;
}

static int keep_part(struct jsonstream *s, const char *data, size_t len)
{
	if (!s->skipped && s->part.len + len <= s->max) {
		str_add(&s->part, data, len);
		return 0;
	}
	s->skipped += s->part.len + len;
	drop_part(s);
	return s->skipped / SKIPPED_MAX > s->max ? -EBADMSG : 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Between elements: null, numbers, texts. Each is told once. */
static void look_for_strays(struct jsonstream *s, const char *data, size_t len)
{
	for (size_t i = 0; i < len && !s->stopped; i++) {
		bool gap = is_blank(data[i]) || data[i] == ',';

		if (!gap && !s->stray)
			lose(s, "an element is no object");
		s->stray = !gap;
	}
}

static int keep_envelope(struct jsonstream *s, const char *data, size_t len)
{
	if (s->shape == JSONSTREAM_LIST) {
		if (s->envelope.len + len > ENVELOPE_MAX)
			return -EBADMSG;
		str_add(&s->envelope, data, len);
		return 0;
	}
	for (size_t i = 0; i < len; i++)
		if (!is_blank(data[i]))
			return -EBADMSG;
	return 0;
}

/* What lies between two places where something changes. */
static int take_span(struct jsonstream *s, const char *data, size_t len)
{
	if (!len)
		return 0;
	if (s->inside)
		return keep_part(s, data, len);
	if (!s->items)
		return keep_envelope(s, data, len);
	look_for_strays(s, data, len);
	return 0;
}

static int hand_on(struct jsonstream *s, const char *data, size_t len)
{
	const char *text = data;
	int r = 0;

	s->inside = false;
	if (s->part.len || s->skipped || len > s->max) {
		r = keep_part(s, data, len);
		text = s->part.buf;
		len = s->part.len;
	}
	if (s->skipped)
		lose(s, "an object is too long");
	else if (!s->ops->object(s->arg, text, len))
		s->stopped = true;
	s->skipped = 0;
	drop_part(s);
	return r;
}

static void note_key(struct jsonstream *s, char c)
{
	if (s->depth == 1 && s->key_len < sizeof(s->key))
		s->key[s->key_len++] = c;
}

/* Returns whether the byte belongs to a text. */
static bool take_text(struct jsonstream *s, char c)
{
	if (!s->text) {
		s->text = c == '"';
		if (s->text && s->depth == 1)
			s->key_len = 0;
		return s->text;
	}
	if (s->escape)
		s->escape = false;
	else if (c == '\\')
		s->escape = true;
	else if (c == '"')
		s->text = false;
	if (s->text)
		note_key(s, c);
	return true;
}

static bool begins_items(const struct jsonstream *s, char c)
{
	return s->shape == JSONSTREAM_LIST && c == '[' && s->depth == 1 && !s->items &&
	       s->key_len == sizeof(ITEMS) - 1 && !memcmp(s->key, ITEMS, s->key_len);
}

/* *start is where the span at hand begins. */
static int open_bracket(struct jsonstream *s, const char *data, size_t at, size_t *start)
{
	unsigned base = s->shape == JSONSTREAM_LIST ? 2 : 0;
	bool object = data[at] == '{' && s->depth == base && (s->items || base == 0);
	bool items = begins_items(s, data[at]);
	int r = 0;

	if (!s->inside && object) {
		r = take_span(s, data + *start, at - *start);
		*start = at;
		s->inside = true;
		s->base = base;
	} else if (items) {
		r = take_span(s, data + *start, at + 1 - *start);
		*start = at + 1;
		s->items = true;
	}
	s->depth++;
	return r;
}

static int close_bracket(struct jsonstream *s, const char *data, size_t at, size_t *start)
{
	int r = 0;

	if (!s->depth)
		return -EBADMSG;
	s->depth--;
	if (s->inside && s->depth == s->base) {
		r = hand_on(s, data + *start, at + 1 - *start);
		*start = at + 1;
	} else if (s->items && s->depth == 1) {
		r = take_span(s, data + *start, at - *start);
		*start = at;
		s->items = false;
	}
	return r;
}

int jsonstream_feed(struct jsonstream *stream, const char *data, size_t len)
{
	size_t start = 0;
	int r = 0;

	for (size_t i = 0; i < len && !r && !stream->stopped; i++) {
		/* Nothing within a text matters but its end, and keys of the list itself. */
		if (stream->text && !stream->escape && stream->depth != 1)
			i += plain_len(data + i, len - i);
		if (i == len)
			break;
		if (take_text(stream, data[i]))
			continue;
		if (data[i] == '{' || data[i] == '[')
			r = open_bracket(stream, data, i, &start);
		else if (data[i] == '}' || data[i] == ']')
			r = close_bracket(stream, data, i, &start);
	}
	if (!r && !stream->stopped)
		r = take_span(stream, data + start, len - start);
	return r ? r : stream->stopped;
}
