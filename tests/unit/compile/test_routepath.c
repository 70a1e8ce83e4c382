/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of routes: one form, or none that a request could have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "compile/routepath.h"

static void test_normal(void **state)
{
	static const struct {
		const char *path, *normal;
	} rows[] = {
		{ "/", "/" },
		{ "/a/b/", "/a/b/" },
		{ "/%61%2d%7E", "/a-~" },
		{ "/%2f%3a", "/%2F%3A" },
		{ "/%e4%BD%a0", "/%E4%BD%A0" },
		{ "/a:b@c;d=1,2!$&'()*+", "/a:b@c;d=1,2!$&'()*+" },
		{ "/.a/..b/...", "/.a/..b/..." },
		{ "/d|e", "/d%7Ce" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(mem_freep) char *normal = routepath_normal(rows[i].path);

		assert_string_equal(normal, rows[i].normal);
	}
}

static void test_refused(void **state)
{
	static const char *const paths[] = {
		"",	     "a",	"/..",	     "/b/..", "//",   "/a//b",
		"/a/./b",    "/a/../b", "/%2e%2E/a", "/a?b",  "/a#b", "/a b",
		"/\xc3\xa9", "/a\nb",	"/%",	     "/%4",   "/%zz", "/a\\b",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_null(routepath_normal(paths[i]));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normal),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
