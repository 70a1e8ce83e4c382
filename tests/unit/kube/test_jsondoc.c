// SPDX-License-Identifier: Apache-2.0
/* JSON documents: strictness, several in one file, lines, keys that are there twice. */
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/jsondoc.h"

static void print(void *arg, const struct document *document)
{
	struct str *out = arg;

	if (document->unreadable)
		str_addf(out, "%d!%s\n", document->line, document->unreadable);
	else
		str_addf(out, "%d:%s\n", document->line,
			 json_object_to_json_string_ext(document->root, JSON_C_TO_STRING_PLAIN));
	for (size_t i = 0; i < document->n_faults; i++)
		str_addf(out, "~%d:%s\n", document->faults[i].line, document->faults[i].reason);
}

static void assert_json(const char *text, const char *expected)
{
	struct str out = { 0 };

	str_add(&out, "", 0);
	jsondoc_read(text, strlen(text), print, &out);
	assert_string_equal(out.buf, expected);
	str_fini(&out);
}

static void documents_follow_each_other(void **state)
{
	(void)state;
	assert_json("", "");
	assert_json(" \n ", "");
	assert_json("{\"a\":1}{\"b\":[1,2.50,null]}\n\n[true]\n",
		    "1:{\"a\":1}\n1:{\"b\":[1,2.50,null]}\n3:[true]\n");
}

static void what_is_no_json_ends_the_file(void **state)
{
	(void)state;
	assert_json("{\"a\":1}\n{\"b\":\n", "1:{\"a\":1}\n3!not valid JSON: the text ends in the "
					    "middle of a value\n");
	assert_json("{'a':1}", "1:{\"a\":1}\n~1:a key is not in double quotes\n");
	assert_json("{\"a\":1,}", "1!not valid JSON: unexpected character\n");
	assert_json("/* c */ {}", "1!not valid JSON: unexpected character\n");
	assert_json("\n{\"a\":tru}", "2!not valid JSON: boolean expected\n");
}

static void keys_there_twice_are_faults(void **state)
{
	(void)state;
	assert_json("{\"a\":1,\"a\":2}", "1:{\"a\":2}\n~1:a key is there twice\n");
	assert_json("{\n\"x\":{\"a\":null,\n\"a\":null}}",
		    "1:{\"x\":{\"a\":null}}\n~2:a key is there twice\n");
	assert_json("{\"a\":{\"x\":[1,{}]},\"a\":[]}", "1:{\"a\":[]}\n~1:a key is there twice\n");
	assert_json("{\"a\\\"\":1,\"a\":{\"}\":\"]\"}}", "1:{\"a\\\"\":1,\"a\":{\"}\":\"]\"}}\n");
}

static void deep_nesting_is_refused(void **state)
{
	struct str text = { 0 };

	(void)state;
	for (int i = 0; i < 100000; i++)
		str_addf(&text, "[");
	assert_json(text.buf, "1!not valid JSON: nesting too deep\n");
	str_fini(&text);
}

static void find_line(void *arg, const struct document *document)
{
	struct json_object *value = NULL, *item;

	json_object_object_get_ex(document->root, "b", &value);
	item = json_object_array_get_idx(value, 1);
	*(int *)arg = document_line(item);
}

static void values_know_their_lines(void **state)
{
	static const char text[] = "{\n\"a\": \"x\\\"\\\\\",\n\"b\": [ 1,\n\n {} ]\n}";
	int line = 0;

	(void)state;
	jsondoc_read(text, sizeof(text) - 1, find_line, &line);
	assert_int_equal(line, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_follow_each_other),
		cmocka_unit_test(what_is_no_json_ends_the_file),
		cmocka_unit_test(keys_there_twice_are_faults),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(values_know_their_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
