// SPDX-License-Identifier: Apache-2.0
/* YAML as JSON: scalars, several documents, aliases, lines, and what is refused. */
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/yamldoc.h"

/* Each document as "LINE:VALUE" or "LINE!REASON", faults as "~LINE:REASON", one a line. */
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

static char *read_yaml(const char *text)
{
	struct str out = { 0 };

	str_add(&out, "", 0);
	yamldoc_read(text, strlen(text), print, &out);
	return out.buf;
}

static void assert_yaml(const char *text, const char *expected)
{
	_cleanup_(mem_freep) char *out = read_yaml(text);

	assert_string_equal(out, expected);
}

static void scalars_mean_what_they_mean_to_kubectl(void **state)
{
	static const char *const rows[][2] = {
		{ "", "null" },
		{ "~", "null" },
		{ "null", "null" },
		{ "NULL", "null" },
		{ "nULL", "\"nULL\"" },
		{ "true", "true" },
		{ "True", "true" },
		{ "on", "true" },
		{ "Yes", "true" },
		{ "y", "true" },
		{ "false", "false" },
		{ "OFF", "false" },
		{ "no", "false" },
		{ "'true'", "\"true\"" },
		{ "\"80\"", "\"80\"" },
		{ "80", "80" },
		{ "-80", "-80" },
		{ "+80", "80" },
		{ "0", "0" },
		{ "-0", "0" },
		{ "0x50", "80" },
		{ "0o17", "15" },
		{ "017", "15" },
		{ "0b101", "5" },
		{ "1_000", "1000" },
		{ "0x", "\"0x\"" },
		{ "0xg", "\"0xg\"" },
		{ "0b12", "\"0b12\"" },
		{ "1e3", "1e3" },
		{ "1.50", "1.50" },
		{ ".5", ".5" },
		{ "-1.", "-1." },
		{ ".", "\".\"" },
		{ "1.2.3", "\"1.2.3\"" },
		{ "10.0.0.1", "\"10.0.0.1\"" },
		{ "1e", "\"1e\"" },
		{ "+", "\"+\"" },
		{ "- -", "[[null]]" },
		{ ".inf", "\".inf\"" },
		{ ".nan", "\".nan\"" },
		{ "2026-11-22", "\"2026-11-22\"" },
		{ "12:30", "\"12:30\"" },
		{ "9223372036854775807", "9223372036854775807" },
		{ "18446744073709551615", "18446744073709551615" },
		{ "-9223372036854775808", "-9223372036854775808" },
		{ "-9223372036854775809", "-9223372036854775809" },
		{ "!!str 80", "\"80\"" },
		{ "!!int \"80\"", "80" },
		{ "! 80", "\"80\"" },
		{ "!mine x", "\"x\"" },
		{ "|\n  a\n  b\n", "\"a\\nb\\n\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(mem_freep) char *text = mem_printf("v: %s", rows[i][0]);
		_cleanup_(mem_freep) char *expected = mem_printf("1:{\"v\":%s}\n", rows[i][1]);

		if (!strcmp(rows[i][0], "- -")) {
			mem_freep(&text);
			text = mem_printf("v:\n- -");
		}
		assert_yaml(text, expected);
	}
}

static void documents_are_apart(void **state)
{
	(void)state;
	assert_yaml("", "");
	assert_yaml("# only words\n", "");
	assert_yaml("---\n---\n# a\n--- \n", "");
	assert_yaml("a: 1\n---\n\nb: 2\n--- {c: 3}\n...\n---\n- d\n",
		    "1:{\"a\":1}\n4:{\"b\":2}\n5:{\"c\":3}\n8:[\"d\"]\n");
	assert_yaml("a: |\n  ---\n  b\n---x: 1\n", "1:{\"a\":\"---\\nb\\n\",\"---x\":1}\n");
	assert_yaml("%YAML 1.1\n---\na: 1\n---\nb: 2\n", "3:{\"a\":1}\n5:{\"b\":2}\n");
}

static void a_wrong_document_leaves_the_others(void **state)
{
	(void)state;
	assert_yaml(
		"a: 1\n---\nb: [\n---\nc: 3\n",
		"1:{\"a\":1}\n4!not valid YAML: while parsing a flow node, did not find expected "
		"node content\n5:{\"c\":3}\n");
}

static void keys_there_twice_are_faults(void **state)
{
	(void)state;
	assert_yaml("a: 1\nb:\n  c: 1\n  c: 2\n", "1:{\"a\":1,\"b\":{\"c\":1}}\n"
						  "~4:key \"c\" is there twice\n");
	assert_yaml("a: null\na: 1\n", "1:{\"a\":null}\n~2:key \"a\" is there twice\n");
}

static void aliases_and_merge_keys_are_taken(void **state)
{
	(void)state;
	assert_yaml("a: &x [1, 2]\nb: *x\n", "1:{\"a\":[1,2],\"b\":[1,2]}\n");
	assert_yaml("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\n",
		    "1:{\"a\":{\"p\":1,\"q\":2},\"b\":{\"q\":3,\"p\":1}}\n");
	assert_yaml("b: {<<: [{p: 1}, {p: 2, q: 3}]}\n", "1:{\"b\":{\"p\":1,\"q\":3}}\n");
	assert_yaml("b: {<<: 1}\n", "1!merge key: expected an object or a list of objects\n");
	assert_yaml("b: {<<: {}, <<: {}}\n", "1:{\"b\":{}}\n~1:key \"<<\" is there twice\n");
	assert_yaml("a: *x\n", "1!alias *x: there is no such anchor before it\n");
	assert_yaml("a: &x [*x]\n", "1!alias *x: there is no such anchor before it\n");
	assert_yaml("a: &x 1\n---\nb: *x\n",
		    "1:{\"a\":1}\n3!alias *x: there is no such anchor before it\n");
}

static void a_bomb_of_aliases_is_refused(void **state)
{
	struct str text = { 0 };

	(void)state;
	str_addf(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 12; i++) {
		str_addf(&text, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			str_addf(&text, "*a%d,", i - 1);
		str_addf(&text, "]\n");
	}
	assert_yaml(text.buf, "5!aliases expand to more than 100000 values\n");
	str_fini(&text);
}

static void deep_nesting_is_refused(void **state)
{
	struct str text = { 0 };
	_cleanup_(mem_freep) char *out = NULL;

	(void)state;
	for (int i = 0; i < DOCUMENT_DEPTH_MAX; i++)
		str_addf(&text, "[");
	for (int i = 0; i < DOCUMENT_DEPTH_MAX; i++)
		str_addf(&text, "]");
	out = read_yaml(text.buf);
	assert_null(strchr(out, '!'));
	str_fini(&text);
	for (int i = 0; i < 100000; i++)
		str_addf(&text, "[");
	assert_yaml(text.buf, "1!nested deeper than 64 levels\n");
	str_fini(&text);
}

static void only_strings_are_keys(void **state)
{
	(void)state;
	assert_yaml("{[a]: 1}", "1!expected a string as key\n");
	assert_yaml("\"a\\0b\": 1", "1!there is a NUL byte in a key\n");
	assert_yaml("1: a\n", "1:{\"1\":\"a\"}\n");
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
	static const char text[] = "---\na: 1\nb:\n- x\n- y\n";
	int line = 0;

	(void)state;
	yamldoc_read(text, sizeof(text) - 1, find_line, &line);
	assert_int_equal(line, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_mean_what_they_mean_to_kubectl),
		cmocka_unit_test(documents_are_apart),
		cmocka_unit_test(a_wrong_document_leaves_the_others),
		cmocka_unit_test(keys_there_twice_are_faults),
		cmocka_unit_test(aliases_and_merge_keys_are_taken),
		cmocka_unit_test(a_bomb_of_aliases_is_refused),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(only_strings_are_keys),
		cmocka_unit_test(values_know_their_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
