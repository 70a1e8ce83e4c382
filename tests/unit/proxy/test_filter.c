/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on their way through: what goes, what comes, what a rule changes, F12 by name. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/filter.h"
#include "rig.h"

#define ID  "x-request-id: 1\n"
#define FOR "x-forwarded-for: 10.0.0.9\nx-forwarded-proto: http\n"

struct rig {
	struct plan_l7 l7;
	struct arena arena;
	struct rule rule;
	struct table_hit hit;
	struct filter_client client;
	struct http_request out;
};

static void rig_init(struct rig *rig)
{
	*rig = (struct rig){
		.client = { .addr = { { [10] = 0xff, 0xff, 10, 0, 0, 9 } }, .port = 80 },
	};
	rig_match(&rig->l7, rig_rule(&rig->l7, "r"), PLAN_PREFIX, "/foo");
	rig->rule.plan = &rig->l7.rules[0];
	rig->hit = (struct table_hit){ .rule = &rig->rule, .match = &rig->l7.matches[0] };
}

static void rig_fini(struct rig *rig)
{
	arena_fini(&rig->arena);
	l7_fini(&rig->l7);
}

static struct plan_rule *plan(struct rig *rig)
{
	return &rig->l7.rules[0];
}

/* The fields that go upstream; NULL: refused. */
static const char *pass(struct rig *rig, const char *headers)
{
	struct http_request in = rig_request(&rig->arena, "a.b", "/foo/bar", "q=1", headers);
	char *before = rig_fields(&rig->arena, &in.fields);
	int r = filter_request(&rig->hit, &rig->client, &in, &rig->arena, &rig->out);

	assert_string_equal(rig_fields(&rig->arena, &in.fields), before);
	assert_true(!r || r == -EINVAL);
	return r ? NULL : rig_fields(&rig->arena, &rig->out.fields);
}

static void test_hop_by_hop(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	assert_string_equal(
		pass(&rig, "accept: */*\nconnection: close, X-Mine\nkeep-alive: 5\nx-mine: 1\n"
			   "te: trailers\ntrailer: x\nproxy-connection: close\nupgrade: h2c\n"
			   "http2-settings: A\nproxy-authorization: b\nx-your: 2\n" ID),
		"accept: */*\nx-your: 2\n" FOR ID);
	assert_null(pass(&rig, "connection: x y"));
	rig_fini(&rig);
}

/* F12 */
static void test_nothing_is_nominated_away(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	assert_string_equal(
		pass(&rig, "authorization: a\ncookie: b\ncontent-type: c\n" ID
			   "connection: Authorization, Cookie, Content-Type, Host, X-Request-Id\n"
			   "connection: X-Forwarded-For, X-Forwarded-Proto, Content-Length\n"),
		"authorization: a\ncookie: b\ncontent-type: c\n" FOR ID);
	assert_true(http_text_equal(rig.out.authority, HTTP_TEXT("a.b")));
	rig_fini(&rig);
}

/* F12: a field that has decided on the route goes to the backend of that route. */
static void test_routing_field_is_kept(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_value(&rig.l7.matches[0].headers, &rig.l7.matches[0].n_headers, "x-canary", "1");
	assert_string_equal(pass(&rig, "x-canary: 1\nx-b: 2\nconnection: x-canary, x-b\n" ID),
			    "x-canary: 1\n" FOR ID);
	rig_fini(&rig);
}

/* X1 */
static void test_strangers(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	assert_string_equal(pass(&rig,
				 "x-forwarded-host: evil\nx-forwarded-port: 1\nforwarded: for=1\n"
				 "x-envoy-internal: true\nx-forwarded-client-cert: x\n"
				 "x-forwarded-proto: https\n" ID),
			    FOR ID);
	assert_string_equal(pass(&rig, "x-forwarded-for: 1.1.1.1\nx-forwarded-for: \n" ID
				       "x-forwarded-for: 2.2.2.2, 3.3.3.3\n"),
			    "x-forwarded-for: 1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.0.9\n"
			    "x-forwarded-proto: http\n" ID);
	rig.client = (struct filter_client){
		.addr = { { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } },
		.tls = true,
	};
	assert_string_equal(pass(&rig, ID), "x-forwarded-for: 2001:db8::1\n"
					    "x-forwarded-proto: https\n" ID);
	rig_fini(&rig);
}

static struct http_text request_id(const struct rig *rig)
{
	return http_fields_get(&rig->out.fields, HTTP_X_REQUEST_ID)->value;
}

static void test_request_id(void **state)
{
	struct http_text first, second;
	char long_id[160] = "x-request-id: ";
	struct rig rig;

	(void)state;
	rig_init(&rig);
	pass(&rig, NULL);
	first = request_id(&rig);
	pass(&rig, NULL);
	second = request_id(&rig);
	assert_int_equal(first.len, 32);
	assert_false(http_text_equal(first, second));
	for (size_t i = 0; i < first.len; i++)
		assert_non_null(strchr("0123456789abcdef", first.at[i]));
	pass(&rig, "x-request-id: mine");
	assert_true(http_text_equal(request_id(&rig), HTTP_TEXT("mine")));
	/* Not ids, or not one. */
	pass(&rig, "x-request-id: a b");
	assert_int_equal(request_id(&rig).len, 32);
	pass(&rig, "x-request-id: ");
	assert_int_equal(request_id(&rig).len, 32);
	pass(&rig, "x-request-id: a\nx-request-id: b");
	assert_int_equal(request_id(&rig).len, 32);
	memset(long_id + 14, 'a', 128);
	pass(&rig, long_id);
	assert_int_equal(request_id(&rig).len, 128);
	memset(long_id + 14, 'a', 129);
	pass(&rig, long_id);
	assert_int_equal(request_id(&rig).len, 32);
	rig_fini(&rig);
}

/* More ids than one draw of random bytes yields. */
static void test_request_ids_differ(void **state)
{
	struct http_text ids[200];
	struct rig rig;

	(void)state;
	rig_init(&rig);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		pass(&rig, NULL);
		ids[i] = request_id(&rig);
		for (size_t k = 0; k < i; k++)
			assert_false(http_text_equal(ids[i], ids[k]));
	}
	rig_fini(&rig);
}

static void test_header_changes(void **state)
{
	struct plan_header_change *change;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	change = &plan(&rig)->request_headers;
	RIG_APPEND(change->remove, change->n_remove, mem_strdup("x-gone"));
	rig_header(&change->set, "x-set", "new");
	rig_header(&change->set, "x-gone", "back");
	rig_header(&change->add, "x-add", "2");
	assert_string_equal(pass(&rig, "x-gone: 1\nx-set: 1\nx-set: 2\nx-add: 1\nx-gone: 2\n" ID),
			    "x-add: 1\n" FOR ID "x-set: new\nx-gone: back\nx-add: 2\n");
	rig_fini(&rig);
}

/* No rule gets at the framing. */
static void test_framing_is_ours(void **state)
{
	struct plan_header_change *change;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	change = &plan(&rig)->request_headers;
	rig_header(&change->set, "content-length", "5");
	rig_header(&change->add, "transfer-encoding", "chunked");
	rig_header(&change->add, "connection", "close");
	rig_header(&change->add, "host", "c.d");
	assert_string_equal(pass(&rig, ID), FOR ID);
	assert_true(http_text_equal(rig.out.authority, HTTP_TEXT("a.b")));
	rig_header(&change->set, "host", "c.d:81");
	assert_string_equal(pass(&rig, ID), FOR ID);
	assert_true(http_text_equal(rig.out.authority, HTTP_TEXT("c.d:81")));
	assert_true(http_text_equal(rig.out.host, HTTP_TEXT("c.d")));
	rig_header(&change->set, "host", "e f");
	pass(&rig, ID);
	assert_true(http_text_equal(rig.out.authority, HTTP_TEXT("c.d:81")));
	rig_fini(&rig);
}

static void test_rewrite(void **state)
{
	struct plan_rewrite *rewrite;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rewrite = &plan(&rig)->rewrite;
	pass(&rig, NULL);
	assert_true(http_text_equal(rig.out.path, HTTP_TEXT("/foo/bar")));
	free(rewrite->host);
	free(rewrite->path);
	rewrite->host = mem_strdup("other.org");
	rewrite->path = mem_strdup("/xyz");
	rewrite->path_change = PLAN_PATH_PREFIX;
	pass(&rig, NULL);
	assert_true(http_text_equal(rig.out.path, HTTP_TEXT("/xyz/bar")));
	assert_true(http_text_equal(rig.out.query, HTTP_TEXT("q=1")));
	assert_true(http_text_equal(rig.out.authority, HTTP_TEXT("other.org")));
	rig_fini(&rig);
}

static void test_response(void **state)
{
	struct plan_header_change *change;
	struct http_response in = { .status = 200 }, out;
	struct http_request fields;
	struct rig rig;

	(void)state;
	rig_init(&rig);
	change = &plan(&rig)->response_headers;
	RIG_APPEND(change->remove, change->n_remove, mem_strdup("x-powered-by"));
	rig_header(&change->set, "x-set", "1");
	rig_header(&change->add, "set-cookie", "b");
	rig_header(&change->add, "content-length", "5");
	fields = rig_request(&rig.arena, "", "", NULL,
			     "server: s\nconnection: x-own, set-cookie\nkeep-alive: 5\nx-own: 1\n"
			     "set-cookie: a\nproxy-authenticate: p\nx-powered-by: c\n"
			     "transfer-encoding: chunked\nx-envoy-kept: 1\n");
	in.fields = fields.fields;
	assert_int_equal(filter_response(&rig.rule, &in, &rig.arena, &out), 0);
	assert_int_equal(out.status, 200);
	assert_string_equal(rig_fields(&rig.arena, &out.fields),
			    "server: s\nset-cookie: a\nx-envoy-kept: 1\nx-set: 1\nset-cookie: b\n");
	fields = rig_request(&rig.arena, "", "", NULL, "connection: a b");
	in.fields = fields.fields;
	assert_int_equal(filter_response(&rig.rule, &in, &rig.arena, &out), -EINVAL);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hop_by_hop),
		cmocka_unit_test(test_nothing_is_nominated_away),
		cmocka_unit_test(test_routing_field_is_kept),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_request_id),
		cmocka_unit_test(test_request_ids_differ),
		cmocka_unit_test(test_header_changes),
		cmocka_unit_test(test_framing_is_ours),
		cmocka_unit_test(test_rewrite),
		cmocka_unit_test(test_response),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
