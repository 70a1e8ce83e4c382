/* SPDX-License-Identifier: Apache-2.0 */
/* Things of a report by name, and what a proxy that reports nonsense gets: nothing found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/reported.h"

static struct addr address(const char *text)
{
	struct addr addr = { 0 };

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static void things_are_found_by_name(void **state)
{
	struct report_rule rules[] = { { .name = (char *)"a/r/0" }, { .name = (char *)"a/r/1" } };
	struct report_cluster clusters[] = { { .name = (char *)"a/s:80" } };
	struct report_listener listeners[] = { { .name = (char *)"a/g/http" } };
	const struct report report = { .rules = rules,
				       .n_rules = 2,
				       .clusters = clusters,
				       .n_clusters = 1,
				       .listeners = listeners,
				       .n_listeners = 1 };

	(void)state;
	assert_ptr_equal(reported_rule(&report, "a/r/1"), &rules[1]);
	assert_null(reported_rule(&report, "a/r/2"));
	assert_ptr_equal(reported_cluster(&report, "a/s:80"), &clusters[0]);
	assert_ptr_equal(reported_listener(&report, "a/g/http"), &listeners[0]);
}

static void nothing_is_found_in_nothing(void **state)
{
	const struct report report = { 0 };
	const struct addr addr = address("10.0.0.1");

	(void)state;
	assert_null(reported_rule(NULL, "a"));
	assert_null(reported_cluster(NULL, "a"));
	assert_null(reported_listener(NULL, "a"));
	assert_null(reported_rule(&report, "a"));
	assert_null(reported_cluster(&report, "a"));
	assert_null(reported_listener(&report, "a"));
	assert_null(reported_endpoint(NULL, 0, &addr, 80));
}

/* Wherever it stands: sets change between plan and report. */
static void endpoints_are_found_anywhere(void **state)
{
	struct report_endpoint endpoints[] = {
		{ .addr = address("10.0.0.1"), .port = 80 },
		{ .addr = address("10.0.0.1"), .port = 81 },
		{ .addr = address("fd00::1"), .port = 80 },
	};
	const struct report_cluster cluster = { .endpoints = endpoints, .n_endpoints = 3 };
	const struct addr v4 = address("10.0.0.1"), v6 = address("fd00::1");

	(void)state;
	assert_ptr_equal(reported_endpoint(&cluster, 2, &v6, 80), &endpoints[2]);
	assert_ptr_equal(reported_endpoint(&cluster, 9, &v4, 81), &endpoints[1]);
	assert_null(reported_endpoint(&cluster, 0, &v6, 81));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(things_are_found_by_name),
		cmocka_unit_test(nothing_is_found_in_nothing),
		cmocka_unit_test(endpoints_are_found_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
