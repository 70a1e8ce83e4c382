// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as the answer to a request, the first byte saying whether that was HEAD. One that
 * passes is written and read again as the same.
 */
#include <errno.h>

#include "http.h"

static ssize_t parse(struct h1_input *input, bool to_head, struct http_response *ret_response)
{
	struct h1_error error = { 0 };
	ssize_t len = h1_parse_response(input, to_head, ret_response, &error);

	http_require(len == -EAGAIN || len == -EBADMSG || (len > 0 && (size_t)len <= input->len));
	http_require((len == -EBADMSG) == (error.reason != NULL));
	http_require(!error.reason || error.status == 502);
	return len;
}

static void round_trip(const struct http_response *response, bool to_head, struct arena *arena)
{
	struct http_text text = h1_format_response(arena, response);
	char *copy = http_exact(text.at, text.len);
	struct h1_input input = { copy, text.len, 0, &http_wide, arena };
	struct http_response second;

	http_require(parse(&input, to_head, &second) == (ssize_t)text.len);
	http_require(second.status == response->status && second.framing == response->framing);
	http_require(second.length == response->length);
	http_require(second.has_length == response->has_length);
	http_require(second.status < 200 || second.keep_alive == response->keep_alive);
	http_require(!response->reason.len || http_text_equal(second.reason, response->reason));
	http_require_same(&response->fields, &second.fields);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct http_response response;
	struct h1_input input;
	bool to_head;

	if (!size)
		return 0;
	to_head = *data++ & 1;
	size--;
	input = (struct h1_input){ http_exact(data, size), size, 0, &h1_default_limits, &arena };
	if (parse(&input, to_head, &response) > 0)
		round_trip(&response, to_head, &arena);
	free(input.buf);
	arena_fini(&arena);
	return 0;
}
