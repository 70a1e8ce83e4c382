/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions: whole texts only, bytes, bounded work, reasons for what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/regex.h"

static int match(const char *pattern, const char *text, size_t len)
{
	struct regex_scratch *scratch = regex_scratch_new();
	struct regex *regex;
	char *error;
	int r;

	assert_int_equal(regex_new(pattern, &regex, &error), 0);
	r = regex_match(regex, scratch, text, len);
	regex_free(regex);
	regex_scratch_free(scratch);
	return r;
}

static void test_match(void **state)
{
	static const struct {
		const char *pattern, *text;
		int match;
	} rows[] = {
		{ "/v[0-9]+", "/v12", 1 },
		{ "/v[0-9]+", "/v12/", 0 },
		{ "/v[0-9]+", "x/v12", 0 },
		{ "/a|/abc", "/abc", 1 }, /* the end binds every alternative */
		{ "/a|/b", "/b", 1 },
		{ "(/x)(/y)(/z)?.*", "/x/y/z", 1 },
		{ "", "", 1 },
		{ "", "a", 0 },
		{ "/a$", "/a\n", 0 },
		{ "/caf\xc3\xa9", "/caf\xc3\xa9", 1 },
		{ "/.", "/\xff", 1 },
		{ "/(?i)index", "/INDEX", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(match(rows[i].pattern, rows[i].text, strlen(rows[i].text)),
				 rows[i].match);
	assert_int_equal(match("/a.b", "/a\0b", 4), 1);
	assert_int_equal(match("", NULL, 0), 1);
}

/* Given up is not "no match". */
static void test_limit(void **state)
{
	char text[64];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = 'b';
	assert_int_equal(match("(a+)+$", text, sizeof(text)), -ELOOP);
	assert_int_equal(match("(a|aa)+[cd]", text, sizeof(text)), -ELOOP);
	assert_int_equal(match("(?R)?[a-c]+x?", text, sizeof(text)), -ELOOP);
}

static void test_refused(void **state)
{
	static const char *const patterns[] = { "(",	   "[",
						"a{2,1}",  "*",
						"\\",	   "(*UTF)a",
						"(*UCP)a", "((((((a{1000}){1000}){1000}))))" };
	struct regex *regex;
	char longest[REGEX_PATTERN_MAX + 2];
	char *error;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		assert_int_equal(regex_new(patterns[i], &regex, &error), -EINVAL);
		assert_true(strlen(error) > 5);
		free(error);
		error = regex_check(patterns[i]);
		assert_non_null(error);
		free(error);
	}
	memset(longest, 'a', sizeof(longest));
	longest[REGEX_PATTERN_MAX + 1] = 0;
	error = regex_check(longest);
	assert_string_equal(error, "longer than 1024 bytes");
	free(error);
	longest[REGEX_PATTERN_MAX] = 0;
	assert_null(regex_check(longest));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
