/* SPDX-License-Identifier: Apache-2.0 */
/* The breaker's exactness over threads, the choice of endpoints, and what is reported. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "proxy/cluster.h"
#include "proxy/registry.h"

#define THREADS 8
#define N	4

static char name[] = "shop/web:80";

struct rig {
	struct plan_endpoint endpoints[N];
	struct plan_cluster plan;
	struct registry *registry;
	struct cluster_view view;
	_Atomic uint32_t most; /* requests at once */
	_Atomic uint64_t begun;
};

static void rig_init(struct rig *rig, size_t n)
{
	*rig = (struct rig){
		.plan = { .name = name,
			  .endpoints = { rig->endpoints, n },
			  .breaker = { UINT32_MAX, 2, 3, 1, UINT32_MAX } },
		.registry = registry_new(THREADS),
	};
	for (size_t i = 0; i < n; i++)
		rig->endpoints[i] = (struct plan_endpoint){
			.addr = { { 0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)i } }, .port = 8080
		};
	cluster_view_init(&rig->view, rig->registry, &rig->plan);
}

static void rig_fini(struct rig *rig)
{
	cluster_view_fini(&rig->view);
	registry_free(rig->registry);
}

static void test_limits(void **state)
{
	static const struct {
		enum cluster_limit limit;
		uint32_t most;
	} rows[] = {
		{ CLUSTER_PENDING, 2 },
		{ CLUSTER_REQUESTS, 3 },
		{ CLUSTER_RETRIES, 1 },
	};
	struct report_cluster report;
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (uint32_t k = 0; k < rows[i].most; k++)
			assert_true(cluster_begin(&rig.view, rows[i].limit, 0));
		assert_false(cluster_begin(&rig.view, rows[i].limit, 1));
		cluster_end(rig.view.cluster, rows[i].limit);
		assert_true(cluster_begin(&rig.view, rows[i].limit, 0));
		assert_false(cluster_begin(&rig.view, rows[i].limit, 0));
	}
	/* No limit, but counted. */
	for (int i = 0; i < 5000; i++)
		assert_true(cluster_begin(&rig.view, CLUSTER_CONNECTIONS, 0));
	cluster_report(&rig.view, THREADS, 0, &report);
	assert_string_equal(report.name, name);
	assert_int_equal(report.connections, 5000);
	assert_int_equal(report.pending, 2);
	assert_int_equal(report.requests, 3);
	assert_int_equal(report.retries, 1);
	assert_int_equal(report.overflows, 6);
	assert_int_equal(report.retried, 2);
	free(report.name);
	free(report.endpoints);
	rig_fini(&rig);
}

/* A limit of 0 lets nothing through. */
static void test_shut(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig.plan.breaker.requests = 0;
	assert_false(cluster_begin(&rig.view, CLUSTER_REQUESTS, 0));
	rig_fini(&rig);
}

struct worker {
	struct rig *rig;
	unsigned number;
};

static void *use(void *arg)
{
	const struct worker *worker = arg;
	struct rig *rig = worker->rig;

	for (int i = 0; i < 20000; i++) {
		uint32_t now, most;

		if (!cluster_begin(&rig->view, CLUSTER_REQUESTS, worker->number))
			continue;
		now = rig->view.cluster->under_way[CLUSTER_REQUESTS];
		most = rig->most;
		while (now > most && !atomic_compare_exchange_weak(&rig->most, &most, now))
			;
		rig->begun++;
		cluster_end(rig->view.cluster, CLUSTER_REQUESTS);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct worker workers[THREADS];
	struct report_cluster report;
	pthread_t threads[THREADS];
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ &rig, i };
		assert_int_equal(pthread_create(&threads[i], NULL, use, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_in_range(rig.most, 1, 3);
	cluster_report(&rig.view, THREADS, 0, &report);
	assert_int_equal(report.requests, 0);
	assert_int_equal(report.overflows + rig.begun, THREADS * 20000);
	free(report.name);
	free(report.endpoints);
	rig_fini(&rig);
}

static size_t pick(struct rig *rig, unsigned worker, struct endpoint *const *tried, size_t n)
{
	struct endpoint *endpoint = cluster_pick(&rig->view, worker, 1000, tried, n);

	for (size_t i = 0; i < rig->view.n_endpoints; i++)
		if (rig->view.endpoints[i] == endpoint)
			return i;
	fail();
	return 0;
}

static void test_round_robin(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, N);
	for (unsigned worker = 0; worker < THREADS; worker++) {
		size_t first = pick(&rig, worker, NULL, 0);

		/* Workers begin apart. */
		assert_int_equal(first, worker % N);
		for (size_t i = 1; i < 3 * N; i++)
			assert_int_equal(pick(&rig, worker, NULL, 0), (first + i) % N);
	}
	rig_fini(&rig);
}

static void test_leaves_out(void **state)
{
	struct endpoint *tried[N];
	struct rig rig;

	(void)state;
	rig_init(&rig, N);
	memcpy(tried, rig.view.endpoints, sizeof(tried));
	rig.view.endpoints[2]->ejected_until_ms = 2000;
	/* 0 is tried, 2 ejected: 1 and 3 take turns. */
	assert_int_equal(pick(&rig, 0, tried, 1), 1);
	assert_int_equal(pick(&rig, 0, tried, 1), 3);
	assert_int_equal(pick(&rig, 0, tried, 1), 1);
	/* All are tried: rather one of them than an ejected one. */
	for (int i = 0; i < 8; i++)
		assert_int_not_equal(pick(&rig, 0, tried, N), 2);
	/* 0, 1 and 3 are ejected: 2 is back meanwhile, whatever was tried. */
	for (size_t i = 0; i < N; i++)
		rig.view.endpoints[i]->ejected_until_ms = i == 2 ? 1000 : 2000;
	assert_int_equal(pick(&rig, 0, tried, N), 2);
	assert_int_equal(pick(&rig, 0, NULL, 0), 2);
	/* All are ejected: any is better than none, and an untried one better than another. */
	rig.view.endpoints[2]->ejected_until_ms = 2000;
	for (int i = 0; i < 8; i++)
		assert_int_equal(pick(&rig, 0, tried, N - 1), N - 1);
	rig_fini(&rig);
}

static void test_nobody(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 0);
	assert_null(cluster_pick(&rig.view, 0, 0, NULL, 0));
	rig_fini(&rig);
}

/* The next table finds counts and ejections again. */
static void test_next_table(void **state)
{
	struct cluster_view next;
	struct rig rig;

	(void)state;
	rig_init(&rig, 2);
	assert_true(cluster_begin(&rig.view, CLUSTER_RETRIES, 0));
	rig.view.endpoints[1]->ejected_until_ms = 5000;
	cluster_view_init(&next, rig.registry, &rig.plan);
	cluster_view_fini(&rig.view);
	registry_sweep(rig.registry);
	rig.view = next;
	assert_false(cluster_begin(&rig.view, CLUSTER_RETRIES, 0));
	assert_int_equal(rig.view.endpoints[1]->ejected_until_ms, 5000);
	cluster_end(rig.view.cluster, CLUSTER_RETRIES);
	rig_fini(&rig);
}

static void test_report(void **state)
{
	struct report_cluster report;
	struct endpoint *endpoint;
	struct rig rig;

	(void)state;
	rig_init(&rig, 2);
	endpoint = rig.view.endpoints[1];
	endpoint->ejections = 7;
	endpoint->ejected_until_ms = 1500;
	endpoint->slots[0].connections = 2;
	endpoint->slots[3].connections = 1;
	endpoint->slots[3].requests = 2;
	endpoint->slots[0].n_idle = 1;
	endpoint->slots[0].ok = 10;
	endpoint->slots[5].ok = 5;
	endpoint->slots[5].failed = 4;
	cluster_report(&rig.view, THREADS, 1000, &report);
	assert_int_equal(report.n_endpoints, 2);
	assert_memory_equal(&report.endpoints[1].addr, &rig.endpoints[1].addr, 16);
	assert_int_equal(report.endpoints[1].port, 8080);
	assert_int_equal(report.endpoints[1].connections, 3);
	assert_int_equal(report.endpoints[1].idle, 1);
	assert_int_equal(report.endpoints[1].requests, 2);
	assert_int_equal(report.endpoints[1].ejected_ms, 500);
	assert_int_equal(report.endpoints[1].ejections, 7);
	assert_int_equal(report.endpoints[1].ok, 15);
	assert_int_equal(report.endpoints[1].failed, 4);
	assert_int_equal(report.endpoints[0].ejected_ms, 0);
	free(report.name);
	free(report.endpoints);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),	   cmocka_unit_test(test_shut),
		cmocka_unit_test(test_threads),	   cmocka_unit_test(test_round_robin),
		cmocka_unit_test(test_leaves_out), cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_next_table), cmocka_unit_test(test_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
