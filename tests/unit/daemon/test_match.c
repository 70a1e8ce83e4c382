/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of flows and events: what is understood, and what fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "daemon/match.h"

static int parse(const char *query, struct match *ret_match)
{
	struct str error = { 0 };
	int r = match_parse(query, ret_match, &error);

	assert_true((r < 0) == (error.len > 0));
	str_fini(&error);
	return r;
}

static void test_services(void **state)
{
	static const struct {
		const char *query, *name;
		bool fits;
	} rows[] = {
		{ "", "shop/web:http", true },
		{ "", "", true },
		{ "service=shop/web:http", "shop/web:http", true },
		{ "service=shop%2Fweb%3ahttp", "shop/web:http", true },
		{ "service=shop/web", "shop/web:http", true },
		{ "service=web", "shop/web:http", true },
		{ "service=web", "shop/web2:http", false },
		{ "service=we", "shop/web:http", false },
		{ "service=shop", "shop/web:http", false },
		{ "service=shop/we", "shop/web:http", false },
		{ "service=shop/web:https", "shop/web:http", false },
		{ "service=web:http", "shop/web:http", true },
		{ "service=web:https", "shop/web:http", false },
		{ "service=web", "", false },
		{ "service=shop/pod/c", "shop/pod/c:80", true }, /* a hostPort */
		{ "service=pod/c:80", "shop/pod/c:80", true },
		{ "service=c", "shop/pod/c:80", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct match match;

		assert_int_equal(parse(rows[i].query, &match), 0);
		if (match_fits_service(&match, rows[i].name) != rows[i].fits)
			print_message("%s %s\n", rows[i].query, rows[i].name);
		assert_int_equal(match_fits_service(&match, rows[i].name), rows[i].fits);
	}
}

static void test_ends(void **state)
{
	static const struct {
		const char *query, *addr;
		uint16_t port;
		bool fits;
	} rows[] = {
		{ "", "10.0.0.1", 80, true },
		{ "client=10.0.0.1", "10.0.0.1", 80, true },
		{ "client=10.0.0.1", "10.0.0.2", 80, false },
		{ "client=10.0.0.0/24", "10.0.0.2", 80, true },
		{ "client=10.0.0.0/24", "10.0.1.2", 80, false },
		{ "client=10.0.0.0/24", "fd00::1", 80, false },
		{ "client=10.0.0.1:80", "10.0.0.1", 80, true },
		{ "client=10.0.0.1:81", "10.0.0.1", 80, false },
		{ "client=:80", "fd00::1", 80, true },
		{ "client=:81", "fd00::1", 80, false },
		{ "client=fd00::1", "fd00::1", 80, true },
		{ "client=fd00::/64", "fd00::2", 80, true },
		{ "client=[fd00::1]:80", "fd00::1", 80, true },
		{ "client=[fd00::1]:81", "fd00::1", 80, false },
		{ "client=%5Bfd00::1%5D:80", "fd00::1", 80, true },
		{ "client=::/0", "fd00::2", 80, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct match match;
		struct addr addr;

		assert_int_equal(parse(rows[i].query, &match), 0);
		assert_int_equal(addr_parse(rows[i].addr, &addr), 0);
		if (match_fits_end(&match.client, &addr, rows[i].port) != rows[i].fits)
			print_message("%s %s\n", rows[i].query, rows[i].addr);
		assert_int_equal(match_fits_end(&match.client, &addr, rows[i].port), rows[i].fits);
	}
}

static void test_all(void **state)
{
	struct match match;

	(void)state;
	assert_int_equal(parse("proto=udp&limit=7&event=drop&backend=:53&service=a/b", &match), 0);
	assert_int_equal(match.proto, 17);
	assert_int_equal(match.limit, 7);
	assert_string_equal(match.event, "drop");
	assert_int_equal(match.backend.port, 53);
	assert_string_equal(match.service, "a/b");
}

static void test_refused(void **state)
{
	static const char *const rows[] = {
		"x",
		"x=1",
		"proto=",
		"proto=icmp",
		"proto",
		"limit=-1",
		"limit=",
		"limit=1x",
		"client=",
		"client=x",
		"client=:",
		"client=:0",
		"client=:65536",
		"client=1.2.3",
		"client=1.2.3.4:",
		"client=1::2/129",
		"client=[::1]",
		"client=[::1:80",
		"service=%",
		"service=%4",
		"service=%zz",
		"service=%00",
		"event=all",
		"&proto=tcp",
		"proto=tcp&&limit=1",
		"servic=a",
		"limit=9999999999999999999",
	};
	char big[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct match match;

		if (parse(rows[i], &match) == 0)
			print_message("%s\n", rows[i]);
		assert_int_equal(parse(rows[i], &match), -EINVAL);
	}
	for (size_t len = 180; len < sizeof(big) - 16; len += 50) {
		struct match match;
		int n = snprintf(big, sizeof(big), "service=%0*d", (int)len, 0);

		assert_true(n > 0);
		assert_int_equal(parse(big, &match), len < NARU_NAME_LEN ? 0 : -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
