// SPDX-License-Identifier: Apache-2.0
/* Received bytes: heads that straddle buffers, bodies that are compacted, what is left behind. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/inbuf.h"

#define HEAD "GET / HTTP/1.1\r\nhost: a\r\n\r\n"

struct rig {
	struct io *io;
	struct arena arena;
	struct inbuf in;
};

static int setup(void **state)
{
	static struct rig rig;

	memset(&rig, 0, sizeof(rig));
	rig.io = io_new();
	assert_non_null(rig.io);
	*state = &rig;
	return 0;
}

/* io_free() finds buffers that are not given back. */
static int teardown(void **state)
{
	struct rig *rig = *state;

	inbuf_fini(&rig->in, rig->io);
	arena_fini(&rig->arena);
	io_free(rig->io);
	return 0;
}

static void add(struct rig *rig, const char *data, size_t len)
{
	struct io_buf *buf = io_buf_new(rig->io);

	assert_true(len <= sizeof(buf->data));
	memcpy(buf->data, data, len);
	buf->len = len;
	inbuf_add(&rig->in, rig->io, buf);
}

static void assert_head(struct rig *rig, const char *want)
{
	struct h1_input input = { .arena = &rig->arena };
	size_t len = inbuf_find_head(&rig->in, rig->io);

	assert_int_equal(len, strlen(want));
	inbuf_take_head(&rig->in, rig->io, len, &input);
	assert_int_equal(input.len, len);
	assert_memory_equal(input.buf, want, len);
}

static void finds_a_head_in_any_pieces(void **state)
{
	struct rig *rig = *state;

	for (size_t cut = 1; cut < sizeof(HEAD) - 1; cut++) {
		add(rig, HEAD, cut);
		assert_int_equal(inbuf_find_head(&rig->in, rig->io), 0);
		add(rig, HEAD HEAD + cut, sizeof(HEAD HEAD) - 1 - cut);
		assert_head(rig, HEAD);
		assert_false(inbuf_empty(&rig->in));
		assert_head(rig, HEAD);
		assert_true(inbuf_empty(&rig->in));
	}
}

/* A head that begins near the end of a buffer which is full to the brim. */
static void joins_what_did_not_fit(void **state)
{
	static char first[IO_BUF_SIZE], second[IO_BUF_SIZE];
	struct rig *rig = *state;
	size_t n = sizeof(HEAD) - 1, at;

	/* All heads, without a gap between the two. */
	for (at = 0; at < sizeof(first); at++)
		first[at] = HEAD[at % n];
	for (; at < 2 * sizeof(first); at++)
		second[at - sizeof(first)] = HEAD[at % n];
	add(rig, first, 100);
	assert_head(rig, HEAD);
	add(rig, first + 100, sizeof(first) - 100);
	for (size_t i = 1; i < sizeof(first) / n; i++)
		assert_head(rig, HEAD);
	assert_int_equal(inbuf_find_head(&rig->in, rig->io), 0);
	add(rig, second, sizeof(second));
	for (size_t i = sizeof(first) / n; i < 2 * sizeof(first) / n; i++)
		assert_head(rig, HEAD);
}

static void knows_when_a_head_is_too_long(void **state)
{
	static char text[IO_BUF_SIZE];
	struct rig *rig = *state;

	memset(text, 'a', sizeof(text));
	add(rig, text, 100);
	assert_false(inbuf_full(&rig->in));
	add(rig, text, sizeof(text));
	assert_true(inbuf_full(&rig->in));
}

static void makes_one_piece_of_chunks(void **state)
{
	static const char text[] = "3\r\nabc\r\n1\r\nd\r\n4;x=y\r\nefgh\r\n0\r\n\r\n" HEAD;
	struct rig *rig = *state;
	struct h1_body body;
	struct piece piece;

	h1_body_init(&body, HTTP_CHUNKED, 0, &rig->arena);
	add(rig, text, sizeof(text) - 1);
	assert_int_equal(inbuf_body(&rig->in, rig->io, &body, &piece), 1);
	assert_true(body.done);
	assert_int_equal(piece.len, 8);
	assert_memory_equal(piece.at, "abcdefgh", 8);
	inbuf_piece_free(&piece, rig->io);
	assert_null(piece.buf);
	assert_head(rig, HEAD);
}

static void gives_what_is_there(void **state)
{
	static const char text[] = "5\r\nabcde\r\n0\r\n\r\n";
	struct rig *rig = *state;
	struct h1_body body;
	char got[8] = "";
	size_t len = 0;

	h1_body_init(&body, HTTP_CHUNKED, 0, &rig->arena);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		struct piece piece;

		assert_false(body.done);
		add(rig, text + i, 1);
		if (!inbuf_body(&rig->in, rig->io, &body, &piece))
			continue;
		memcpy(got + len, piece.at, piece.len);
		len += piece.len;
		inbuf_piece_free(&piece, rig->io);
	}
	assert_true(body.done);
	assert_true(inbuf_empty(&rig->in));
	assert_string_equal(got, "abcde");
}

static void refuses_broken_chunks(void **state)
{
	struct rig *rig = *state;
	struct h1_body body;
	struct piece piece;

	h1_body_init(&body, HTTP_CHUNKED, 0, &rig->arena);
	add(rig, "3\r\nabcd\r\n", 9);
	assert_int_equal(inbuf_body(&rig->in, rig->io, &body, &piece), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_a_head_in_any_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(joins_what_did_not_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(knows_when_a_head_is_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(makes_one_piece_of_chunks, setup, teardown),
		cmocka_unit_test_setup_teardown(gives_what_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_broken_chunks, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
