// SPDX-License-Identifier: Apache-2.0
/* Responses, by statement F14: which are refused, and where those that pass end. */
#include "rig.h"

#define ROW(name, framing, length, raw)                                                            \
	{                                                                                          \
		name, framing, length, raw, sizeof(raw) - 1                                        \
	}
#define BAD(name, raw) ROW(name, BROKEN, 0, raw)
#define OK	       "HTTP/1.1 200 OK\r\n"
#define TE	       "Transfer-Encoding: chunked\r\n"
#define CL	       "Content-Length: 5\r\n"

enum {
	BROKEN = -1
};

struct row {
	const char *name;
	int framing;
	uint64_t length;
	const char *raw;
	size_t len;
};

static void check_rows(const struct row *rows, size_t n, bool to_head)
{
	for (size_t i = 0; i < n; i++) {
		struct rig rig;
		int framing;

		rig_response(&rig, rows[i].raw, rows[i].len, to_head);
		framing = rig.len > 0 ? (int)rig.response.framing : BROKEN;
		if (framing != rows[i].framing || rig.len == -EAGAIN)
			print_error("%s: %d (%s)\n", rows[i].name, framing, rig.error.reason);
		assert_int_equal(framing, rows[i].framing);
		assert_int_not_equal(rig.len, -EAGAIN);
		assert_int_equal(rig.error.status, framing == BROKEN ? 502 : 0);
		assert_int_equal(rig.response.length, rows[i].length);
		rig_fini(&rig);
	}
}

#define TEST_ROWS(test, to_head, ...)                                                              \
	static void test(void **state)                                                             \
	{                                                                                          \
		static const struct row rows[] = { __VA_ARGS__ };                                  \
                                                                                                   \
		(void)state;                                                                       \
		check_rows(rows, ARRAY_SIZE(rows), to_head);                                       \
	}

TEST_ROWS(f14_status_lines, false, ROW("PLAIN", HTTP_LENGTH, 5, OK CL "\r\n"),
	  ROW("1.0", HTTP_LENGTH, 5, "HTTP/1.0 200 OK\r\n" CL "\r\n"),
	  ROW("NO-PHRASE", HTTP_LENGTH, 5, "HTTP/1.1 200 \r\n" CL "\r\n"),
	  ROW("NO-SPACE", HTTP_LENGTH, 5, "HTTP/1.1 200\r\n" CL "\r\n"),
	  ROW("PHRASE-OBS-TEXT", HTTP_LENGTH, 5, "HTTP/1.1 200 \xe4\tb c\r\n" CL "\r\n"),
	  ROW("599", HTTP_LENGTH, 5, "HTTP/1.1 599 x\r\n" CL "\r\n"),
	  BAD("600", "HTTP/1.1 600 x\r\n" CL "\r\n"), BAD("099", "HTTP/1.1 099 x\r\n" CL "\r\n"),
	  BAD("20", "HTTP/1.1 20 x\r\n" CL "\r\n"), BAD("2000", "HTTP/1.1 2000 x\r\n" CL "\r\n"),
	  BAD("20x", "HTTP/1.1 20x x\r\n" CL "\r\n"), BAD("-20", "HTTP/1.1 -20 x\r\n" CL "\r\n"),
	  BAD("TAB", "HTTP/1.1 200\tOK\r\n" CL "\r\n"), BAD("TWO-SP", "HTTP/1.1  200 OK\r\n\r\n"),
	  BAD("NO-STATUS", "HTTP/1.1\r\n" CL "\r\n"), BAD("EMPTY", "HTTP/1.1 \r\n" CL "\r\n"),
	  BAD("2.0", "HTTP/2.0 200 OK\r\n" CL "\r\n"), BAD("1.2", "HTTP/1.2 200 OK\r\n" CL "\r\n"),
	  BAD("CASE", "http/1.1 200 OK\r\n" CL "\r\n"), BAD("ICY", "ICY 200 OK\r\n" CL "\r\n"),
	  BAD("PHRASE-CONTROL", "HTTP/1.1 200 O\x01K\r\n" CL "\r\n"),
	  BAD("PHRASE-NUL", "HTTP/1.1 200 O\0K\r\n" CL "\r\n"),
	  BAD("PHRASE-CR", "HTTP/1.1 200 O\rK\r\n" CL "\r\n"),
	  BAD("LEADING-CRLF", "\r\n" OK CL "\r\n"), BAD("LEADING-SP", " " OK CL "\r\n"),
	  BAD("REQUEST", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), BAD("TLS", "\x15\x03\x01\x00\x02"), )

TEST_ROWS(f14_framing, false, ROW("CHUNKED", HTTP_CHUNKED, 0, OK TE "\r\n"),
	  ROW("CHUNKED-CASE", HTTP_CHUNKED, 0, OK "transfer-encoding: CHUNKED\r\n\r\n"),
	  ROW("UNTIL-CLOSE", HTTP_UNTIL_CLOSE, 0, OK "\r\n"),
	  ROW("LENGTH-0", HTTP_LENGTH, 0, OK "Content-Length: 0\r\n\r\n"),
	  ROW("304", HTTP_NO_BODY, 0, "HTTP/1.1 304 x\r\n\r\n"),
	  ROW("304-LENGTH", HTTP_NO_BODY, 5, "HTTP/1.1 304 x\r\n" CL "\r\n"),
	  ROW("304-CHUNKED", HTTP_NO_BODY, 0, "HTTP/1.1 304 x\r\n" TE "\r\n"),
	  ROW("204", HTTP_NO_BODY, 0, "HTTP/1.1 204 x\r\n\r\n"),
	  ROW("204-LENGTH-0", HTTP_NO_BODY, 0, "HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n"),
	  ROW("100", HTTP_NO_BODY, 0, "HTTP/1.1 100 Continue\r\n\r\n"),
	  ROW("103", HTTP_NO_BODY, 0, "HTTP/1.1 103 x\r\nLink: a\r\n\r\n"),
	  ROW("101", HTTP_NO_BODY, 0, "HTTP/1.1 101 x\r\n\r\n"),
	  BAD("204-LENGTH", "HTTP/1.1 204 x\r\n" CL "\r\n"),
	  BAD("204-CHUNKED", "HTTP/1.1 204 x\r\n" TE "\r\n"),
	  BAD("100-LENGTH", "HTTP/1.1 100 x\r\n" CL "\r\n"),
	  BAD("100-CHUNKED", "HTTP/1.1 100 x\r\n" TE "\r\n"), BAD("BOTH", OK CL TE "\r\n"),
	  BAD("BOTH-TE-FIRST", OK TE CL "\r\n"), BAD("304-BOTH", "HTTP/1.1 304 x\r\n" CL TE "\r\n"),
	  BAD("TWO-LENGTHS", OK CL "Content-Length: 6\r\n\r\n"),
	  BAD("SAME-LENGTHS", OK CL CL "\r\n"),
	  BAD("LENGTH-LIST", OK "Content-Length: 5, 5\r\n\r\n"),
	  BAD("LENGTH-SIGN", OK "Content-Length: +5\r\n\r\n"),
	  BAD("LENGTH-EMPTY", OK "Content-Length:\r\n\r\n"), BAD("TWO-CODINGS", OK TE TE "\r\n"),
	  BAD("GZIP", OK "Transfer-Encoding: gzip\r\n\r\n"),
	  BAD("GZIP-CHUNKED", OK "Transfer-Encoding: gzip, chunked\r\n\r\n"),
	  BAD("CHUNKED-1.0", "HTTP/1.0 200 OK\r\n" TE "\r\n"),
	  BAD("OBS-FOLD", OK "X: a\r\n b\r\n" CL "\r\n"),
	  BAD("SP-BEFORE-COLON", OK "X : a\r\n\r\n"),
	  BAD("SPLIT-LF", OK "X: a\nSet-Cookie: b\r\n\r\n"),
	  BAD("SPLIT-CR", OK "X: a\rSet-Cookie: b\r\n\r\n"), BAD("NUL", OK "X: a\0b\r\n\r\n"),
	  BAD("CONNECTION", OK CL "Connection: a b\r\n\r\n"), )

TEST_ROWS(f14_answers_to_head, true, ROW("LENGTH", HTTP_NO_BODY, 5, OK CL "\r\n"),
	  ROW("CHUNKED", HTTP_NO_BODY, 0, OK TE "\r\n"), ROW("NEITHER", HTTP_NO_BODY, 0, OK "\r\n"),
	  BAD("BOTH", OK CL TE "\r\n"), BAD("BAD-LENGTH", OK "Content-Length: x\r\n\r\n"), )

static void f14_what_keeps_a_connection(void **state)
{
	static const struct {
		const char *raw;
		bool keep;
	} rows[] = {
		{ OK CL "\r\n", true },
		{ OK TE "\r\n", true },
		{ OK "\r\n", false }, /* ends with the connection */
		{ OK "Connection: keep-alive\r\n\r\n", false },
		{ OK CL "Connection: close\r\n\r\n", false },
		{ OK CL "Connection: Close, x\r\n\r\n", false },
		{ "HTTP/1.0 200 OK\r\n" CL "\r\n", false },
		{ "HTTP/1.0 200 OK\r\n" CL "Connection: Keep-Alive\r\n\r\n", true },
		{ "HTTP/1.1 204 x\r\n\r\n", true },
		{ "HTTP/1.1 100 x\r\n\r\n", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rig rig;

		rig_response(&rig, rows[i].raw, strlen(rows[i].raw), false);
		assert_true(rig.len > 0);
		assert_int_equal(rig.response.keep_alive, rows[i].keep);
		rig_fini(&rig);
	}
}

static void test_whole(void **state)
{
	static const char raw[] = "HTTP/1.1 418 I'm a teapot\r\nServer: x\r\nHost: odd\r\n"
				  "content_length: 7\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1";
	struct rig rig;

	(void)state;
	rig_response(&rig, raw, sizeof(raw) - 1, false);
	assert_int_equal(rig.len, sizeof(raw) - 1 - 11);
	assert_int_equal(rig.response.status, 418);
	rig_assert_text(rig.response.reason, "I'm a teapot");
	assert_int_equal(rig.response.minor, 1);
	assert_true(rig.response.has_length);
	assert_int_equal(rig.response.length, 3);
	assert_int_equal(rig.response.fields.n, 3);
	rig_assert_text(rig_field(&rig.response.fields, "server"), "x");
	rig_assert_text(rig_field(&rig.response.fields, "host"), "odd");
	rig_fini(&rig);
}

static void test_every_cut(void **state)
{
	static const char raw[] = "HTTP/1.1 200 OK\r\nX: y\r\n" CL "\r\nhello";
	const size_t head = sizeof(raw) - 1 - 5;
	size_t scanned = 0;

	(void)state;
	for (size_t len = 0; len < sizeof(raw); len++) {
		struct rig rig;

		rig_init(&rig, raw, len);
		rig.input.scanned = scanned;
		rig.len = h1_parse_response(&rig.input, false, &rig.response, &rig.error);
		assert_int_equal(rig.len, len < head ? -EAGAIN : (ssize_t)head);
		scanned = rig.len < 0 ? rig.input.scanned : 0;
		rig_fini(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(f14_status_lines),
		cmocka_unit_test(f14_framing),
		cmocka_unit_test(f14_answers_to_head),
		cmocka_unit_test(f14_what_keeps_a_connection),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
