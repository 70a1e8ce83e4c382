// SPDX-License-Identifier: Apache-2.0
/* DestinationRule: fields, Istio's defaults, what is wrong, and what has no effect. */
#include "texts.h"

#include "model/gateway.h"

#define RULE(members)                                                                              \
	"apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d}\n"         \
	"spec: {" members "}\n"
#define POLICY(members)	 RULE("host: cart, trafficPolicy: {" members "}")
#define TCP(members)	 POLICY("connectionPool: {tcp: {" members "}}")
#define HTTP(members)	 POLICY("connectionPool: {http: {" members "}}")
#define OUTLIER(members) POLICY("outlierDetection: {" members "}")
#define ERROR		 "f:4: error: DestinationRule default/d: spec."
#define POOL		 ERROR "trafficPolicy.connectionPool."
#define DETECTION	 ERROR "trafficPolicy.outlierDetection."
#define WANTED                                                                                     \
	"expected a duration of whole milliseconds "                                               \
	"such as 1h, 1.5s or 500ms, found "

static const char whole[] =
	"{\"apiVersion\": \"networking.istio.io/v1beta1\", \"kind\": \"DestinationRule\",\n"
	"\"metadata\": {\"name\": \"d\"}, \"spec\": {\"host\": \"Cart.market.svc.cluster.local\",\n"
	" \"trafficPolicy\": {\"connectionPool\": {\n"
	"  \"http\": {\"http1MaxPendingRequests\": 2, \"http2MaxRequests\": 3,\n"
	"   \"maxRequestsPerConnection\": 4, \"maxRetries\": 5, \"idleTimeout\": \"1m\"},\n"
	"  \"tcp\": {\"maxConnections\": 1, \"connectTimeout\": \"30ms\", \"idleTimeout\": "
	"\"1h\"}},\n"
	" \"outlierDetection\": {\"consecutive5xxErrors\": 0, \"consecutiveGatewayErrors\": 7,\n"
	"  \"consecutiveLocalOriginFailures\": 8, \"splitExternalLocalOriginErrors\": true,\n"
	"  \"interval\": \"1.5s\", \"baseEjectionTime\": \"3m\", \"maxEjectionPercent\": 100}}}}";

static const struct destination_rule *rule_of(const struct load *load)
{
	assert_int_equal(load->n, 1);
	return (const struct destination_rule *)load->objects[0];
}

static void a_rule_has_all_its_fields(void **state)
{
	const struct destination_rule *rule;
	struct load loads[2];

	(void)state;
	load_both(whole, loads);
	rule = rule_of(&loads[1]);
	assert_string_equal(rule->host, "cart.market.svc.cluster.local");
	assert_int_equal(rule->max_connections, 1);
	assert_int_equal(rule->connect_timeout_ms, 30);
	assert_int_equal(rule->idle_timeout_ms, 60000);
	assert_int_equal(rule->max_pending, 2);
	assert_int_equal(rule->max_requests, 3);
	assert_int_equal(rule->max_requests_per_connection, 4);
	assert_int_equal(rule->max_retries, 5);
	assert_true(rule->outlier);
	assert_int_equal(rule->consecutive_5xx, 0);
	assert_int_equal(rule->consecutive_gateway, 7);
	assert_int_equal(rule->consecutive_local, 8);
	assert_true(rule->split_local);
	assert_int_equal(rule->interval_ms, 1500);
	assert_int_equal(rule->base_ejection_ms, 180000);
	assert_int_equal(rule->max_ejection_percent, 100);
	assert_int_equal(rule->n_unsupported, 0);
	load_fini(&loads[0]);
	load_fini(&loads[1]);
}

static void what_is_left_out_has_istios_defaults(void **state)
{
	struct load none = load_yaml(RULE("host: '*'"));
	struct load empty = load_yaml(OUTLIER("maxEjectionPercent: 0"));
	struct load idle = load_yaml(TCP("idleTimeout: 0s"));

	(void)state;
	assert_false(rule_of(&none)->outlier);
	assert_int_equal(rule_of(&none)->consecutive_5xx, 0);
	assert_int_equal(rule_of(&none)->max_connections, 0);
	assert_int_equal(rule_of(&none)->idle_timeout_ms, 0);
	assert_true(rule_of(&empty)->outlier);
	assert_int_equal(rule_of(&empty)->consecutive_5xx, 5);
	assert_int_equal(rule_of(&empty)->consecutive_gateway, 0);
	assert_int_equal(rule_of(&empty)->consecutive_local, 5);
	assert_false(rule_of(&empty)->split_local);
	assert_int_equal(rule_of(&empty)->interval_ms, 10000);
	assert_int_equal(rule_of(&empty)->base_ejection_ms, 30000);
	assert_int_equal(rule_of(&empty)->max_ejection_percent, 10);
	/* Switched off is not the same as left out. */
	assert_int_equal(rule_of(&idle)->idle_timeout_ms, UINT32_MAX);
	load_fini(&none);
	load_fini(&empty);
	load_fini(&idle);
}

static void fields_say_what_is_wrong(void **state)
{
	static const struct wrong rows[] = {
		{ RULE(""), ERROR "host: is required" },
		{ RULE("host: 'a b'"), ERROR "host: expected a service's host name such as cart or "
					     "cart.market.svc.cluster.local, found \"a b\"" },
		{ POLICY("connectionPool: 5"),
		  ERROR "trafficPolicy.connectionPool: expected an object, found 5" },
		{ TCP("maxConnections: -1"),
		  POOL "tcp.maxConnections: expected a number from 0 to 2147483647, found -1" },
		{ TCP("maxConnections: 2147483648"),
		  POOL "tcp.maxConnections: expected a number from 0 to 2147483647, found "
		       "2147483648" },
		{ TCP("maxConnections: '1'"),
		  POOL "tcp.maxConnections: expected a number from 0 to 2147483647, found \"1\"" },
		{ TCP("connectTimeout: 0s"), POOL "tcp.connectTimeout: must be 1ms or longer" },
		{ TCP("connectTimeout: 100us"), POOL "tcp.connectTimeout: " WANTED "\"100us\"" },
		{ TCP("connectTimeout: 10"),
		  POOL "tcp.connectTimeout: expected a string, found 10" },
		{ TCP("idleTimeout: -1s"), POOL "tcp.idleTimeout: " WANTED "\"-1s\"" },
		{ HTTP("idleTimeout: soon"), POOL "http.idleTimeout: " WANTED "\"soon\"" },
		{ HTTP("http1MaxPendingRequests: many"),
		  POOL "http.http1MaxPendingRequests: expected a number from 0 to 2147483647, "
		       "found \"many\"" },
		{ OUTLIER("consecutive5xxErrors: 4294967296"),
		  DETECTION "consecutive5xxErrors: expected a number from 0 to 4294967295, found "
			    "4294967296" },
		{ OUTLIER("interval: 0ms"), DETECTION "interval: must be 1ms or longer" },
		{ OUTLIER("maxEjectionPercent: 101"),
		  DETECTION "maxEjectionPercent: expected a number from 0 to 100, found 101" },
		{ OUTLIER("splitExternalLocalOriginErrors: 1"),
		  DETECTION "splitExternalLocalOriginErrors: expected true or false, found 1" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

static void what_has_no_effect_is_listed(void **state)
{
	static const char *const paths[] = {
		"spec.exportTo",
		"spec.trafficPolicy.loadBalancer",
		"spec.trafficPolicy.connectionPool.tcp.tcpKeepalive",
		"spec.trafficPolicy.connectionPool.http.h2UpgradePolicy",
		"spec.trafficPolicy.outlierDetection.minHealthPercent",
		"spec.subsets",
	};
	struct load load = load_yaml(
		RULE("exportTo: ['.'], host: cart, trafficPolicy: {loadBalancer: {simple: RANDOM}, "
		     "tls: {}, portLevelSettings: [], tunnel: null, connectionPool: {tcp: "
		     "{maxConnections: 1, tcpKeepalive: {time: 5s}}, http: {h2UpgradePolicy: "
		     "UPGRADE}}, outlierDetection: {minHealthPercent: 30}}, subsets: [{name: v1, "
		     "labels: {version: v1}}]"));
	const struct destination_rule *rule = rule_of(&load);

	(void)state;
	assert_diags(&load, "");
	assert_int_equal(rule->n_unsupported, ARRAY_SIZE(paths));
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_string_equal(rule->unsupported[i], paths[i]);
	load_fini(&load);
}

static void the_list_of_what_has_no_effect_is_bounded(void **state)
{
	struct str text = { 0 };
	struct load load;

	(void)state;
	str_addf(&text, "%s", RULE("host: cart, trafficPolicy: {}"));
	text.len -= strlen("}}\n");
	for (int i = 0; i < 100; i++)
		str_addf(&text, "a%d: 1, ", i);
	for (int i = 0; i < 100; i++)
		str_addf(&text, "%s", "a");
	str_addf(&text, ": 1}}\n");
	load = load_yaml(text.buf);
	assert_diags(&load, "");
	assert_int_equal(rule_of(&load)->n_unsupported, 32);
	assert_string_equal(rule_of(&load)->unsupported[31], "spec.trafficPolicy.a31");
	load_fini(&load);
	str_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_has_all_its_fields),
		cmocka_unit_test(what_is_left_out_has_istios_defaults),
		cmocka_unit_test(fields_say_what_is_wrong),
		cmocka_unit_test(what_has_no_effect_is_listed),
		cmocka_unit_test(the_list_of_what_has_no_effect_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
