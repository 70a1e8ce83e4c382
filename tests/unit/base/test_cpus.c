/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas as CPUs, and no more CPUs than the affinity has. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpus.h"

static void quotas_round_up(void **state)
{
	(void)state;
	assert_int_equal(cpus_of_quota("max 100000\n"), 0);
	assert_int_equal(cpus_of_quota("-1\n 100000\n"), 0);
	assert_int_equal(cpus_of_quota("100000 100000\n"), 1);
	assert_int_equal(cpus_of_quota("50000 100000"), 1);
	assert_int_equal(cpus_of_quota("250000 100000"), 3);
	assert_int_equal(cpus_of_quota("250000"), 0);
	assert_int_equal(cpus_of_quota(""), 0);
}

static void affinity_limits(void **state)
{
	cpu_set_t before, one;
	unsigned all = cpus_available();

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	assert_true(all >= 1 && all <= (unsigned)CPU_COUNT(&before));
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++)
		if (CPU_ISSET(cpu, &before))
			CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(cpus_available(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotas_round_up),
		cmocka_unit_test(affinity_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
