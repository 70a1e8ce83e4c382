// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a chunked body: taken at once or in parts, content and end are the same; content and
 * trailers written as chunks are read again as they were.
 */
#include <errno.h>

#include "base/str.h"
#include "http.h"

struct decoded {
	struct h1_body body;
	struct str content;
	ssize_t used; /* or -EBADMSG */
};

/* Parts of so many bytes. */
static void decode(const char *data, size_t len, size_t part, struct arena *arena,
		   struct decoded *ret)
{
	struct http_text piece;
	size_t at = 0;
	ssize_t n = 0;

	*ret = (struct decoded){ 0 };
	h1_body_init(&ret->body, HTTP_CHUNKED, 0, arena);
	while (at < len && !ret->body.done) {
		size_t now = part < len - at ? part : len - at;
		char *exact = http_exact(data + at, now);

		n = h1_body_next(&ret->body, exact, now, &piece);
		http_require(n == -EBADMSG || (n > 0 && (size_t)n <= now));
		if (n > 0)
			str_add(&ret->content, piece.at, piece.len);
		free(exact);
		if (n < 0)
			break;
		at += (size_t)n;
	}
	ret->used = n < 0 ? n : (ssize_t)at;
	http_require(ret->content.len == ret->body.total);
	http_require(ret->body.done == !h1_body_end(&ret->body));
}

static void require_same(const struct decoded *a, const struct decoded *b)
{
	/* Content of a broken body may have come in part. */
	http_require((a->used < 0) == (b->used < 0) && a->body.done == b->body.done);
	if (a->used < 0)
		return;
	http_require(a->content.len == b->content.len);
	http_require(!a->content.len || !memcmp(a->content.buf, b->content.buf, a->content.len));
	http_require_same(&a->body.trailers, &b->body.trailers);
}

static void round_trip(const struct decoded *decoded, size_t part, struct arena *arena)
{
	const struct str *content = &decoded->content;
	struct str text = { 0 };
	char buf[H1_CHUNK_LEN];
	struct decoded second;
	struct http_text last;
	size_t at, now;

	for (at = 0; at < content->len; at += now) {
		now = part < content->len - at ? part : content->len - at;
		str_add(&text, buf, h1_format_chunk(buf, !at, now));
		str_add(&text, content->buf + at, now);
	}
	last = h1_format_last_chunk(arena, !at, &decoded->body.trailers);
	str_add(&text, last.at, last.len);
	decode(text.buf, text.len, text.len, arena, &second);
	http_require(second.used == (ssize_t)text.len);
	require_same(decoded, &second);
	str_fini(&second.content);
	str_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct decoded whole, parts;
	size_t part;

	if (!size)
		return 0;
	part = *data++ % 16u + 1;
	size--;
	decode((const char *)data, size, size, &arena, &whole);
	decode((const char *)data, size, part, &arena, &parts);
	require_same(&whole, &parts);
	http_require(whole.used < 0 || whole.used == parts.used);
	if (whole.body.done)
		round_trip(&whole, part, &arena);
	str_fini(&whole.content);
	str_fini(&parts.content);
	arena_fini(&arena);
	return 0;
}
