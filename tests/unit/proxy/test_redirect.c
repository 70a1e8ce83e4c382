/* SPDX-License-Identifier: Apache-2.0 */
/* Location: the cases of the Gateway API's conformance tests HTTPRouteRedirect*, and more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/redirect.h"
#include "rig.h"

struct row {
	/* what the rule says; NULL: nothing */
	const char *scheme, *host;
	uint16_t port, status;
	enum plan_path_change change;
	const char *replacement;
	/* what comes in */
	bool tls;
	uint16_t listener;
	const char *request_host, *path, *query;
	const char *expected;
};

static char *or_empty(const char *text)
{
	return mem_strdup(text ? text : "");
}

static void run(const struct row *row)
{
	struct plan_l7 l7 = { 0 };
	struct arena arena = { 0 };
	struct rule rule;
	struct table_hit hit = { .rule = &rule };
	const struct filter_client client = { .tls = row->tls, .port = row->listener };
	struct http_request request =
		rig_request(&arena, row->request_host ? row->request_host : "example.org",
			    row->path ? row->path : "/", row->query, NULL);
	struct http_response answer;

	rig_match(&l7, rig_rule(&l7, "r"), PLAN_PREFIX, "/original-prefix");
	free(l7.rules[0].redirect.scheme);
	free(l7.rules[0].redirect.host);
	free(l7.rules[0].redirect.path);
	l7.rules[0].redirect = (struct plan_redirect){
		.status = row->status ? row->status : 302,
		.scheme = or_empty(row->scheme),
		.host = or_empty(row->host),
		.port = row->port,
		.path_change = row->change,
		.path = or_empty(row->replacement),
	};
	rig_header(&l7.rules[0].response_headers.set, "x-set", "1");
	rule = (struct rule){ .plan = &l7.rules[0] };
	hit.match = &l7.matches[0];
	filter_redirect(&hit, &client, &request, &arena, &answer);
	assert_int_equal(answer.status, row->status ? row->status : 302);
	assert_int_equal(answer.framing, HTTP_LENGTH);
	assert_int_equal(answer.length, 0);
	assert_string_equal(rig_fields(&arena, &answer.fields),
			    arena_printf(&arena, "location: %s\nx-set: 1\n", row->expected));
	arena_fini(&arena);
	l7_fini(&l7);
}

#define PORT_80	  .listener = 80
#define PORT_8080 .listener = 8080
#define PORT_443  .listener = 443, .tls = true

static void test_rows(void **state)
{
	static const struct row rows[] = {
		/* HTTPRouteRedirectHostAndStatus */
		{ PORT_80, .host = "example.org", .expected = "http://example.org/" },
		{ PORT_80, .status = 301, .host = "a.org", .expected = "http://a.org/" },
		/* HTTPRoute303Redirect, 307, 308 */
		{ PORT_80, .status = 303, .expected = "http://example.org/" },
		{ PORT_80, .status = 307, .expected = "http://example.org/" },
		{ PORT_80, .status = 308, .expected = "http://example.org/" },
		/* HTTPRouteRedirectPath */
		{ PORT_80, .change = PLAN_PATH_PREFIX, .replacement = "/replacement-prefix",
		  .path = "/original-prefix/lemon",
		  .expected = "http://example.org/replacement-prefix/lemon" },
		{ PORT_80, .change = PLAN_PATH_FULL, .replacement = "/full-path-replacement",
		  .path = "/full/path/original",
		  .expected = "http://example.org/full-path-replacement" },
		{ PORT_80, .host = "a.org", .change = PLAN_PATH_PREFIX,
		  .replacement = "/replacement-prefix", .path = "/original-prefix",
		  .expected = "http://a.org/replacement-prefix" },
		{ PORT_80, .status = 301, .change = PLAN_PATH_PREFIX, .replacement = "/",
		  .path = "/original-prefix/x", .expected = "http://example.org/x" },
		/* HTTPRouteRedirectPort */
		{ PORT_80, .port = 8083, .expected = "http://example.org:8083/" },
		{ PORT_80, .port = 8083, .host = "a.org", .expected = "http://a.org:8083/" },
		/* HTTPRouteRedirectPortAndScheme, listener 80 */
		{ PORT_80, .expected = "http://example.org/" },
		{ PORT_80, .port = 80, .expected = "http://example.org/" },
		{ PORT_80, .port = 8080, .expected = "http://example.org:8080/" },
		{ PORT_80, .scheme = "https", .expected = "https://example.org/" },
		{ PORT_80, .scheme = "https", .port = 443, .expected = "https://example.org/" },
		{ PORT_80, .scheme = "https", .port = 8443,
		  .expected = "https://example.org:8443/" },
		/* listener 8080 */
		{ PORT_8080, .expected = "http://example.org:8080/" },
		{ PORT_8080, .port = 80, .expected = "http://example.org/" },
		{ PORT_8080, .scheme = "http", .expected = "http://example.org/" },
		{ PORT_8080, .scheme = "https", .expected = "https://example.org/" },
		{ PORT_8080, .scheme = "https", .port = 443, .expected = "https://example.org/" },
		{ PORT_8080, .scheme = "https", .port = 8443,
		  .expected = "https://example.org:8443/" },
		/* listener 443 */
		{ PORT_443, .expected = "https://example.org/" },
		{ PORT_443, .port = 443, .expected = "https://example.org/" },
		{ PORT_443, .port = 8443, .expected = "https://example.org:8443/" },
		{ PORT_443, .scheme = "http", .expected = "http://example.org/" },
		{ PORT_443, .scheme = "http", .port = 80, .expected = "http://example.org/" },
		{ PORT_443, .scheme = "http", .port = 8080,
		  .expected = "http://example.org:8080/" },
		/* 443 without TLS does not go without saying. */
		{ .listener = 443, .expected = "http://example.org:443/" },
		/* What is not replaced is kept. */
		{ PORT_80, .scheme = "https", .path = "/a/b", .query = "c=d&e",
		  .expected = "https://example.org/a/b?c=d&e" },
		{ PORT_80, .query = "", .expected = "http://example.org/?" },
		{ PORT_80, .request_host = "[2001:db8::1]", .port = 81,
		  .expected = "http://[2001:db8::1]:81/" },
		/* HTTP/1.0 without a host: nothing to put in front. */
		{ PORT_8080, .request_host = "", .path = "/a", .expected = "/a" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		run(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
