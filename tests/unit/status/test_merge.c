// SPDX-License-Identifier: Apache-2.0
/* Statuses that others write, too: what naru adds, what it leaves alone, when it writes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "status/merge.h"

#include <json-c/json.h>

#define NOW  "2026-11-26T03:00:00Z"
#define THEN "2020-01-01T00:00:00Z"
#define MINE "naru.io/gateway"

#define CONDITION(type, status, reason, at, generation)                                            \
	"{\"type\":\"" type "\",\"status\":\"" status "\",\"reason\":\"" reason                    \
	"\",\"message\":\"m\",\"lastTransitionTime\":\"" at                                        \
	"\",\"observedGeneration\":" generation "}"
#define WANTED(type, status, reason)                                                               \
	"{\"type\":\"" type "\",\"status\":\"" status "\",\"reason\":\"" reason                    \
	"\",\"message\":\"m\"}"
#define PARENT(name, controller, conditions)                                                       \
	"{\"parentRef\":{\"group\":\"gateway.networking.k8s.io\",\"kind\":\"Gateway\",\"name\":"   \
	"\"" name "\"},\"controllerName\":\"" controller "\",\"conditions\":[" conditions "]}"
#define WANTED_PARENT(name, conditions)                                                            \
	"{\"parentRef\":{\"name\":\"" name "\",\"namespace\":\"shop\"},\"controllerName\":\"" MINE \
	"\",\"conditions\":[" conditions "]}"

static struct json_object *parse(const char *text)
{
	struct json_object *value = text ? json_tokener_parse(text) : NULL;

	assert_true(value || !text || !strcmp(text, "null"));
	return value;
}

static struct json_object *merged(const char *current, const char *wanted)
{
	struct want want = {
		.kind = OBJECT_HTTP_ROUTE,
		.namespace = (char[]){ "shop" },
		.name = (char[]){ "r" },
		.generation = 4,
		.status = parse(wanted),
	};
	struct json_object *before = parse(current);
	struct json_object *made = merge_status(&want, before, MINE, NOW);

	json_object_put(before);
	json_object_put(want.status);
	return made;
}

/* expected NULL: nothing is to be written. What is written is never written once more. */
static void assert_merged(const char *current, const char *wanted, const char *expected)
{
	struct json_object *made = merged(current, wanted), *again;
	const char *text =
		made ? json_object_to_json_string_ext(made, JSON_C_TO_STRING_PLAIN |
								    JSON_C_TO_STRING_NOSLASHESCAPE)
		     : NULL;

	if (!expected) {
		assert_null(text);
		return;
	}
	assert_non_null(text);
	assert_string_equal(text, expected);
	again = merged(text, wanted);
	assert_null(again);
	json_object_put(made);
}

static void test_conditions_of_others_stay(void **state)
{
	(void)state;
	assert_merged(
		"{\"conditions\":[" CONDITION("Foreign", "True", "F", THEN, "1") "," CONDITION(
			"Accepted", "True", "Accepted", THEN, "3") "],\"other\":7}",
		"{\"conditions\":[" WANTED("Accepted", "False", "Invalid") "," WANTED(
			"Programmed", "True", "Programmed") "]}",
		"{\"conditions\":[" CONDITION("Foreign", "True", "F", THEN, "1") "," CONDITION(
			"Accepted", "False", "Invalid", NOW,
			"4") "," CONDITION("Programmed", "True", "Programmed", NOW,
					   "4") "],\"other\":7}");
}

static void test_time_is_that_of_the_transition(void **state)
{
	(void)state;
	assert_merged("{\"conditions\":[" CONDITION("Accepted", "True", "Accepted", THEN, "3") "]}",
		      "{\"conditions\":[" WANTED("Accepted", "True", "Other") "]}",
		      "{\"conditions\":[" CONDITION("Accepted", "True", "Other", THEN, "4") "]}");
	assert_merged("{\"conditions\":[" CONDITION("Accepted", "True", "Accepted", THEN, "4") "]}",
		      "{\"conditions\":[" WANTED("Accepted", "True", "Accepted") "]}", NULL);
}

/* As deep as can be read: each level is compared once, not twice as often as the one above it. */
static void test_deep_members(void **state)
{
	struct str deep = { 0 };
	_cleanup_(mem_freep) char *less = NULL;

	(void)state;
	str_addf(&deep, "{\"other\":");
	for (size_t i = 0; i < 29; i++)
		str_addf(&deep, "{\"a\":");
	less = mem_printf("%s1%.*s", deep.buf, 30, "}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}");
	str_addf(&deep, "1,\"b\":{\"c\":[]}%.*s", 30, "}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}");
	assert_merged(deep.buf, less, NULL);
	assert_merged(less, deep.buf, NULL);
	str_fini(&deep);
}

static void test_a_condition_that_shall_go(void **state)
{
	(void)state;
	assert_merged("{\"conditions\":[" CONDITION("A", "True", "R", THEN, "4") "," CONDITION(
			      "B", "True", "R", THEN, "4") "]}",
		      "{\"conditions\":[{\"type\":\"A\"},{\"type\":\"C\"}]}",
		      "{\"conditions\":[" CONDITION("B", "True", "R", THEN, "4") "]}");
	assert_merged(NULL, "{\"conditions\":[{\"type\":\"A\"}]}", NULL);
}

static void test_nothing_yet(void **state)
{
	(void)state;
	assert_merged(NULL, "{\"conditions\":[" WANTED("Accepted", "True", "R") "]}",
		      "{\"conditions\":[" CONDITION("Accepted", "True", "R", NOW, "4") "]}");
	assert_merged(NULL, "{}", NULL);
	assert_merged("{}", "{\"parents\":[],\"loadBalancer\":{}}", NULL);
}

static void test_listeners_are_ours(void **state)
{
	(void)state;
	assert_merged("{\"listeners\":[{\"name\":\"gone\",\"conditions\":[]},{\"name\":\"web\","
		      "\"attachedRoutes\":1,\"old\":1,\"conditions\":[" CONDITION(
			      "Conflicted", "True", "R", THEN,
			      "3") "," CONDITION("Accepted", "True", "R", THEN, "3") "]}]}",
		      "{\"listeners\":[{\"name\":\"new\",\"attachedRoutes\":0},{\"name\":\"web\","
		      "\"attachedRoutes\":2,\"conditions\":[" WANTED("Accepted", "True",
								     "R") "]}]}",
		      "{\"listeners\":[{\"name\":\"new\",\"attachedRoutes\":0},{\"name\":\"web\","
		      "\"attachedRoutes\":2,\"conditions\":[" CONDITION("Accepted", "True", "R",
									THEN, "4") "]}]}");
}

static void test_parents_of_others_stay_in_order(void **state)
{
	(void)state;
	/* b is written in another way, but the same; c is gone; d is new. */
	assert_merged(
		"{\"parents\":[" PARENT("a", "other/x", "{\"type\":\"X\"}") "," PARENT(
			"b", MINE,
			CONDITION("Accepted", "True", "R", THEN,
				  "4")) "," PARENT("b", "other/x",
						   "") "," PARENT("c", MINE,
								  "") "," PARENT("a", "other/y",
										 "") "]}",
		"{\"parents\":[" WANTED_PARENT("d", "") "," WANTED_PARENT(
			"b", WANTED("Accepted", "False", "R")) "]}",
		"{\"parents\":[" PARENT("a", "other/x", "{\"type\":\"X\"}") "," PARENT(
			"b", MINE,
			CONDITION("Accepted", "False", "R", NOW,
				  "4")) "," PARENT("b", "other/x",
						   "") "," PARENT("a", "other/y",
								  "") "," WANTED_PARENT("d",
											"") "]}");
}

static void test_parents_that_are_right(void **state)
{
	(void)state;
	assert_merged("{\"parents\":[" PARENT("a", "other/x", "") "," PARENT(
			      "b", MINE, CONDITION("Accepted", "True", "R", THEN, "4")) "]}",
		      "{\"parents\":[" WANTED_PARENT("b", WANTED("Accepted", "True", "R")) "]}",
		      NULL);
	assert_merged("{\"parents\":[" PARENT("a", "other/x", "") "]}", "{\"parents\":[]}", NULL);
	assert_merged("{\"parents\":[" PARENT("a", MINE, "") "]}", "{\"parents\":[]}",
		      "{\"parents\":[]}");
}

static void test_sections_and_ports_are_parents_of_their_own(void **state)
{
	(void)state;
	assert_merged("{\"parents\":[{\"parentRef\":{\"name\":\"b\",\"sectionName\":\"s\"},"
		      "\"controllerName\":\"" MINE "\"}]}",
		      "{\"parents\":[{\"parentRef\":{\"name\":\"b\",\"port\":80},"
		      "\"controllerName\":\"" MINE "\"}]}",
		      "{\"parents\":[{\"parentRef\":{\"name\":\"b\",\"port\":80},"
		      "\"controllerName\":\"" MINE "\"}]}");
}

/* A full list is the others'. */
static void test_thirty_two_parents(void **state)
{
	const char *wanted =
		"{\"parents\":[" WANTED_PARENT("a", "") "," WANTED_PARENT("b", "") "]}";
	struct str full = { 0 }, almost = { 0 };
	struct json_object *made, *parents = NULL, *whole;
	struct want want = { .namespace = (char[]){ "shop" }, .status = parse(wanted) };

	(void)state;
	for (int i = 0; i < 32; i++) {
		str_addf(&full, "%s{\"controllerName\":\"o/%d\"}", i ? "," : "", i);
		if (i < 31)
			str_addf(&almost, "%s{\"controllerName\":\"o/%d\"}", i ? "," : "", i);
	}
	str_addf(&full, "]}");
	str_addf(&almost, "]}");
	for (int i = 0; i < 2; i++) {
		_cleanup_(mem_freep) char *current =
			mem_printf("{\"parents\":[%s", i ? almost.buf : full.buf);

		made = merged(current, wanted);
		assert_true((made != NULL) == (i == 1));
		whole = made ? json_object_get(made) : parse(current);
		assert_int_equal(merge_left_out(&want, whole, MINE), 2 - i);
		json_object_put(whole);
		if (!made)
			continue;
		json_object_object_get_ex(made, "parents", &parents);
		assert_int_equal(json_object_array_length(parents), 32);
		json_object_put(made);
	}
	assert_int_equal(merge_left_out(&want, NULL, MINE), 2);
	json_object_put(want.status);
	str_fini(&full);
	str_fini(&almost);
}

/* Whoever may write a status may fill it. */
static void test_thousands_of_conditions(void **state)
{
	const size_t n = 5000;
	struct str current = { 0 };
	struct json_object *made, *conditions = NULL, *one;

	(void)state;
	str_addf(&current, "{\"conditions\":[");
	for (int twice = 0; twice < 2; twice++)
		for (size_t i = 0; i < n; i++)
			str_addf(&current, "{\"type\":\"t%zu\",\"status\":\"%d\"},", i, twice);
	str_addf(&current, "{\"type\":\"Mine\",\"status\":\"False\"}]}");
	made = merged(current.buf, "{\"conditions\":[" WANTED("Mine", "True", "R") "]}");
	str_fini(&current);
	assert_non_null(made);
	json_object_object_get_ex(made, "conditions", &conditions);
	assert_int_equal(json_object_array_length(conditions), n + 1);
	for (size_t i = 0; i < n; i++) {
		_cleanup_(mem_freep) char *text =
			mem_printf("{ \"type\": \"t%zu\", \"status\": \"0\" }", i);

		one = json_object_array_get_idx(conditions, i);
		assert_string_equal(json_object_to_json_string(one), text);
	}
	one = json_object_array_get_idx(conditions, n);
	json_object_object_get_ex(one, "status", &one);
	assert_string_equal(json_object_get_string(one), "True");
	json_object_put(made);
}

static void test_other_members_are_replaced(void **state)
{
	(void)state;
	assert_merged("{\"loadBalancer\":{\"ingress\":[{\"ip\":\"10.0.0.1\"}],\"x\":1},\"y\":2}",
		      "{\"loadBalancer\":{\"ingress\":[{\"ip\":\"10.0.0.2\"}]}}",
		      "{\"loadBalancer\":{\"ingress\":[{\"ip\":\"10.0.0.2\"}]},\"y\":2}");
	assert_merged("{\"loadBalancer\":{\"ingress\":[{\"ip\":\"10.0.0.1\"}]}}",
		      "{\"loadBalancer\":{}}", "{\"loadBalancer\":{}}");
}

/* Wrong types anywhere: what naru wants is written, and nothing falls over. */
static void test_broken_statuses(void **state)
{
	static const char *const values[] = { "7",
					      "\"text\"",
					      "[]",
					      "true",
					      "null",
					      "{\"a\":1}",
					      "[1,null,[]]",
					      "[{\"type\":1}]",
					      "[{\"name\":{}}]",
					      "[{\"x\":1}]",
					      "[{\"parentRef\":3}]" };
	const char *want = "{\"conditions\":[" WANTED(
		"A", "True",
		"R") "],\"listeners\":[{\"name\":"
		     "\"l\",\"conditions\":[" WANTED(
			     "A", "True",
			     "R") "]}],\"parents\":[" WANTED_PARENT("a",
								    WANTED("A", "True", "R")) "]}";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		static const char *const frames[] = {
			"%s",
			"{\"conditions\":%s,\"listeners\":%s,\"parents\":%s}",
			"{\"listeners\":[{\"name\":\"l\",\"conditions\":%s}],\"parents\":[{"
			"\"parentRef\":{\"name\":\"a\"},\"controllerName\":\"" MINE
			"\",\"conditions\":%s}],\"other\":%s}",
			"{\"parents\":[{\"parentRef\":%s,\"controllerName\":\"" MINE "\"},%s,%s]}",
		};

		for (size_t j = 0; j < ARRAY_SIZE(frames); j++) {
			struct str current = { 0 };
			struct json_object *made, *again;

			for (const char *c = frames[j]; *c; c++) {
				bool here = c[0] == '%';

				str_add(&current, here ? values[i] : c,
					here ? strlen(values[i]) : 1);
				c += here;
			}
			made = merged(current.buf, want);
			assert_non_null(made);
			again = merged(json_object_to_json_string(made), want);
			assert_null(again);
			json_object_put(made);
			str_fini(&current);
		}
	}
}

static void test_the_clock_of_a_broken_time(void **state)
{
	(void)state;
	assert_merged("{\"conditions\":[" CONDITION("A", "True", "R", "yesterday", "4") "]}",
		      "{\"conditions\":[" WANTED("A", "True", "R") "]}",
		      "{\"conditions\":[" CONDITION("A", "True", "R", NOW, "4") "]}");
}

static void test_patch(void **state)
{
	static const struct {
		const char *from, *to, *patch;
	} rows[] = {
		{ "{\"a\":1,\"b\":{\"c\":1,\"d\":2}}", "{\"a\":1,\"b\":{\"c\":1,\"d\":3}}",
		  "{\"b\":{\"d\":3}}" },
		{ "{\"a\":[1,2],\"b\":1}", "{\"a\":[1]}", "{\"b\":null,\"a\":[1]}" },
		{ "{\"a\":{\"b\":1}}", "{\"a\":{}}", "{\"a\":{\"b\":null}}" },
		{ "{\"a\":1}", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}" },
		{ "7", "{\"a\":1}", "{\"a\":1}" },
		{ "{\"a\":1}", "{\"a\":1}", "{}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *from = parse(rows[i].from), *to = parse(rows[i].to);
		struct json_object *patch = merge_patch(from, to);

		assert_string_equal(json_object_to_json_string_ext(patch, JSON_C_TO_STRING_PLAIN),
				    rows[i].patch);
		json_object_put(from);
		json_object_put(to);
		json_object_put(patch);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conditions_of_others_stay),
		cmocka_unit_test(test_time_is_that_of_the_transition),
		cmocka_unit_test(test_deep_members),
		cmocka_unit_test(test_a_condition_that_shall_go),
		cmocka_unit_test(test_nothing_yet),
		cmocka_unit_test(test_listeners_are_ours),
		cmocka_unit_test(test_parents_of_others_stay_in_order),
		cmocka_unit_test(test_parents_that_are_right),
		cmocka_unit_test(test_sections_and_ports_are_parents_of_their_own),
		cmocka_unit_test(test_thirty_two_parents),
		cmocka_unit_test(test_thousands_of_conditions),
		cmocka_unit_test(test_other_members_are_replaced),
		cmocka_unit_test(test_broken_statuses),
		cmocka_unit_test(test_the_clock_of_a_broken_time),
		cmocka_unit_test(test_patch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
