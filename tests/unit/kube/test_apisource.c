// SPDX-License-Identifier: Apache-2.0
/* The source as a whole: when the model is filled, what is watched, when it is told. */
#include "sourcerig.h"

static void nothing_is_served_before_all_was_read(void **state)
{
	struct rig *rig = *state;

	gateway_cluster(rig);
	answers(rig, GROUP "httproutes", 0, NULL);
	open_rig(rig);
	pass(rig, 1000);
	assert_false(apisource_is_ready(rig->source));
	assert_int_equal(count(rig, OBJECT_SERVICE), 0);
	answers(rig, GROUP "httproutes", 200, OBJECTS(NULL));
	pass(rig, 1000);
	assert_true(apisource_is_ready(rig->source));
	assert_true(is_synced(rig));
	assert_int_equal(count(rig, OBJECT_SERVICE), 2);
	assert_int_equal(count(rig, OBJECT_GATEWAY_CLASS), 1);
	assert_int_equal(count(rig, OBJECT_NAMESPACE), 1);
	assert_int_equal(apisource_diags(rig->source)->n, 0);
}

static void a_kind_that_may_not_be_read_keeps_all_waiting(void **state)
{
	struct rig *rig = *state;
	const struct diag_list *diags;

	small_cluster(rig);
	answers(rig, "/api/v1/nodes", 403,
		mem_strdup("{\"kind\":\"Status\",\"code\":403,\"reason\":\"Forbidden\","
			   "\"message\":\"no\"}"));
	open_rig(rig);
	pass(rig, 30000);
	assert_false(apisource_is_ready(rig->source));
	diags = apisource_diags(rig->source);
	assert_int_equal(diags->n, 1);
	assert_string_equal(diags->items[0].file, "/api/v1/nodes");
	assert_string_equal(diags->items[0].reason, "cannot be read: HTTP 403 Forbidden: no");
	assert_true(rig->changed > 0);
	answers(rig, "/api/v1/nodes", 200, OBJECTS(NAMED("n1")));
	pass(rig, 60000);
	assert_true(apisource_is_ready(rig->source));
	assert_int_equal(apisource_diags(rig->source)->n, 0);
}

static void selectors_leave_out_what_is_not_ours(void **state)
{
	struct rig *rig = *state;

	small_cluster(rig);
	open_rig(rig);
	pass(rig, 100);
	assert_non_null(fake_find("/api/v1/services?" SERVED_SERVICES "&watch=true"));
	assert_non_null(
		fake_find("/apis/discovery.k8s.io/v1/endpointslices?" SERVED_SLICES "&watch"));
	assert_non_null(fake_find("/api/v1/pods?fieldSelector=spec.nodeName%3Dn1&watch=true"));
	assert_non_null(fake_find("/api/v1/nodes?watch=true"));
	assert_null(fake_find("/api/v1/secrets"));
	assert_string_equal(fake_find("/api/v1/namespaces")->accept,
			    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
	assert_string_equal(fake_find(CRDS)->accept, fake_find("/api/v1/namespaces")->accept);
	assert_string_equal(fake_find("/api/v1/services")->accept, "");
}

static void many_changes_are_told_once(void **state)
{
	struct rig *rig = *state;

	small_cluster(rig);
	open_rig(rig);
	pass(rig, 1000);
	rig->changed = 0;
	/* A lone change waits for nothing, the next one until 10 ms are over. */
	event("/api/v1/services", "MODIFIED", SERVICE("a", "79"));
	pass(rig, 1);
	assert_int_equal(rig->changed, 1);
	assert_int_equal(port_of(rig, "a"), 79);
	rig->changed = 0;
	event("/api/v1/services", "MODIFIED", SERVICE("a", "81"));
	pass(rig, 4);
	event("/api/v1/services", "MODIFIED", SERVICE("b", "82"));
	pass(rig, 4);
	assert_int_equal(rig->changed, 0);
	pass(rig, 2);
	assert_int_equal(rig->changed, 1);
	assert_int_equal(port_of(rig, "a") + port_of(rig, "b"), 163);
	/* Nothing is told of what changes nothing. */
	event("/api/v1/services", "MODIFIED", SERVICE("b", "82"));
	event("/api/v1/services", "BOOKMARK", NAMED("x"));
	pass(rig, 1000);
	assert_int_equal(rig->changed, 1);
	/* A steady stream is told every 10 ms at most. */
	for (int i = 0; i < 100; i++) {
		event("/api/v1/services", "MODIFIED",
		      i % 2 ? SERVICE("a", "83") : SERVICE("a", "84"));
		pass(rig, 1);
	}
	assert_true(rig->changed > 5 && rig->changed <= 12);
}

static void an_outage_is_reported_when_it_lasts(void **state)
{
	struct rig *rig = *state;
	const struct diag_list *diags;
	struct apisource_status status;

	small_cluster(rig);
	open_rig(rig);
	pass(rig, 1000);
	rig->changed = 0;
	answers(rig, "/api/v1/services", -1, NULL);
	fake_end(fake_find("/api/v1/services"), -ECONNRESET);
	pass(rig, 9000);
	assert_int_equal(apisource_diags(rig->source)->n, 0);
	assert_int_equal(rig->changed, 0);
	pass(rig, 2000);
	diags = apisource_diags(rig->source);
	assert_int_equal(diags->n, 1);
	assert_int_equal(diags->items[0].level, DIAG_WARNING);
	assert_string_equal(diags->items[0].reason,
			    "cannot be read, so what is known may be old: Connection refused");
	assert_int_equal(rig->changed, 1);
	assert_int_equal(count(rig, OBJECT_SERVICE), 2);
	apisource_status(rig->source, &status);
	assert_int_equal(status.age_ms, 12000);
	/* It is not told again when it fails in another way. */
	answers(rig, "/api/v1/services", 500, mem_strdup("oops"));
	pass(rig, 60000);
	assert_int_equal(rig->changed, 1);
	apisource_status(rig->source, &status);
	assert_int_equal(status.kinds[OBJECT_SERVICE].watch_age_ms, UINT64_MAX);
	/* Its watch goes on where it was; the rig's watch knows no more than first events. */
	answers(rig, "/api/v1/services", 200, mem_strdup(""));
	pass(rig, 60000);
	assert_int_equal(apisource_diags(rig->source)->n, 0);
	assert_int_equal(count(rig, OBJECT_SERVICE), 2);
	apisource_status(rig->source, &status);
	assert_int_equal(status.age_ms, 0);
	for (int i = 0; i < REFLECTOR_REASON_MAX; i++)
		assert_int_equal(status.kinds[OBJECT_SERVICE].rereads[i], 0);
}

static void the_first_list_that_gets_through_calls_the_others(void **state)
{
	static const char *const paths[] = { "/api/v1/services", "/api/v1/pods",
					     "/api/v1/namespaces", "/api/v1/nodes",
					     "/apis/discovery.k8s.io/v1/endpointslices" };
	struct rig *rig = *state;

	small_cluster(rig);
	open_rig(rig);
	pass(rig, 1000);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		answers(rig, paths[i], -1, NULL);
	/* All but one have waited for long when it loses its connection. */
	for (size_t i = 1; i < ARRAY_SIZE(paths); i++)
		fake_end(fake_find(paths[i]), -ECONNRESET);
	pass(rig, 120000);
	fake_end(fake_find(paths[0]), -ECONNRESET);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		answers(rig, paths[i], 200, mem_strdup(""));
	pass(rig, 1000);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_non_null(fake_find(paths[i]));
}

static void a_kind_comes_with_its_definition(void **state)
{
	struct rig *rig = *state;
	struct apisource_status status;

	small_cluster(rig);
	open_rig(rig);
	pass(rig, 1000);
	assert_true(is_synced(rig));
	apisource_status(rig->source, &status);
	assert_null(status.kinds[OBJECT_HTTP_ROUTE].version);
	assert_null(fake_find(GROUP));
	/* The server needs longer than the definition does. */
	event(CRDS, "ADDED", NAMED("gatewayclasses.gateway.networking.k8s.io"));
	pass(rig, 2000);
	assert_null(fake_find(GROUP));
	answers(rig, GROUP "gatewayclasses", 200, OBJECTS(CLASS));
	answers(rig, "/apis", 200,
		mem_strdup(DISCOVERY(DISCOVERED("gateway.networking.k8s.io",
						VERSION("v1", RESOURCE("gatewayclasses"))))));
	pass(rig, 3000);
	assert_non_null(fake_find(GROUP "gatewayclasses"));
	assert_int_equal(count(rig, OBJECT_GATEWAY_CLASS), 1);
	apisource_status(rig->source, &status);
	assert_string_equal(status.kinds[OBJECT_GATEWAY_CLASS].version, "v1");
	assert_true(status.kinds[OBJECT_GATEWAY_CLASS].synced);
}

static void a_kind_goes_when_definition_and_discovery_say_so(void **state)
{
	struct rig *rig = *state;

	gateway_cluster(rig);
	open_rig(rig);
	pass(rig, 1000);
	assert_int_equal(count(rig, OBJECT_GATEWAY_CLASS), 1);
	/* Discovery alone may come from a server that has just begun. */
	answers(rig, "/apis", 200, mem_strdup(DISCOVERY("")));
	answers(rig, GROUP "gatewayclasses", 404, mem_strdup("404 page not found"));
	fake_end(fake_find(GROUP "gatewayclasses"), -ECONNRESET);
	pass(rig, 4000);
	assert_int_equal(count(rig, OBJECT_GATEWAY_CLASS), 1);
	event(CRDS, "DELETED", NAMED("gatewayclasses.gateway.networking.k8s.io"));
	pass(rig, 2000);
	assert_int_equal(count(rig, OBJECT_GATEWAY_CLASS), 0);
	pass(rig, 60000);
	assert_null(fake_find(GROUP "gatewayclasses"));
}

static void what_a_stale_group_has_not_is_not_gone(void **state)
{
	struct rig *rig = *state;

	gateway_cluster(rig);
	open_rig(rig);
	pass(rig, 1000);
	answers(rig, "/apis", 200,
		mem_strdup(
			DISCOVERY("{\"metadata\":{\"name\":\"gateway.networking.k8s.io\"},"
				  "\"versions\":[{\"version\":\"v1\",\"freshness\":\"Stale\"}]}")));
	event(CRDS, "DELETED", NAMED("gatewayclasses.gateway.networking.k8s.io"));
	pass(rig, 60000);
	assert_int_equal(count(rig, OBJECT_GATEWAY_CLASS), 1);
}

static void an_unreadable_discovery_takes_nothing_away(void **state)
{
	static const char *const bodies[] = { "",
					      "<html>",
					      "{}",
					      "{\"kind\":\"APIGroupList\",\"groups\":[]}",
					      "{\"kind\":\"APIGroupDiscoveryList\"}",
					      DISCOVERY("5"),
					      DISCOVERY("{}") };
	struct rig *rig = *state;

	gateway_cluster(rig);
	open_rig(rig);
	pass(rig, 1000);
	event(CRDS, "DELETED", NAMED("gatewayclasses.gateway.networking.k8s.io"));
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		answers(rig, "/apis", 200, mem_strdup(bodies[i]));
		event(CRDS, "MODIFIED", NAMED("gateways.gateway.networking.k8s.io"));
		pass(rig, 3000);
		assert_int_equal(count(rig, OBJECT_GATEWAY_CLASS), 1);
	}
}

static void the_version_that_is_liked_best_is_read(void **state)
{
	struct rig *rig = *state;
	struct apisource_status status;

	gateway_cluster(rig);
	answers(rig, "/apis", 200,
		mem_strdup(DISCOVERY(DISCOVERED("gateway.networking.k8s.io",
						VERSION("v1beta1", GATEWAY_KINDS)))));
	answers(rig, "/apis/gateway.networking.k8s.io/v1beta1/gatewayclasses", 200, OBJECTS(CLASS));
	answers(rig, "/apis/gateway.networking.k8s.io/v1beta1/gateways", 200, OBJECTS(NULL));
	answers(rig, "/apis/gateway.networking.k8s.io/v1beta1/httproutes", 200, OBJECTS(NULL));
	answers(rig, "/apis/gateway.networking.k8s.io/v1beta1/referencegrants", 200, OBJECTS(NULL));
	open_rig(rig);
	pass(rig, 1000);
	assert_true(is_synced(rig));
	assert_null(fake_find(GROUP));
	/* A newer one is taken without a moment in which objects are missing. */
	answers(rig, "/apis", 200,
		mem_strdup(DISCOVERY(DISCOVERED(
			"gateway.networking.k8s.io",
			VERSION("v1beta1", GATEWAY_KINDS) "," VERSION("v1", GATEWAY_KINDS)))));
	answers(rig, GROUP "gatewayclasses", 0, NULL);
	event(CRDS, "MODIFIED", NAMED("gatewayclasses.gateway.networking.k8s.io"));
	pass(rig, 2000);
	assert_non_null(fake_find(GROUP "gatewayclasses"));
	assert_int_equal(count(rig, OBJECT_GATEWAY_CLASS), 1);
	answers(rig, GROUP "gatewayclasses", 200, OBJECTS(NULL));
	/* All are gone: asked twice. */
	pass(rig, 5000);
	assert_int_equal(count(rig, OBJECT_GATEWAY_CLASS), 0);
	apisource_status(rig->source, &status);
	assert_string_equal(status.kinds[OBJECT_GATEWAY_CLASS].version, "v1");
}

static void a_version_that_nobody_reads_is_told(void **state)
{
	struct rig *rig = *state;

	small_cluster(rig);
	answers(rig, CRDS, 200, OBJECTS(NAMED("httproutes.gateway.networking.k8s.io")));
	answers(rig, "/apis", 200,
		mem_strdup(DISCOVERY(DISCOVERED("gateway.networking.k8s.io",
						VERSION("v9", RESOURCE("httproutes"))))));
	open_rig(rig);
	pass(rig, 1000);
	assert_true(is_synced(rig));
	assert_int_equal(apisource_diags(rig->source)->n, 1);
	assert_string_equal(apisource_diags(rig->source)->items[0].field, "httproutes");
}

/* Discovery that never gets to know a definition, and a cluster that hides its definitions. */
static void disagreement_does_not_keep_all_waiting_for_ever(void **state)
{
	struct rig *rig = *state;

	small_cluster(rig);
	answers(rig, CRDS, 200, OBJECTS(NAMED("httproutes.gateway.networking.k8s.io")));
	open_rig(rig);
	pass(rig, 3000);
	assert_false(is_synced(rig));
	pass(rig, 10000);
	assert_true(is_synced(rig));
}

static void definitions_that_may_not_be_read_are_done_without(void **state)
{
	struct rig *rig = *state;

	gateway_cluster(rig);
	answers(rig, CRDS, 403, mem_strdup("no"));
	open_rig(rig);
	pass(rig, 1000);
	assert_true(is_synced(rig));
	assert_int_equal(count(rig, OBJECT_GATEWAY_CLASS), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_served_before_all_was_read),
		TEST(a_kind_that_may_not_be_read_keeps_all_waiting),
		TEST(selectors_leave_out_what_is_not_ours),
		TEST(many_changes_are_told_once),
		TEST(an_outage_is_reported_when_it_lasts),
		TEST(the_first_list_that_gets_through_calls_the_others),
		TEST(a_kind_comes_with_its_definition),
		TEST(a_kind_goes_when_definition_and_discovery_say_so),
		TEST(what_a_stale_group_has_not_is_not_gone),
		TEST(an_unreadable_discovery_takes_nothing_away),
		TEST(the_version_that_is_liked_best_is_read),
		TEST(a_version_that_nobody_reads_is_told),
		TEST(disagreement_does_not_keep_all_waiting_for_ever),
		TEST(definitions_that_may_not_be_read_are_done_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
