/* SPDX-License-Identifier: Apache-2.0 */
/* Order, equality and text of a plan's parts; the text of whole plans is tests/golden's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "plan/plan.h"

static struct plan_endpoint endpoint(const char *addr, uint16_t port, bool local)
{
	struct plan_endpoint ep = { .port = port, .local = local };

	assert_int_equal(addr_parse(addr, &ep.addr), 0);
	return ep;
}

static void test_endpoint_order(void **state)
{
	const struct plan_endpoint sorted[] = {
		endpoint("fd00::1", 80, false), /* placed by bytes: see below */
		endpoint("10.0.0.1", 80, true),
		endpoint("10.0.0.1", 8080, false),
		endpoint("10.0.0.10", 1, false),
	};

	(void)state;
	/* v4-mapped bytes begin with zeros, so IPv4 comes before fd00::1. */
	assert_true(plan_endpoint_compare(&sorted[0], &sorted[1]) > 0);
	for (size_t i = 1; i + 1 < ARRAY_SIZE(sorted); i++) {
		assert_true(plan_endpoint_compare(&sorted[i], &sorted[i + 1]) < 0);
		assert_true(plan_endpoint_compare(&sorted[i + 1], &sorted[i]) > 0);
		assert_int_equal(plan_endpoint_compare(&sorted[i], &sorted[i]), 0);
	}
}

static void test_set_equal(void **state)
{
	struct plan_endpoint a[] = { endpoint("10.0.0.1", 80, true),
				     endpoint("10.0.0.2", 80, false) };
	struct plan_endpoint b[] = { a[0], a[1] };
	struct plan_set x = { a, 2 }, y = { b, 2 }, none = { NULL, 0 };

	(void)state;
	assert_true(plan_set_equal(&x, &y));
	assert_true(plan_set_equal(&none, &none));
	assert_false(plan_set_equal(&x, &none));
	b[1].local = true;
	assert_false(plan_set_equal(&x, &y));
	b[1] = a[1];
	b[1].port = 81;
	assert_false(plan_set_equal(&x, &y));
	y.n = 1;
	assert_false(plan_set_equal(&x, &y));
}

static void test_service_order(void **state)
{
	static const struct plan_service sorted[] = {
		{ .name = (char *)"a/a:x", .proto = 6, .family = 4 },
		{ .name = (char *)"a/a:x", .proto = 6, .family = 6 },
		{ .name = (char *)"a/a:x", .proto = 17, .family = 4 },
		{ .name = (char *)"a/b:x", .proto = 6, .family = 4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sorted); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(sorted); j++)
			assert_int_equal(plan_service_compare(&sorted[i], &sorted[j]),
					 (i > j) - (i < j));
	}
}

static void test_socket_format(void **state)
{
	static const struct {
		const char *addr, *text;
	} rows[] = {
		{ "10.0.0.1", "10.0.0.1:443" },
		{ "fd00::1", "[fd00::1]:443" },
		{ "::", "*:443" },
		{ "1111:2222:3333:4444:5555:6666:7777:8888",
		  "[1111:2222:3333:4444:5555:6666:7777:8888]:443" },
	};
	char text[PLAN_SOCKET_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan_endpoint ep = endpoint(rows[i].addr, 443, false);

		assert_string_equal(plan_socket_format(&ep.addr, ep.port, text), rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endpoint_order),
		cmocka_unit_test(test_set_equal),
		cmocka_unit_test(test_service_order),
		cmocka_unit_test(test_socket_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
