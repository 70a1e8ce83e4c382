// SPDX-License-Identifier: Apache-2.0
/* Which definition counts, and who takes over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../model/service.h"

#include "base/mem.h"
#include "kube/catalog.h"

static struct object *make(const char *file, enum service_type type)
{
	struct object *object = object_new(OBJECT_SERVICE);

	object->namespace = mem_strdup("n");
	object->name = mem_strdup("s");
	object->origin.file = mem_strdup(file);
	((struct service *)object)->type = type;
	service_fill(object);
	return object;
}

static void assert_counts(struct model *model, const char *file, enum service_type type)
{
	const struct object *object = model_get(model, OBJECT_SERVICE, "n", "s");

	assert_non_null(object);
	assert_string_equal(object->origin.file, file);
	assert_int_equal(((const struct service *)object)->type, type);
}

static void drop(struct catalog *catalog, const char *file)
{
	struct object *key = make(file, SERVICE_CLUSTER_IP);

	catalog_remove(catalog, key);
	object_free(key);
}

static size_t warnings(const struct catalog *catalog)
{
	struct diag_list diags = { 0 };
	size_t n;

	catalog_report(catalog, &diags);
	n = diags.n;
	assert_int_equal(diag_errors(&diags), 0);
	diag_fini(&diags);
	return n;
}

static void the_last_path_counts(void **state)
{
	struct model *model = model_new();
	struct catalog *catalog = catalog_new(model);

	(void)state;
	catalog_put(catalog, make("b", SERVICE_NODE_PORT));
	assert_true(catalog_take_changed(catalog));
	assert_false(catalog_take_changed(catalog));
	catalog_put(catalog, make("a", SERVICE_CLUSTER_IP));
	assert_false(catalog_take_changed(catalog));
	assert_counts(model, "b", SERVICE_NODE_PORT);
	assert_int_equal(warnings(catalog), 1);
	catalog_put(catalog, make("c", SERVICE_LOAD_BALANCER));
	assert_true(catalog_take_changed(catalog));
	assert_counts(model, "c", SERVICE_LOAD_BALANCER);
	assert_int_equal(warnings(catalog), 2);
	catalog_put(catalog, make("a", SERVICE_EXTERNAL_NAME));
	drop(catalog, "b");
	drop(catalog, "b");
	assert_false(catalog_take_changed(catalog));
	drop(catalog, "c");
	assert_true(catalog_take_changed(catalog));
	assert_counts(model, "a", SERVICE_EXTERNAL_NAME);
	assert_int_equal(warnings(catalog), 0);
	drop(catalog, "a");
	assert_true(catalog_take_changed(catalog));
	assert_null(model_get(model, OBJECT_SERVICE, "n", "s"));
	drop(catalog, "a");
	assert_false(catalog_take_changed(catalog));
	catalog_free(catalog);
	model_free(model);
}

static void the_model_outlives_the_catalog(void **state)
{
	struct model *model = model_new();
	struct catalog *catalog = catalog_new(model);

	(void)state;
	catalog_put(catalog, make("a", SERVICE_CLUSTER_IP));
	catalog_put(catalog, make("b", SERVICE_CLUSTER_IP));
	catalog_free(catalog);
	catalog_free(NULL);
	assert_counts(model, "b", SERVICE_CLUSTER_IP);
	model_free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_path_counts),
		cmocka_unit_test(the_model_outlives_the_catalog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
