// SPDX-License-Identifier: Apache-2.0
/* JSON out: commas, nesting, escapes, text that is not UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static void commas_stand_between_elements(void **state)
{
	struct str out = { 0 };
	struct json json = { .out = &out };

	(void)state;
	json_object_begin(&json, NULL);
	json_string(&json, "a", "x");
	json_array_begin(&json, "b");
	json_uint(&json, NULL, UINT64_MAX);
	json_object_begin(&json, NULL);
	json_object_end(&json);
	json_array_begin(&json, NULL);
	json_array_end(&json);
	json_array_end(&json);
	json_bool(&json, "c", true);
	json_bool(&json, "d", false);
	json_object_end(&json);
	assert_string_equal(out.buf, "{\"a\":\"x\",\"b\":[18446744073709551615,{},[]],"
				     "\"c\":true,\"d\":false}");
	str_fini(&out);
}

static void strings_are_escaped(void **state)
{
	struct str out = { 0 };
	struct json json = { .out = &out };

	(void)state;
	json_array_begin(&json, NULL);
	json_string(&json, NULL, "a\"b\\c\n\x1f\x7f");
	json_string(&json, NULL, "나루");
	json_string(&json, NULL, "\xff|\xe0\x80\x80|\xed\xa0\x80|\xc3");
	json_array_end(&json);
	assert_string_equal(out.buf,
			    "[\"a\\\"b\\\\c\\u000a\\u001f\\u007f\",\"나루\","
			    "\"\\ufffd|\\ufffd\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd|\\ufffd\"]");
	str_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_stand_between_elements),
		cmocka_unit_test(strings_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
