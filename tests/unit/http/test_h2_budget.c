// SPDX-License-Identifier: Apache-2.0
/* The account of a peer's frames: what it costs, what adds to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/h2_budget.h"

static unsigned spend_all(struct h2_budget *budget, uint64_t now_ms)
{
	unsigned n = 0;

	while (h2_budget_spend(budget, now_ms))
		n++;
	return n;
}

static void frames_use_it_up(void **state)
{
	struct h2_budget budget;
	unsigned all;

	(void)state;
	h2_budget_init(&budget, 5);
	all = spend_all(&budget, 5);
	assert_true(all > 1000);
	assert_int_equal(spend_all(&budget, 14), 0);
	/* 10 ms for one, and what is left of the time counts on. */
	assert_int_equal(spend_all(&budget, 29), 2);
	assert_int_equal(spend_all(&budget, 35), 1);
	h2_budget_data(&budget);
	assert_int_equal(spend_all(&budget, 35), 1);
	h2_budget_request(&budget);
	assert_true(spend_all(&budget, 35) > 1);
	/* A long silence does not buy more than there was at first. */
	assert_int_equal(spend_all(&budget, 1u << 30), all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_use_it_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
