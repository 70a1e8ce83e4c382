// SPDX-License-Identifier: Apache-2.0
/*
 * Content-Length, Transfer-Encoding and Connection by their values. h1.c and h1_head.c call it.
 * Invariant: a value that another program might read otherwise is refused.
 */
#include "http/h1_framing.h"

#include <errno.h>

#include "base/chars.h"

int h1_framing_length(struct http_text value, uint64_t *ret_length)
{
	uint64_t length = 0;

	/* 18 digits cannot overflow, and no body has more. A zero in front is octal to some. */
	if (!value.len || value.len > 18 || (value.len > 1 && *value.at == '0'))
		return -EINVAL;
	for (size_t i = 0; i < value.len; i++) {
		if (!chars_is(value.at[i], CHARS_DIGIT))
			return -EINVAL;
		length = length * 10 + (uint64_t)(value.at[i] - '0');
	}
	*ret_length = length;
	return 0;
}

/* Cuts the first element off a list; empty ones are there to be ignored (RFC 9110, 5.6.1.2).
 * -EINVAL: it is no token; -ENOENT: none is left. */
static int next_token(struct http_text *list, struct http_text *ret_token)
{
	const char *at = list->at, *end = at + list->len, *start;

	while (at < end && (*at == ',' || *at == ' ' || *at == '\t'))
		at++;
	if (at == end)
		return -ENOENT;
	for (start = at; at < end && chars_is(*at, CHARS_TOKEN); at++)
		;
	*ret_token = (struct http_text){ start, (size_t)(at - start) };
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	if (!ret_token->len || (at < end && *at != ','))
		return -EINVAL;
	*list = (struct http_text){ at, (size_t)(end - at) };
	return 0;
}

int h1_framing_coding(struct http_text value)
{
	bool chunked = false, others = false;
	struct http_text token;
	int r;

	if (http_text_is(value, "chunked"))
		return 0;
	while (!(r = next_token(&value, &token))) {
		/* Not the last one, or twice. */
		if (chunked)
			return -EINVAL;
		chunked = http_text_is(token, "chunked");
		others |= !chunked;
	}
	return r == -ENOENT && others ? -ENOTSUP : -EINVAL;
}

int h1_framing_connection(struct http_text value, bool *close, bool *keep_alive)
{
	struct http_text token;
	int r;

	while (!(r = next_token(&value, &token))) {
		*close |= http_text_is(token, "close");
		*keep_alive |= http_text_is(token, "keep-alive");
	}
	return r == -ENOENT ? 0 : -EINVAL;
}
