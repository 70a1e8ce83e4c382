// SPDX-License-Identifier: Apache-2.0
/* Diagnostics to conditions of Services, also by way of NodeStates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "status/troubles.h"

#include <json-c/json.h>

static void report(struct diag_list *diags, const char *object, enum diag_matter matter,
		   const char *reason)
{
	diag_add(diags, DIAG_WARNING, "", 0, object, "spec.x", "%s", reason);
	diag_mark(diags, matter);
}

static struct troubles troubles_of(const struct diag_list *diags)
{
	struct troubles troubles = { 0 };

	troubles_add(&troubles, diags);
	troubles_sort(&troubles);
	return troubles;
}

/* A model of one Service, shop/a. */
static struct model *model_of_one(void)
{
	struct object *object = object_new(OBJECT_SERVICE);
	struct model *model = model_new();

	object->namespace = mem_strdup("shop");
	object->name = mem_strdup("a");
	object->origin.generation = 3;
	model_put(model, object);
	return model;
}

static void assert_wants(const struct wants *wants, const char *expected)
{
	assert_int_equal(wants->n, 1);
	assert_string_equal(wants->items[0].name, "a");
	assert_int_equal(wants->items[0].generation, 3);
	assert_string_equal(json_object_to_json_string_ext(wants->items[0].status,
							   JSON_C_TO_STRING_PLAIN |
								   JSON_C_TO_STRING_NOSLASHESCAPE),
			    expected);
}

#define SAID(type, status, reason, message)                                                        \
	"{\"type\":\"naru.io/" type "\",\"status\":\"" status "\",\"reason\":\"" reason            \
	"\",\"message\":\"" message "\"}"

/* The worst is the reason, whatever order things were found in; what is about nothing is none. */
static void of_one_condition_the_worst_counts(void **state)
{
	struct model *model = model_of_one();

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct diag_list diags = { 0 };
		struct wants wants = { 0 };
		struct troubles troubles;

		report(&diags, "Service shop/a", i ? DIAG_ROOM : DIAG_ADDRESS, i ? "full" : "odd");
		report(&diags, "Service shop/a", i ? DIAG_ADDRESS : DIAG_ROOM, i ? "odd" : "full");
		report(&diags, "Service shop/a", DIAG_NONE, "nothing");
		report(&diags, "Service shop/a", DIAG_PORT_SHARED, "shared");
		report(&diags, "Service shop/gone", DIAG_PORT, "taken");
		report(&diags, "Pod shop/a", DIAG_PORT, "taken");
		report(&diags, "HTTPRoute shop/a", DIAG_PORT, "taken");
		report(&diags, "address", DIAG_PORT, "taken");
		troubles = troubles_of(&diags);
		assert_int_equal(troubles.n, 4);
		troubles_want(&troubles, model, &wants);
		assert_wants(&wants,
			     "{\"conditions\":[" SAID(
				     "Conflicted", "True", "PortInUse",
				     "spec.x: shared") "," SAID("Programmed", "False",
								"NoResources",
								"spec.x: full; spec.x: odd") "]}");
		wants_fini(&wants);
		troubles_fini(&troubles);
		diag_fini(&diags);
	}
	model_free(model);
}

/* Of many nodes with the same trouble a few are named. */
static void nodes_are_joined(void **state)
{
	struct troubles all = { 0 }, read = { 0 }, own;
	struct diag_list diags = { 0 };
	struct json_object *list;

	(void)state;
	report(&diags, "Gateway shop/g", DIAG_ROOM, "full");
	own = troubles_of(&diags);
	list = troubles_format(&own);
	troubles_parse(list, &read);
	assert_true(troubles_equal(&own, &read));
	json_object_put(list);
	for (int i = 5; i > 0; i--) {
		char node[] = { 'n', (char)('0' + i), 0 };

		troubles_append(&all, &read, node);
		troubles_append(&all, &read, node);
	}
	troubles_sort(&all);
	assert_int_equal(all.n, 1);
	assert_string_equal(troubles_find(&all, OBJECT_GATEWAY, "shop", "g", DIAG_ROOM)->message,
			    "node n1: spec.x: full; node n2: spec.x: full; node n3: spec.x: full; "
			    "and 2 more");
	assert_null(troubles_find(&all, OBJECT_SERVICE, "shop", "g", DIAG_ROOM));
	assert_null(troubles_find(&all, OBJECT_GATEWAY, "shop", "g", DIAG_PORT));
	troubles_fini(&all);
	troubles_fini(&read);
	troubles_fini(&own);
	diag_fini(&diags);
}

static void what_nodes_write_is_not_believed(void **state)
{
	static const char *const odd[] = {
		"null",
		"7",
		"[7,{},{\"kind\":\"Service\"},{\"kind\":\"Node\",\"reason\":\"NoResources\"}]",
		"[{\"kind\":\"Service\",\"reason\":7}]",
	};
	struct troubles read = { 0 };
	char *many = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		struct json_object *list = json_tokener_parse(odd[i]);

		troubles_parse(list, &read);
		assert_int_equal(read.n, 0);
		json_object_put(list);
	}
	for (int i = 0; i < 100; i++) {
		char *former = many;

		many = mem_printf("%s%s{\"kind\":\"Service\",\"namespace\":\"a\",\"name\":\"%d\","
				  "\"reason\":\"NoResources\"}",
				  i ? former : "[", i ? "," : "", i);
		free(former);
	}
	{
		_cleanup_(mem_freep) char *text = mem_printf("%s]", many);
		struct json_object *list = json_tokener_parse(text);

		troubles_parse(list, &read);
		assert_int_equal(read.n, 64);
		json_object_put(list);
	}
	free(many);
	troubles_fini(&read);
}

/* Also by another narud: nobody remembers, the status does. */
static void what_is_over_is_taken_back(void **state)
{
	struct model *model = model_of_one();
	const struct object *service = model_get(model, OBJECT_SERVICE, "shop", "a");
	struct diag_list diags = { 0 };
	struct wants wants = { 0 };
	struct troubles troubles;

	(void)state;
	assert_true(troubles_said("{\"conditions\":[{\"type\":\"naru.io/Programmed\"}]}"));
	assert_true(troubles_said("{\"conditions\":[{\"type\":\"naru.io\\/Conflicted\"}]}"));
	assert_false(troubles_said("{\"conditions\":[{\"type\":\"naru.io/AddressAssigned\"}]}"));
	report(&diags, "Service shop/a", DIAG_ADDRESS, "odd");
	troubles = troubles_of(&diags);
	troubles_want(&troubles, model, &wants);
	troubles_clear(service, &wants);
	assert_wants(&wants, "{\"conditions\":[" SAID(
				     "Programmed", "False", "AddressNotUsable",
				     "spec.x: odd") ",{\"type\":\"naru.io/Conflicted\"}]}");
	wants_fini(&wants);
	troubles_clear(service, &wants);
	assert_wants(&wants, "{\"conditions\":[{\"type\":\"naru.io/Programmed\"},"
			     "{\"type\":\"naru.io/Conflicted\"}]}");
	wants_fini(&wants);
	troubles_fini(&troubles);
	diag_fini(&diags);
	model_free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_one_condition_the_worst_counts),
		cmocka_unit_test(nodes_are_joined),
		cmocka_unit_test(what_nodes_write_is_not_believed),
		cmocka_unit_test(what_is_over_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
