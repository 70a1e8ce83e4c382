/* SPDX-License-Identifier: Apache-2.0 */
/* The buddy allocator: no overlap, everything comes back, a restart sees the same. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dataplane/segments.h"

#define BLOCKS 1024

static void takes_and_gives(void **state)
{
	struct segments *s = segments_new(BLOCKS);
	uint32_t a, b, c, whole;

	(void)state;
	assert_int_equal(segments_take(s, 3, &a), 0);
	assert_int_equal(segments_take(s, 1, &b), 0);
	assert_int_equal(segments_take(s, BLOCKS / 2, &c), 0);
	assert_int_equal(segments_used(s), 4 + 1 + BLOCKS / 2);
	assert_int_equal(segments_take(s, BLOCKS / 2, &whole), -ENOSPC);
	segments_give(s, a, 3);
	segments_give(s, b, 1);
	segments_give(s, c, BLOCKS / 2);
	assert_int_equal(segments_used(s), 0);
	assert_int_equal(segments_take(s, BLOCKS, &whole), 0);
	assert_int_equal(whole, 0);
	assert_int_equal(segments_take(s, 1, &a), -ENOSPC);
	segments_free(s);
}

static void too_large(void **state)
{
	struct segments *s = segments_new(BLOCKS);
	uint32_t first = 99;

	(void)state;
	assert_int_equal(segments_take(s, BLOCKS + 1, &first), -ENOSPC);
	assert_int_equal(first, 99);
	segments_free(s);
}

static void restart_reserves(void **state)
{
	struct segments *s = segments_new(BLOCKS);
	uint32_t first;

	(void)state;
	assert_int_equal(segments_reserve(s, 16, 9), 0);
	assert_int_equal(segments_reserve(s, 16, 9), -EEXIST);
	assert_int_equal(segments_reserve(s, 24, 1), -EEXIST);
	assert_int_equal(segments_reserve(s, 0, 64), -EEXIST);
	assert_int_equal(segments_reserve(s, 17, 9), -EINVAL);
	assert_int_equal(segments_reserve(s, BLOCKS, 1), -EINVAL);
	assert_int_equal(segments_reserve(s, 0, 0), -EINVAL);
	assert_int_equal(segments_used(s), 16);
	segments_give(s, 16, 9);
	assert_int_equal(segments_take(s, BLOCKS, &first), 0);
	segments_free(s);
}

struct run {
	uint32_t first, blocks;
};

/* Many takes and gives against a plain map of who has which block. */
static void never_overlaps(void **state)
{
	static uint8_t owner[BLOCKS];
	struct segments *s = segments_new(BLOCKS), *again = segments_new(BLOCKS);
	struct run runs[64] = {};
	uint32_t random = 1, first;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct run *run = &runs[(random >> 8) % 64];

		random = random * 1664525 + 1013904223;
		if (run->blocks) {
			memset(owner + run->first, 0, run->blocks);
			segments_give(s, run->first, run->blocks);
			run->blocks = 0;
			continue;
		}
		run->blocks = (random >> 16) % 40 + 1;
		if (segments_take(s, run->blocks, &run->first)) {
			run->blocks = 0;
			continue;
		}
		assert_true(run->first + run->blocks <= BLOCKS);
		for (uint32_t b = 0; b < run->blocks; b++)
			assert_int_equal(owner[run->first + b]++, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		if (runs[i].blocks)
			assert_int_equal(segments_reserve(again, runs[i].first, runs[i].blocks), 0);
	}
	assert_int_equal(segments_used(again), segments_used(s));
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		if (runs[i].blocks)
			segments_give(s, runs[i].first, runs[i].blocks);
	}
	assert_int_equal(segments_take(s, BLOCKS, &first), 0);
	segments_free(s);
	segments_free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_and_gives),
		cmocka_unit_test(too_large),
		cmocka_unit_test(restart_reserves),
		cmocka_unit_test(never_overlaps),
	};

	return cmocka_run_group_tests_name("segments", tests, NULL, NULL);
}
