/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as rewrites make them: the table of the Gateway API, and what it leaves open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/rewrite.h"
#include "rig.h"

static void check(enum plan_path_change change, char *prefix, const char *replacement,
		  const char *path, const char *expected)
{
	const struct plan_match match = { .path_type = PLAN_PREFIX, .path = prefix };
	struct arena arena = { 0 };
	struct http_text found = rewrite_path(change, replacement, &match, rig_text(path), &arena);

	if (!http_text_equal(found, rig_text(expected)))
		fail_msg("%s, %s -> %s: %.*s instead of %s", path, prefix, replacement,
			 (int)found.len, found.at, expected);
	arena_fini(&arena);
}

static void test_prefix(void **state)
{
	static char foo[] = "/foo", foo_slash[] = "/foo/", root[] = "/", deep[] = "/a/b";
	static const struct {
		char *prefix;
		const char *replacement, *path, *expected;
	} rows[] = {
		/* HTTPPathModifier's table */
		{ foo, "/xyz", "/foo/bar", "/xyz/bar" },
		{ foo, "/xyz/", "/foo/bar", "/xyz/bar" },
		{ foo_slash, "/xyz", "/foo/bar", "/xyz/bar" },
		{ foo_slash, "/xyz/", "/foo/bar", "/xyz/bar" },
		{ foo, "/xyz", "/foo", "/xyz" },
		{ foo, "/xyz", "/foo/", "/xyz/" },
		{ foo, "", "/foo/bar", "/bar" },
		{ foo, "", "/foo/", "/" },
		{ foo, "", "/foo", "/" },
		{ foo, "/", "/foo/", "/" },
		{ foo, "/", "/foo", "/" },
		/* and beyond */
		{ foo, "/", "/foo/bar", "/bar" },
		{ foo, "/x/y", "/foo/bar/", "/x/y/bar/" },
		{ root, "/xyz", "/bar", "/xyz/bar" },
		{ root, "/xyz/", "/", "/xyz/" },
		{ root, "/", "/bar", "/bar" },
		{ deep, "/c", "/a/b/a/b", "/c/a/b" },
		{ deep, "", "/a/b", "/" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check(PLAN_PATH_PREFIX, rows[i].prefix, rows[i].replacement, rows[i].path,
		      rows[i].expected);
}

static void test_other(void **state)
{
	static char foo[] = "/foo";
	const struct plan_match exact = { .path_type = PLAN_EXACT, .path = foo },
				expression = { .path_type = PLAN_REGEX, .path = foo };
	struct arena arena = { 0 };

	(void)state;
	check(PLAN_PATH_KEEP, foo, "/xyz", "/foo/bar", "/foo/bar");
	check(PLAN_PATH_FULL, foo, "/xyz", "/foo/bar", "/xyz");
	check(PLAN_PATH_FULL, foo, "", "/foo/bar", "/");
	assert_true(http_text_equal(rewrite_path(PLAN_PATH_PREFIX, "/x", &exact, HTTP_TEXT("/foo"),
						 &arena),
				    HTTP_TEXT("/x")));
	assert_true(http_text_equal(rewrite_path(PLAN_PATH_PREFIX, "/x", &expression,
						 HTTP_TEXT("/foo"), &arena),
				    HTTP_TEXT("/foo")));
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
