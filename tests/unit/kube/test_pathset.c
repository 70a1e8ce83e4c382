// SPDX-License-Identifier: Apache-2.0
/* The sorted set of paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kube/pathset.h"

static void paths_are_sorted_and_there_once(void **state)
{
	static const char *const sorted[] = { "a", "a-b", "a/b", "a/c", "b" };
	struct pathset set = { 0 };

	(void)state;
	for (size_t i = ARRAY_SIZE(sorted); i > 0; i--)
		assert_ptr_equal(pathset_add(&set, sorted[i - 1]),
				 pathset_add(&set, sorted[i - 1]));
	assert_int_equal(set.n, ARRAY_SIZE(sorted));
	for (size_t i = 0; i < set.n; i++) {
		assert_string_equal(set.items[i]->path, sorted[i]);
		assert_ptr_equal(pathset_find(&set, sorted[i]), set.items[i]);
		assert_int_equal(pathset_lower(&set, sorted[i]), i);
	}
	assert_null(pathset_find(&set, "a/"));
	assert_int_equal(pathset_lower(&set, "a/"), 2);
	assert_int_equal(pathset_lower(&set, "z"), 5);
	pathset_remove(&set, 1);
	assert_null(pathset_find(&set, "a-b"));
	assert_int_equal(set.n, 4);
	pathset_fini(&set);
	assert_int_equal(set.n, 0);
}

static void below_means_at_a_slash(void **state)
{
	(void)state;
	assert_true(pathset_is_below("a", "a"));
	assert_true(pathset_is_below("a/b", "a"));
	assert_true(pathset_is_below("/b", "/"));
	assert_false(pathset_is_below("a-b", "a"));
	assert_false(pathset_is_below("a", "a/b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_sorted_and_there_once),
		cmocka_unit_test(below_means_at_a_slash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
