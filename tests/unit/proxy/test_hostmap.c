/* SPDX-License-Identifier: Apache-2.0 */
/* Which names fit a host, from the most specific on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "proxy/hostmap.h"

/* The names of the map, each its own value. */
static char names[][32] = {
	"a.example.com", "*.example.com", "*.b.example.com", "*.com", "com", "",
};

/* What fits, with a space behind each; "any" for "". */
static void check(const struct hostmap *map, struct http_text host, const char *expected)
{
	struct hostmap_walk walk;
	char found[256] = "";
	const char *name;

	hostmap_start(&walk, map, host);
	while ((name = hostmap_next(&walk))) {
		strncat(found, *name ? name : "any", sizeof(found) - strlen(found) - 1);
		strncat(found, " ", sizeof(found) - strlen(found) - 1);
	}
	assert_null(hostmap_next(&walk));
	assert_string_equal(found, expected);
}

static void test_walk(void **state)
{
	static const struct {
		struct http_text host;
		const char *expected;
	} rows[] = {
		{ HTTP_TEXT("a.example.com"), "a.example.com *.example.com *.com any " },
		{ HTTP_TEXT("x.example.com"), "*.example.com *.com any " },
		/* One or more labels, as in the Gateway API. */
		{ HTTP_TEXT("x.y.example.com"), "*.example.com *.com any " },
		{ HTTP_TEXT("x.b.example.com"), "*.b.example.com *.example.com *.com any " },
		{ HTTP_TEXT("b.example.com"), "*.example.com *.com any " },
		/* But at least one. */
		{ HTTP_TEXT("example.com"), "*.com any " },
		{ HTTP_TEXT("xexample.com"), "*.com any " },
		{ HTTP_TEXT("com"), "com any " },
		{ HTTP_TEXT(".com"), "any " },
		{ HTTP_TEXT("a.example.org"), "any " },
		{ HTTP_TEXT("10.0.0.1"), "any " },
		{ HTTP_TEXT("[2001:db8::1]"), "any " },
		{ HTTP_TEXT(""), "any " },
		{ { NULL, 0 }, "any " },
	};
	struct hostmap map = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		hostmap_add(&map, names[i], names[i]);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check(&map, rows[i].host, rows[i].expected);
	hostmap_fini(&map);
}

static void test_empty(void **state)
{
	struct hostmap map = { 0 };

	(void)state;
	check(&map, HTTP_TEXT("a.example.com"), "");
	hostmap_add(&map, names[0], names[0]);
	check(&map, HTTP_TEXT("b.example.com"), "");
	check(&map, HTTP_TEXT(""), "");
	hostmap_fini(&map);
}

/* Of the same name twice the first counts, also of "any". */
static void test_twice(void **state)
{
	struct hostmap map = { 0 };
	struct hostmap_walk walk;
	int values[2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		hostmap_add(&map, "a.b", &values[i]);
		hostmap_add(&map, "*.b", &values[i]);
		hostmap_add(&map, "", &values[i]);
	}
	hostmap_start(&walk, &map, HTTP_TEXT("a.b"));
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(hostmap_next(&walk), &values[0]);
	assert_null(hostmap_next(&walk));
	hostmap_fini(&map);
}

/* Longer than names can be: only what takes all. */
static void test_long(void **state)
{
	struct hostmap map = { 0 };
	char host[301];

	(void)state;
	snprintf(host, sizeof(host), "%0296d.com", 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		hostmap_add(&map, names[i], names[i]);
	check(&map, (struct http_text){ host + 300 - 253, 253 }, "*.com any ");
	check(&map, (struct http_text){ host + 300 - 254, 254 }, "any ");
	hostmap_fini(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
