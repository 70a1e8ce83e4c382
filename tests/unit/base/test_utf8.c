// SPDX-License-Identifier: Apache-2.0
/* What is a character of UTF-8 and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/utf8.h"

static void characters_have_their_length(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} rows[] = {
		{ "a", 1 },
		{ "\x7f", 1 },
		{ "\xc2\x80", 2 },
		{ "\xdf\xbf", 2 },
		{ "\xe0\xa0\x80", 3 },
		{ "\xed\x9f\xbf", 3 },
		{ "\xee\x80\x80", 3 },
		{ "\xf0\x90\x80\x80", 4 },
		{ "\xf4\x8f\xbf\xbf", 4 },
		{ "\x80", 0 },
		{ "\xc0\x80", 0 },
		{ "\xc1\xbf", 0 },
		{ "\xe0\x9f\xbf", 0 },
		{ "\xed\xa0\x80", 0 },
		{ "\xf0\x8f\xbf\xbf", 0 },
		{ "\xf4\x90\x80\x80", 0 },
		{ "\xf5\x80\x80\x80", 0 },
		{ "\xff", 0 },
		{ "\xc2", 0 },
		{ "\xe1\x80", 0 },
		{ "\xf1\x80\x80", 0 },
		{ "\xe1\x80\x41", 0 },
		{ "\xf1\x80\x80\xc0", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(utf8_char_len(rows[i].text, strlen(rows[i].text)), rows[i].len);
}

static void nothing_is_no_character_and_nul_is_one(void **state)
{
	(void)state;
	assert_int_equal(utf8_char_len("a", 0), 0);
	assert_int_equal(utf8_char_len("", 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters_have_their_length),
		cmocka_unit_test(nothing_is_no_character_and_nul_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
