// SPDX-License-Identifier: Apache-2.0
/* What nodes say that they serve: from verdicts, to the API and back, whatever comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "plan/verdict.h"
#include "status/inforce.h"

#include <json-c/json.h>

static void add(struct verdicts *verdicts, const char *name, int64_t generation, enum verdict_id id)
{
	struct verdict_gateway *gateway = &verdicts->gateways[verdicts->n_gateways++];

	*gateway = (struct verdict_gateway){
		.namespace = mem_strdup("shop"),
		.name = mem_strdup(name),
		.generation = generation,
	};
	verdict_say(&gateway->conditions, id, "");
}

static struct verdicts *judged(void)
{
	struct verdicts *verdicts = mem_new(sizeof(*verdicts));

	verdicts->gateways = mem_array(3, sizeof(*verdicts->gateways));
	add(verdicts, "a", 3, VERDICT_GATEWAY_ACCEPTED);
	add(verdicts, "b", 4, VERDICT_GATEWAY_NO_LISTENER);
	add(verdicts, "c", 5, VERDICT_GATEWAY_SOME_LISTENERS);
	return verdicts;
}

static void free_judged(struct verdicts *verdicts)
{
	verdict_fini(verdicts);
	free(verdicts);
}

static void test_what_is_accepted_is_in_force(void **state)
{
	struct verdicts *verdicts = judged();
	struct inforce inforce = { 0 };

	(void)state;
	assert_false(inforce_has(&inforce, "shop", "a", 0));
	inforce_take(verdicts, NULL, &inforce);
	assert_int_equal(inforce.n, 2);
	assert_true(inforce_has(&inforce, "shop", "a", 3));
	assert_true(inforce_has(&inforce, "shop", "a", 2));
	assert_false(inforce_has(&inforce, "shop", "a", 4));
	assert_false(inforce_has(&inforce, "shop", "b", 1));
	assert_true(inforce_has(&inforce, "shop", "c", 5));
	assert_false(inforce_has(&inforce, "other", "a", 1));
	inforce_fini(&inforce);
	free_judged(verdicts);
}

static void test_there_and_back(void **state)
{
	struct verdicts *verdicts = judged();
	struct inforce inforce = { 0 }, back = { 0 };
	struct json_object *list;

	(void)state;
	inforce_take(verdicts, NULL, &inforce);
	list = inforce_format(&inforce);
	inforce_parse(list, &back);
	assert_true(inforce_equal(&inforce, &back));
	back.items[1].generation++;
	assert_false(inforce_equal(&inforce, &back));
	json_object_put(list);
	inforce_fini(&inforce);
	inforce_fini(&back);
	free_judged(verdicts);
}

static void test_whatever_comes(void **state)
{
	static const char *const texts[] = {
		"7",
		"{}",
		"[]",
		"[null,7,[],{}]",
		"[{\"name\":7,\"generation\":1}]",
		"[{\"name\":\"a\",\"generation\":\"1\"}]",
	};
	struct inforce inforce = { 0 };
	struct json_object *list;

	(void)state;
	inforce_parse(NULL, &inforce);
	assert_int_equal(inforce.n, 0);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		list = json_tokener_parse(texts[i]);
		inforce_parse(list, &inforce);
		assert_int_equal(inforce.n, 0);
		json_object_put(list);
	}
	list = json_tokener_parse(
		"[{\"namespace\":\"z\",\"name\":\"b\",\"generation\":2},{\"name\":"
		"\"a\",\"generation\":1},{\"namespace\":\"a\",\"name\":\"b\","
		"\"generation\":3}]");
	inforce_parse(list, &inforce);
	assert_true(inforce_has(&inforce, "z", "b", 2));
	assert_true(inforce_has(&inforce, "", "a", 1));
	assert_true(inforce_has(&inforce, "a", "b", 3));
	json_object_put(list);
	inforce_fini(&inforce);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_accepted_is_in_force),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_whatever_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
