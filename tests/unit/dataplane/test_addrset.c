// SPDX-License-Identifier: Apache-2.0
/* A set that grew bit by bit is the set that was sorted at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/addrset.h"

static struct addr number(unsigned n)
{
	return (struct addr){ .byte = { [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n } };
}

static void merging_is_sorting_all(void **state)
{
	unsigned seed = 3;

	(void)state;
	for (unsigned range = 1; range < 2000; range *= 3) {
		struct addrset set = {}, all = {};

		for (unsigned round = 0; round < 100; round++) {
			size_t before = set.n, added;
			struct addrset more = {};

			for (int i = rand_r(&seed) % 9; i > 0; i--) {
				struct addr addr = number((unsigned)rand_r(&seed) % range);

				addrset_add(&more, &addr);
				addrset_add(&all, &addr);
			}
			added = addrset_merge(&set, &more);
			assert_int_equal(set.n - before, added);
			addrset_sort(&all);
			assert_int_equal(set.n, all.n);
			for (size_t i = 0; i < set.n; i++)
				assert_int_equal(addr_compare(&set.items[i], &all.items[i]), 0);
			addrset_fini(&more);
		}
		assert_true(set.n <= range);
		addrset_fini(&set);
		addrset_fini(&all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merging_is_sorting_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
