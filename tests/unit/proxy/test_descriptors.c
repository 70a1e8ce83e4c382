/* SPDX-License-Identifier: Apache-2.0 */
/* Clients, endpoints and the process itself each have some of the descriptors, at every limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "proxy/descriptors.h"

static void test_everybody_has_a_share(void **state)
{
	(void)state;
	for (uint64_t limit = 64; limit < 100000; limit += 7) {
		for (unsigned workers = 1; workers <= 8; workers *= 2) {
			struct descriptors_shares share = descriptors_share(limit, workers);

			assert_true(share.endpoints < limit);
			assert_true(share.clients * workers <= share.endpoints);
			assert_true(share.clients * workers >= limit / 2);
		}
	}
}

static void test_more_workers_than_descriptors(void **state)
{
	(void)state;
	assert_int_equal(descriptors_share(64, 256).clients, 1);
}

static void test_no_limit(void **state)
{
	struct descriptors_shares most = descriptors_share(INT32_MAX, 2);

	(void)state;
	assert_int_equal(descriptors_share(RLIM_INFINITY, 2).clients, most.clients);
	assert_int_equal(most.endpoints, INT32_MAX - 32);
}

static void test_limit_of_process(void **state)
{
	struct rlimit limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(descriptors_of_process(1).endpoints,
			 descriptors_share(limit.rlim_cur, 1).endpoints);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everybody_has_a_share),
		cmocka_unit_test(test_more_workers_than_descriptors),
		cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_limit_of_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
