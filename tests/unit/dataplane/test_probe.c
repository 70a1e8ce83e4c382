/* SPDX-License-Identifier: Apache-2.0 */
/* The length of a tick for each length of a jiffy that kernels come with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dataplane/probe.h"

static void nearest_to_a_second(void **state)
{
	static const struct {
		uint64_t jiffy_ns;
		uint32_t shift;
	} rows[] = {
		{ 10000000, 7 }, /* HZ=100: 1.28 s beats 0.64 s */
		{ 4000000, 8 },	 /* HZ=250: 1.024 s */
		{ 3333333, 8 },	 /* HZ=300: 0.853 s */
		{ 1000000, 10 }, /* HZ=1000: 1.024 s */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(probe_shift_for(rows[i].jiffy_ns), rows[i].shift);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nearest_to_a_second),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
