/* SPDX-License-Identifier: Apache-2.0 */
/* The request parser: what passes, what is refused at once, and that any cut waits for more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/request.h"
#include "base/mem.h"

#define H "Host: x\r\n"

static const struct {
	const char *bytes;
	int status;
	const char *path;
} rows[] = {
	{ "GET /metrics HTTP/1.1\r\n" H "\r\n", 200, "/metrics" },
	{ "GET / HTTP/1.0\r\n\r\n", 200, "/" },
	{ "GET /a?b=c&d HTTP/1.1\r\nhOST:\tx \r\nAccept: */*\r\n\r\n", 200, "/a" },
	{ "GET /a HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 200, "/a" },
	{ "GET /a HTTP/1.1\r\n" H "\r\nGET /b HTTP/1.1\r\n\r\n", 200, "/a" },
	{ "GET /a HTTP/1.1\r\nX: \x80\xff\r\n" H "\r\n", 200, "/a" },
	{ "POST /a HTTP/1.1\r\n" H "\r\n", 405, NULL },
	{ "HEAD /a HTTP/1.1\r\n" H "\r\n", 405, NULL },
	{ "get /a HTTP/1.1\r\n" H "\r\n", 405, NULL },
	{ "GET /a HTTP/1.1\r\n\r\n", 400, NULL },	 /* no Host */
	{ "GET /a HTTP/1.1\r\n" H H "\r\n", 400, NULL }, /* two */
	{ "GET /a HTTP/2.0\r\n" H "\r\n", 400, NULL },
	{ "GET /a\r\n" H "\r\n", 400, NULL },
	{ "GET  /a HTTP/1.1\r\n" H "\r\n", 400, NULL },
	{ "GET /a b HTTP/1.1\r\n" H "\r\n", 400, NULL },
	{ "GET a HTTP/1.1\r\n" H "\r\n", 400, NULL },
	{ "GET http://x/a HTTP/1.1\r\n" H "\r\n", 400, NULL },
	{ "GET /\x01 HTTP/1.1\r\n" H "\r\n", 400, NULL },
	{ "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", 400, NULL },
	{ "G\"T /a HTTP/1.1\r\n" H "\r\n", 400, NULL },
	{ "GET /a HTTP/1.1\r\n" H "X : y\r\n\r\n", 400, NULL },
	{ "GET /a HTTP/1.1\r\n" H "X: y\r\n z\r\n\r\n", 400, NULL },
	{ "GET /a HTTP/1.1\r\n" H "nocolon\r\n\r\n", 400, NULL },
	{ "GET /a HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", 400, NULL },
	{ "GET /a HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", 400, NULL },
	{ "GET /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 400, NULL },
	{ "\r\n\r\n", 400, NULL },
	{ "GET /a HTTP/1.1\n" H "\n", 400, NULL }, /* seen before any end */
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(mem_freep) char *path = NULL, *query = NULL;
		int status = request_parse(rows[i].bytes, strlen(rows[i].bytes), &path, &query);

		if (status != rows[i].status)
			print_message("%s\n", rows[i].bytes);
		assert_int_equal(status, rows[i].status);
		if (rows[i].path)
			assert_string_equal(path, rows[i].path);
		else
			assert_null(path);
	}
}

/* Whatever is cut off a good request: the verdict is to wait. Nothing behind the cut is read. */
static void test_every_cut(void **state)
{
	static const char whole[] = "GET /a HTTP/1.1\r\n" H "\r\n";

	(void)state;
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		char *exact = mem_array(1, len), *path = NULL, *query = NULL;

		memcpy(exact, whole, len);
		assert_int_equal(request_parse(exact, len, &path, &query), 0);
		assert_null(path);
		free(exact);
	}
}

static void test_nul(void **state)
{
	static const char tls[] = "\x16\x03\x01\x00\xa5\x01";
	char *path = NULL, *query = NULL;

	(void)state;
	assert_int_equal(request_parse(tls, sizeof(tls), &path, &query), 400);
}

static void test_too_long(void **state)
{
	_cleanup_(mem_freep) char *bytes = mem_array(1, REQUEST_MAX);
	char *path = NULL, *query = NULL;

	(void)state;
	memset(bytes, 'a', REQUEST_MAX);
	assert_int_equal(request_parse(bytes, REQUEST_MAX - 1, &path, &query), 0);
	assert_int_equal(request_parse(bytes, REQUEST_MAX, &path, &query), 431);
	assert_null(path);
}

static void test_query(void **state)
{
	static const char bytes[] = "GET /a?b=c%20d&e=? HTTP/1.1\r\n" H "\r\n";
	static const char none[] = "GET /a HTTP/1.1\r\n" H "\r\n";
	_cleanup_(mem_freep) char *path = NULL, *query = NULL, *nothing = NULL;

	(void)state;
	assert_int_equal(request_parse(bytes, strlen(bytes), &path, &query), 200);
	assert_string_equal(path, "/a");
	assert_string_equal(query, "b=c%20d&e=?");
	mem_freep(&path);
	path = NULL;
	assert_int_equal(request_parse(none, strlen(none), &path, &nothing), 200);
	assert_string_equal(nothing, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),  cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_nul),   cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
