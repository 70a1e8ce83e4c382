/* SPDX-License-Identifier: Apache-2.0 */
/* Ejection and return (O1 to O3) with a clock of the test's own, and by many threads at once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "proxy/outlier.h"
#include "proxy/registry.h"

#define N_MAX 40

static char name[] = "shop/web:80";

struct rig {
	struct plan_endpoint endpoints[N_MAX];
	struct plan_cluster plan;
	struct registry *registry;
	struct cluster_view view;
};

/* A cluster of n endpoints, with the times of Istio. */
static void rig_init(struct rig *rig, size_t n)
{
	*rig = (struct rig){
		.plan = {
			.name = name,
			.endpoints = { rig->endpoints, n },
			.breaker = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX },
			.outlier = {
				.consecutive_5xx = 5,
				.interval_ms = 10000,
				.base_ejection_ms = 30000,
				.max_ejection_ms = 300000,
				.max_percent = 10,
			},
		},
		.registry = registry_new(2),
	};
	for (size_t i = 0; i < n; i++)
		rig->endpoints[i] = (struct plan_endpoint){
			.addr = { { [10] = 0xff, 0xff, 10, 0, 0, (uint8_t)i } }, .port = 8080
		};
	cluster_view_init(&rig->view, rig->registry, &rig->plan);
}

static void rig_fini(struct rig *rig)
{
	cluster_view_fini(&rig->view);
	registry_free(rig->registry);
}

static void note(struct rig *rig, size_t endpoint, enum outlier_event event, unsigned times,
		 uint64_t now_ms)
{
	while (times--)
		outlier_note(&rig->view, rig->view.endpoints[endpoint], event, now_ms);
}

static bool available(const struct rig *rig, size_t endpoint, uint64_t now_ms)
{
	return outlier_available(rig->view.endpoints[endpoint], now_ms);
}

/* When does an endpoint that is ejected return? */
static uint64_t return_ms(const struct rig *rig, size_t endpoint)
{
	return rig->view.endpoints[endpoint]->ejected_until_ms;
}

static void test_row(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 3);
	note(&rig, 0, OUTLIER_5XX, 4, 1000);
	assert_true(available(&rig, 0, 1000));
	/* O1: any success begins the row anew. */
	note(&rig, 0, OUTLIER_OK, 1, 1000);
	note(&rig, 0, OUTLIER_5XX, 2, 1000);
	note(&rig, 0, OUTLIER_GATEWAY, 1, 1000);
	note(&rig, 0, OUTLIER_LOCAL, 1, 1000);
	assert_true(available(&rig, 0, 1000));
	note(&rig, 0, OUTLIER_5XX, 1, 1000);
	assert_false(available(&rig, 0, 1000));
	assert_true(available(&rig, 1, 1000));
	assert_int_equal(rig.view.endpoints[0]->ejections, 1);
	rig_fini(&rig);
}

static void test_gateway_row(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 3);
	rig.plan.outlier.consecutive_5xx = 0;
	rig.plan.outlier.consecutive_gateway = 3;
	note(&rig, 0, OUTLIER_5XX, 100, 0);
	assert_true(available(&rig, 0, 0));
	note(&rig, 0, OUTLIER_GATEWAY, 2, 0);
	note(&rig, 0, OUTLIER_5XX, 1, 0);
	note(&rig, 0, OUTLIER_GATEWAY, 2, 0);
	assert_true(available(&rig, 0, 0));
	note(&rig, 0, OUTLIER_LOCAL, 1, 0);
	assert_false(available(&rig, 0, 0));
	rig_fini(&rig);
}

static void test_split_local(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 3);
	rig.plan.outlier.split_local = true;
	rig.plan.outlier.consecutive_local = 2;
	note(&rig, 0, OUTLIER_5XX, 4, 0);
	note(&rig, 0, OUTLIER_LOCAL, 1, 0);
	assert_true(available(&rig, 0, 0));
	/* An answer, whatever it says, ends the row of those that did not come. */
	note(&rig, 1, OUTLIER_LOCAL, 1, 0);
	note(&rig, 1, OUTLIER_5XX, 1, 0);
	note(&rig, 1, OUTLIER_LOCAL, 1, 0);
	assert_true(available(&rig, 1, 0));
	note(&rig, 1, OUTLIER_LOCAL, 1, 0);
	assert_false(available(&rig, 1, 0));
	rig_fini(&rig);
}

static void test_off(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 3);
	rig.plan.outlier = (struct plan_outlier){ 0 };
	note(&rig, 0, OUTLIER_5XX, 1000, 0);
	note(&rig, 0, OUTLIER_LOCAL, 1000, 0);
	assert_true(available(&rig, 0, 0));
	rig_fini(&rig);
}

/* O2: for base times the number in a row, to the next tick; less one for each clean interval. */
static void test_times(void **state)
{
	uint64_t now = 1;
	struct rig rig;

	(void)state;
	rig_init(&rig, 3);
	note(&rig, 0, OUTLIER_5XX, 5, now);
	assert_int_equal(return_ms(&rig, 0), 40000);
	assert_false(available(&rig, 0, 39999));
	assert_true(available(&rig, 0, 40000));
	note(&rig, 0, OUTLIER_5XX, 5, 40000);
	assert_int_equal(return_ms(&rig, 0), 100000);
	note(&rig, 0, OUTLIER_5XX, 5, 109999);
	assert_int_equal(return_ms(&rig, 0), 200000);
	/* One clean interval: three become two, and this is the third again. */
	note(&rig, 0, OUTLIER_5XX, 5, 210000);
	assert_int_equal(return_ms(&rig, 0), 300000);
	/* Clean for long: as if it were the first time. */
	note(&rig, 0, OUTLIER_5XX, 5, 1000000);
	assert_int_equal(return_ms(&rig, 0), 1030000);
	assert_int_equal(rig.view.endpoints[0]->ejections, 5);
	rig_fini(&rig);
}

static void test_longest_time(void **state)
{
	uint64_t now = 0;
	struct rig rig;

	(void)state;
	rig_init(&rig, 3);
	for (int i = 0; i < 100; i++) {
		note(&rig, 0, OUTLIER_5XX, 5, now);
		assert_in_range(return_ms(&rig, 0) - now, 30000, 300000);
		now = return_ms(&rig, 0);
	}
	assert_int_equal(now, 30000ull * (1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9) + 91 * 300000ull);
	/* The number stood still at the longest time: ten clean intervals undo it. */
	now += 100000;
	note(&rig, 0, OUTLIER_5XX, 5, now);
	assert_int_equal(return_ms(&rig, 0) - now, 30000);
	/* A base beyond the longest time counts. */
	rig.plan.outlier.max_ejection_ms = 1000;
	rig.plan.outlier.max_percent = 100;
	note(&rig, 1, OUTLIER_5XX, 5, now);
	assert_int_equal(return_ms(&rig, 1) - now, 30000);
	rig_fini(&rig);
}

/* O3: at least one may go, and the last one never. */
static void test_percentage(void **state)
{
	static const struct {
		size_t n;
		uint8_t percent;
		size_t gone;
	} rows[] = {
		{ 1, 10, 0 },  { 1, 100, 0 }, { 2, 10, 1 },   { 2, 100, 1 }, { 3, 0, 1 },
		{ 3, 67, 2 },  { 9, 10, 1 },  { 10, 10, 1 },  { 20, 10, 2 }, { 40, 10, 4 },
		{ 3, 100, 2 }, { 10, 50, 5 }, { 10, 100, 9 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t gone = 0;
		struct rig rig;

		rig_init(&rig, rows[i].n);
		rig.plan.outlier.max_percent = rows[i].percent;
		for (size_t k = 0; k < rows[i].n; k++)
			note(&rig, k, OUTLIER_5XX, 50, 7);
		for (size_t k = 0; k < rows[i].n; k++)
			gone += !available(&rig, k, 7);
		if (gone != rows[i].gone)
			fail_msg("row %zu: %zu gone", i, gone);
		rig_fini(&rig);
	}
}

/* One that had to stay goes when there is room, after as many failures again. */
static void test_its_turn_comes(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 2);
	note(&rig, 0, OUTLIER_5XX, 5, 0);
	note(&rig, 1, OUTLIER_5XX, 9, 0);
	assert_false(available(&rig, 0, 29999));
	assert_true(available(&rig, 1, 29999));
	note(&rig, 1, OUTLIER_5XX, 1, 30000);
	assert_false(available(&rig, 1, 30000));
	rig_fini(&rig);
}

/* What was under way at an ejection does not count towards the next one. */
static void test_late_failures(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 3);
	note(&rig, 0, OUTLIER_5XX, 50, 0);
	assert_int_equal(return_ms(&rig, 0), 30000);
	assert_int_equal(rig.view.endpoints[0]->ejections, 1);
	note(&rig, 0, OUTLIER_5XX, 4, 30000);
	assert_true(available(&rig, 0, 30000));
	note(&rig, 0, OUTLIER_5XX, 1, 30000);
	assert_false(available(&rig, 0, 30000));
	rig_fini(&rig);
}

#define THREADS 8

static void *fail_all(void *arg)
{
	struct rig *rig = arg;

	for (int i = 0; i < 200; i++)
		for (size_t k = 0; k < rig->view.n_endpoints; k++)
			note(rig, k, i % 3 ? OUTLIER_5XX : OUTLIER_LOCAL, 1, 5);
	return NULL;
}

/* However many threads decide at once, never one too many goes, and each goes once. */
static void test_threads(void **state)
{
	pthread_t threads[THREADS];
	size_t gone = 0;
	struct rig rig;

	(void)state;
	rig_init(&rig, 10);
	rig.plan.outlier.max_percent = 50;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, fail_all, &rig), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t k = 0; k < 10; k++) {
		gone += !available(&rig, k, 5);
		assert_in_range(rig.view.endpoints[k]->ejections, 0, 1);
	}
	assert_int_equal(gone, 5);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row),	      cmocka_unit_test(test_gateway_row),
		cmocka_unit_test(test_split_local),   cmocka_unit_test(test_off),
		cmocka_unit_test(test_times),	      cmocka_unit_test(test_longest_time),
		cmocka_unit_test(test_percentage),    cmocka_unit_test(test_its_turn_comes),
		cmocka_unit_test(test_late_failures), cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
