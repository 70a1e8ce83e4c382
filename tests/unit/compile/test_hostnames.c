/* SPDX-License-Identifier: Apache-2.0 */
/* Host names of listeners and routes: where they meet, which is asked first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "compile/hostnames.h"

static void test_meet(void **state)
{
	static const struct {
		const char *a, *b, *both; /* NULL: nothing in common */
	} rows[] = {
		{ "", "", "" },
		{ "", "a.b", "a.b" },
		{ "", "*.b", "*.b" },
		{ "a.b", "a.b", "a.b" },
		{ "a.b", "c.b", NULL },
		{ "*.b", "a.b", "a.b" },
		{ "*.b", "x.a.b", "x.a.b" }, /* one or more labels */
		{ "*.b", "b", NULL },
		{ "*.b", "ab", NULL },
		{ "*.b", "*.b", "*.b" },
		{ "*.b", "*.a.b", "*.a.b" },
		{ "*.b", "*.a", NULL },
		{ "*.a.b", "b", NULL },
		{ "*.a.b", "c.b", NULL },
		{ "*.com", "*.example.com", "*.example.com" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *there = hostnames_meet(rows[i].a, rows[i].b);
		const char *back = hostnames_meet(rows[i].b, rows[i].a);

		assert_int_equal(!there, !rows[i].both);
		assert_int_equal(!back, !rows[i].both);
		if (!rows[i].both)
			continue;
		assert_string_equal(there, rows[i].both);
		assert_string_equal(back, rows[i].both);
	}
}

static void test_compare(void **state)
{
	static const char *const order[] = {
		"a.b.c", "b", "*.a.b.c", "*.z.b.c", "*.b.c", "*.c", ""
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		assert_int_equal(hostnames_compare(order[i], order[i]), 0);
		for (size_t j = i + 1; j < ARRAY_SIZE(order); j++) {
			assert_true(hostnames_compare(order[i], order[j]) < 0);
			assert_true(hostnames_compare(order[j], order[i]) > 0);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meet),
		cmocka_unit_test(test_compare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
