// SPDX-License-Identifier: Apache-2.0
/* Inflating: pieces of any size, broken streams, bombs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <zlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "http/gunzip.h"

#define TEXT_LEN 200000

struct sink {
	struct str text;
	size_t most; /* 0: all */
};

static bool take(void *arg, const char *data, size_t len)
{
	struct sink *sink = arg;

	str_add(&sink->text, data, len);
	return !sink->most || sink->text.len < sink->most;
}

static struct str zip(const char *data, size_t len)
{
	z_stream stream = { 0 };
	struct str out = { .buf = malloc(len + 1000) };

	assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, 0), Z_OK);
	stream.next_in = (Bytef *)data;
	stream.avail_in = (uInt)len;
	stream.next_out = (Bytef *)out.buf;
	stream.avail_out = (uInt)len + 1000;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	out.len = stream.total_out;
	deflateEnd(&stream);
	return out;
}

static struct str make_text(void)
{
	struct str text = { 0 };

	while (text.len < TEXT_LEN)
		str_addf(&text, "{\"name\":\"pod-%u\"},", (unsigned)text.len * 2654435761u);
	return text;
}

static int push_all(struct gunzip *gunzip, struct str data, size_t piece, struct sink *sink)
{
	int r = 0;

	for (size_t at = 0; !r && at < data.len; at += piece) {
		size_t n = data.len - at < piece ? data.len - at : piece;

		r = gunzip_push(gunzip, data.buf + at, n, take, sink);
	}
	return r;
}

static void pieces_of_any_size(void **state)
{
	static const size_t pieces[] = { 1, 7, 4096, SIZE_MAX };
	struct str text = make_text(), zipped = zip(text.buf, text.len);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct gunzip *gunzip = gunzip_new();
		struct sink sink = { 0 };

		assert_int_equal(push_all(gunzip, zipped,
					  pieces[i] > zipped.len ? zipped.len : pieces[i], &sink),
				 0);
		assert_true(gunzip_is_whole(gunzip));
		assert_int_equal(sink.text.len, text.len);
		assert_memory_equal(sink.text.buf, text.buf, text.len);
		str_fini(&sink.text);
		gunzip_free(gunzip);
	}
	str_fini(&text);
	str_fini(&zipped);
}

/* Watches are like that: an event is told before the next one comes. */
static void what_was_flushed_is_told_at_once(void **state)
{
	z_stream stream = { 0 };
	char out[200];
	struct gunzip *gunzip = gunzip_new();
	struct sink sink = { 0 };

	(void)state;
	/* No body is as good as one without anything in it. */
	assert_true(gunzip_is_whole(gunzip));
	assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, 0), Z_OK);
	stream.next_in = (Bytef *)"event";
	stream.avail_in = 5;
	stream.next_out = (Bytef *)out;
	stream.avail_out = sizeof(out);
	assert_int_equal(deflate(&stream, Z_SYNC_FLUSH), Z_OK);
	assert_int_equal(gunzip_push(gunzip, out, stream.total_out, take, &sink), 0);
	assert_string_equal(sink.text.buf, "event");
	assert_false(gunzip_is_whole(gunzip));
	deflateEnd(&stream);
	str_fini(&sink.text);
	gunzip_free(gunzip);
}

/* The API server makes one of each event of a watch. */
static void stream_after_stream(void **state)
{
	static const size_t pieces[] = { 1, 7, SIZE_MAX };
	struct str first = zip("event", 5), second = zip("another", 7);
	struct str both = { 0 };

	(void)state;
	str_add(&both, first.buf, first.len);
	str_add(&both, second.buf, second.len);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct gunzip *gunzip = gunzip_new();
		size_t piece = pieces[i] > both.len ? both.len : pieces[i];
		struct sink sink = { 0 };

		assert_int_equal(push_all(gunzip, both, piece, &sink), 0);
		assert_string_equal(sink.text.buf, "eventanother");
		assert_true(gunzip_is_whole(gunzip));
		assert_int_equal(gunzip_push(gunzip, both.buf, 1, take, &sink), 0);
		assert_false(gunzip_is_whole(gunzip));
		str_fini(&sink.text);
		gunzip_free(gunzip);
	}
	str_fini(&first);
	str_fini(&second);
	str_fini(&both);
}

static void broken_streams(void **state)
{
	struct str text = make_text(), zipped = zip(text.buf, text.len);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct gunzip *gunzip = gunzip_new();
		struct sink sink = { 0 };
		struct str broken = { 0 };

		str_add(&broken, zipped.buf, zipped.len);
		if (i == 0)
			broken.buf[0] ^= 1; /* no gzip */
		else if (i == 1)
			broken.buf[broken.len - 5] ^= 1; /* of the check sum */
		else
			str_add(&broken, "xx", 2);
		assert_int_equal(push_all(gunzip, broken, broken.len, &sink), -EPROTO);
		str_fini(&broken);
		str_fini(&sink.text);
		gunzip_free(gunzip);
	}
	str_fini(&text);
	str_fini(&zipped);
}

static void bombs_do_not_go_off(void **state)
{
	size_t len = 64u << 20;
	char *zeros = calloc(len, 1);
	struct str zipped = zip(zeros, len);
	struct gunzip *gunzip = gunzip_new();
	struct sink sink = { 0 };

	(void)state;
	assert_int_equal(push_all(gunzip, zipped, 1024, &sink), -EPROTO);
	assert_true(sink.text.len < 2u << 20);
	str_fini(&sink.text);
	str_fini(&zipped);
	free(zeros);
	gunzip_free(gunzip);
}

static void who_has_enough_gets_no_more(void **state)
{
	struct str text = make_text(), zipped = zip(text.buf, text.len);
	struct gunzip *gunzip = gunzip_new();
	struct sink sink = { .most = 1 };

	(void)state;
	assert_int_equal(push_all(gunzip, zipped, zipped.len, &sink), -ECANCELED);
	assert_true(sink.text.len < text.len);
	str_fini(&sink.text);
	str_fini(&zipped);
	str_fini(&text);
	gunzip_free(gunzip);
	gunzip_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_any_size),
		cmocka_unit_test(what_was_flushed_is_told_at_once),
		cmocka_unit_test(stream_after_stream),
		cmocka_unit_test(broken_streams),
		cmocka_unit_test(bombs_do_not_go_off),
		cmocka_unit_test(who_has_enough_gets_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
