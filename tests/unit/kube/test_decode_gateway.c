// SPDX-License-Identifier: Apache-2.0
/* GatewayClass, Gateway with its listeners, ReferenceGrant: fields, defaults, what is wrong. */
#include "texts.h"

#include "model/gateway.h"

#define API	"apiVersion: gateway.networking.k8s.io/v1\n"
#define CLASS	API "kind: GatewayClass\nmetadata: {name: c}\n"
#define GATEWAY API "kind: Gateway\nmetadata: {name: g}\n"
#define GRANT	API "kind: ReferenceGrant\nmetadata: {name: r}\n"

/* One listener with more members, and what is said about it. */
#define LISTENER(more) GATEWAY "spec: {gatewayClassName: c, listeners: [{" more "}]}\n"
#define HTTP(more)     LISTENER("name: a, port: 80, protocol: HTTP" more)
#define HTTPS(more)    LISTENER("name: a, port: 443, protocol: HTTPS" more)
#define ERROR	       "f:4: error: Gateway default/g: "
#define AT	       ERROR "spec.listeners[0]."

static void a_class_names_its_controller(void **state)
{
	static const struct wrong rows[] = {
		{ CLASS, "f:1: error: GatewayClass c: spec: is required" },
		{ CLASS "spec: {}\n",
		  "f:4: error: GatewayClass c: spec.controllerName: is required" },
		{ CLASS "spec: {controllerName: naru}\n",
		  "f:4: error: GatewayClass c: spec.controllerName: expected a controller's name "
		  "such as naru.io/gateway, found \"naru\"" },
		{ CLASS "spec: {controllerName: naru.io/}\n",
		  "f:4: error: GatewayClass c: spec.controllerName: expected a controller's name "
		  "such as naru.io/gateway, found \"naru.io/\"" },
	};
	struct load loads[2];

	(void)state;
	load_both("{\"apiVersion\": \"gateway.networking.k8s.io/v1beta1\", \"kind\": "
		  "\"GatewayClass\", \"metadata\": {\"name\": \"c\", \"namespace\": \"x\"}, "
		  "\"spec\": {\"controllerName\": \"naru.io/gateway\"}}",
		  loads);
	assert_string_equal(((struct gateway_class *)loads[0].objects[0])->controller,
			    "naru.io/gateway");
	assert_string_equal(loads[0].objects[0]->namespace, "");
	assert_false(((struct gateway_class *)loads[0].objects[0])->parameters);
	load_fini(&loads[0]);
	load_fini(&loads[1]);
	assert_wrong(rows, ARRAY_SIZE(rows));
}

static const char whole[] =
	"{\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"Gateway\",\n"
	"\"metadata\": {\"name\": \"g\", \"namespace\": \"n\",\n"
	"  \"creationTimestamp\": \"2026-11-22T14:00:34Z\"},\n"
	"\"spec\": {\"gatewayClassName\": \"c\",\n"
	"  \"addresses\": [{\"value\": \"127.0.0.1\"},\n"
	"    {\"type\": \"IPAddress\", \"value\": \"2001:db8::1\"}, {\"type\": \"IPAddress\"},\n"
	"    {\"type\": \"Hostname\", \"value\": \"edge.example.com\"},\n"
	"    {\"type\": \"example.com/pool\", \"value\": \"blue\"}],\n"
	"  \"listeners\": [\n"
	"    {\"name\": \"http\", \"port\": 80, \"protocol\": \"HTTP\"},\n"
	"    {\"name\": \"tls\", \"port\": 443, \"protocol\": \"HTTPS\",\n"
	"     \"hostname\": \"*.example.com\", \"tls\": {\"certificateRefs\": [{\"name\": \"a\"},\n"
	"       {\"group\": \"\", \"kind\": \"Secret\", \"namespace\": \"m\", \"name\": \"b\"}]},\n"
	"     \"allowedRoutes\": {\"kinds\": [{\"kind\": \"HTTPRoute\"}], \"namespaces\": {\n"
	"       \"from\": \"Selector\", \"selector\": {\"matchExpressions\": [\n"
	"         {\"key\": \"t\", \"operator\": \"NotIn\", \"values\": [\"x\", \"y\"]},\n"
	"         {\"key\": \"u\", \"operator\": \"Exists\"}],\n"
	"       \"matchLabels\": {\"team\": \"shop\"}}}}},\n"
	"    {\"name\": \"pass\", \"port\": 8443, \"protocol\": \"TLS\",\n"
	"     \"tls\": {\"mode\": \"Passthrough\"},\n"
	"     \"allowedRoutes\": {\"namespaces\": {\"from\": \"All\"}}},\n"
	"    {\"name\": \"own\", \"port\": 9, \"protocol\": \"example.com/foo\"}]}}";

static void assert_reference(const struct object_reference *reference, const char *group,
			     const char *kind, const char *namespace, const char *name)
{
	assert_string_equal(reference->group, group);
	assert_string_equal(reference->kind, kind);
	assert_string_equal(reference->namespace, namespace);
	assert_string_equal(reference->name, name);
	assert_string_equal(reference->section, "");
	assert_int_equal(reference->port, 0);
}

static void assert_tls_listener(const struct gateway_listener *listener)
{
	assert_string_equal(listener->hostname, "*.example.com");
	assert_int_equal(listener->protocol, LISTENER_HTTPS);
	assert_false(listener->passthrough);
	assert_int_equal(listener->n_certs, 2);
	assert_reference(&listener->certs[0], "", "Secret", "", "a");
	assert_reference(&listener->certs[1], "", "Secret", "m", "b");
	assert_int_equal(listener->from, ROUTES_SELECTOR);
	assert_int_equal(listener->n_selector, 3);
	assert_string_equal(listener->selector[0].key, "team");
	assert_int_equal(listener->selector[0].operator, SELECTOR_IN);
	assert_string_equal(listener->selector[0].values[0], "shop");
	assert_int_equal(listener->selector[1].operator, SELECTOR_NOT_IN);
	assert_int_equal(listener->selector[1].n_values, 2);
	assert_string_equal(listener->selector[2].key, "u");
	assert_int_equal(listener->selector[2].operator, SELECTOR_EXISTS);
	assert_int_equal(listener->n_kinds, 1);
	assert_reference(&listener->kinds[0], "gateway.networking.k8s.io", "HTTPRoute", "", "");
}

static void a_gateway_has_all_its_fields(void **state)
{
	struct load loads[2];
	const struct gateway *gateway;
	char text[ADDR_STR_LEN];

	(void)state;
	load_both(whole, loads);
	gateway = (const struct gateway *)loads[1].objects[0];
	assert_string_equal(gateway->object.namespace, "n");
	assert_string_equal(gateway->class_name, "c");
	assert_int_equal(gateway->created, 1795356034);
	assert_int_equal(gateway->n_addresses, 5);
	assert_string_equal(addr_format(&gateway->addresses[0].addr, text), "127.0.0.1");
	assert_string_equal(addr_format(&gateway->addresses[1].addr, text), "2001:db8::1");
	assert_string_equal(gateway->addresses[1].text, "2001:db8::1");
	assert_string_equal(gateway->addresses[2].text, "");
	assert_false(gateway->addresses[2].named);
	assert_true(gateway->addresses[3].named);
	assert_string_equal(gateway->addresses[4].text, "blue");
	assert_int_equal(gateway->n_listeners, 4);
	assert_int_equal(gateway->listeners[0].protocol, LISTENER_HTTP);
	assert_string_equal(gateway->listeners[0].hostname, "");
	assert_int_equal(gateway->listeners[0].from, ROUTES_SAME);
	assert_int_equal(gateway->listeners[0].n_kinds, 0);
	assert_tls_listener(&gateway->listeners[1]);
	assert_true(gateway->listeners[2].passthrough);
	assert_int_equal(gateway->listeners[2].protocol, LISTENER_OTHER);
	assert_int_equal(gateway->listeners[2].from, ROUTES_ALL);
	assert_string_equal(gateway->listeners[3].protocol_text, "example.com/foo");
	load_fini(&loads[0]);
	load_fini(&loads[1]);
}

static void gateway_fields_say_what_is_wrong(void **state)
{
	static const struct wrong rows[] = {
		{ GATEWAY, "f:1: error: Gateway default/g: spec: is required" },
		{ GATEWAY "spec: {listeners: [{name: a, port: 80, protocol: HTTP}]}\n",
		  ERROR "spec.gatewayClassName: is required" },
		{ GATEWAY "spec: {gatewayClassName: c}\n", ERROR "spec.listeners: is required" },
		{ GATEWAY "spec: {gatewayClassName: c, listeners: []}\n",
		  ERROR "spec.listeners: has 0 entries, at least 1 needed" },
		{ GATEWAY "spec: {gatewayClassName: '', listeners: [{name: a, port: 80, protocol: "
			  "HTTP}]}\n",
		  ERROR "spec.gatewayClassName: expected a name of 1 to 253 characters, found "
			"\"\"" },
		{ API "kind: Gateway\nmetadata: {name: g, creationTimestamp: yesterday}\n"
		      "spec: {gatewayClassName: c, listeners: [{name: a, port: 1, protocol: "
		      "HTTP}]}\n",
		  "f:3: error: Gateway default/g: metadata.creationTimestamp: expected a time "
		  "such as 2026-01-31T12:00:00Z, found \"yesterday\"" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

#define ADDRESSES(list)                                                                            \
	GATEWAY "spec: {gatewayClassName: c, listeners: [{name: a, port: 80, protocol: HTTP}], "   \
		"addresses: [" list "]}\n"

static void addresses_say_what_is_wrong(void **state)
{
	static const struct wrong rows[] = {
		{ ADDRESSES("{value: 10.0.0.300}"),
		  ERROR "spec.addresses[0].value: expected an IP address, found \"10.0.0.300\"" },
		{ ADDRESSES("{value: 0.0.0.0}"),
		  ERROR "spec.addresses[0].value: 0.0.0.0 is the unspecified address" },
		{ ADDRESSES("{value: 'ff02::1'}"),
		  ERROR "spec.addresses[0].value: ff02::1 is a multicast address" },
		{ ADDRESSES("{type: Ip, value: 192.0.2.1}"),
		  ERROR "spec.addresses[0].type: expected IPAddress, Hostname, NamedAddress or a "
			"type such as example.com/type, found \"Ip\"" },
		{ ADDRESSES("{type: Hostname, value: Edge}"),
		  ERROR "spec.addresses[0].value: expected a lower case host name such as "
			"shop.example.com or *.example.com, found \"Edge\"" },
		{ ADDRESSES("{value: 192.0.2.1}, {value: '2001:db8::1'}, {value: '2001:DB8::0:1'}"),
		  ERROR "spec.addresses[2]: IPAddress values must be unique" },
		{ ADDRESSES("5"), ERROR "spec.addresses[0]: expected an object, found 5" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

static void listeners_say_what_is_wrong(void **state)
{
	static const struct wrong rows[] = {
		{ LISTENER("port: 80, protocol: HTTP"), AT "name: is required" },
		{ LISTENER("name: a, protocol: HTTP"), AT "port: is required" },
		{ LISTENER("name: a, port: 80"), AT "protocol: is required" },
		{ LISTENER("name: A, port: 80, protocol: HTTP"),
		  AT "name: expected a name of at most 253 lower case letters, digits, '-' and "
		     "'.', found \"A\"" },
		{ LISTENER("name: a, port: 0, protocol: HTTP"),
		  AT "port: expected a number from 1 to 65535, found 0" },
		{ LISTENER("name: a, port: 80, protocol: 'a b'"),
		  AT "protocol: expected HTTP, HTTPS, TLS, TCP, UDP or a protocol such as "
		     "example.com/protocol, found \"a b\"" },
		{ HTTP(", hostname: Shop.example.com"),
		  AT "hostname: expected a lower case host name such as shop.example.com or "
		     "*.example.com, found \"Shop.example.com\"" },
		{ HTTP(", hostname: 'a.*.com'"),
		  AT "hostname: expected a lower case host name such as shop.example.com or "
		     "*.example.com, found \"a.*.com\"" },
		{ HTTP(", hostname: '*'"),
		  AT "hostname: expected a lower case host name such as shop.example.com or "
		     "*.example.com, found \"*\"" },
		{ HTTP(", hostname: ''"),
		  AT "hostname: expected a lower case host name such as shop.example.com or "
		     "*.example.com, found \"\"" },
		{ HTTP(", tls: {certificateRefs: [{name: a}]}"),
		  ERROR "spec.listeners[0]: tls must not be specified for protocols HTTP, TCP and "
			"UDP" },
		{ HTTPS(", tls: {}"),
		  AT "tls: certificateRefs or options must be specified when mode is Terminate" },
		{ HTTPS(", tls: {mode: Open}"),
		  AT "tls.mode: expected Terminate or Passthrough, found \"Open\"" },
		{ HTTPS(", tls: {mode: Passthrough}"),
		  ERROR "spec.listeners[0]: tls mode must be Terminate for protocol HTTPS" },
		{ HTTPS(", tls: {certificateRefs: [{}]}"),
		  AT "tls.certificateRefs[0].name: is required" },
		{ HTTPS(", tls: {certificateRefs: [{name: a, kind: '1'}]}"),
		  AT "tls.certificateRefs[0].kind: expected a kind such as Service, found \"1\"" },
		{ LISTENER("name: a, port: 1, protocol: TLS"),
		  ERROR "spec.listeners[0]: tls mode must be set for protocol TLS" },
		{ LISTENER("name: a, port: 1, protocol: TCP, hostname: a"),
		  ERROR "spec.listeners[0]: hostname must not be specified for protocols TCP and "
			"UDP" },
		{ HTTP("}, {name: a, port: 81, protocol: HTTP"),
		  ERROR "spec.listeners[1]: Listener name must be unique within the Gateway" },
		{ HTTP("}, {name: b, port: 80, protocol: HTTP"),
		  ERROR "spec.listeners[1]: Combination of port, protocol and hostname must be "
			"unique for each listener" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

static void allowed_routes_say_what_is_wrong(void **state)
{
	static const struct wrong rows[] = {
		{ HTTP(", allowedRoutes: {namespaces: {from: Some}}"),
		  AT "allowedRoutes.namespaces.from: expected Same, All, Selector or None, found "
		     "\"Some\"" },
		{ HTTP(", allowedRoutes: {kinds: [{group: a}]}"),
		  AT "allowedRoutes.kinds[0].kind: is required" },
		{ HTTP(", allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: "
		       "{a.b/c: 5}}}}"),
		  AT "allowedRoutes.namespaces.selector.matchLabels[a.b/c]: expected a string, "
		     "found 5" },
		{ HTTP(", allowedRoutes: {namespaces: {from: Selector, selector: "
		       "{matchExpressions: [{key: a, operator: In}]}}}"),
		  AT "allowedRoutes.namespaces.selector.matchExpressions[0]: values must be given "
		     "for operators In and NotIn" },
		{ HTTP(", allowedRoutes: {namespaces: {from: Selector, selector: "
		       "{matchExpressions: [{key: a, operator: Exists, values: [a]}]}}}"),
		  AT "allowedRoutes.namespaces.selector.matchExpressions[0]: values may not be "
		     "given for operators Exists and DoesNotExist" },
		{ HTTP(", allowedRoutes: {namespaces: {from: Selector, selector: "
		       "{matchExpressions: [{key: a, operator: Is}]}}}"),
		  AT "allowedRoutes.namespaces.selector.matchExpressions[0].operator: expected In, "
		     "NotIn, Exists or DoesNotExist, found \"Is\"" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

/* A selector counts with from: Selector only; without one nothing is selected. */
static void selectors_count_where_they_are_asked_for(void **state)
{
	struct load load = load_yaml(
		HTTP(", allowedRoutes: {namespaces: {from: Selector}}"
		     "}, {name: b, port: 81, protocol: HTTP, allowedRoutes: {namespaces: {from: "
		     "Selector, selector: {}}}"
		     "}, {name: c, port: 82, protocol: HTTP, allowedRoutes: {namespaces: {from: "
		     "Same, selector: {matchLabels: {a: b}}}}"));
	const struct gateway *gateway = (const struct gateway *)load.objects[0];

	(void)state;
	assert_diags(&load, "");
	assert_int_equal(gateway->listeners[0].from, ROUTES_NONE);
	assert_int_equal(gateway->listeners[1].from, ROUTES_SELECTOR);
	assert_int_equal(gateway->listeners[1].n_selector, 0);
	assert_int_equal(gateway->listeners[2].from, ROUTES_SAME);
	assert_int_equal(gateway->listeners[2].n_selector, 0);
	load_fini(&load);
}

/* Wherever the API has had it, asking clients for certificates is seen. */
static void client_certificates_are_noticed(void **state)
{
	static const struct {
		const char *text;
		bool asked;
	} rows[] = {
		{ HTTPS(", tls: {options: {a: b}}"), false },
		{ HTTPS(", tls: {certificateRefs: [{name: a}], frontendValidation: "
			"{caCertificateRefs: [{name: ca}]}}"),
		  true },
		{ HTTPS("}], tls: {frontend: {default: {validation: {caCertificateRefs: []}}}}, x: "
			"[{"),
		  true },
		{ HTTPS("}], tls: {frontend: {default: {}, perPort: [{port: 443}]}}, x: [{"),
		  true },
		{ HTTPS("}], tls: {frontend: {default: {}}, backend: {}}, x: [{"), false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct load load = load_yaml(rows[i].text);

		assert_diags(&load, "");
		assert_int_equal(
			((const struct gateway *)load.objects[0])->listeners[0].client_certs,
			rows[i].asked);
		load_fini(&load);
	}
}

/* naru has none, so that they are there is all that counts. */
static void parameters_are_noticed(void **state)
{
	static const struct {
		const char *text;
		bool given;
	} rows[] = {
		{ HTTPS(", tls: {options: {a: b}}"), false },
		{ HTTPS(", tls: {options: {a: b}}}], infrastructure: {labels: {a: b}}, x: [{"),
		  false },
		{ HTTPS(", tls: {options: {a: b}}}], infrastructure: {parametersRef: {group: g.io, "
			"kind: K, name: n}}, x: [{"),
		  true },
	};
	struct load load = load_yaml(CLASS "spec: {controllerName: naru.io/gateway, parametersRef: "
					   "{group: g.io, kind: K, name: n}}\n");

	(void)state;
	assert_diags(&load, "");
	assert_true(((const struct gateway_class *)load.objects[0])->parameters);
	load_fini(&load);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		load = load_yaml(rows[i].text);
		assert_diags(&load, "");
		assert_int_equal(((const struct gateway *)load.objects[0])->parameters,
				 rows[i].given);
		load_fini(&load);
	}
}

static void grants_name_both_ends(void **state)
{
	static const struct wrong rows[] = {
		{ GRANT "spec: {}\n",
		  "f:4: error: ReferenceGrant default/r: spec.from: is required\n"
		  "f:4: error: ReferenceGrant default/r: spec.to: is required" },
		{ GRANT "spec: {from: [], to: [{group: '', kind: Secret}]}\n",
		  "f:4: error: ReferenceGrant default/r: spec.from: has 0 entries, at least 1 "
		  "needed" },
		{ GRANT "spec: {from: [{kind: Gateway, namespace: a}], to: [{group: '', kind: "
			"Secret}]}\n",
		  "f:4: error: ReferenceGrant default/r: spec.from[0].group: is required" },
		{ GRANT "spec: {from: [{group: a, kind: Gateway, namespace: A}], to: [{group: '', "
			"kind: Secret, name: ''}]}\n",
		  "f:4: error: ReferenceGrant default/r: spec.from[0].namespace: expected a name "
		  "of at most 63 lower case letters, digits and '-', found \"A\"\n"
		  "f:4: error: ReferenceGrant default/r: spec.to[0].name: expected a name of 1 to "
		  "253 characters, found \"\"" },
	};
	const struct reference_grant *grant;
	struct load loads[2];

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
	load_both("{\"apiVersion\": \"gateway.networking.k8s.io/v1beta1\", \"kind\": "
		  "\"ReferenceGrant\", \"metadata\": {\"name\": \"r\"}, \"spec\": {\"from\": "
		  "[{\"group\": \"gateway.networking.k8s.io\", \"kind\": \"HTTPRoute\", "
		  "\"namespace\": \"a\"}], \"to\": [{\"group\": \"\", \"kind\": \"Service\"}, "
		  "{\"group\": \"\", \"kind\": \"Service\", \"name\": \"s\"}]}}",
		  loads);
	grant = (const struct reference_grant *)loads[0].objects[0];
	assert_string_equal(grant->from[0].namespace, "a");
	assert_string_equal(grant->from[0].kind, "HTTPRoute");
	assert_int_equal(grant->n_to, 2);
	assert_string_equal(grant->to[0].name, "");
	assert_string_equal(grant->to[1].name, "s");
	load_fini(&loads[0]);
	load_fini(&loads[1]);
}

static void labels_of_a_namespace_are_sorted(void **state)
{
	static const struct wrong rows[] = {
		{ "{apiVersion: v1, kind: Namespace, metadata: {name: ns, labels: {a: 5}}}",
		  "f:1: error: Namespace ns: metadata.labels.a: expected a string, found 5" },
		{ "{apiVersion: v1, kind: Namespace, metadata: {name: ns, labels: {a: null}}}",
		  "f:1: error: Namespace ns: metadata.labels.a: expected a value, found null" },
		{ "{apiVersion: v1, kind: Namespace, metadata: {name: ns, labels: [a]}}",
		  "f:1: error: Namespace ns: metadata.labels: expected an object, found a list" },
	};
	const struct namespace *namespace;
	struct load loads[2];

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
	load_both("{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {\"name\": "
		  "\"n\", \"labels\": {\"b\": \"1\", \"c\": \"\", \"a\": \"2\"}}}",
		  loads);
	namespace = (const struct namespace *)loads[0].objects[0];
	assert_int_equal(namespace->n_labels, 3);
	assert_string_equal(namespace->labels[0].key, "a");
	assert_string_equal(namespace->labels[0].value, "2");
	assert_string_equal(namespace->labels[2].key, "c");
	assert_string_equal(namespace->labels[2].value, "");
	load_fini(&loads[0]);
	load_fini(&loads[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_class_names_its_controller),
		cmocka_unit_test(a_gateway_has_all_its_fields),
		cmocka_unit_test(gateway_fields_say_what_is_wrong),
		cmocka_unit_test(addresses_say_what_is_wrong),
		cmocka_unit_test(listeners_say_what_is_wrong),
		cmocka_unit_test(allowed_routes_say_what_is_wrong),
		cmocka_unit_test(selectors_count_where_they_are_asked_for),
		cmocka_unit_test(client_certificates_are_noticed),
		cmocka_unit_test(parameters_are_noticed),
		cmocka_unit_test(grants_name_both_ends),
		cmocka_unit_test(labels_of_a_namespace_are_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
