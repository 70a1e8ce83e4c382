/* SPDX-License-Identifier: Apache-2.0 */
/* Maglev: the ladder, an even spread, little disruption, independence of order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <naru/limits.h>

#include "base/mem.h"
#include "plan/maglev.h"

static int rank(const void *a, const void *b)
{
	return plan_endpoint_compare(a, b);
}

/* Endpoint i is 10.0.x.y:8080; the order of making is upside down on request. */
static struct plan_set make_set(size_t n, bool reversed)
{
	struct plan_set set = { .endpoints = mem_array(n, sizeof(*set.endpoints)), .n = n };

	for (size_t i = 0; i < n; i++) {
		size_t k = reversed ? n - 1 - i : i;
		const uint8_t byte[16] = { [10] = 0xff, 0xff, 10, 0, k >> 8, k & 0xff };

		memcpy(set.endpoints[i].addr.byte, byte, 16);
		set.endpoints[i].port = 8080;
	}
	qsort(set.endpoints, n, sizeof(*set.endpoints), rank);
	return set;
}

static uint16_t *build(const struct plan_set *set)
{
	uint16_t *table = mem_array(maglev_len(set->n), sizeof(*table));

	maglev_build(set, table);
	return table;
}

static void test_ladder(void **state)
{
	static const struct {
		size_t n;
		uint32_t len;
	} rows[] = {
		{ 0, 0 },	  { 1, 0 },	    { 2, 251 },	      { 3, 509 },
		{ 5, 509 },	  { 6, 1021 },	    { 10, 1021 },     { 11, 2039 },
		{ 20, 2039 },	  { 21, 4093 },	    { 40, 4093 },     { 41, 8191 },
		{ 81, 8191 },	  { 82, 16381 },    { 163, 16381 },   { 164, 32749 },
		{ 327, 32749 },	  { 328, 65521 },   { 655, 65521 },   { 656, 131071 },
		{ 1310, 131071 }, { 1311, 131071 }, { 4096, 131071 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(maglev_len(rows[i].n), rows[i].len);
}

static void test_lengths_are_prime(void **state)
{
	(void)state;
	for (size_t n = 2; n <= NARU_SET_MAX; n++) {
		uint32_t len = maglev_len(n);

		for (uint32_t d = 2; d * d <= len; d++)
			assert_int_not_equal(len % d, 0);
	}
}

/* Endpoints take turns, so their shares differ by at most one slot: the paper's M/N + 1 bound. */
static void test_even_spread(void **state)
{
	static const size_t sizes[] = { 2, 3, 7, 100, 655, 1000, 4096 };

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		struct plan_set set = make_set(sizes[s], false);
		uint32_t len = maglev_len(set.n), *share = mem_array(set.n, sizeof(*share));
		uint16_t *table = build(&set);

		for (uint32_t slot = 0; slot < len; slot++) {
			assert_in_range(table[slot], 0, set.n - 1);
			share[table[slot]]++;
		}
		for (size_t i = 0; i < set.n; i++)
			assert_in_range(share[i], len / set.n, len / set.n + 1);
		free(share);
		free(table);
		free(set.endpoints);
	}
}

/* Share of slots, of those that did not belong to the removed endpoint, that changed hands. */
static double disruption(size_t n, size_t removed)
{
	struct plan_set before = make_set(n, false), after = make_set(n, false);
	uint32_t len = maglev_len(n), moved = 0, kept = 0;
	uint16_t *old, *new;

	memmove(after.endpoints + removed, after.endpoints + removed + 1,
		(n - removed - 1) * sizeof(*after.endpoints));
	after.n--;
	assert_int_equal(maglev_len(after.n), len); /* a step of the ladder is another matter */
	old = build(&before);
	new = build(&after);
	for (uint32_t slot = 0; slot < len; slot++) {
		if (old[slot] == removed)
			continue;
		kept++;
		moved += plan_endpoint_compare(&before.endpoints[old[slot]],
					       &after.endpoints[new[slot]]) != 0;
	}
	free(old);
	free(new);
	free(before.endpoints);
	free(after.endpoints);
	return (double)moved / kept;
}

/* The paper's figure 12: at M = 65537 and 1000 endpoints under 2 % move; smaller tables more. */
static void test_small_disruption(void **state)
{
	static const struct {
		size_t n;
		double bound;
	} rows[] = { { 4, 0.05 }, { 10, 0.05 }, { 100, 0.04 }, { 655, 0.04 }, { 1000, 0.04 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		double sum = 0;

		for (size_t k = 0; k < 4; k++)
			sum += disruption(rows[i].n, rows[i].n * k / 4);
		print_message("%zu endpoints: %.2f %% of the others' slots move\n", rows[i].n,
			      sum * 25);
		assert_true(sum / 4 < rows[i].bound);
	}
}

static void test_order_independent(void **state)
{
	struct plan_set a = make_set(300, false), b = make_set(300, true);
	uint16_t *x = build(&a), *y = build(&b);

	(void)state;
	assert_memory_equal(x, y, maglev_len(300) * sizeof(*x));
	free(x);
	free(y);
	free(a.endpoints);
	free(b.endpoints);
}

/* Nodes of different versions must agree: what is built today is built for ever. */
static void test_known_table(void **state)
{
	struct plan_set set = make_set(3, false);
	uint16_t *table = build(&set);
	uint32_t sum = 2166136261u;

	(void)state;
	for (uint32_t slot = 0; slot < maglev_len(3); slot++)
		sum = (sum ^ table[slot]) * 16777619u; /* FNV-1a */
	assert_int_equal(sum, 0x993cd4ef);
	free(table);
	free(set.endpoints);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ladder),
		cmocka_unit_test(test_lengths_are_prime),
		cmocka_unit_test(test_even_spread),
		cmocka_unit_test(test_small_disruption),
		cmocka_unit_test(test_order_independent),
		cmocka_unit_test(test_known_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
