// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a request. Whatever way they come in two parts, the result is the same; a request
 * that passes is written and read again as the same request, and written the same.
 */
#include <errno.h>

#include "http.h"

static ssize_t parse(struct h1_input *input, struct http_request *ret_request)
{
	struct h1_error error = { 0 };
	ssize_t len = h1_parse_request(input, true, ret_request, &error);

	http_require(len == -EAGAIN || len == -EBADMSG || (len > 0 && (size_t)len <= input->len));
	http_require((len == -EBADMSG) == (error.reason != NULL));
	http_require(!error.reason || (error.status >= 400 && error.status < 600));
	return len;
}

/* The first part, then all; the verdict of the first part, if it is one, holds. */
static ssize_t parse_in_two(const uint8_t *data, size_t size, size_t cut, struct arena *arena)
{
	char *part = http_exact(data, cut), *whole = http_exact(data, size);
	struct h1_input input = { part, cut, 0, &h1_default_limits, arena };
	struct http_request request;
	ssize_t len = parse(&input, &request);

	if (len == -EAGAIN) {
		input.buf = whole;
		input.len = size;
		len = parse(&input, &request);
	}
	free(part);
	free(whole);
	return len;
}

static void require_equal(const struct http_request *a, const struct http_request *b)
{
	http_require(http_text_equal(a->method, b->method));
	http_require(http_text_equal(a->scheme, b->scheme));
	http_require(http_text_equal(a->authority, b->authority));
	http_require(http_text_equal(a->host, b->host) && a->port == b->port);
	http_require(http_text_equal(a->path, b->path));
	http_require(http_text_equal(a->query, b->query) && !a->query.at == !b->query.at);
	http_require(a->head == b->head && a->keep_alive == b->keep_alive);
	http_require(a->framing == b->framing && a->length == b->length);
	http_require_same(&a->fields, &b->fields);
}

static void round_trip(const struct http_request *request, struct arena *arena)
{
	struct http_text text = h1_format_request(arena, request), again;
	char *copy = http_exact(text.at, text.len);
	struct h1_input input = { copy, text.len, 0, &http_wide, arena };
	struct http_request second;

	http_require(parse(&input, &second) == (ssize_t)text.len);
	require_equal(request, &second);
	again = h1_format_request(arena, &second);
	http_require(http_text_equal(text, again));
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct http_request request;
	struct h1_input input;
	size_t cut;
	ssize_t len;

	if (!size)
		return 0;
	cut = *data++ * --size / 255;
	input = (struct h1_input){ http_exact(data, size), size, 0, &h1_default_limits, &arena };
	len = parse(&input, &request);
	http_require(parse_in_two(data, size, cut, &arena) == len);
	/* One of HTTP/1.0 may have no host; as one of 1.1 it would be none. */
	if (len > 0 && request.authority.len)
		round_trip(&request, &arena);
	free(input.buf);
	arena_fini(&arena);
	return 0;
}
