// SPDX-License-Identifier: Apache-2.0
/* What Services, EndpointSlices and Nodes say about clients and about nearness. */
#include "texts.h"

#define SERVICE "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n"
#define SLICE                                                                                      \
	"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e}\n"              \
	"addressType: IPv4\n"
#define NODE "apiVersion: v1\nkind: Node\nmetadata: {name: nd}\n"

static void fields_say_what_is_wrong(void **state)
{
	static const struct wrong rows[] = {
		{ SERVICE "spec: {sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: "
			  "{timeoutSeconds: 86401}}}\n",
		  "f:4: error: Service default/s: "
		  "spec.sessionAffinityConfig.clientIP.timeoutSeconds: expected a number from 1 to "
		  "86400, found 86401" },
		{ SERVICE "spec: {sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}}\n",
		  "f:4: error: Service default/s: "
		  "spec.sessionAffinityConfig.clientIP.timeoutSeconds: expected a number from 1 to "
		  "86400, found 0" },
		{ SERVICE "spec: {loadBalancerSourceRanges: [10.0.0.0/8, ' 10.0.0.1']}\n",
		  "f:4: error: Service default/s: spec.loadBalancerSourceRanges[1]: expected an IP "
		  "prefix such as 10.0.0.0/8, found \" 10.0.0.1\"" },
		{ SERVICE "spec: {loadBalancerSourceRanges: ['  ']}\n",
		  "f:4: error: Service default/s: spec.loadBalancerSourceRanges[0]: expected an IP "
		  "prefix such as 10.0.0.0/8, found \"  \"" },
		{ SERVICE "spec: {loadBalancerSourceRanges: [8]}\n",
		  "f:4: error: Service default/s: spec.loadBalancerSourceRanges[0]: expected a "
		  "string, found 8" },
		{ SERVICE "spec: {externalIPs: [192.0.2.1, 127.0.0.1]}\n",
		  "f:4: error: Service default/s: spec.externalIPs[1]: 127.0.0.1 is a loopback "
		  "address" },
		{ SERVICE "spec: {trafficDistribution: [PreferClose]}\n",
		  "f:4: error: Service default/s: spec.trafficDistribution: expected a string, "
		  "found a list" },
		{ SLICE "endpoints: [{addresses: [10.0.0.1], "
			"hints: {forZones: [{}, null, a]}}]\n",
		  "f:5: error: EndpointSlice default/e: endpoints[0].hints.forZones[0].name: is "
		  "required\n"
		  "f:5: error: EndpointSlice default/e: endpoints[0].hints.forZones[1]: expected a "
		  "value, found null\n"
		  "f:5: error: EndpointSlice default/e: endpoints[0].hints.forZones[2]: expected "
		  "an object, found \"a\"\n"
		  "f:5: error: EndpointSlice default/e: endpoints[0].hints.forZones[2].name: is "
		  "required" },
		{ NODE "spec: {taints: [null, {key: 5}]}\n",
		  "f:4: error: Node nd: spec.taints[0]: expected a value, found null\n"
		  "f:4: error: Node nd: spec.taints[1].key: expected a string, found 5" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

/* Rows: what is said of affinity, and its time-out then. */
static void affinity_has_a_time_of_its_own(void **state)
{
	static const struct {
		const char *spec;
		uint32_t affinity_s;
	} rows[] = {
		{ "sessionAffinity: ClientIP", 10800 },
		{ "sessionAffinity: ClientIP, sessionAffinityConfig: {}", 10800 },
		{ "sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: null}", 10800 },
		{ "sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: "
		  "1}}",
		  1 },
		{ "sessionAffinity: None, sessionAffinityConfig: {clientIP: {timeoutSeconds: 5}}",
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(mem_freep) char *text = mem_printf(SERVICE "spec: {%s}\n", rows[i].spec);
		struct load load = load_yaml(text);

		assert_int_equal(load.n, 1);
		assert_int_equal(((const struct service *)load.objects[0])->affinity_s,
				 rows[i].affinity_s);
		load_fini(&load);
	}
}

static void an_endpoint_has_hints(void **state)
{
	struct load load = load_yaml(
		SLICE "endpoints:\n- addresses: [10.0.0.1]\n  hints:\n"
		      "    forZones: [{name: a}, {name: b}]\n    forNodes: [{name: alpha}]\n"
		      "- addresses: [10.0.0.2]\n  hints: null\n");
	const struct endpoint_slice *slice = (const struct endpoint_slice *)load.objects[0];

	(void)state;
	assert_int_equal(load.diags.n, 0);
	assert_int_equal(slice->endpoints[0].n_zones, 2);
	assert_string_equal(slice->endpoints[0].zones[1], "b");
	assert_int_equal(slice->endpoints[0].n_nodes, 1);
	assert_string_equal(slice->endpoints[0].nodes[0], "alpha");
	assert_int_equal(slice->endpoints[1].n_zones, 0);
	load_fini(&load);
}

/* Rows: a Node, its zone, and whether it is about to go. */
static void a_node_has_a_zone_and_may_leave(void **state)
{
	static const struct {
		const char *text, *zone;
		bool leaving, unready;
	} rows[] = {
		{ NODE, "", false, false },
		{ NODE "status: {conditions: [{type: Ready, status: Unknown}]}\n", "", false,
		  true },
		{ NODE "status: {conditions: [{type: Ready, status: 'True'}]}\n", "", false,
		  false },
		{ "apiVersion: v1\nkind: Node\nmetadata: {name: nd, labels: "
		  "{topology.kubernetes.io/zone: z}}\n",
		  "z", false, false },
		{ "apiVersion: v1\nkind: Node\nmetadata: {name: nd, deletionTimestamp: "
		  "'2026-01-01T00:00:00Z'}\n",
		  "", true, false },
		{ NODE "spec: {taints: [{key: a, effect: NoSchedule}]}\n", "", false, false },
		{ NODE "spec: {taints: [{key: a}, {key: ToBeDeletedByClusterAutoscaler}]}\n", "",
		  true, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct load load = load_yaml(rows[i].text);

		assert_diags(&load, "");
		assert_int_equal(load.n, 1);
		assert_string_equal(((const struct node *)load.objects[0])->zone, rows[i].zone);
		assert_int_equal(((const struct node *)load.objects[0])->leaving, rows[i].leaving);
		assert_int_equal(((const struct node *)load.objects[0])->unready, rows[i].unready);
		load_fini(&load);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_say_what_is_wrong),
		cmocka_unit_test(affinity_has_a_time_of_its_own),
		cmocka_unit_test(an_endpoint_has_hints),
		cmocka_unit_test(a_node_has_a_zone_and_may_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
