// SPDX-License-Identifier: Apache-2.0
/*
 * Texts, fields and statuses of HTTP messages. Codecs, filters and matching call it.
 * Invariant: names of fields are in lower case, and a field's id is that of its name.
 */
#include "http/http.h"

#include <assert.h>
#include <string.h>

#include "base/chars.h"

struct http_text http_text_of(const char *string)
{
	return (struct http_text){ string, strlen(string) };
}

bool http_text_equal(struct http_text a, struct http_text b)
{
	return a.len == b.len && (!a.len || !memcmp(a.at, b.at, a.len));
}

bool http_text_is(struct http_text a, const char *b)
{
	size_t i;

	for (i = 0; i < a.len && b[i]; i++)
		if (chars_lower(a.at[i]) != b[i])
			return false;
	return i == a.len && !b[i];
}

bool http_text_starts(struct http_text text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len >= len && !memcmp(text.at, prefix, len);
}

/* With a constant length the compiler drops all names that have another. */
static inline __attribute__((always_inline)) enum http_field_id find(const char *at,
								     const size_t len)
{
#define TRY(id, text)                                                                              \
	if (len == sizeof(text) - 1 && !memcmp(at, text, sizeof(text) - 1))                        \
		return HTTP_##id;
	HTTP_FIELDS(TRY)
#undef TRY
	return HTTP_OTHER;
}

enum http_field_id http_field_find(struct http_text name)
{
	switch (name.len) {
#define LENGTH(len)                                                                                \
	case len:                                                                                  \
		return find(name.at, len);
		LENGTH(2)
		LENGTH(3)
		LENGTH(4)
		LENGTH(6)
		LENGTH(7)
		LENGTH(9)
		LENGTH(10)
		LENGTH(11)
		LENGTH(12)
		LENGTH(13)
		LENGTH(14)
		LENGTH(15)
		LENGTH(16)
		LENGTH(17)
		LENGTH(18)
		LENGTH(19)
#undef LENGTH
	default:
		return HTTP_OTHER;
	}
}

void http_fields_append(struct http_fields *fields, struct arena *arena,
			const struct http_field *field)
{
	struct http_field *items;
	size_t cap;

	if (fields->n == fields->cap) {
		cap = fields->cap ? fields->cap * 2 : 24;
		items = arena_alloc(arena, cap * sizeof(*items));
		if (fields->n)
			memcpy(items, fields->items, fields->n * sizeof(*items));
		fields->items = items;
		fields->cap = cap;
	}
	fields->items[fields->n++] = *field;
}

void http_fields_add(struct http_fields *fields, struct arena *arena, struct http_text name,
		     struct http_text value)
{
	struct http_field field = { .name = name, .value = value, .id = http_field_find(name) };

	http_fields_append(fields, arena, &field);
}

size_t http_fields_remove(struct http_fields *fields, struct http_text name)
{
	size_t kept = 0, removed;

	for (size_t i = 0; i < fields->n; i++)
		if (!http_text_equal(fields->items[i].name, name))
			fields->items[kept++] = fields->items[i];
	removed = fields->n - kept;
	fields->n = kept;
	return removed;
}

const struct http_field *http_fields_get(const struct http_fields *fields, enum http_field_id id)
{
	assert(id != HTTP_OTHER);
	for (size_t i = 0; i < fields->n; i++)
		if (fields->items[i].id == id)
			return &fields->items[i];
	return NULL;
}

struct http_text http_reason(unsigned status)
{
	switch (status) {
#define REASON(code, text)                                                                         \
	case code:                                                                                 \
		return HTTP_TEXT(text);
		HTTP_REASONS(REASON)
#undef REASON
	default:
		return (struct http_text){ 0 };
	}
}
