/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions of one match: method, headers, query parameters, regular expressions. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/match.h"
#include "rig.h"

struct row {
	const char *method, *header, *value, *query, *query_value; /* of the match; NULL: none */
	const char *request_method, *request_headers, *request_query;
	int result;
};

static int run(const struct row *row)
{
	struct plan_l7 l7 = { 0 };
	struct arena arena = { 0 }, own = { 0 };
	struct match_subject subject = { .scratch = regex_scratch_new(), .arena = &own };
	struct http_request request =
		rig_request(&arena, "a.b", "/x", row->request_query, row->request_headers);
	struct plan_match *plan;
	struct match match;
	char *error;
	int r;

	rig_match(&l7, rig_rule(&l7, "r"), PLAN_EXACT, "/x");
	plan = &l7.matches[0];
	if (row->method) {
		free(plan->method);
		plan->method = mem_strdup(row->method);
	}
	if (row->header)
		rig_value(&plan->headers, &plan->n_headers, row->header, row->value);
	if (row->query)
		rig_value(&plan->queries, &plan->n_queries, row->query, row->query_value);
	if (row->request_method)
		request.method = rig_text(row->request_method);
	subject.request = &request;
	assert_int_equal(match_init(&match, plan, NULL, &error), 0);
	r = match_test(&match, &subject);
	assert_int_equal(own.total, 0);
	match_fini(&match);
	regex_scratch_free(subject.scratch);
	arena_fini(&arena);
	arena_fini(&own);
	l7_fini(&l7);
	return r;
}

static void test_rows(void **state)
{
	static const struct row rows[] = {
		{ .result = 1 },
		{ .method = "GET", .result = 1 },
		{ .method = "GET", .request_method = "POST" },
		{ .method = "GET", .request_method = "get" },
		{ .method = "GET", .request_method = "GETS" },
		{ .header = "x-v", .value = "2", .request_headers = "x-v: 2", .result = 1 },
		{ .header = "x-v", .value = "2", .request_headers = "x-v: 22" },
		{ .header = "x-v", .value = "2", .request_headers = "x-v: " },
		{ .header = "x-v", .value = "2", .request_headers = "x-v2: 2" },
		{ .header = "x-v", .value = "2" },
		{ .header = "x-v", .value = "", .request_headers = "x-v: ", .result = 1 },
		{ .header = "x-v", .value = "a", .request_headers = "x-v: A" },
		/* Several fields are one value. */
		{ .header = "x-v",
		  .value = "1,2,3",
		  .request_headers = "x-v: 1\nb: c\nx-v: 2\nd: e\nx-v: 3",
		  .result = 1 },
		{ .header = "x-v", .value = "1", .request_headers = "x-v: 1\nx-v: 2" },
		{ .header = "x-v",
		  .value = "~.*2.*",
		  .request_headers = "x-v: 1\nx-v: 2",
		  .result = 1 },
		{ .header = "x-v", .value = "~[0-9]+", .request_headers = "x-v: 12", .result = 1 },
		/* Anchored at both ends. */
		{ .header = "x-v", .value = "~[0-9]+", .request_headers = "x-v: 12a" },
		{ .header = "x-v", .value = "~[0-9]+", .request_headers = "x-v: a12" },
		/* No field of the message, but what the client said. */
		{ .header = "host", .value = "a.b", .result = 1 },
		{ .header = "host", .value = "a.c" },
		{ .query = "v", .query_value = "2", .request_query = "a=1&v=2", .result = 1 },
		{ .query = "v", .query_value = "2", .request_query = "v=3&v=2" },
		{ .query = "v", .query_value = "a b", .request_query = "v=a%20b", .result = 1 },
		{ .query = "v", .query_value = "2", .request_query = "V=2" },
		{ .query = "v", .query_value = "2", .request_query = "" },
		{ .query = "v", .query_value = "2" },
		{ .query = "v", .query_value = "~2+", .request_query = "v=222", .result = 1 },
		/* All conditions count. */
		{ .method = "GET",
		  .header = "x-v",
		  .value = "2",
		  .query = "v",
		  .query_value = "2",
		  .request_headers = "x-v: 2",
		  .request_query = "v=2",
		  .result = 1 },
		{ .header = "x-v",
		  .value = "2",
		  .query = "v",
		  .query_value = "2",
		  .request_headers = "x-v: 2",
		  .request_query = "v=1" },
		/* A limit is no answer. */
		{ .header = "x-v",
		  .value = "~(a+)+",
		  .request_headers = "x-v: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac",
		  .result = -ELOOP },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = run(&rows[i]);

		if (r != rows[i].result)
			fail_msg("row %zu: %d", i, r);
	}
}

static void test_broken_expression(void **state)
{
	struct plan_l7 l7 = { 0 };
	struct match match;
	char *error = NULL;

	(void)state;
	rig_match(&l7, rig_rule(&l7, "r"), PLAN_REGEX, "/a");
	rig_value(&l7.matches[0].headers, &l7.matches[0].n_headers, "b", "~(");
	assert_int_equal(match_init(&match, &l7.matches[0], NULL, &error), -EINVAL);
	assert_non_null(error);
	free(error);
	match_fini(&match);
	l7_fini(&l7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_broken_expression),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
