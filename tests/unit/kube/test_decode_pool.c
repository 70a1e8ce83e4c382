// SPDX-License-Identifier: Apache-2.0
/* AddressPool, and what Services and Gateways ask of pools: fields, defaults, what is wrong. */
#include "texts.h"

#include "model/pool.h"

#define POOL  "apiVersion: naru.io/v1alpha1\nkind: AddressPool\nmetadata: {name: p}\n"
#define ERROR "f:4: error: AddressPool p: "
#define AT    ERROR "spec.addresses[0]: "

static const char whole[] =
	"{\"apiVersion\": \"naru.io/v1alpha1\", \"kind\": \"AddressPool\",\n"
	"\"metadata\": {\"name\": \"p\", \"creationTimestamp\": \"2026-11-22T14:00:34Z\"},\n"
	"\"spec\": {\"addresses\": [{\"cidr\": \"192.0.2.16/28\"},\n"
	"    {\"first\": \"198.51.100.7\", \"last\": \"198.51.101.1\"},\n"
	"    {\"cidr\": \"2001:db8:0:7::/64\"}],\n"
	"  \"loadBalancerClass\": \"example.com/edge\", \"withoutClass\": true,\n"
	"  \"autoAssign\": false, \"disabled\": true,\n"
	"  \"serviceSelector\": {\"matchLabels\": {\"tier\": \"front\"}},\n"
	"  \"gatewaySelector\": {\"matchExpressions\": [{\"key\": \"x\", \"operator\": "
	"\"Exists\"}]},\n"
	"  \"namespaceSelector\": {\"matchLabels\": {\"team\": \"shop\", \"a\": \"b\"}}}}";

static void assert_range(const struct address_range *range, const char *first, const char *last)
{
	char text[ADDR_STR_LEN];

	assert_string_equal(addr_format(&range->first, text), first);
	assert_string_equal(addr_format(&range->last, text), last);
}

static void a_pool_has_all_its_fields(void **state)
{
	const struct address_pool *pool;
	struct load loads[2];

	(void)state;
	load_both(whole, loads);
	pool = (const struct address_pool *)loads[0].objects[0];
	assert_string_equal(pool->object.namespace, "");
	assert_int_equal(pool->created, 1795356034);
	assert_int_equal(pool->n_ranges, 3);
	assert_range(&pool->ranges[0], "192.0.2.16", "192.0.2.31");
	assert_range(&pool->ranges[1], "198.51.100.7", "198.51.101.1");
	assert_range(&pool->ranges[2], "2001:db8:0:7::", "2001:db8:0:7:ffff:ffff:ffff:ffff");
	assert_string_equal(pool->class_name, "example.com/edge");
	assert_true(pool->without_class);
	assert_true(pool->manual);
	assert_true(pool->disabled);
	assert_int_equal(pool->n_services, 1);
	assert_string_equal(pool->services[0].key, "tier");
	assert_int_equal(pool->n_gateways, 1);
	assert_int_equal(pool->gateways[0].operator, SELECTOR_EXISTS);
	assert_int_equal(pool->n_namespaces, 2);
	load_fini(&loads[0]);
	load_fini(&loads[1]);
}

static void a_pool_has_defaults(void **state)
{
	struct load load =
		load_yaml(POOL "spec: {addresses: [{first: 'fd00::1', last: 'fd00::1'}]}");
	const struct address_pool *pool;

	(void)state;
	assert_diags(&load, "");
	pool = (const struct address_pool *)load.objects[0];
	assert_range(&pool->ranges[0], "fd00::1", "fd00::1");
	assert_string_equal(pool->class_name, "naru.io/load-balancer");
	assert_false(pool->without_class);
	assert_false(pool->manual);
	assert_false(pool->disabled);
	assert_int_equal(pool->n_services + pool->n_gateways + pool->n_namespaces, 0);
	load_fini(&load);
}

#define SPEC(addresses) POOL "spec: {addresses: [" addresses "]}\n"
#define DIALABLE                                                                                   \
	"has addresses that no client can dial: of loopback, link-local, multicast or reserved"

static void ranges_say_what_is_wrong(void **state)
{
	static const char either[] = AT "needs either cidr, or first and last";
	static const char prefix[] = AT "cidr must be a prefix, with no bit set behind its length";
	static const char special[] = AT DIALABLE;
	static const struct wrong rows[] = {
		{ POOL, "f:1: error: AddressPool p: spec: is required" },
		{ POOL "spec: {}\n", ERROR "spec.addresses: is required" },
		{ SPEC(""), ERROR "spec.addresses: has 0 entries, at least 1 needed" },
		{ SPEC("{}"), either },
		{ SPEC("{first: 192.0.2.1}"), either },
		{ SPEC("{cidr: 192.0.2.0/24, last: 192.0.2.1}"), either },
		{ SPEC("{cidr: 192.0.2.1/24}"), prefix },
		{ SPEC("{cidr: 192.0.2.0}"), prefix },
		{ SPEC("{cidr: '::ffff:192.0.2.0/120'}"), prefix },
		{ SPEC("{cidr: 192.0.2.0/33}"), prefix },
		{ SPEC("{first: 192.0.2, last: 192.0.2.9}"), AT "first must be an address" },
		{ SPEC("{first: 192.0.2.1, last: x}"), AT "last must be an address" },
		{ SPEC("{first: 192.0.2.1, last: 'fd00::1'}"),
		  AT "first and last must be of one family" },
		{ SPEC("{first: 192.0.2.9, last: 192.0.2.1}"), AT "last lies before first" },
		{ SPEC("{cidr: 0.0.0.0/0}"), special },
		{ SPEC("{cidr: 127.0.0.0/30}"), special },
		{ SPEC("{first: 169.253.0.0, last: 169.254.0.0}"), special },
		{ SPEC("{cidr: 224.0.0.0/24}"), special },
		{ SPEC("{cidr: '::/0'}"), special },
		{ SPEC("{cidr: 'fe80::/64'}"), special },
		{ SPEC("{cidr: 'ff05::/64'}"), special },
		{ SPEC("{cidr: 5}"), ERROR "spec.addresses[0].cidr: expected a string, found 5" },
		{ SPEC("{cidr: 192.0.2.0/24}, {cidr: 'fd00::/64'}, {first: 192.0.2.255, last: "
		       "192.0.3.9}"),
		  ERROR "spec.addresses[2]: overlaps with another entry" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

static void other_fields_say_what_is_wrong(void **state)
{
#define MORE(more) POOL "spec: {addresses: [{cidr: 'fd00::/64'}], " more "}\n"
	static const struct wrong rows[] = {
		{ MORE("loadBalancerClass: ''"),
		  ERROR "spec.loadBalancerClass: expected a class of load balancers such as "
			"naru.io/load-balancer, found \"\"" },
		{ MORE("disabled: 'no'"),
		  ERROR "spec.disabled: expected true or false, found \"no\"" },
		{ MORE("autoAssign: 1"), ERROR "spec.autoAssign: expected true or false, found 1" },
		{ MORE("serviceSelector: {matchExpressions: [{key: a, operator: In}]}"),
		  ERROR "spec.serviceSelector.matchExpressions[0]: values must be given for "
			"operators In and NotIn" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

static const char service[] =
	"{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"s\",\n"
	"  \"creationTimestamp\": \"2026-11-22T14:00:34Z\", \"labels\": {\"b\": \"2\", \"a\": "
	"\"1\"},\n"
	"  \"annotations\": {\"naru.io/address-pool\": \"p\", \"naru.io/load-balancer-ips\": "
	"\"192.0.2.1,fd00::1\", \"naru.io/sharing-key\": \"dns\", \"x\": \"y\"}},\n"
	"\"spec\": {\"type\": \"LoadBalancer\", \"loadBalancerClass\": \"naru.io/x\",\n"
	"  \"loadBalancerIP\": \"192.0.2.9\", \"ipFamilies\": [\"IPv6\", \"IPv4\"],\n"
	"  \"ipFamilyPolicy\": \"RequireDualStack\"},\n"
	"\"status\": {\"loadBalancer\": {\"ingress\": [{\"ip\": \"192.0.2.1\"}, {\"hostname\": "
	"\"h\"}]},\n"
	"  \"conditions\": [5, {\"type\": 5}, {\"type\": \"naru.io/AddressAssigned\"}]}}";

static void a_service_says_what_it_asks_for(void **state)
{
	const struct service *s;
	struct load loads[2];

	(void)state;
	load_both(service, loads);
	s = (const struct service *)loads[0].objects[0];
	assert_int_equal(s->created, 1795356034);
	assert_string_equal(s->request.class_name, "naru.io/x");
	assert_string_equal(s->request.pool, "p");
	assert_string_equal(s->request.ips, "192.0.2.1,fd00::1");
	assert_string_equal(s->request.sharing_key, "dns");
	assert_int_equal(s->request.n_families, 2);
	assert_int_equal(s->request.families[0], 6);
	assert_int_equal(s->request.families[1], 4);
	assert_int_equal(s->request.family_policy, FAMILIES_REQUIRE_DUAL);
	assert_int_equal(s->request.n_labels, 2);
	assert_string_equal(s->request.labels[0].key, "a");
	assert_int_equal(s->n_ingress, 1);
	assert_true(s->hostnames);
	assert_true(s->managed);
	load_fini(&loads[0]);
	load_fini(&loads[1]);
}

/* The deprecated field counts without the annotation; labels count with the type alone. */
static void older_and_other_services(void **state)
{
	struct load load = load_yaml(
		"{apiVersion: v1, kind: Service, metadata: {name: s, labels: {a: b}}, spec: "
		"{type: LoadBalancer, loadBalancerIP: 192.0.2.9}}\n---\n"
		"{apiVersion: v1, kind: Service, metadata: {name: t, labels: {a: b}}, spec: "
		"{type: NodePort, ipFamilies: [IPv4]}}\n");
	const struct service *s;

	(void)state;
	assert_diags(&load, "");
	s = (const struct service *)load.objects[0];
	assert_string_equal(s->request.ips, "192.0.2.9");
	assert_false(s->hostnames);
	assert_false(s->managed);
	assert_int_equal(s->request.n_families, 0);
	assert_int_equal(s->request.n_labels, 1);
	s = (const struct service *)load.objects[1];
	assert_int_equal(s->request.n_labels, 0);
	assert_int_equal(s->request.n_families, 0);
	load_fini(&load);
}

static void requests_say_what_is_wrong(void **state)
{
#define SERVICE(metadata, spec)                                                                    \
	"{apiVersion: v1, kind: Service, metadata: {name: s" metadata "}, spec: {" spec "}}\n"
#define WRONG "f:1: error: Service default/s: "
	static const struct wrong rows[] = {
		{ SERVICE("", "ipFamilies: [IPv5]"),
		  WRONG "spec.ipFamilies[0]: expected IPv4 or IPv6, found \"IPv5\"" },
		{ SERVICE("", "ipFamilies: [IPv4, IPv6, IPv4]"),
		  WRONG "spec.ipFamilies: has 3 entries, at most 2 are allowed" },
		{ SERVICE("", "ipFamilyPolicy: Both"),
		  WRONG "spec.ipFamilyPolicy: expected SingleStack, PreferDualStack or "
			"RequireDualStack, found \"Both\"" },
		{ SERVICE("", "loadBalancerIP: 5"),
		  WRONG "spec.loadBalancerIP: expected a string, found 5" },
		{ SERVICE(", annotations: {naru.io/sharing-key: 5}", ""),
		  WRONG "metadata.annotations[naru.io/sharing-key]: expected a string, found 5" },
	};

	(void)state;
	assert_wrong(rows, ARRAY_SIZE(rows));
}

/* What cannot be read of a status is passed over: no user wrote it. */
static void a_gateway_has_the_addresses_of_its_status(void **state)
{
	const struct gateway *gateway;
	struct load loads[2];

	(void)state;
	load_both("{\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"Gateway\", "
		  "\"metadata\": {\"name\": \"g\", \"labels\": {\"a\": \"b\"}, \"annotations\": "
		  "{\"naru.io/address-pool\": \"p\", \"naru.io/sharing-key\": \"k\"}}, \"spec\": "
		  "{\"gatewayClassName\": \"c\", \"listeners\": [{\"name\": \"l\", \"port\": 80, "
		  "\"protocol\": \"HTTP\"}]}, \"status\": {\"addresses\": [5, {\"value\": 5}, "
		  "{\"type\": \"Hostname\", \"value\": \"192.0.2.1\"}, {\"value\": \"x\"}, "
		  "{\"type\": \"IPAddress\", \"value\": \"192.0.2.2\"}, {\"value\": "
		  "\"fd00::2\"}], \"conditions\": [5, {\"type\": "
		  "\"naru.io/AddressAssigned\", \"status\": \"True\"}]}}",
		  loads);
	gateway = (const struct gateway *)loads[0].objects[0];
	assert_int_equal(gateway->n_assigned, 2);
	assert_int_equal(addr_family(&gateway->assigned[0].addr), 4);
	assert_int_equal(addr_family(&gateway->assigned[1].addr), 6);
	assert_true(gateway->managed);
	assert_string_equal(gateway->pool, "p");
	assert_string_equal(gateway->sharing_key, "k");
	assert_int_equal(gateway->n_labels, 1);
	load_fini(&loads[0]);
	load_fini(&loads[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_has_all_its_fields),
		cmocka_unit_test(a_pool_has_defaults),
		cmocka_unit_test(ranges_say_what_is_wrong),
		cmocka_unit_test(other_fields_say_what_is_wrong),
		cmocka_unit_test(a_service_says_what_it_asks_for),
		cmocka_unit_test(older_and_other_services),
		cmocka_unit_test(requests_say_what_is_wrong),
		cmocka_unit_test(a_gateway_has_the_addresses_of_its_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
