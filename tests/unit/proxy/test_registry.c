/* SPDX-License-Identifier: Apache-2.0 */
/* Objects by name: found again, let go when nobody refers to them, and not before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/endpoint.h"
#include "proxy/registry.h"
#include "proxy/tally.h"

static const struct plan_endpoint plan = { .addr = { { [10] = 0xff, 0xff, 10, 0, 0, 1 } },
					   .port = 8080 };

static void test_found_again(void **state)
{
	const struct plan_endpoint other = { .addr = plan.addr, .port = 8081 };
	struct registry *registry = registry_new(2);
	struct endpoint *a = endpoint_get(registry, "shop/web:80", &plan);
	struct endpoint *again = endpoint_get(registry, "shop/web:80", &plan);
	struct endpoint *port = endpoint_get(registry, "shop/web:80", &other);
	struct endpoint *cluster = endpoint_get(registry, "shop/api:80", &plan);

	(void)state;
	assert_ptr_equal(a, again);
	assert_ptr_not_equal(a, port);
	assert_ptr_not_equal(a, cluster);
	assert_int_equal((uintptr_t)a->slots % CACHE_LINE, 0);
	endpoint_unref(a);
	endpoint_unref(again);
	endpoint_unref(port);
	endpoint_unref(cluster);
	registry_free(registry);
}

/* A connection that outlives the table that it was made for keeps the endpoint. */
static void test_sweep(void **state)
{
	struct registry *registry = registry_new(1);
	struct endpoint *endpoint = endpoint_get(registry, "shop/web:80", &plan), *again;

	(void)state;
	registry_sweep(registry);
	again = endpoint_get(registry, "shop/web:80", &plan);
	assert_ptr_equal(again, endpoint);
	endpoint_unref(again);
	endpoint_unref(endpoint);
	assert_non_null(registry_find(registry, "endpoint shop/web:80 10.0.0.1 8080"));
	registry_sweep(registry);
	assert_null(registry_find(registry, "endpoint shop/web:80 10.0.0.1 8080"));
	registry_free(registry);
}

static void test_outlives_registry(void **state)
{
	struct registry *registry = registry_new(1);
	struct endpoint *endpoint = endpoint_get(registry, "shop/web:80", &plan);

	(void)state;
	registry_free(registry);
	assert_int_equal(endpoint->port, 8080);
	endpoint_unref(endpoint);
	endpoint_unref(NULL);
	registry_free(NULL);
}

static void test_tally(void **state)
{
	struct registry *registry = registry_new(3);
	struct tally *tally = tally_get(registry, "rule a", 9);
	struct tally *again = tally_get(registry, "rule a", 9);

	(void)state;
	for (unsigned worker = 0; worker < 3; worker++) {
		tally_count(tally, worker, 0);
		tally_count(again, worker, 8);
		tally_count(again, worker, 8);
	}
	assert_int_equal(tally_sum(tally, 0), 3);
	assert_int_equal(tally_sum(tally, 1), 0);
	assert_int_equal(tally_sum(tally, 8), 6);
	tally_unref(tally);
	tally_unref(again);
	registry_free(registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_again),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_outlives_registry),
		cmocka_unit_test(test_tally),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
