/* SPDX-License-Identifier: Apache-2.0 */
/* What is told again, and when, under a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "announce/repeat.h"

static void count(void *arg, const struct addr *addr)
{
	unsigned *told = arg;

	told[addr->byte[15] | addr->byte[14] << 8]++;
}

static struct addr number(unsigned i)
{
	return (struct addr){ .byte = { 0x20, [14] = (uint8_t)(i >> 8), (uint8_t)i } };
}

static void test_times(void **state)
{
	struct repeat repeat = { 0 };
	unsigned told[4] = { 0 };
	const struct addr one = number(1), two = number(2), three = number(3);

	(void)state;
	repeat_add(&repeat, &three, 1000);
	repeat_add(&repeat, &one, 1000);
	for (uint64_t now = 1000; now < 20000; now += 50) {
		if (now == 2000)
			repeat_add(&repeat, &two, now);
		if (now == 2500)
			repeat_drop(&repeat, &two);
		repeat_due(&repeat, now, count, told);
		if (now == 1000)
			assert_int_equal(told[1], 1);
		if (now == 1000 + REPEAT_MS - 50)
			assert_int_equal(told[1], 1);
		if (now == 1000 + (REPEAT_TIMES - 1) * REPEAT_MS)
			assert_int_equal(told[1], REPEAT_TIMES);
	}
	assert_int_equal(told[1], REPEAT_TIMES);
	assert_int_equal(told[2], 1);
	assert_int_equal(told[3], REPEAT_TIMES);
	assert_int_equal(repeat.n, 0);
	repeat_due(&repeat, 30000, count, told);
	repeat_fini(&repeat);
}

/* Begun anew in the middle: it is told so often again. */
static void test_again(void **state)
{
	struct repeat repeat = { 0 };
	unsigned told[2] = { 0 };
	const struct addr one = number(1);

	(void)state;
	repeat_add(&repeat, &one, 1000);
	for (uint64_t now = 1000; now < 20000; now += 100) {
		if (now == 3000)
			repeat_add(&repeat, &one, now);
		repeat_due(&repeat, now, count, told);
	}
	assert_int_equal(told[1], 2 + REPEAT_TIMES);
	repeat_fini(&repeat);
}

/* Never too many at once, and none is forgotten over that. */
static void test_many(void **state)
{
	static unsigned told[4 * REPEAT_BURST];
	struct repeat repeat = { 0 };

	(void)state;
	for (unsigned i = 0; i < 4 * REPEAT_BURST; i++) {
		const struct addr addr = number(i);

		repeat_add(&repeat, &addr, 0);
	}
	for (unsigned round = 1; round <= 4; round++) {
		unsigned sum = 0;

		repeat_due(&repeat, 0, count, told);
		for (unsigned i = 0; i < 4 * REPEAT_BURST; i++)
			sum += told[i];
		assert_int_equal(sum, round * REPEAT_BURST);
	}
	for (unsigned i = 0; i < 4 * REPEAT_BURST; i++)
		assert_int_equal(told[i], 1);
	repeat_fini(&repeat);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
