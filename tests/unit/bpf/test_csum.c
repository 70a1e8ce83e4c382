/* SPDX-License-Identifier: Apache-2.0 */
/* bpf/lib/csum.h against sums computed from scratch, byte pair by byte pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/csum.h"

/* RFC 1071 on memory order, as a check sum field holds it. */
static uint16_t from_scratch(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;
	uint16_t word;

	for (size_t i = 0; i < len; i += 2) {
		memcpy(&word, data + i, 2);
		sum += word;
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* A 64-bit sum is folded with every carry coming round. */
static void folds_all_carries(void **state)
{
	static const struct {
		uint64_t sum;
		uint16_t folded;
	} cases[] = {
		{ 0, 0 },
		{ 0xffff, 0xffff },
		{ 0x10000, 1 },
		{ 0x1fffe, 0xffff },
		{ 0xffffffff, 0xffff },
		{ 0x100000000, 1 },
		{ 0xffffffffffffffff, 0xffff },
		{ 0xfffffffffffffffe, 0xfffe },
		{ 0x0001fffffffffffe, 0xffff },
		{ 0x00000001ffffffff, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t left = cases[i].sum;

		while (left >> 16)
			left = (left & 0xffff) + (left >> 16);
		assert_int_equal(csum_fold(cases[i].sum), left);
		assert_int_equal(csum_fold(cases[i].sum), cases[i].folded);
	}
}

/* A header whose words change: the incremental sum is the one from scratch, bit for bit. */
static void updates_equal_sums_from_scratch(void **state)
{
	uint32_t was[10], is[10];
	uint16_t field, delta;

	(void)state;
	srandom(7);
	for (int round = 0; round < 20000; round++) {
		for (int i = 0; i < 10; i++) {
			was[i] = (uint32_t)random() << 1 ^ (uint32_t)random();
			is[i] = round % 3 ? was[i] : (uint32_t)random() << 1 ^ (uint32_t)random();
		}
		is[round % 10] = round % 2 ? 0 : 0xffffffff;
		field = from_scratch((const uint8_t *)was, sizeof(was));
		delta = csum_fold(csum_words(0, was, is, 10));
		assert_int_equal(csum_apply(field, delta),
				 from_scratch((const uint8_t *)is, sizeof(is)));
	}
}

/* Two deltas may be applied one after the other or as one sum. */
static void deltas_add_up(void **state)
{
	const uint32_t a = 0x0a0b0c0d, b = 0xfffefdfc, c = 0x00010000, d = 0xc0a80001;
	uint64_t one = csum_words(0, &a, &b, 1), two = csum_words(0, &c, &d, 1);

	(void)state;
	for (uint32_t field = 1; field < 0x10000; field += 77) {
		uint16_t both = csum_apply((uint16_t)field, one + two);

		assert_int_equal(csum_apply(csum_apply((uint16_t)field, one), two), both);
		assert_int_equal(csum_apply((uint16_t)field, csum_fold(one) + csum_fold(two)),
				 both);
	}
}

/* Two folds do where three and more are taken elsewhere, as long as summands are folded. */
static void few_folds_are_enough_for_few_summands(void **state)
{
	static const uint32_t deltas[] = {
		0, 1, 0xfffe, 0xffff, 0x10000, 0x1fffd, 0x1fffe, 0x2fffd
	};

	(void)state;
	for (uint32_t field = 0; field <= 0xffff; field++)
		for (size_t i = 0; i < sizeof(deltas) / sizeof(*deltas); i++)
			assert_int_equal(csum_adjust((uint16_t)field, deltas[i]),
					 csum_apply((uint16_t)field, deltas[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folds_all_carries),
		cmocka_unit_test(updates_equal_sums_from_scratch),
		cmocka_unit_test(deltas_add_up),
		cmocka_unit_test(few_folds_are_enough_for_few_summands),
	};

	return cmocka_run_group_tests_name("csum", tests, NULL, NULL);
}
