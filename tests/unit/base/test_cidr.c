// SPDX-License-Identifier: Apache-2.0
/* Prefixes: text forms and membership. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cidr.h"
#include "base/mem.h"

static void texts_come_back_with_bits_beyond_cleared(void **state)
{
	static const struct {
		const char *text, *formatted;
		int len;
	} rows[] = {
		{ "10.1.2.3/8", "10.0.0.0/8", 104 },
		{ "10.1.2.3/32", "10.1.2.3/32", 128 },
		{ "0.0.0.0/0", "0.0.0.0/0", 96 },
		{ "10.1.2.255/25", "10.1.2.128/25", 121 },
		{ "fd00::ff/120", "fd00::/120", 120 },
		{ "fd00::1/128", "fd00::1/128", 128 },
		{ "::/0", "::/0", 0 },
		{ "ffff::/1", "8000::/1", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char buf[ADDR_STR_LEN];
		struct cidr cidr;

		assert_int_equal(cidr_parse(rows[i].text, &cidr), 0);
		assert_int_equal(cidr.len, rows[i].len);
		assert_string_equal(cidr_format(&cidr, buf), rows[i].formatted);
	}
}

static void other_texts_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"10.0.0.0",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/+8",
		"10.0.0.0/08",
		"10.0.0.0/8 ",
		"10.0.0.0/8/8",
		"/8",
		"fd00::/129",
		"10.0/8",
		"10.0.0.0/99999999999999999999",
		"0000000000000000000000000000000000000000000000000000000000000000::/8",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct cidr cidr;

		assert_int_equal(cidr_parse(texts[i], &cidr), -EINVAL);
	}
}

static void members_are_those_of_the_same_family_with_the_same_bits(void **state)
{
	static const struct {
		const char *cidr, *addr;
		bool in;
	} rows[] = {
		{ "10.0.0.0/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "11.0.0.1", false },
		{ "10.0.0.128/25", "10.0.0.127", false },
		{ "10.0.0.128/25", "10.0.0.129", true },
		{ "10.0.0.1/32", "10.0.0.1", true },
		{ "10.0.0.1/32", "10.0.0.0", false },
		{ "0.0.0.0/0", "192.0.2.1", true },
		{ "0.0.0.0/0", "fd00::1", false },
		{ "::/0", "fd00::1", true },
		{ "::/0", "192.0.2.1", false },
		{ "fd00::/9", "fd7f::1", true },
		{ "fd00::/9", "fd80::1", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cidr cidr;
		struct addr addr;

		assert_int_equal(cidr_parse(rows[i].cidr, &cidr), 0);
		assert_int_equal(addr_parse(rows[i].addr, &addr), 0);
		assert_int_equal(cidr_contains(&cidr, &addr), rows[i].in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_come_back_with_bits_beyond_cleared),
		cmocka_unit_test(other_texts_are_refused),
		cmocka_unit_test(members_are_those_of_the_same_family_with_the_same_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
