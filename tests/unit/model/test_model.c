// SPDX-License-Identifier: Apache-2.0
/* The model: one object a key, sorted lists, generations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service.h"

#include "base/mem.h"
#include "model/model.h"

static struct object *make(enum object_kind kind, const char *namespace, const char *name)
{
	struct object *object = object_new(kind);

	object->namespace = mem_strdup(namespace);
	object->name = mem_strdup(name);
	object->origin.file = mem_strdup("f");
	if (kind == OBJECT_SERVICE)
		service_fill(object);
	return object;
}

static struct object *make_service(const char *name, enum service_type type)
{
	struct object *object = make(OBJECT_SERVICE, "default", name);

	((struct service *)object)->type = type;
	return object;
}

static void a_put_replaces_and_tells_of_changes(void **state)
{
	struct model *model = model_new();
	struct object *moved = make_service("a", SERVICE_CLUSTER_IP);

	(void)state;
	assert_int_equal(model_generation(model), 0);
	assert_true(model_put(model, make_service("a", SERVICE_CLUSTER_IP)));
	assert_int_equal(model_generation(model), 1);
	moved->origin.line = 7;
	assert_false(model_put(model, moved));
	assert_int_equal(model_generation(model), 1);
	assert_ptr_equal(model_get(model, OBJECT_SERVICE, "default", "a"), moved);
	assert_true(model_put(model, make_service("a", SERVICE_NODE_PORT)));
	assert_int_equal(model_generation(model), 2);
	assert_int_equal(model_changes(model, OBJECT_SERVICE), 2);
	assert_int_equal(model_changes(model, OBJECT_NODE), 0);
	model_free(model);
}

/* An object carries the generation in which it was changed last. */
static void objects_know_their_generation(void **state)
{
	struct model *model = model_new();

	(void)state;
	model_put(model, make_service("a", SERVICE_CLUSTER_IP));
	model_put(model, make_service("b", SERVICE_CLUSTER_IP));
	model_put(model, make_service("a", SERVICE_CLUSTER_IP));
	assert_int_equal(model_get(model, OBJECT_SERVICE, "default", "a")->generation, 1);
	assert_int_equal(model_get(model, OBJECT_SERVICE, "default", "b")->generation, 2);
	model_put(model, make_service("a", SERVICE_NODE_PORT));
	assert_int_equal(model_get(model, OBJECT_SERVICE, "default", "a")->generation, 3);
	model_remove(model, OBJECT_SERVICE, "default", "b");
	assert_int_equal(model_changes(model, OBJECT_SERVICE), 4);
	model_free(model);
}

static void a_removed_object_is_gone(void **state)
{
	struct model *model = model_new();

	(void)state;
	model_put(model, make_service("a", SERVICE_CLUSTER_IP));
	assert_false(model_remove(model, OBJECT_SERVICE, "other", "a"));
	assert_false(model_remove(model, OBJECT_NAMESPACE, "default", "a"));
	assert_int_equal(model_generation(model), 1);
	assert_true(model_remove(model, OBJECT_SERVICE, "default", "a"));
	assert_int_equal(model_generation(model), 2);
	assert_null(model_get(model, OBJECT_SERVICE, "default", "a"));
	assert_false(model_remove(model, OBJECT_SERVICE, "default", "a"));
	model_free(model);
	model_free(NULL);
}

static void lists_are_sorted_by_namespace_and_name(void **state)
{
	static const char *const keys[][2] = {
		{ "b", "a" }, { "a", "z" }, { "a", "b" }, { "", "z" }
	};
	struct model *model = model_new();
	const struct object *const *objects;
	struct object *again;

	(void)state;
	assert_int_equal(model_list(model, OBJECT_SERVICE, &objects), 0);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		model_put(model, make(OBJECT_SERVICE, keys[i][0], keys[i][1]));
	model_put(model, make(OBJECT_NAMESPACE, "", "x"));
	assert_int_equal(model_list(model, OBJECT_SERVICE, &objects), 4);
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(objects[i]->namespace, keys[3 - i][0]);
		assert_string_equal(objects[i]->name, keys[3 - i][1]);
	}
	/* A list that is up to date has the new object, too. */
	again = make(OBJECT_SERVICE, "a", "b");
	model_put(model, again);
	assert_int_equal(model_list(model, OBJECT_SERVICE, &objects), 4);
	assert_ptr_equal(objects[1], again);
	model_remove(model, OBJECT_SERVICE, "a", "b");
	assert_int_equal(model_list(model, OBJECT_SERVICE, &objects), 3);
	assert_string_equal(objects[1]->name, "z");
	model_free(model);
}

static void many_objects_are_found_again(void **state)
{
	struct model *model = model_new();
	const struct object *const *objects;
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "s%u", i * 7919 % 5000);
		assert_true(model_put(model, make_service(name, SERVICE_CLUSTER_IP)));
	}
	for (unsigned i = 0; i < 5000; i += 2) {
		snprintf(name, sizeof(name), "s%u", i);
		assert_true(model_remove(model, OBJECT_SERVICE, "default", name));
	}
	assert_int_equal(model_list(model, OBJECT_SERVICE, &objects), 2500);
	for (size_t i = 1; i < 2500; i++)
		assert_true(object_compare_key(objects[i - 1], objects[i]) < 0);
	assert_int_equal(model_generation(model), 7500);
	model_free(model);
}

static void assert_change(const struct model_change *change, const struct object *former,
			  const struct object *present, bool content)
{
	assert_ptr_equal(change->former, former);
	assert_ptr_equal(change->present, present);
	assert_int_equal(change->content, content);
}

/* From its beginning on, with objects that have gone since. */
static void the_journal_tells_what_was_done(void **state)
{
	struct model *model = model_new();
	struct object *a = make_service("a", SERVICE_CLUSTER_IP), *same, *other, *b;
	const struct model_change *changes;
	size_t n;

	(void)state;
	model_put(model, a);
	assert_false(model_journal(model, &changes, &n));
	model_journal_clear(model);
	assert_true(model_journal(model, &changes, &n));
	assert_int_equal(n, 0);
	model_put(model, same = make_service("a", SERVICE_CLUSTER_IP));
	model_put(model, other = make_service("a", SERVICE_NODE_PORT));
	model_put(model, b = make_service("b", SERVICE_NODE_PORT));
	assert_true(model_remove(model, OBJECT_SERVICE, "default", "a"));
	assert_false(model_remove(model, OBJECT_SERVICE, "default", "a"));
	assert_true(model_journal(model, &changes, &n));
	assert_int_equal(n, 4);
	assert_change(&changes[0], a, same, false);
	assert_change(&changes[1], same, other, true);
	assert_change(&changes[2], NULL, b, true);
	assert_change(&changes[3], other, NULL, true);
	assert_string_equal(changes[0].former->name, "a");
	model_journal_clear(model);
	assert_true(model_journal(model, &changes, &n));
	assert_int_equal(n, 0);
	model_free(model);
}

/* It says so rather than grow without bound. */
static void a_journal_that_is_too_long_ends(void **state)
{
	struct model *model = model_new();
	const struct model_change *changes;
	size_t n;

	(void)state;
	model_journal_clear(model);
	for (unsigned i = 0; i < 5000; i++)
		model_put(model, make_service(i % 2 ? "a" : "b", (enum service_type)(i % 3)));
	assert_false(model_journal(model, &changes, &n));
	model_journal_clear(model);
	assert_true(model_journal(model, &changes, &n));
	assert_int_equal(n, 0);
	model_free(model);
}

/* One by one and many at once, between two lists. */
static void lists_stay_sorted(void **state)
{
	struct model *model = model_new();
	const struct object *const *objects;
	unsigned seed = 5;
	size_t n;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		for (int burst = rand_r(&seed) % 50 ? 1 : 200; burst; burst--) {
			_cleanup_(mem_freep) char *name = mem_printf("%d", rand_r(&seed) % 300);

			if (rand_r(&seed) % 3)
				model_put(model, make_service(name, SERVICE_CLUSTER_IP));
			else
				model_remove(model, OBJECT_SERVICE, "default", name);
		}
		n = model_list(model, OBJECT_SERVICE, &objects);
		for (size_t j = 0; j < n; j++) {
			assert_ptr_equal(model_get(model, OBJECT_SERVICE, "default",
						   objects[j]->name),
					 objects[j]);
			if (j)
				assert_true(object_compare_key(objects[j - 1], objects[j]) < 0);
		}
	}
	model_free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_put_replaces_and_tells_of_changes),
		cmocka_unit_test(objects_know_their_generation),
		cmocka_unit_test(a_removed_object_is_gone),
		cmocka_unit_test(lists_are_sorted_by_namespace_and_name),
		cmocka_unit_test(many_objects_are_found_again),
		cmocka_unit_test(the_journal_tells_what_was_done),
		cmocka_unit_test(a_journal_that_is_too_long_ends),
		cmocka_unit_test(lists_stay_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
