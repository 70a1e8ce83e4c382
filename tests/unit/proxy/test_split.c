/* SPDX-License-Identifier: Apache-2.0 */
/* Shares: exact for each worker over any window, spread over workers, kept over tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "proxy/registry.h"
#include "proxy/split.h"

#define WORKERS 16
#define WINDOW	1000
#define TURNS	5000

static char rule_name[] = "shop/canary/0";
static char names[][4] = { "a", "b", "c", "d" };
static struct plan_cluster clusters[] = {
	{ .name = names[0] }, { .name = names[1] }, { .name = names[2] }, { .name = names[3] }
};
static const struct plan_l7 l7 = { .clusters = clusters, .n_clusters = ARRAY_SIZE(clusters) };

/* Backends a, b, c, d of these weights. */
static struct split *get(struct registry *registry, const uint32_t *weights, size_t n)
{
	struct plan_backend backends[ARRAY_SIZE(clusters)];
	const struct plan_rule rule = { .name = rule_name, .backends = backends, .n_backends = n };

	for (size_t i = 0; i < n; i++)
		backends[i] = (struct plan_backend){ .weight = weights[i], .cluster = (uint32_t)i };
	return split_get(registry, &l7, &rule);
}

/* Counts of one backend in each window of a worker's turns. */
static void check_windows(const int *turns, int backend, int least, int most)
{
	int n = 0;

	for (int i = 0; i < TURNS; i++) {
		n += turns[i] == backend;
		if (i >= WINDOW)
			n -= turns[i - WINDOW] == backend;
		if (i >= WINDOW - 1)
			assert_in_range(n, least, most);
	}
}

static void test_windows(void **state)
{
	static const struct {
		uint32_t weights[4];
		size_t n;
		unsigned slack; /* 0: the round divides the window */
	} rows[] = {
		{ { 90, 10 }, 2, 0 },
		{ { 1, 999 }, 2, 0 },
		{ { 50, 50 }, 2, 0 },
		{ { 1, 1, 8 }, 3, 0 },
		{ { 500, 300, 150, 50 }, 4, 0 },
		{ { 900000, 100000 }, 2, 0 },
		{ { 0, 10, 0, 90 }, 4, 0 },
		{ { 7, 13 }, 2, 0 },
		{ { 1, 2 }, 2, 1 },
		{ { 1, 1, 1 }, 3, 1 },
		{ { 17, 31, 5, 70 }, 4, 2 },
		{ { 999983, 17, 1000000 }, 3, 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct registry *registry = registry_new(WORKERS);
		struct split *split = get(registry, rows[i].weights, rows[i].n);
		uint64_t sum = 0;

		for (size_t k = 0; k < rows[i].n; k++)
			sum += rows[i].weights[k];
		for (unsigned worker = 0; worker < WORKERS; worker++) {
			int turns[TURNS];

			for (int k = 0; k < TURNS; k++)
				turns[k] = split_next(split, worker);
			for (size_t k = 0; k < rows[i].n; k++) {
				int share = (int)(WINDOW * (uint64_t)rows[i].weights[k] / sum);
				int slack = (int)rows[i].slack;

				check_windows(turns, (int)k, share > slack ? share - slack : 0,
					      share + slack);
			}
		}
		split_unref(split);
		registry_free(registry);
	}
}

/* One request for each of ten workers: one of them is the canary's. */
static void test_phases(void **state)
{
	static const uint32_t weights[] = { 90, 10 };
	struct registry *registry = registry_new(10);
	struct split *split = get(registry, weights, 2);

	(void)state;
	for (int round = 0; round < 3; round++) {
		int canary = 0;

		for (unsigned worker = 0; worker < 10; worker++)
			canary += split_next(split, worker) == 1;
		assert_int_equal(canary, 1);
	}
	split_unref(split);
	registry_free(registry);
}

static void test_no_choice(void **state)
{
	static const uint32_t nothing[] = { 0, 0 }, second[] = { 0, 7 };
	struct registry *registry = registry_new(1);
	struct split *split = get(registry, nothing, 2), *one = get(registry, second, 2),
		     *empty = get(registry, NULL, 0);

	(void)state;
	assert_int_equal(split_next(split, 0), -1);
	assert_int_equal(split_next(empty, 0), -1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(split_next(one, 0), 1);
	split_unref(split);
	split_unref(one);
	split_unref(empty);
	registry_free(registry);
}

/* A table that changes nothing of the split goes on where it was; other weights begin anew, and
 * nothing is left of the old ones that would have to be made up for. */
static void test_next_table(void **state)
{
	static const uint32_t weights[] = { 90, 10 }, others[] = { 1, 999999 };
	struct registry *registry = registry_new(1);
	struct split *old = get(registry, weights, 2), *same, *other;
	int canary = 0;

	(void)state;
	for (int i = 0; i < 10; i++) {
		/* As if an endpoint came or went before each request. */
		same = get(registry, weights, 2);
		assert_ptr_equal(same, old);
		canary += split_next(same, 0) == 1;
		split_unref(same);
	}
	assert_int_equal(canary, 1);
	other = get(registry, others, 2);
	assert_ptr_not_equal(other, old);
	for (int i = 0; i < 100; i++)
		split_next(other, 0);
	split_unref(other);
	split_unref(old);
	registry_sweep(registry);
	other = get(registry, weights, 2);
	canary = 0;
	for (int i = 0; i < 10; i++)
		canary += split_next(other, 0) == 1;
	assert_int_equal(canary, 1);
	split_unref(other);
	registry_free(registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_phases),
		cmocka_unit_test(test_no_choice),
		cmocka_unit_test(test_next_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
