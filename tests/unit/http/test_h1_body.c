// SPDX-License-Identifier: Apache-2.0
/*
 * Bodies, by the statements F4 and F9: content is the same however the bytes come, and broken
 * framing is refused whatever is cut where.
 */
#include "base/str.h"
#include "rig.h"

#define BROKEN (-EBADMSG)

struct row {
	const char *name;
	int result; /* bytes of framing and content together, or what is wrong */
	const char *raw;
	size_t len;
	const char *content;
};

#define OK(name, text, raw)                                                                        \
	{                                                                                          \
		name, (int)sizeof(raw) - 1, raw, sizeof(raw) - 1, text                             \
	}
#define BAD(name, raw)                                                                             \
	{                                                                                          \
		name, BROKEN, raw, sizeof(raw) - 1, NULL                                           \
	}
#define LAST "0\r\n\r\n"

/* Feeds bytes, the first `cut` apart; how many were used until the end, -EAGAIN: there was none. */
static int feed(struct h1_body *body, const char *raw, size_t len, size_t cut, struct str *content)
{
	size_t at = 0, stop = cut;
	struct http_text piece;

	while (!body->done && at < len) {
		char *exact;
		ssize_t n;

		if (at == stop)
			stop = len;
		exact = rig_exact(raw + at, stop - at);
		n = h1_body_next(body, exact, stop - at, &piece);
		assert_true(n <= (ssize_t)(stop - at));
		if (n > 0 && piece.len) {
			assert_true(piece.at >= exact && piece.at + piece.len <= exact + n);
			str_add(content, piece.at, piece.len);
		}
		free(exact);
		if (n < 0)
			return (int)n;
		assert_true(n > 0);
		at += (size_t)n;
	}
	return body->done ? (int)at : -EAGAIN;
}

static void check_row(const struct row *row, size_t cut)
{
	struct arena arena = { 0 };
	struct str content = { 0 };
	struct h1_body body;
	int r;

	h1_body_init(&body, HTTP_CHUNKED, 0, &arena);
	r = feed(&body, row->raw, row->len, cut, &content);
	if (r != row->result)
		print_error("%s, cut at %zu: %d, not %d\n", row->name, cut, r, row->result);
	assert_int_equal(r, row->result);
	if (row->content) {
		assert_int_equal(body.total, strlen(row->content));
		assert_int_equal(content.len, strlen(row->content));
		assert_memory_equal(content.len ? content.buf : "", row->content, content.len);
		assert_int_equal(h1_body_end(&body), 0);
	} else {
		assert_int_equal(h1_body_end(&body), BROKEN);
	}
	/* Broken once, broken for good. */
	if (r == BROKEN)
		assert_int_equal(feed(&body, ";\r\n0\r\n\r\n", 8, 8, &content), BROKEN);
	str_fini(&content);
	arena_fini(&arena);
}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t cut = 1; cut <= rows[i].len; cut++)
			check_row(&rows[i], cut);
}

static void f4_good_chunks(void **state)
{
	static const struct row rows[] = {
		OK("COMP-CHUNKED-BODY", "hello", "5\r\nhello\r\n" LAST),
		OK("COMP-CHUNKED-MULTI", "hello world", "5\r\nhello\r\n6\r\n world\r\n" LAST),
		OK("COMP-CHUNKED-EMPTY", "", LAST),
		OK("COMP-CHUNKED-HEX-UPPERCASE", "helloworld", "A\r\nhelloworld\r\n" LAST),
		OK("HEX-LOWERCASE", "helloworld", "a\r\nhelloworld\r\n" LAST),
		OK("LEADING-ZEROS", "hello", "0000000000000005\r\nhello\r\n" LAST),
		OK("LAST-ZEROS", "", "000\r\n\r\n"),
		OK("COMP-CHUNKED-EXTENSION", "hello", "5;ext=value\r\nhello\r\n" LAST),
		OK("EXTENSION-NAME", "hello", "5;ext\r\nhello\r\n0;last\r\n\r\n"),
		OK("EXTENSION-QUOTED", "hello", "5;a=\"b;\\\" \"\r\nhello\r\n" LAST),
		OK("EXTENSIONS", "hello", "5;a;b=c;d=\"\";e\r\nhello\r\n" LAST),
		OK("CONTENT-LIKE-FRAMING", "\r\n0\r\n\r\n", "7\r\n\r\n0\r\n\r\n\r\n" LAST),
		OK("COMP-CHUNKED-TRAILER-VALID", "hello", "5\r\nhello\r\n0\r\nX-Sum: abc\r\n\r\n"),
		OK("SMUG-TRAILER-CL", "", "0\r\nContent-Length: 50\r\n\r\n"),
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows));
}

static void f4_bad_chunks(void **state)
{
	static const struct row rows[] = {
		BAD("SMUG-CHUNK-HEX-PREFIX", "0x5\r\nhello\r\n" LAST),
		BAD("SMUG-CHUNK-SIZE-PLUS", "+5\r\nhello\r\n" LAST),
		BAD("SMUG-CHUNK-NEGATIVE", "-1\r\nhello\r\n" LAST),
		BAD("SMUG-CHUNK-UNDERSCORE", "1_0\r\nhello world!!!!!\r\n" LAST),
		BAD("SMUG-CHUNK-LEADING-SP", " 5\r\nhello\r\n" LAST),
		BAD("LEADING-TAB", "\t5\r\nhello\r\n" LAST),
		BAD("LEADING-CRLF", "\r\n5\r\nhello\r\n" LAST),
		BAD("SMUG-CHUNK-SIZE-TRAILING-OWS", "5 \r\nhello\r\n" LAST),
		BAD("SIZE-TRAILING-TAB", "5\t\r\nhello\r\n" LAST),
		BAD("NOT-HEX", "g\r\nhello\r\n" LAST),
		BAD("EMPTY-SIZE", ";a\r\nhello\r\n" LAST),
		BAD("SIZE-COMMA", "5,5\r\nhello\r\n" LAST),
		BAD("SIZE-POINT", "5.0\r\nhello\r\n" LAST),
		BAD("SIZE-NUL", "5\0\r\nhello\r\n" LAST),
		BAD("SIZE-FULL-WIDTH", "\xef\xbc\x95\r\nhello\r\n" LAST),
		BAD("SIZE-LF", "5\nhello\r\n" LAST),
		BAD("SIZE-CR", "5\rhello\r\n" LAST),
		BAD("SIZE-CR-CR", "5\r\r\nhello\r\n" LAST),
		BAD("SMUG-CHUNK-BARE-CR-TERM", "5\rXhello\r\n" LAST),
		BAD("SMUG-CHUNK-INVALID-SIZE-DESYNC", "+0\r\n\r\nX"),
		BAD("SMUG-CHUNK-SPILL", "5\r\nhello!!\r\n" LAST),
		BAD("SMUG-CHUNK-MISSING-TRAILING-CRLF", "5\r\nhello" LAST),
		BAD("SMUG-CHUNK-LF-TERM", "5\r\nhello\n" LAST),
		BAD("CHUNK-CR-TERM", "5\r\nhello\r" LAST),
		BAD("CHUNK-XX-TERM", "5\r\nhelloXX" LAST),
		BAD("SMUG-CHUNK-BARE-SEMICOLON", "5;\r\nhello\r\n" LAST),
		BAD("SEMICOLONS", "5;;a\r\nhello\r\n" LAST),
		BAD("SMUG-CHUNK-EXT-INVALID-TOKEN", "5;bad[=x\r\nhello\r\n" LAST),
		BAD("SMUG-CHUNK-EXT-LF", "5;\nhello\r\n" LAST),
		BAD("EXT-NAME-LF", "5;a\nhello\r\n" LAST),
		BAD("EXT-VALUE-LF", "5;a=b\nhello\r\n" LAST),
		BAD("EXT-QUOTED-LF", "5;a=\"\n\"\r\nhello\r\n" LAST),
		BAD("EXT-QUOTED-CR", "5;a=\"\r\"\r\nhello\r\n" LAST),
		BAD("EXT-QUOTED-CRLF", "5;a=\"\r\nhello\r\n" LAST),
		BAD("EXT-ESCAPED-LF", "5;a=\"\\\n\"\r\nhello\r\n" LAST),
		BAD("EXT-BEHIND-QUOTED", "5;a=\"b\"c\r\nhello\r\n" LAST),
		BAD("EXT-EMPTY-VALUE", "5;a=\r\nhello\r\n" LAST),
		BAD("EXT-EMPTY-NAME", "5;=a\r\nhello\r\n" LAST),
		BAD("EXT-TWO-VALUES", "5;a=b=c\r\nhello\r\n" LAST),
		BAD("SMUG-CHUNK-EXT-CTRL", "5;\0ext\r\nhello\r\n" LAST),
		BAD("SMUG-CHUNK-EXT-CR", "5;a\rX\r\nhello\r\n" LAST),
		BAD("EXT-SPACES", "5 ; a = b\r\nhello\r\n" LAST),
		BAD("SMUG-CHUNK-LF-TRAILER", "5\r\nhello\r\n0\r\n\n"),
		BAD("LAST-LF", "0\n\r\n"),
		BAD("LAST-CR", "0\r\n\rX\n"),
		BAD("MAL-CHUNK-SIZE-OVERFLOW", "FFFFFFFFFFFFFFFF0\r\nhello\r\n" LAST),
		BAD("SIZE-2^63", "8000000000000000\r\nhello\r\n" LAST),
		BAD("SIZE-2^64-1", "FFFFFFFFFFFFFFFF\r\nhello\r\n" LAST),
		BAD("SIZE-17-DIGITS", "00000000000000005\r\nhello\r\n" LAST),
		BAD("TOTAL-OVERFLOW", "5\r\nhello\r\n7fffffffffffffff\r\n"),
		BAD("TRAILER-NO-COLON", "0\r\nabc\r\n\r\n"),
		BAD("TRAILER-SP-BEFORE-COLON", "0\r\nA : b\r\n\r\n"),
		BAD("TRAILER-EMPTY-NAME", "0\r\n: b\r\n\r\n"),
		BAD("TRAILER-OBS-FOLD", "0\r\nA: b\r\n c\r\n\r\n"),
		BAD("TRAILER-LF", "0\r\nA: b\n\r\n"),
		BAD("TRAILER-CR", "0\r\nA: b\rc\r\n\r\n"),
		BAD("TRAILER-NUL", "0\r\nA: b\0c\r\n\r\n"),
		BAD("TRAILER-REQUEST", "0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows));
}

/* What is cut short is never a whole body. */
static void f4_complete_terminator(void **state)
{
	static const char raw[] = "5;a=\"b\"\r\nhello\r\n0\r\nX: y\r\n\r\nGET";

	(void)state;
	for (size_t len = 1; len < sizeof(raw) - 1 - 3; len++) {
		const struct row row = { "SHORT", -EAGAIN, raw, len, NULL };

		check_row(&row, len);
	}
}

/* Work without content is bounded for the whole body: extensions and trailers together. */
static void f4_bounded_overhead(void **state)
{
	static const struct {
		const char *before, *part;
		size_t most; /* so often it passes, for once more there is no room */
		const char *after;
	} rows[] = {
		{ "1;", "a", 8191, "\r\nx\r\n" LAST },	  /* MAL-CHUNK-EXT-64K */
		{ "", "1;a=bcdef\r\nx\r\n", 1024, LAST }, /* a long one each byte */
		{ "0\r\n", "a: b\r\n", 1365, "\r\n" },	  /* trailers */
		{ "0\r\na: ", "b", 8187, "\r\n\r\n" },	  /* a long one */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t more = 0; more < 2; more++) {
			struct str s = { 0 }, content = { 0 };
			struct arena arena = { 0 };
			struct h1_body body;

			str_add(&s, rows[i].before, strlen(rows[i].before));
			for (size_t n = 0; n < rows[i].most + more; n++)
				str_add(&s, rows[i].part, strlen(rows[i].part));
			str_add(&s, rows[i].after, strlen(rows[i].after));
			h1_body_init(&body, HTTP_CHUNKED, 0, &arena);
			assert_int_equal(feed(&body, s.buf, s.len, s.len, &content),
					 more ? BROKEN : (int)s.len);
			str_fini(&s);
			str_fini(&content);
			arena_fini(&arena);
		}
	}
}

/* Chunks beyond 32 bits, of which only the beginning is there. */
static void f4_large_chunks(void **state)
{
	static const char raw[] = "7fffffffffffffff\r\nhello";
	struct str content = { 0 };
	struct h1_body body;

	(void)state;
	h1_body_init(&body, HTTP_CHUNKED, 0, NULL);
	assert_int_equal(feed(&body, raw, sizeof(raw) - 1, 3, &content), -EAGAIN);
	assert_int_equal(body.total, 5);
	assert_int_equal(body.left, INT64_MAX - 5);
	str_fini(&content);
}

static void f9_trailers(void **state)
{
	static const char raw[] =
		"0\r\nX-Sum: abc\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\n"
		"Host: evil\r\nAuthorization: x\r\nProxy-Authorization: x\r\nTE: x\r\n"
		"Trailer: x\r\nConnection: close\r\nKeep-Alive: x\r\nUpgrade: x\r\nCookie: x\r\n"
		"Set-Cookie: x\r\nX-Forwarded-For: x\r\nX-Forwarded-Client-Cert: x\r\n"
		"X_Forwarded_For: x\r\nContent_Length: 5\r\nForwarded: x\r\nX-Real-IP: x\r\n"
		"Content-Type: text/evil\r\nContent-Encoding: x\r\nContent-Range: x\r\n"
		"Cache-Control: x\r\nExpect: x\r\nIf-Match: x\r\nRange: x\r\nLocation: x\r\n"
		"WWW-Authenticate: x\r\nVary: x\r\nAge: 1\r\nX-Request-Id: x\r\n"
		"Grpc-Status:  0 \r\nX-Sum: def\r\n\r\n";
	struct arena arena = { 0 };
	struct str content = { 0 };

	(void)state;
	for (size_t cut = 1; cut < sizeof(raw); cut++) {
		struct h1_body body;

		h1_body_init(&body, HTTP_CHUNKED, 0, &arena);
		assert_int_equal(feed(&body, raw, sizeof(raw) - 1, cut, &content), sizeof(raw) - 1);
		assert_int_equal(body.trailers.n, 3);
		rig_assert_text(body.trailers.items[0].name, "x-sum");
		rig_assert_text(body.trailers.items[0].value, "abc");
		rig_assert_text(rig_field(&body.trailers, "grpc-status"), "0");
		rig_assert_text(body.trailers.items[2].value, "def");
		arena_reset(&arena);
	}
	assert_int_equal(content.len, 0);
	arena_fini(&arena);
}

static void test_length(void **state)
{
	static const char raw[] = "helloGET / HTTP/1.1";
	struct str content = { 0 };
	struct http_text piece;
	struct h1_body body;

	(void)state;
	for (size_t cut = 1; cut < sizeof(raw); cut++) {
		h1_body_init(&body, HTTP_LENGTH, 5, NULL);
		assert_int_equal(h1_body_end(&body), BROKEN);
		assert_int_equal(feed(&body, raw, sizeof(raw) - 1, cut, &content), 5);
		assert_int_equal(content.len, 5);
		assert_memory_equal(content.buf, "hello", 5);
		assert_int_equal(h1_body_end(&body), 0);
		assert_int_equal(h1_body_next(&body, raw + 5, 3, &piece), 0);
		assert_int_equal(piece.len, 0);
		str_fini(&content);
	}
	h1_body_init(&body, HTTP_LENGTH, 6, NULL);
	assert_int_equal(feed(&body, raw, 5, 5, &content), -EAGAIN);
	assert_int_equal(h1_body_end(&body), BROKEN);
	str_fini(&content);
}

static void test_none_and_until_close(void **state)
{
	struct str content = { 0 };
	struct h1_body body;

	(void)state;
	h1_body_init(&body, HTTP_NO_BODY, 0, NULL);
	assert_true(body.done);
	h1_body_init(&body, HTTP_LENGTH, 0, NULL);
	assert_true(body.done);
	h1_body_init(&body, HTTP_UNTIL_CLOSE, 0, NULL);
	assert_int_equal(feed(&body, "hello", 5, 2, &content), -EAGAIN);
	assert_int_equal(content.len, 5);
	assert_int_equal(body.total, 5);
	assert_int_equal(h1_body_end(&body), 0);
	assert_true(body.done);
	str_fini(&content);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(f4_good_chunks),
		cmocka_unit_test(f4_bad_chunks),
		cmocka_unit_test(f4_complete_terminator),
		cmocka_unit_test(f4_bounded_overhead),
		cmocka_unit_test(f4_large_chunks),
		cmocka_unit_test(f9_trailers),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_none_and_until_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
