// SPDX-License-Identifier: Apache-2.0
/* Wants: one for each object whoever adds it, and the JSON that their functions make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/object.h"
#include "status/wants.h"

#include <json-c/json.h>

static struct object *object(enum object_kind kind, const char *namespace, const char *name,
			     int64_t generation)
{
	struct object *object = object_new(kind);

	object->namespace = mem_strdup(namespace);
	object->name = mem_strdup(name);
	object->origin.generation = generation;
	return object;
}

static const char *text(struct json_object *value)
{
	return json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void test_one_want_an_object(void **state)
{
	_cleanup_(object_freep) struct object *gateway = object(OBJECT_GATEWAY, "a", "b", 7);
	_cleanup_(object_freep) struct object *route = object(OBJECT_HTTP_ROUTE, "a", "b", 3);
	struct wants wants = { 0 };
	struct json_object *first = wants_add(&wants, gateway);
	const struct want *found;

	(void)state;
	assert_ptr_not_equal(wants_add(&wants, route), first);
	assert_ptr_equal(wants_add(&wants, gateway), first);
	assert_int_equal(wants.n, 2);
	found = wants_find(&wants, OBJECT_GATEWAY, "a", "b");
	assert_non_null(found);
	assert_ptr_equal(found->status, first);
	assert_int_equal(found->generation, 7);
	assert_null(wants_find(&wants, OBJECT_SERVICE, "a", "b"));
	assert_null(wants_find(&wants, OBJECT_GATEWAY, "a", "c"));
	assert_null(wants_find(&wants, OBJECT_GATEWAY, "b", "b"));
	wants_fini(&wants);
	assert_int_equal(wants.n, 0);
}

static void test_many_are_found(void **state)
{
	struct wants wants = { 0 };

	(void)state;
	for (int i = 0; i < 500; i++) {
		_cleanup_(mem_freep) char *name = mem_printf("s%d", i * 7 % 500);
		_cleanup_(object_freep) struct object *service =
			object(OBJECT_SERVICE, "shop", name, i + 1);

		wants_add(&wants, service);
	}
	assert_int_equal(wants.n, 500);
	for (int i = 0; i < 500; i++) {
		_cleanup_(mem_freep) char *name = mem_printf("s%d", i * 7 % 500);
		const struct want *want = wants_find(&wants, OBJECT_SERVICE, "shop", name);

		assert_non_null(want);
		assert_string_equal(want->name, name);
		assert_int_equal(want->generation, i + 1);
	}
	wants_fini(&wants);
}

static void test_what_they_say(void **state)
{
	_cleanup_(object_freep) struct object *gateway = object(OBJECT_GATEWAY, "a", "b", 1);
	struct wants wants = { 0 };
	struct json_object *status = wants_add(&wants, gateway), *listener;

	(void)state;
	wants_condition(status, "Accepted", true, "Accepted", "");
	wants_condition(status, "Programmed", false, "Pending", "no node \"has\" it");
	wants_list(status, "addresses");
	listener = wants_entry(status, "listeners");
	wants_text(listener, "name", "web");
	wants_number(listener, "attachedRoutes", 2);
	wants_condition(listener, "Accepted", true, "Accepted", "");
	wants_text(wants_member(status, "loadBalancer"), "a", "1");
	wants_text(wants_member(status, "loadBalancer"), "b", "2");
	assert_string_equal(
		text(status),
		"{\"conditions\":[{\"type\":\"Accepted\",\"status\":\"True\",\"reason\":"
		"\"Accepted\",\"message\":\"\"},{\"type\":\"Programmed\",\"status\":\"False\","
		"\"reason\":\"Pending\",\"message\":\"no node \\\"has\\\" it\"}],\"addresses\":[],"
		"\"listeners\":[{\"name\":\"web\",\"attachedRoutes\":2,\"conditions\":[{\"type\":"
		"\"Accepted\",\"status\":\"True\",\"reason\":\"Accepted\",\"message\":\"\"}]}],"
		"\"loadBalancer\":{\"a\":\"1\",\"b\":\"2\"}}");
	wants_fini(&wants);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_want_an_object),
		cmocka_unit_test(test_many_are_found),
		cmocka_unit_test(test_what_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
