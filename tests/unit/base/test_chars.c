// SPDX-License-Identifier: Apache-2.0
/* The classes, written down a second time as the grammars have them. */
#include "base/chars.h"

#include "../http/rig.h"

/* strchr() finds the NUL, too. */
static bool among(int c, const char *set)
{
	return c && strchr(set, c);
}

static void test_classes(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		bool digit = c >= '0' && c <= '9', upper = c >= 'A' && c <= 'Z';
		bool alnum = digit || upper || (c >= 'a' && c <= 'z');
		bool visible = c > 0x20 && c < 0x7f;

		assert_int_equal(chars_is((char)c, CHARS_TOKEN),
				 alnum || among(c, "!#$%&'*+-.^_`|~"));
		assert_int_equal(chars_is((char)c, CHARS_VALUE),
				 visible || c == ' ' || c == '\t' || c >= 0x80);
		assert_int_equal(chars_is((char)c, CHARS_PATH),
				 alnum || among(c, "-._~!$&'()*+,;=:@/[]"));
		assert_int_equal(chars_is((char)c, CHARS_UNRESERVED), alnum || among(c, "-._~"));
		assert_int_equal(chars_is((char)c, CHARS_HOST), alnum || among(c, "-._"));
		assert_int_equal(chars_is((char)c, CHARS_QUERY), visible && c != '#');
		assert_int_equal(chars_is((char)c, CHARS_UPPER), upper);
		assert_int_equal(chars_is((char)c, CHARS_DIGIT), digit);
		assert_int_equal((uint8_t)chars_lower((char)c), upper ? c - 'A' + 'a' : c);
	}
}

static void test_hex(void **state)
{
	static const char digits[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";

	(void)state;
	for (int c = 0; c < 256; c++) {
		const char *at = c ? strchr(digits, c) : NULL,
			   *at_upper = c ? strchr(upper, c) : NULL;
		int value = at ? (int)(at - digits) : at_upper ? (int)(at_upper - upper) : -1;

		assert_int_equal(chars_hex((char)c), value);
	}
}

/* Each byte at each place of values of each length up to three words. */
static void test_value_end(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 24; len++) {
		char *text = mem_array(1, len);

		memset(text, '\t', len);
		assert_ptr_equal(chars_value_end(text, text + len), text + len);
		memset(text, 0x80, len);
		assert_ptr_equal(chars_value_end(text, text + len), text + len);
		for (size_t at = 0; at < len; at++) {
			for (int c = 0; c < 256; c++) {
				bool good = chars_is((char)c, CHARS_VALUE);

				memset(text, 'a', len);
				text[at] = (char)c;
				assert_ptr_equal(chars_value_end(text, text + len),
						 text + (good ? len : at));
			}
		}
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_value_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
