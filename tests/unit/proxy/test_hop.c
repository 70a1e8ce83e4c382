/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of one connection (F12): which go, and which nobody may send away. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proxy/hop.h"
#include "rig.h"

static struct http_field field(const char *name)
{
	return (struct http_field){ .name = rig_text(name), .id = http_field_find(rig_text(name)) };
}

static bool nominates(const char *headers, const char *name)
{
	const struct http_field named = field(name);
	struct arena arena = { 0 };
	struct http_request request = rig_request(&arena, "a.b", "/", NULL, headers);
	struct hop hop;
	bool found;

	assert_int_equal(hop_parse(&request.fields, &hop), 0);
	found = hop_nominates(&hop, &named);
	arena_fini(&arena);
	return found;
}

static int parse(const char *headers)
{
	struct arena arena = { 0 };
	struct http_request request = rig_request(&arena, "a.b", "/", NULL, headers);
	struct hop hop;
	int r = hop_parse(&request.fields, &hop);

	arena_fini(&arena);
	return r;
}

static void test_fixed(void **state)
{
	static const char *const gone[] = {
		"connection", "keep-alive",	     "proxy-connection", "proxy-authenticate",
		"te",	      "proxy-authorization", "trailer",		 "transfer-encoding",
		"upgrade",    "http2-settings",
	};
	static const char *const kept[] = { "host", "cookie", "x-a", "expect", "date", "upgrades" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(gone); i++) {
		const struct http_field named = field(gone[i]);

		assert_true(hop_is_fixed(&named));
	}
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		const struct http_field named = field(kept[i]);

		assert_false(hop_is_fixed(&named));
	}
}

static void test_nominated(void **state)
{
	(void)state;
	assert_true(nominates("connection: x-a", "x-a"));
	assert_true(nominates("connection: close, X-A", "x-a"));
	assert_true(nominates("connection: close\nx-a: 1\nconnection: \t,x-b ,,x-a\t,", "x-a"));
	assert_false(nominates("connection: x-aa", "x-a"));
	assert_false(nominates("connection: x-a", "x-aa"));
	assert_false(nominates("x-b: x-a", "x-a"));
	assert_false(nominates("connection: ", "x-a"));
}

static void test_protected(void **state)
{
	static const char *const names[] = {
		"host",
		"x-forwarded-for",
		"x-forwarded-proto",
		"x-forwarded-host",
		"x-forwarded-client-cert",
		"forwarded",
		"authorization",
		"cookie",
		"set-cookie",
		"content-length",
		"content-type",
		"content-encoding",
		"x-request-id",
		"cache-control",
		"x-real-ip",
		"if-none-match",
		"origin",
		"via",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char headers[64];

		snprintf(headers, sizeof(headers), "connection: %s", names[i]);
		if (nominates(headers, names[i]))
			fail_msg("%s", names[i]);
	}
}

static void test_refused(void **state)
{
	char many[3 * HOP_MAX + 32] = "connection: a";
	size_t len = strlen(many);

	(void)state;
	assert_int_equal(parse("connection: a b"), -EINVAL);
	assert_int_equal(parse("connection: close\nconnection: \"a\""), -EINVAL);
	assert_int_equal(parse("connection: a;b"), -EINVAL);
	assert_int_equal(parse("connection: a\xc3\xa4"), -EINVAL);
	for (int i = 1; i < HOP_MAX; i++, len += 2)
		snprintf(many + len, sizeof(many) - len, ",a");
	assert_int_equal(parse(many), 0);
	snprintf(many + len, sizeof(many) - len, ",a");
	assert_int_equal(parse(many), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_nominated),
		cmocka_unit_test(test_protected),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
