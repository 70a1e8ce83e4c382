// SPDX-License-Identifier: Apache-2.0
/* Growing strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

static void pieces_add_up(void **state)
{
	struct str s = { 0 };

	(void)state;
	str_add(&s, "", 0);
	assert_string_equal(s.buf, "");
	for (int i = 0; i < 1000; i++) {
		str_add(&s, "ab", 2);
		str_addf(&s, "%d", i % 10);
	}
	assert_int_equal(s.len, 3000);
	assert_int_equal(strlen(s.buf), 3000);
	assert_memory_equal(s.buf + 2994, "ab8ab9", 7);
	str_fini(&s);
	assert_null(s.buf);
	assert_int_equal(s.len, 0);
}

static void long_formats_fit(void **state)
{
	struct str s = { 0 };

	(void)state;
	str_addf(&s, "%5000d", 7);
	assert_int_equal(s.len, 5000);
	assert_string_equal(s.buf + 4998, " 7");
	str_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_add_up),
		cmocka_unit_test(long_formats_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
