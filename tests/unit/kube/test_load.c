// SPDX-License-Identifier: Apache-2.0
/*
 * Objects out of texts: what every field takes and what it says against a wrong value, lists,
 * defaults, and that one wrong object harms itself only.
 */
#include "texts.h"

#define SERVICE "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n"
#define SLICE                                                                                      \
	"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e}\n"              \
	"addressType: IPv4\n"
#define SLICE6                                                                                     \
	"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e}\n"              \
	"addressType: IPv6\n"
#define NODE "apiVersion: v1\nkind: Node\nmetadata: {name: nd}\n"

static void service_fields_say_what_is_wrong(void **state)
{
	static const struct wrong rows[] = {
		{ SERVICE, "f:1: error: Service default/s: spec: is required" },
		{ SERVICE "spec: 5\n",
		  "f:4: error: Service default/s: spec: expected an object, found 5" },
		{ SERVICE "spec: {type: Cluster}\n",
		  "f:4: error: Service default/s: spec.type: expected ClusterIP, NodePort, "
		  "LoadBalancer or ExternalName, found \"Cluster\"" },
		{ SERVICE "spec: {type: 5}\n",
		  "f:4: error: Service default/s: spec.type: expected ClusterIP, NodePort, "
		  "LoadBalancer or ExternalName, found 5" },
		{ SERVICE "spec:\n  clusterIP: 10.0.0.300\n",
		  "f:5: error: Service default/s: spec.clusterIP: expected an IP address, found "
		  "\"10.0.0.300\"" },
		{ SERVICE "spec: {clusterIP: 127.0.0.1}\n",
		  "f:4: error: Service default/s: spec.clusterIP: 127.0.0.1 is a loopback "
		  "address" },
		{ SERVICE "spec: {clusterIPs: [10.0.0.1, '::']}\n",
		  "f:4: error: Service default/s: spec.clusterIPs[1]: :: is the unspecified "
		  "address" },
		{ SERVICE "spec: {clusterIPs: [10.0.0.1, null]}\n",
		  "f:4: error: Service default/s: spec.clusterIPs[1]: expected a value, found "
		  "null" },
		{ SERVICE "spec: {clusterIPs: [10.0.0.1, 10.0.0.2, 10.0.0.3]}\n",
		  "f:4: error: Service default/s: spec.clusterIPs: has 3 entries, at most 2 are "
		  "allowed" },
		{ SERVICE "spec: {clusterIPs: 10.0.0.1}\n",
		  "f:4: error: Service default/s: spec.clusterIPs: expected a list, found "
		  "\"10.0.0.1\"" },
		{ SERVICE "spec:\n  ports:\n  - port: 80\n  - name: x\n    port: http\n",
		  "f:8: error: Service default/s: spec.ports[1].port: expected a number from 1 to "
		  "65535, found \"http\"" },
		{ SERVICE "spec: {ports: [{port: 0}]}\n",
		  "f:4: error: Service default/s: spec.ports[0].port: expected a number from 1 to "
		  "65535, found 0" },
		{ SERVICE "spec: {ports: [{port: 65536}]}\n",
		  "f:4: error: Service default/s: spec.ports[0].port: expected a number from 1 to "
		  "65535, found 65536" },
		{ SERVICE "spec: {ports: [{port: 80.0}]}\n",
		  "f:4: error: Service default/s: spec.ports[0].port: expected a number from 1 to "
		  "65535, found 80.0" },
		{ SERVICE "spec: {ports: [{port: \"80\"}]}\n",
		  "f:4: error: Service default/s: spec.ports[0].port: expected a number from 1 to "
		  "65535, found \"80\"" },
		{ SERVICE "spec: {ports: [{name: x}]}\n",
		  "f:4: error: Service default/s: spec.ports[0].port: is required" },
		{ SERVICE "spec: {ports: [{port: 80, protocol: ICMP}]}\n",
		  "f:4: error: Service default/s: spec.ports[0].protocol: expected TCP, UDP or "
		  "SCTP, found \"ICMP\"" },
		{ SERVICE "spec: {ports: [{port: 80, appProtocol: 5}]}\n",
		  "f:4: error: Service default/s: spec.ports[0].appProtocol: expected a string, "
		  "found 5" },
		{ SERVICE "spec: {ports: [{port: 80, nodePort: -1}]}\n",
		  "f:4: error: Service default/s: spec.ports[0].nodePort: expected a number from "
		  "1 to 65535, found -1" },
		{ SERVICE "spec: {ports: [{port: 80, name: 'a b'}]}\n",
		  "f:4: error: Service default/s: spec.ports[0].name: expected a name of at most "
		  "63 lower case letters, digits and '-', found \"a b\"" },
		{ SERVICE "spec: {ports: {port: 80}}\n",
		  "f:4: error: Service default/s: spec.ports: expected a list, found an object" },
		{ SERVICE "spec: {ports: [80]}\n",
		  "f:4: error: Service default/s: spec.ports[0]: expected an object, found 80\n"
		  "f:4: error: Service default/s: spec.ports[0].port: is required" },
		{ SERVICE "spec: {sessionAffinity: Cookie}\n",
		  "f:4: error: Service default/s: spec.sessionAffinity: expected None or "
		  "ClientIP, found \"Cookie\"" },
		{ SERVICE "spec: {internalTrafficPolicy: local}\n",
		  "f:4: error: Service default/s: spec.internalTrafficPolicy: expected Cluster or "
		  "Local, found \"local\"" },
		{ SERVICE "spec: {externalTrafficPolicy: [Local]}\n",
		  "f:4: error: Service default/s: spec.externalTrafficPolicy: expected Cluster or "
		  "Local, found a list" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

static void service_status_says_what_is_wrong(void **state)
{
	static const struct wrong rows[] = {
		{ SERVICE "spec: {}\nstatus: {loadBalancer: {ingress: [{ip: 224.0.0.1}]}}\n",
		  "f:5: error: Service default/s: status.loadBalancer.ingress[0].ip: 224.0.0.1 is "
		  "a multicast address" },
		{ SERVICE "spec: {}\nstatus: {loadBalancer: {ingress: [{ipMode: NAT}]}}\n",
		  "f:5: error: Service default/s: status.loadBalancer.ingress[0].ipMode: expected "
		  "VIP or Proxy, found \"NAT\"" },
		{ SERVICE "spec: {}\nstatus: up\n",
		  "f:5: error: Service default/s: status: expected an object, found \"up\"" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

static void slice_fields_say_what_is_wrong(void **state)
{
	static const struct wrong rows[] = {
		{ "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e}\n",
		  "f:1: error: EndpointSlice default/e: addressType: is required" },
		{ "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e}\n"
		  "addressType: IP\n",
		  "f:4: error: EndpointSlice default/e: addressType: expected IPv4, IPv6 or FQDN, "
		  "found \"IP\"" },
		{ SLICE "endpoints: [{}]\n",
		  "f:5: error: EndpointSlice default/e: endpoints[0].addresses: is required" },
		{ SLICE "endpoints: [{addresses: [10.0.0.1, x]}]\n",
		  "f:5: error: EndpointSlice default/e: endpoints[0].addresses[1]: expected an IP "
		  "address, found \"x\"" },
		{ SLICE "endpoints: [{addresses: [169.254.169.254]}]\n",
		  "f:5: error: EndpointSlice default/e: endpoints[0].addresses[0]: "
		  "169.254.169.254 is a link-local address" },
		{ SLICE "endpoints: [{addresses: [0.0.0.0]}]\n",
		  "f:5: error: EndpointSlice default/e: endpoints[0].addresses[0]: "
		  "0.0.0.0 is the unspecified address" },
		{ SLICE "endpoints: [{addresses: [127.0.0.1, 224.0.0.1]}]\n",
		  "f:5: error: EndpointSlice default/e: endpoints[0].addresses[1]: "
		  "224.0.0.1 is a multicast address" },
		{ SLICE "endpoints: [{addresses: [255.255.255.255]}]\n",
		  "f:5: error: EndpointSlice default/e: endpoints[0].addresses[0]: "
		  "255.255.255.255 is the broadcast address" },
		{ SLICE6 "endpoints: [{addresses: ['::1', 'fe80::1']}]\n",
		  "f:5: error: EndpointSlice default/e: endpoints[0].addresses[1]: "
		  "fe80::1 is a link-local address" },
		{ SLICE "endpoints: [{addresses: ['fd00::1']}]\n",
		  "f:1: error: EndpointSlice default/e: endpoints[0].addresses[0]: expected an "
		  "IPv4 address as addressType says, found fd00::1" },
		{ SLICE "endpoints: [{addresses: [10.0.0.1], nodeName: A_B}]\n",
		  "f:5: error: EndpointSlice default/e: endpoints[0].nodeName: expected a name of "
		  "at most 253 lower case letters, digits, '-' and '.', found \"A_B\"" },
		{ SLICE "endpoints: [{addresses: [10.0.0.1], conditions: {ready: 'true'}}]\n",
		  "f:5: error: EndpointSlice default/e: endpoints[0].conditions.ready: expected "
		  "true or false, found \"true\"" },
		{ SLICE "endpoints: [{addresses: [10.0.0.1], conditions: {serving: 1}}]\n",
		  "f:5: error: EndpointSlice default/e: endpoints[0].conditions.serving: expected "
		  "true or false, found 1" },
		{ SLICE "endpoints: [{addresses: [10.0.0.1], conditions: {terminating: {}}}]\n",
		  "f:5: error: EndpointSlice default/e: endpoints[0].conditions.terminating: "
		  "expected true or false, found an object" },
		{ SLICE "endpoints: [{addresses: [10.0.0.1], conditions: none}]\n",
		  "f:5: error: EndpointSlice default/e: endpoints[0].conditions: expected an "
		  "object, found \"none\"" },
		{ SLICE "ports: [{port: 0}]\n",
		  "f:5: error: EndpointSlice default/e: ports[0].port: expected a number from 1 to "
		  "65535, found 0" },
		{ SLICE "ports: [{port: 1, protocol: tcp}]\n",
		  "f:5: error: EndpointSlice default/e: ports[0].protocol: expected TCP, UDP or "
		  "SCTP, found \"tcp\"" },
		{ SLICE "ports: [{port: 1, name: 1}]\n",
		  "f:5: error: EndpointSlice default/e: ports[0].name: expected a string, found "
		  "1" },
		{ "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: e\n"
		  "  labels: {kubernetes.io/service-name: a/b}\naddressType: IPv4\n",
		  "f:5: error: EndpointSlice default/e: "
		  "metadata.labels[kubernetes.io/service-name]: expected a name of at most 63 "
		  "lower case letters, digits and '-', found \"a/b\"" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

static void node_fields_say_what_is_wrong(void **state)
{
	static const struct wrong rows[] = {
		{ NODE "spec: {podCIDR: 10.0.0.0/33}\n",
		  "f:4: error: Node nd: spec.podCIDR: expected an IP prefix such as 10.0.0.0/8, "
		  "found \"10.0.0.0/33\"" },
		{ NODE "spec: {podCIDRs: [10.0.0.0]}\n",
		  "f:4: error: Node nd: spec.podCIDRs[0]: expected an IP prefix such as "
		  "10.0.0.0/8, found \"10.0.0.0\"" },
		{ NODE "status: {addresses: [{type: InternalIP, address: alpha}]}\n",
		  "f:4: error: Node nd: status.addresses[0].address: expected an IP address, found "
		  "\"alpha\"" },
		{ NODE "status: {addresses: [{type: [], address: alpha}]}\n",
		  "f:4: error: Node nd: status.addresses[0].type: expected a string, found a "
		  "list" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

static void identity_says_what_is_wrong(void **state)
{
	static const struct wrong rows[] = {
		{ "kind: Service\n", "f:1: error: apiVersion: is required" },
		{ "apiVersion: v1\n", "f:1: error: kind: is required" },
		{ "apiVersion: v1\nkind: [Service]\n",
		  "f:2: error: kind: expected a string, found a list" },
		{ "just text\n", "f:1: error: expected an object, found \"just text\"" },
		{ "apiVersion: v1\nkind: Service\n", "f:1: error: Service: metadata: is required" },
		{ "apiVersion: v1\nkind: Service\nmetadata: {generateName: x}\n",
		  "f:3: error: Service: metadata.name: is required" },
		{ "apiVersion: v1\nkind: Service\nmetadata: {name: ''}\n",
		  "f:1: error: Service: metadata.name: is empty" },
		{ "apiVersion: v1\nkind: Service\nmetadata: {name: 7}\n",
		  "f:3: error: Service: metadata.name: expected a string, found 7" },
		{ "apiVersion: v1\nkind: Service\nmetadata: {name: \"a\\0b\"}\n",
		  "f:3: error: Service: metadata.name: there is a NUL byte in it" },
		{ "apiVersion: v1\nkind: Service\nmetadata: {name: a.b}\n",
		  "f:3: error: Service: metadata.name: expected a name of at most 63 lower case "
		  "letters, digits and '-', found \"a.b\"" },
		{ "apiVersion: v1\nkind: Node\nmetadata: {name: a..b}\n",
		  "f:3: error: Node: metadata.name: expected a name of at most 253 lower case "
		  "letters, digits, '-' and '.', found \"a..b\"" },
		{ "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: B}\n",
		  "f:3: error: Service: metadata.namespace: expected a name of at most 63 "
		  "lower case letters, digits and '-', found \"B\"" },
		{ "apiVersion: v1\nkind: List\nitems: {}\n", "f:3: error: items: expected a list" },
		{ "apiVersion: v1\nkind: List\nitems: [null]\n",
		  "f:1: error: expected an object, found null" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

static void a_service_has_all_its_fields(void **state)
{
	struct load load = load_yaml(
		"apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: shop\n"
		"  labels: {service.kubernetes.io/service-proxy-name: ''}\n"
		"spec:\n  type: LoadBalancer\n  clusterIP: 10.0.0.1\n"
		"  clusterIPs: [10.0.0.1, 'fd00::1']\n  sessionAffinity: ClientIP\n"
		"  sessionAffinityConfig: {clientIP: {timeoutSeconds: 86400}}\n"
		"  internalTrafficPolicy: Local\n  externalTrafficPolicy: Local\n"
		"  loadBalancerSourceRanges: [\" 10.0.0.0/8\\t\", '::/0']\n"
		"  externalIPs: [192.0.2.1]\n"
		"  trafficDistribution: PreferClose\n  healthCheckNodePort: 31000\n"
		"  ports:\n  - {name: a, port: 80, nodePort: 30080}\n"
		"  - {name: b, port: 53, protocol: UDP, appProtocol: example.com/own}\n"
		"  - {name: c, port: 9, protocol: SCTP, appProtocol: kubernetes.io/h2c}\n"
		"status:\n  loadBalancer:\n    ingress:\n    - {hostname: lb.example}\n"
		"    - {ip: 192.0.2.7, ipMode: Proxy}\n    - {ip: '2001:db8::7'}\n");
	const struct service *s = (const struct service *)load.objects[0];
	char text[ADDR_STR_LEN];

	(void)state;
	assert_int_equal(load.diags.n, 0);
	assert_string_equal(s->object.namespace, "shop");
	assert_string_equal(s->object.name, "web");
	assert_string_equal(s->object.origin.file, "f");
	assert_int_equal(s->object.origin.line, 1);
	assert_int_equal(s->type, SERVICE_LOAD_BALANCER);
	assert_true(s->foreign_proxy);
	assert_int_equal(s->affinity_s, 86400);
	assert_int_equal(s->n_source_ranges, 2);
	assert_string_equal(cidr_format(&s->source_ranges[0], text), "10.0.0.0/8");
	assert_string_equal(cidr_format(&s->source_ranges[1], text), "::/0");
	assert_int_equal(s->n_external_ips, 1);
	assert_string_equal(addr_format(&s->external_ips[0], text), "192.0.2.1");
	assert_string_equal(s->distribution, "PreferClose");
	assert_int_equal(s->health_check_port, 31000);
	assert_false(s->headless);
	assert_int_equal(s->internal_policy, POLICY_LOCAL);
	assert_int_equal(s->external_policy, POLICY_LOCAL);
	assert_int_equal(s->n_cluster_ips, 2);
	assert_string_equal(addr_format(&s->cluster_ips[1], text), "fd00::1");
	assert_int_equal(s->n_ports, 3);
	assert_int_equal(s->ports[0].proto, L4_TCP);
	assert_int_equal(s->ports[0].node_port, 30080);
	assert_int_equal(s->ports[0].app_protocol, APP_HTTP);
	assert_int_equal(s->ports[1].app_protocol, APP_HTTP);
	assert_int_equal(s->ports[2].app_protocol, APP_H2C);
	assert_int_equal(s->ports[1].proto, L4_UDP);
	assert_int_equal(s->ports[1].node_port, 0);
	assert_int_equal(s->ports[2].proto, L4_SCTP);
	assert_string_equal(s->ports[2].name, "c");
	assert_int_equal(s->n_ingress, 2);
	assert_string_equal(addr_format(&s->ingress[0].ip, text), "192.0.2.7");
	assert_true(s->ingress[0].proxy);
	assert_false(s->ingress[1].proxy);
	load_fini(&load);
}

static void an_empty_service_has_the_defaults(void **state)
{
	struct load load = load_yaml(SERVICE "spec: {clusterIP: '', externalIPs: []}\n");
	const struct service *s = (const struct service *)load.objects[0];

	(void)state;
	assert_int_equal(load.diags.n, 0);
	assert_string_equal(s->object.namespace, "default");
	assert_int_equal(s->type, SERVICE_CLUSTER_IP);
	assert_false(s->headless || s->foreign_proxy || s->affinity_s || s->n_source_ranges ||
		     s->n_external_ips || *s->distribution || s->health_check_port);
	assert_int_equal(s->internal_policy, POLICY_CLUSTER);
	assert_int_equal(s->external_policy, POLICY_CLUSTER);
	assert_int_equal(s->n_cluster_ips, 0);
	assert_int_equal(s->n_ports, 0);
	load_fini(&load);
}

static void headless_is_said_in_either_field(void **state)
{
	static const char *const texts[] = {
		SERVICE "spec: {clusterIP: None}\n",
		SERVICE "spec: {clusterIPs: [None]}\n",
		SERVICE "spec: {clusterIP: None, clusterIPs: [None]}\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct load load = load_yaml(texts[i]);

		assert_int_equal(load.n, 1);
		assert_true(((const struct service *)load.objects[0])->headless);
		assert_int_equal(((const struct service *)load.objects[0])->n_cluster_ips, 0);
		load_fini(&load);
	}
}

/* Rows: what conditions say, and what ready, serving, terminating mean then. */
static void absent_conditions_have_the_meaning_of_the_api(void **state)
{
	static const struct {
		const char *conditions;
		bool ready, serving, terminating;
	} rows[] = {
		{ "", true, true, false },
		{ ", conditions: null", true, true, false },
		{ ", conditions: {}", true, true, false },
		{ ", conditions: {ready: null}", true, true, false },
		{ ", conditions: {ready: true}", true, true, false },
		{ ", conditions: {ready: false}", false, false, false },
		{ ", conditions: {serving: false}", true, false, false },
		{ ", conditions: {ready: false, serving: true, terminating: true}", false, true,
		  true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(mem_freep) char *text =
			mem_printf(SLICE "endpoints: [{addresses: [10.0.0.1]%s}]\n",
				   rows[i].conditions);
		struct load load = load_yaml(text);
		const struct endpoint_slice *slice;

		assert_int_equal(load.n, 1);
		slice = (const struct endpoint_slice *)load.objects[0];
		assert_int_equal(slice->endpoints[0].ready, rows[i].ready);
		assert_int_equal(slice->endpoints[0].serving, rows[i].serving);
		assert_int_equal(slice->endpoints[0].terminating, rows[i].terminating);
		assert_string_equal(slice->endpoints[0].node, "");
		assert_string_equal(slice->service, "");
		load_fini(&load);
	}
}

static void slices_without_ports_or_with_host_names_load(void **state)
{
	struct load load = load_yaml(SLICE "ports: null\nendpoints: null\n---\n" SLICE
					   "ports: [{name: a, port: null}]\n---\n"
					   "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
					   "metadata: {name: f}\naddressType: FQDN\n"
					   "endpoints: [{addresses: [a.example]}]\n");
	const struct endpoint_slice *last = (const struct endpoint_slice *)load.objects[1];

	(void)state;
	assert_diags(&load, "f:1: warning: EndpointSlice default/e: is defined again in line 8, "
			    "which counts");
	assert_int_equal(load.n, 2);
	assert_int_equal(((const struct endpoint_slice *)load.objects[0])->ports[0].port, 0);
	assert_int_equal(last->family, 0);
	assert_int_equal(last->n_endpoints, 0);
	load_fini(&load);
}

static void a_node_has_prefixes_and_addresses(void **state)
{
	struct load load = load_yaml(
		NODE "spec: {podCIDR: 10.1.0.0/24, podCIDRs: [10.1.0.0/24, 'fd00:1::/64']}\n"
		     "status:\n  addresses:\n  - {type: InternalIP, address: 192.0.2.1}\n"
		     "  - {type: Hostname, address: alpha}\n"
		     "  - {type: ExternalIP, address: '2001:db8::1'}\n");
	const struct node *node = (const struct node *)load.objects[0];
	char text[ADDR_STR_LEN];

	(void)state;
	assert_int_equal(load.diags.n, 0);
	assert_string_equal(node->object.namespace, "");
	assert_int_equal(node->n_pod_cidrs, 2);
	assert_string_equal(cidr_format(&node->pod_cidrs[1], text), "fd00:1::/64");
	assert_int_equal(node->n_addrs, 2);
	assert_string_equal(addr_format(&node->addrs[1], text), "2001:db8::1");
	load_fini(&load);
}

static void lists_are_taken_apart(void **state)
{
	/* Elements of a typed list may leave kind and version to the list; a list in a list. */
	struct load load = load_json(
		"{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":["
		"{\"apiVersion\":\"v1\",\"kind\":\"NamespaceList\",\"items\":["
		"{\"metadata\":{\"name\":\"a\"}},{\"metadata\":{\"name\":\"b\"}}]},"
		"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMapList\",\"items\":[{},{},{}]},"
		"{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":null},"
		"{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"s\"},"
		"\"spec\":{}}]}\n"
		"{\"apiVersion\":\"example.com/v1\",\"kind\":\"WaitingList\"}");

	(void)state;
	assert_diags(&load, "");
	assert_int_equal(load.n, 3);
	assert_int_equal(load.skipped, 4);
	assert_int_equal(load.objects[0]->kind, OBJECT_SERVICE);
	assert_string_equal(load.objects[1]->name, "a");
	assert_string_equal(load.objects[2]->name, "b");
	load_fini(&load);
}

static void other_kinds_and_versions_are_skipped(void **state)
{
	struct load load = load_yaml("apiVersion: serving.knative.dev/v1\nkind: Service\n---\n"
				     "apiVersion: discovery.k8s.io/v1beta1\n"
				     "kind: EndpointSlice\n---\n# nothing\n---\nnull\n---\n");

	(void)state;
	assert_diags(&load, "");
	assert_int_equal(load.n, 0);
	assert_int_equal(load.skipped, 2);
	assert_false(load.partial);
	load_fini(&load);
}

static void a_wrong_object_harms_itself_only(void **state)
{
	struct load load = load_yaml("apiVersion: v1\nkind: List\nitems:\n"
				     "- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n"
				     "- {apiVersion: v1, kind: Service, metadata: {name: b}}\n"
				     "- {apiVersion: v1, kind: Namespace, metadata: {name: c,\n"
				     "   labels: {x: a, x: b}}}\n"
				     "- {apiVersion: v1, kind: Namespace, metadata: {name: d}}\n"
				     "---\n{[\n---\n"
				     "{apiVersion: v1, kind: Namespace, metadata: {name: e}}\n");

	(void)state;
	assert_int_equal(load.n, 3);
	assert_int_equal(load.n_broken, 2);
	assert_string_equal(load.broken[0]->name, "b");
	assert_string_equal(load.broken[1]->name, "c");
	assert_true(load.partial);
	assert_int_equal(load.diags.n, 3);
	assert_int_equal(load.diags.items[0].line, 5);
	assert_int_equal(load.diags.items[1].line, 7);
	assert_string_equal(load.diags.items[1].reason, "key \"x\" is there twice");
	assert_int_equal(load.diags.items[2].line, 10);
	load_fini(&load);
}

static void errors_of_one_object_are_capped(void **state)
{
	struct str text = { 0 };
	struct load load;

	(void)state;
	str_addf(&text, "%s", SERVICE "spec:\n  ports:\n");
	for (int i = 0; i < 1000; i++)
		str_addf(&text, "  - {port: x}\n");
	load = load_yaml(text.buf);
	assert_int_equal(load.diags.n, 10);
	assert_int_equal(load.n_broken, 1);
	load_fini(&load);
	str_fini(&text);
}

static void long_wrong_values_are_shown_cut(void **state)
{
	struct str text = { 0 };
	struct load load;

	(void)state;
	str_addf(&text, "%s", SERVICE "spec: {type: ");
	for (int i = 0; i < 1000; i++)
		str_addf(&text, "나");
	str_addf(&text, "}\n");
	load = load_yaml(text.buf);
	assert_int_equal(load.diags.n, 1);
	assert_non_null(strstr(load.diags.items[0].reason, "나..."));
	assert_true(strlen(load.diags.items[0].reason) < 160);
	load_fini(&load);
	str_fini(&text);
}

static void texts_in_other_encodings_are_refused(void **state)
{
	static const char nul[] = "a: 1\nb: \0\n", utf16[] = "\xff\xfe"
							     "a\0";
	struct load load;

	(void)state;
	load_text(LOAD_YAML, "f", nul, sizeof(nul) - 1, &load);
	assert_diags(&load, "f:2: error: there is a NUL byte in it");
	assert_true(load.partial);
	load_fini(&load);
	load_text(LOAD_JSON, "f", utf16, sizeof(utf16) - 1, &load);
	assert_diags(&load, "f:1: error: this is not UTF-8 text");
	load_fini(&load);
	load = load_yaml("\xef\xbb\xbf{apiVersion: v1, kind: Namespace, metadata: {name: a}}");
	assert_diags(&load, "");
	assert_int_equal(load.n, 1);
	load_fini(&load);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(service_fields_say_what_is_wrong),
		cmocka_unit_test(service_status_says_what_is_wrong),
		cmocka_unit_test(slice_fields_say_what_is_wrong),
		cmocka_unit_test(node_fields_say_what_is_wrong),
		cmocka_unit_test(identity_says_what_is_wrong),
		cmocka_unit_test(a_service_has_all_its_fields),
		cmocka_unit_test(an_empty_service_has_the_defaults),
		cmocka_unit_test(headless_is_said_in_either_field),
		cmocka_unit_test(absent_conditions_have_the_meaning_of_the_api),
		cmocka_unit_test(slices_without_ports_or_with_host_names_load),
		cmocka_unit_test(a_node_has_prefixes_and_addresses),
		cmocka_unit_test(lists_are_taken_apart),
		cmocka_unit_test(other_kinds_and_versions_are_skipped),
		cmocka_unit_test(a_wrong_object_harms_itself_only),
		cmocka_unit_test(errors_of_one_object_are_capped),
		cmocka_unit_test(long_wrong_values_are_shown_cut),
		cmocka_unit_test(texts_in_other_encodings_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
