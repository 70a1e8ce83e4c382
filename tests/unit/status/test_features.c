// SPDX-License-Identifier: Apache-2.0
/* supportedFeatures: what the definition of GatewayClass demands of the list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "status/features.h"

#include <json-c/json.h>

#define FEATURES_MAX 64

static const char *name_of(struct json_object *list, size_t i)
{
	struct json_object *name;

	assert_true(json_object_object_get_ex(json_object_array_get_idx(list, i), "name", &name));
	return json_object_get_string(name);
}

static void ascending_and_few_enough(void **state)
{
	struct json_object *status = json_object_new_object(), *list;
	size_t n;

	(void)state;
	features_add(status);
	assert_true(json_object_object_get_ex(status, "supportedFeatures", &list));
	n = json_object_array_length(list);
	assert_in_range(n, 1, FEATURES_MAX);
	for (size_t i = 1; i < n; i++)
		assert_true(strcmp(name_of(list, i - 1), name_of(list, i)) < 0);
	json_object_put(status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ascending_and_few_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
