// SPDX-License-Identifier: Apache-2.0
/* Text forms of addresses: what is taken, what is refused, what comes out. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/mem.h"

static void texts_come_back_in_their_one_form(void **state)
{
	static const struct {
		const char *text, *formatted;
		int family;
	} rows[] = {
		{ "10.0.0.1", "10.0.0.1", 4 },
		{ "0.0.0.0", "0.0.0.0", 4 },
		{ "255.255.255.255", "255.255.255.255", 4 },
		{ "fd00::1", "fd00::1", 6 },
		{ "FD00:0:0:0::1", "fd00::1", 6 },
		{ "::", "::", 6 },
		{ "2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1", 6 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char buf[ADDR_STR_LEN];
		struct addr addr;

		assert_int_equal(addr_parse(rows[i].text, &addr), 0);
		assert_int_equal(addr_family(&addr), rows[i].family);
		assert_ptr_equal(addr_format(&addr, buf), buf);
		assert_string_equal(buf, rows[i].formatted);
	}
}

static void other_texts_are_refused(void **state)
{
	static const char *const texts[] = {
		"",	     "10.0.0",		"10.0.0.256", "10.0.0.01",  "010.0.0.1",
		" 10.0.0.1", "10.0.0.1 ",	"10.0.0.1/8", "fe80::1%lo", "[::1]",
		"1::2::3",   "::ffff:10.0.0.1", "0x7f.1",     "127.1",	    "g::",
		"alpha",     "::ffff:a00:1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct addr addr = { .byte = { 7 } };

		assert_int_equal(addr_parse(texts[i], &addr), -EINVAL);
		assert_int_equal(addr.byte[0], 7);
	}
}

static void zero_is_zero_in_both_families(void **state)
{
	static const struct {
		const char *text;
		bool zero;
	} rows[] = { { "0.0.0.0", true }, { "::", true }, { "0.0.0.1", false }, { "::1", false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct addr addr;

		assert_int_equal(addr_parse(rows[i].text, &addr), 0);
		assert_int_equal(addr_is_zero(&addr), rows[i].zero);
	}
}

static void loopback_is_a_range_and_one_address(void **state)
{
	static const struct {
		const char *text;
		bool loopback;
	} rows[] = {
		{ "127.0.0.1", true },
		{ "127.255.255.255", true },
		{ "126.255.255.255", false },
		{ "128.0.0.0", false },
		{ "::1", true },
		{ "::", false },
		{ "::2", false },
		{ "::127.0.0.1", false },
		{ "7f00::1", false },
		{ "64:ff9b::7f00:1", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct addr addr;

		assert_int_equal(addr_parse(rows[i].text, &addr), 0);
		assert_int_equal(addr_is_loopback(&addr), rows[i].loopback);
	}
}

static void order_is_that_of_the_bytes(void **state)
{
	struct addr a, b;

	(void)state;
	assert_int_equal(addr_parse("10.0.0.9", &a), 0);
	assert_int_equal(addr_parse("10.0.0.10", &b), 0);
	assert_true(addr_compare(&a, &b) < 0);
	assert_true(addr_compare(&b, &a) > 0);
	assert_int_equal(addr_compare(&a, &a), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_come_back_in_their_one_form),
		cmocka_unit_test(other_texts_are_refused),
		cmocka_unit_test(zero_is_zero_in_both_families),
		cmocka_unit_test(loopback_is_a_range_and_one_address),
		cmocka_unit_test(order_is_that_of_the_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
