// SPDX-License-Identifier: Apache-2.0
/* Messages to bytes: what is written from the message, and that no text ends its own line. */
#include "rig.h"

static void add(struct http_fields *fields, struct arena *arena, const char *name,
		const char *value)
{
	http_fields_add(fields, arena, (struct http_text){ name, strlen(name) },
			(struct http_text){ value, strlen(value) });
}

static struct http_request request_of(const char *path)
{
	return (struct http_request){
		.method = HTTP_TEXT("GET"),
		.authority = HTTP_TEXT("a:81"),
		.path = { path, strlen(path) },
		.keep_alive = true,
	};
}

static void test_requests(void **state)
{
	struct arena arena = { 0 };
	struct http_request request = request_of("/x");

	(void)state;
	rig_assert_text(h1_format_request(&arena, &request),
			"GET /x HTTP/1.1\r\nhost: a:81\r\n\r\n");
	request.query = HTTP_TEXT("");
	request.keep_alive = false;
	add(&request.fields, &arena, "b", "2");
	add(&request.fields, &arena, "a", "");
	rig_assert_text(
		h1_format_request(&arena, &request),
		"GET /x? HTTP/1.1\r\nhost: a:81\r\nb: 2\r\na: \r\nconnection: close\r\n\r\n");
	request.query = HTTP_TEXT("y=z");
	request.framing = HTTP_LENGTH;
	request.length = 1234567890;
	request.keep_alive = true;
	rig_assert_text(h1_format_request(&arena, &request),
			"GET /x?y=z HTTP/1.1\r\nhost: a:81\r\nb: 2\r\na: \r\n"
			"content-length: 1234567890\r\n\r\n");
	request.framing = HTTP_CHUNKED;
	rig_assert_text(h1_format_request(&arena, &request),
			"GET /x?y=z HTTP/1.1\r\nhost: a:81\r\nb: 2\r\na: \r\n"
			"transfer-encoding: chunked\r\n\r\n");
	arena_fini(&arena);
}

/* What the message says itself is never said twice. */
static void f1_no_second_framing(void **state)
{
	struct arena arena = { 0 };
	struct http_request request = request_of("/");
	struct http_response response = { .status = 200, .keep_alive = true, .minor = 1 };

	(void)state;
	request.framing = HTTP_LENGTH;
	add(&request.fields, &arena, "host", "evil");
	add(&request.fields, &arena, "content-length", "5");
	add(&request.fields, &arena, "transfer-encoding", "chunked");
	add(&request.fields, &arena, "connection", "close");
	response.framing = HTTP_CHUNKED;
	response.fields = request.fields;
	rig_assert_text(h1_format_request(&arena, &request),
			"GET / HTTP/1.1\r\nhost: a:81\r\ncontent-length: 0\r\n\r\n");
	rig_assert_text(h1_format_response(&arena, &response),
			"HTTP/1.1 200 OK\r\nhost: evil\r\ntransfer-encoding: chunked\r\n\r\n");
	arena_fini(&arena);
}

static void f14_responses(void **state)
{
	static const struct {
		struct http_response response;
		const char *text;
	} rows[] = {
		{ { .status = 200,
		    .minor = 1,
		    .keep_alive = true,
		    .framing = HTTP_LENGTH,
		    .length = 7 },
		  "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n" },
		{ { .status = 200, .minor = 1, .framing = HTTP_CHUNKED },
		  "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n" },
		{ { .status = 200, .minor = 0, .keep_alive = true, .framing = HTTP_LENGTH },
		  "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n" },
		{ { .status = 200, .minor = 1, .keep_alive = true, .framing = HTTP_UNTIL_CLOSE },
		  "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" },
		{ { .status = 404,
		    .minor = 1,
		    .keep_alive = true,
		    .has_length = true,
		    .length = 9 },
		  "HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\n\r\n" },
		{ { .status = 304,
		    .minor = 1,
		    .keep_alive = true,
		    .has_length = true,
		    .length = 9 },
		  "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n" },
		{ { .status = 204, .minor = 1, .keep_alive = true, .has_length = true },
		  "HTTP/1.1 204 No Content\r\n\r\n" },
		{ { .status = 100, .minor = 0, .has_length = true },
		  "HTTP/1.1 100 Continue\r\n\r\n" },
		{ { .status = 299, .minor = 1, .keep_alive = true }, "HTTP/1.1 299 \r\n\r\n" },
		{ { .status = 299, .minor = 1, .keep_alive = true, .reason = HTTP_TEXT("so so") },
		  "HTTP/1.1 299 so so\r\n\r\n" },
	};
	struct arena arena = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		rig_assert_text(h1_format_response(&arena, &rows[i].response), rows[i].text);
	arena_fini(&arena);
}

/* Even if a text came past every check, it stays on its line and in its place. */
static void f14_no_splitting(void **state)
{
	struct arena arena = { 0 };
	struct http_request request = request_of("/a b\r\nX: y");
	struct http_response response = {
		.status = 200,
		.reason = HTTP_TEXT("OK\r\nA: b"),
		.framing = HTTP_LENGTH,
		.keep_alive = true,
		.minor = 1,
	};

	(void)state;
	request.method = HTTP_TEXT("GET /");
	request.query = HTTP_TEXT("q\n#");
	request.authority = HTTP_TEXT("a\r\nb");
	http_fields_add(&request.fields, &arena, HTTP_TEXT("n:\r\n"),
			HTTP_TEXT("v\r\nX: y\0\t\x7f"));
	response.fields = request.fields;
	rig_assert_text(h1_format_request(&arena, &request),
			"GET__ /a_b__X:_y?q__ HTTP/1.1\r\nhost: a  b\r\nn___: v  X: y \t \r\n\r\n");
	rig_assert_text(h1_format_response(&arena, &response),
			"HTTP/1.1 200 OK  A: b\r\nn___: v  X: y \t \r\ncontent-length: 0\r\n\r\n");
	arena_fini(&arena);
}

static void test_chunks(void **state)
{
	struct http_fields trailers = { 0 };
	struct arena arena = { 0 };
	char buf[H1_CHUNK_LEN];

	(void)state;
	assert_int_equal(h1_format_chunk(buf, true, 1), 3);
	assert_memory_equal(buf, "1\r\n", 3);
	assert_int_equal(h1_format_chunk(buf, false, 0xabc), 7);
	assert_memory_equal(buf, "\r\nabc\r\n", 7);
	assert_int_equal(h1_format_chunk(buf, false, SIZE_MAX), 20);
	assert_memory_equal(buf, "\r\nffffffffffffffff\r\n", 20);
	rig_assert_text(h1_format_last_chunk(&arena, true, NULL), "0\r\n\r\n");
	rig_assert_text(h1_format_last_chunk(&arena, false, &trailers), "\r\n0\r\n\r\n");
	add(&trailers, &arena, "a", "b");
	add(&trailers, &arena, "content-length", "5");
	rig_assert_text(h1_format_last_chunk(&arena, false, &trailers), "\r\n0\r\na: b\r\n\r\n");
	arena_fini(&arena);
}

/* F7: what is written is read as the same message, and written the same again. */
static void f7_round_trip(void **state)
{
	static const char raw[] = "POST http://B.example:80/a//b/../%63?d HTTP/1.1\r\nHOST: x\r\n"
				  "x-A:  b \r\nContent-Length: 42\r\nConnection: close\r\n\r\n";
	static const char wanted[] = "POST /a/c?d HTTP/1.1\r\nhost: b.example:80\r\nx-a: b\r\n"
				     "content-length: 42\r\nconnection: close\r\n\r\n";
	struct rig first, second;

	(void)state;
	rig_request(&first, raw, sizeof(raw) - 1);
	assert_true(first.len > 0);
	rig_assert_text(h1_format_request(&first.arena, &first.request), wanted);
	rig_request(&second, wanted, sizeof(wanted) - 1);
	assert_true(second.len > 0);
	rig_assert_text(h1_format_request(&second.arena, &second.request), wanted);
	rig_fini(&first);
	rig_fini(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests), cmocka_unit_test(f1_no_second_framing),
		cmocka_unit_test(f14_responses), cmocka_unit_test(f14_no_splitting),
		cmocka_unit_test(test_chunks),	 cmocka_unit_test(f7_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
