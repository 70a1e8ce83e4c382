// SPDX-License-Identifier: Apache-2.0
/* Wiping a document leaves none of its texts. Reading has tests of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "kube/document.h"

static void assert_zeros(struct json_object *text, int len)
{
	assert_int_equal(json_object_get_string_len(text), len);
	for (int i = 0; i < len; i++)
		assert_int_equal(json_object_get_string(text)[i], 0);
}

static void wiping_reaches_every_text(void **state)
{
	struct json_object *root = json_tokener_parse(
		"{\"a\": \"short\", \"b\": [1, null, {\"c\": \"a text that is so long that it is "
		"not kept in the value itself\"}], \"d\": true, \"e\": \"\"}");
	struct json_object *list = json_object_object_get(root, "b");

	(void)state;
	assert_non_null(root);
	document_wipe(root);
	assert_zeros(json_object_object_get(root, "a"), 5);
	assert_zeros(json_object_object_get(json_object_array_get_idx(list, 2), "c"), 62);
	assert_int_equal(json_object_get_int(json_object_array_get_idx(list, 0)), 1);
	assert_zeros(json_object_object_get(root, "e"), 0);
	json_object_put(root);
	document_wipe(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wiping_reaches_every_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
