/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing for the tests of HTTP/1: each input in memory of its exact size, so that a sanitizer sees
 * whoever reads beyond it. */
#pragma once
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/h1.h"

/* An input and what became of it. */
struct rig {
	char *buf;
	struct arena arena;
	struct h1_input input;
	struct h1_error error;
	ssize_t len; /* of the head, or -errno */
	struct http_request request;
	struct http_response response;
};

/* A copy in memory of just that size. */
static inline char *rig_exact(const char *raw, size_t len)
{
	char *exact = mem_array(1, len);

	memcpy(exact, raw, len);
	return exact;
}

static inline void rig_init(struct rig *rig, const char *raw, size_t len)
{
	*rig = (struct rig){ .buf = rig_exact(raw, len) };
	rig->input = (struct h1_input){
		.buf = rig->buf,
		.len = len,
		.limits = &h1_default_limits,
		.arena = &rig->arena,
	};
}

static inline void rig_fini(struct rig *rig)
{
	free(rig->buf);
	arena_fini(&rig->arena);
}

static inline void rig_request(struct rig *rig, const char *raw, size_t len)
{
	rig_init(rig, raw, len);
	rig->len = h1_parse_request(&rig->input, false, &rig->request, &rig->error);
}

static inline void rig_response(struct rig *rig, const char *raw, size_t len, bool to_head)
{
	rig_init(rig, raw, len);
	rig->len = h1_parse_response(&rig->input, to_head, &rig->response, &rig->error);
}

static inline void rig_assert_text(struct http_text text, const char *wanted)
{
	struct http_text other = { wanted, strlen(wanted) };

	if (!http_text_equal(text, other))
		print_error("'%.*s' is not '%s'\n", (int)text.len, text.len ? text.at : "", wanted);
	assert_true(http_text_equal(text, other));
}

/* The value of the first field of that name; fails when there is none. */
static inline struct http_text rig_field(const struct http_fields *fields, const char *name)
{
	for (size_t i = 0; i < fields->n; i++)
		if (http_text_is(fields->items[i].name, name))
			return fields->items[i].value;
	fail_msg("there is no field %s", name);
	return (struct http_text){ 0 };
}
