// SPDX-License-Identifier: Apache-2.0
/* Who gets which address, and why not: Services. */
#include "rig.h"

#define ONE(ip)	  "{first: '" ip "', last: '" ip "'}"
#define TWO(a, b) ONE(a) ", " ONE(b)

static void classes_decide_whose_a_service_is(void **state)
{
	(void)state;
	/* A foreign class, none, one of naru's, one that a pool names. */
	assert_allocated("Service default/c: not NoPool\n", POOL("p", "{cidr: 192.0.2.0/24}", ""),
			 SERVICE("a", "", ", loadBalancerClass: cloud.example/x", ""),
			 SERVICE("b", "", "", ""),
			 SERVICE("c", "", ", loadBalancerClass: naru.io/x", ""));
	assert_allocated("Service default/a: 192.0.2.7 (p) Assigned\n"
			 "Service default/b: not NoPool\n",
			 POOL("p", ONE("192.0.2.7"), ", loadBalancerClass: cloud.example/x"),
			 SERVICE("a", "", ", loadBalancerClass: cloud.example/x", ""),
			 SERVICE("b", "", OURS, ""));
	/* Without class where a pool says so. */
	assert_allocated("Service default/b: 192.0.2.7 (p) Assigned\n",
			 POOL("p", ONE("192.0.2.7"), ", withoutClass: true"),
			 SERVICE("b", "", "", ""));
}

/* What a cloud provider has given is left alone, and never given out. */
static void others_services_are_never_touched(void **state)
{
	(void)state;
	assert_allocated("Service default/d: 192.0.2.8 (p) Assigned\n",
			 POOL("p", TWO("192.0.2.7", "192.0.2.8"), ", withoutClass: true"),
			 SERVICE("a", "", "", HAS("203.0.113.1")),
			 SERVICE("b", "", "", "loadBalancer: {ingress: [{hostname: x}]}"),
			 SERVICE("c", "", "",
				 "loadBalancer: {ingress: [{ip: 192.0.2.7, ipMode: Proxy}]}"),
			 SERVICE("d", "", "", ""));
}

static void what_is_held_stays(void **state)
{
	(void)state;
	/* Before anything else, whatever names and ages say. */
	assert_allocated("Service default/a: 192.0.2.2 (p) Assigned\n"
			 "Service default/b: 192.0.2.1 (p) Assigned\n"
			 "Service default/c: not PoolExhausted\n",
			 POOL("p", TWO("192.0.2.1", "192.0.2.2"), ""), SERVICE("a", "", OURS, ""),
			 SERVICE("b", "", OURS, HAS("192.0.2.1")), SERVICE("c", "", OURS, ""));
	/* Pools that are gone, shrunk, disabled, or in conflict keep whom they have. */
	assert_words("Service default/a: 192.0.2.1 (-) KeptOutsidePools: 192.0.2.1 is in no "
		     "AddressPool any more: it stays for as long as it is used\n"
		     "Service default/b: 192.0.2.9 (p) Assigned: 192.0.2.9 of AddressPool p\n"
		     "Service default/c: 192.0.2.3 (-) KeptOutsidePools: 192.0.2.3 is in no "
		     "AddressPool any more: it stays for as long as it is used\n"
		     "Service default/d: not NoPool: no AddressPool gives IPv4 addresses to this "
		     "Service\n",
		     POOL("p", ONE("192.0.2.9"), ", disabled: true"),
		     SERVICE("a", "", OURS, HAS("192.0.2.1")),
		     SERVICE("b", "", OURS, HAS("192.0.2.9")),
		     SERVICE("c", "", "", HAS("192.0.2.3") MANAGED), SERVICE("d", "", OURS, ""));
	/* A node's own address and one that somebody else has do not. */
	assert_allocated("Service default/a: 192.0.2.2 (p) Assigned\n", NODE("192.0.2.1"),
			 POOL("p", TWO("192.0.2.1", "192.0.2.2"), ""),
			 SERVICE("a", "", OURS, HAS("192.0.2.1")));
	assert_allocated("Service default/a: 192.0.2.1 (p) Assigned\n"
			 "Service default/b: 192.0.2.2 (p) Assigned\n",
			 POOL("p", TWO("192.0.2.1", "192.0.2.2"), ""),
			 SERVICE("a", "", OURS, HAS("192.0.2.1")),
			 SERVICE("b", "", OURS, HAS("192.0.2.1")));
}

#define BORN(when) ", creationTimestamp: '" when "'"

static void the_older_one_is_first(void **state)
{
	(void)state;
	assert_allocated("Service default/a: not PoolExhausted\n"
			 "Service default/b: 192.0.2.1 (p) Assigned\n"
			 "Service default/c: not PoolExhausted\n",
			 POOL("p", ONE("192.0.2.1"), ""),
			 SERVICE("a", BORN("2026-01-02T00:00:00Z"), OURS, ""),
			 SERVICE("b", BORN("2026-01-01T00:00:00Z"), OURS, ""),
			 SERVICE("c", "", OURS, ""));
}

static void certain_addresses_can_be_asked_for(void **state)
{
	(void)state;
	/* Before those that do not care; by annotation or by the old field; with blanks. */
	assert_allocated("Service default/a: not PoolExhausted\n"
			 "Service default/b: fd00::1 (q) 192.0.2.1 (p) Assigned\n"
			 "Service default/c: 192.0.2.2 (p) Assigned\n",
			 POOL("p", TWO("192.0.2.1", "192.0.2.2"), ""),
			 POOL("q", ONE("fd00::1"), ""), SERVICE("a", "", OURS, ""),
			 SERVICE("b", NOTE("load-balancer-ips", " fd00::1 ,192.0.2.1"),
				 OURS ", ipFamilies: [IPv6, IPv4]", ""),
			 SERVICE("c", "", OURS ", loadBalancerIP: 192.0.2.2", ""));
	/* It moves, and what it had is free for others at once. */
	assert_allocated("Service default/a: 192.0.2.1 (p) Assigned\n"
			 "Service default/b: 192.0.2.2 (p) Assigned\n",
			 POOL("p", TWO("192.0.2.1", "192.0.2.2"), ""), SERVICE("a", "", OURS, ""),
			 SERVICE("b", NOTE("load-balancer-ips", "192.0.2.2"), OURS,
				 HAS("192.0.2.1")));
}

static void what_cannot_be_given_is_said(void **state)
{
	(void)state;
	assert_words(
		"Service default/a: 192.0.2.9 (p) Assigned: 192.0.2.9 of AddressPool p\n"
		"Service default/b: 192.0.2.77 (p) not AddressTaken: 192.0.2.77 of AddressPool p; "
		"192.0.2.9 is in use by Service default/a\n"
		"Service default/c: not AddressTaken: 192.0.2.5 is in use: by a node, a Gateway "
		"that names it, or another Service\n"
		"Service default/d: not AddressNotInPool: 203.0.113.1 lies in no AddressPool that "
		"gives to this Service\n"
		"Service default/e: not AddressNotInPool: 198.51.100.1 lies in no AddressPool that "
		"gives to this Service\n"
		"Service default/f: not AddressNotInPool: 198.51.100.2 lies in no AddressPool that "
		"gives to this Service\n"
		"Service default/g: 192.0.2.78 (p) not InvalidRequest: 192.0.2.78 of AddressPool "
		"p; \"192.0.2.x\" is not an IP address\n"
		"Service default/h: not InvalidRequest: 192.0.2.11 is the second address of its "
		"family: one is possible\n"
		"Service default/i: not InvalidRequest: fd00::1 is of a family that the Service "
		"does not have\n",
		NODE("192.0.2.5"), POOL("p", "{cidr: 192.0.2.0/24}", ""),
		POOL("q", ONE("198.51.100.1"), ", disabled: true"),
		POOL("r", ONE("198.51.100.2"), ", loadBalancerClass: other"),
		SERVICE("a", NOTE("load-balancer-ips", "192.0.2.9"), OURS, ""),
		SERVICE("b", NOTE("load-balancer-ips", "192.0.2.9"), OURS, HAS("192.0.2.77")),
		SERVICE("c", NOTE("load-balancer-ips", "192.0.2.5"), OURS, ""),
		SERVICE("d", NOTE("load-balancer-ips", "203.0.113.1"), OURS, ""),
		SERVICE("e", NOTE("load-balancer-ips", "198.51.100.1"), OURS, ""),
		SERVICE("f", NOTE("load-balancer-ips", "198.51.100.2"), OURS, ""),
		SERVICE("g", NOTE("load-balancer-ips", "192.0.2.x"), OURS, HAS("192.0.2.78")),
		SERVICE("h", NOTE("load-balancer-ips", "192.0.2.10,192.0.2.11"), OURS, ""),
		SERVICE("i", NOTE("load-balancer-ips", "fd00::1"), OURS ", ipFamilies: [IPv4]",
			""));
}

static void pools_can_be_asked_for(void **state)
{
	(void)state;
	assert_allocated("Service default/a: 192.0.2.2 (q) Assigned\n"
			 "Service default/b: not NoPool\n"
			 "Service default/c: 192.0.2.1 (p) Assigned\n"
			 "Service default/d: not PoolExhausted\n",
			 POOL("p", ONE("192.0.2.1"), ""),
			 POOL("q", ONE("192.0.2.2"), ", autoAssign: false"),
			 SERVICE("a", NOTE("address-pool", "q"), OURS, ""),
			 SERVICE("b", NOTE("address-pool", "none"), OURS, ""),
			 SERVICE("c", "", OURS, ""),
			 SERVICE("d", NOTE("address-pool", "p"), OURS, ""));
	/* Who asks for another one moves, when that has something left. */
	assert_allocated("Service default/a: 192.0.2.2 (q) Assigned\n"
			 "Service default/b: 192.0.2.3 (p) not PoolExhausted\n",
			 POOL("p", TWO("192.0.2.1", "192.0.2.3"), ""),
			 POOL("q", ONE("192.0.2.2"), ""),
			 SERVICE("a", NOTE("address-pool", "q"), OURS, HAS("192.0.2.1")),
			 SERVICE("b", NOTE("address-pool", "q"), OURS, HAS("192.0.2.3")));
	/* One that is not given without being asked for. */
	assert_allocated("Service default/a: not NoPool\n"
			 "Service default/b: 192.0.2.2 (q) Assigned\n",
			 POOL("q", ONE("192.0.2.2"), ", autoAssign: false"),
			 SERVICE("a", "", OURS, ""),
			 SERVICE("b", NOTE("load-balancer-ips", "192.0.2.2"), OURS, ""));
}

#define NAMESPACE(name, labels)                                                                    \
	"{apiVersion: v1, kind: Namespace, metadata: {name: " name ", labels: {" labels "}}}\n---\n"

static void selectors_choose(void **state)
{
	(void)state;
	assert_allocated(
		"Service default/a: 192.0.2.1 (p) Assigned\n"
		"Service default/b: not NoPool\n"
		"Service lone/d: 192.0.2.3 (r) Assigned\n"
		"Service shop/c: 192.0.2.2 (q) Assigned\n",
		NAMESPACE("shop", "team: a"),
		POOL("p", ONE("192.0.2.1"), ", serviceSelector: {matchLabels: {tier: front}}"),
		POOL("q", ONE("192.0.2.2"), ", namespaceSelector: {matchLabels: {team: a}}"),
		POOL("r", ONE("192.0.2.3"),
		     ", namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: lone}}"),
		SERVICE("a", ", labels: {tier: front}", OURS, ""),
		SERVICE("b", ", labels: {tier: back}", OURS, ""),
		SERVICE("c", ", namespace: shop", OURS, ""),
		SERVICE("d", ", namespace: lone", OURS, ""));
}

static void families_as_the_service_has_them(void **state)
{
	(void)state;
	assert_allocated(
		"Service default/a: fd00::1 (p) Assigned\n"
		"Service default/b: fd00:1:: (p) Assigned\n"
		"Service default/c: 192.0.2.0 (p) Assigned\n"
		"Service default/d: 192.0.2.9 (-) not PoolExhausted\n",
		POOL("p", ONE("fd00::1") ", {cidr: 192.0.2.0/32}, {cidr: 'fd00:1::/128'}", ""),
		SERVICE("a", "", OURS ", ipFamilies: [IPv6]", ""),
		SERVICE("b", "", OURS ", clusterIPs: ['fd00:2::1']", ""),
		SERVICE("c", "", OURS ", ipFamilies: [IPv4, IPv6], ipFamilyPolicy: PreferDualStack",
			""),
		SERVICE("d", "",
			OURS ", ipFamilies: [IPv4, IPv6], ipFamilyPolicy: RequireDualStack",
			HAS("192.0.2.9")));
	/* Where nothing tells: IPv4, or else IPv6; both when both are preferred. */
	assert_allocated("Service default/a: 192.0.2.0 (p) Assigned\n"
			 "Service default/b: fd00::1 (p) Assigned\n"
			 "Service default/c: fd00:1:: (p) Assigned\n"
			 "Service default/d: not PoolExhausted\n",
			 POOL("p", ONE("fd00::1") ", {cidr: 192.0.2.0/32}, {cidr: 'fd00:1::/128'}",
			      ""),
			 SERVICE("a", "", OURS, ""), SERVICE("b", "", OURS, ""),
			 SERVICE("c", "", OURS, ""), SERVICE("d", "", OURS, ""));
	assert_words(
		"Service default/a: 192.0.2.0 (p) fd00::1 (p) Assigned: 192.0.2.0 of "
		"AddressPool p; fd00::1 of AddressPool p\n"
		"Service default/b: not PoolExhausted: all IPv4 addresses of AddressPools that "
		"give to this Service are in use\n",
		POOL("p", ONE("fd00::1") ", {cidr: 192.0.2.0/32}", ""),
		SERVICE("a", "", OURS ", ipFamilyPolicy: PreferDualStack", ""),
		SERVICE("b", "", OURS ", ipFamilies: [IPv4]", ""));
	/* What a family that went away had is given back. */
	assert_allocated("Service default/a: fd00:: (p) Assigned\n"
			 "Service default/b: 192.0.2.1 (p) Assigned\n",
			 POOL("p", ONE("192.0.2.1") ", {cidr: 'fd00::/128'}", ""),
			 SERVICE("a", "", OURS ", ipFamilies: [IPv6]", HAS("192.0.2.1")),
			 SERVICE("b", "", OURS ", ipFamilies: [IPv4]", ""));
}

#define SHARES(name, key, ports, more)                                                             \
	"{apiVersion: v1, kind: Service, metadata: {name: " name NOTE(                             \
		"sharing-key", key) "}, "                                                          \
				    "spec: {type: LoadBalancer, ports: [" ports "]" OURS more      \
				    "}}\n---\n"

static void addresses_are_shared_by_key(void **state)
{
	(void)state;
	assert_allocated("Service default/a: 192.0.2.1 (p) Assigned\n"
			 "Service default/b: 192.0.2.1 (p) Assigned\n"
			 "Service default/c: 192.0.2.2 (p) Assigned\n"
			 "Service default/d: not PoolExhausted\n"
			 "Service default/e: not PoolExhausted\n"
			 "Service x/f: not PoolExhausted\n",
			 POOL("p", TWO("192.0.2.1", "192.0.2.2"), ""),
			 SHARES("a", "dns", "{port: 53, protocol: UDP}", ""),
			 SHARES("b", "dns", "{port: 53}", ""),
			 SHARES("c", "dns", "{port: 53}", "") /* gets one of its own */,
			 SHARES("d", "dns", "{port: 54}", ", externalTrafficPolicy: Local"),
			 SHARES("e", "other", "{port: 80}", ""),
			 "{apiVersion: v1, kind: Service, metadata: {name: f, namespace: x" NOTE(
				 "sharing-key",
				 "dns") "}, spec: {type: LoadBalancer, ports: [{port: 99}]" OURS
					"}}\n");
}

static void clashes_are_said(void **state)
{
#define WISH(name, ports, more)                                                                    \
	"{apiVersion: v1, kind: Service, metadata: {name: " name ", annotations: "                 \
	"{naru.io/sharing-key: k, naru.io/load-balancer-ips: 192.0.2.1}}, spec: {type: "           \
	"LoadBalancer, ports: [" ports "]" OURS more "}}\n---\n"
	(void)state;
	assert_words(
		"Service default/a: 192.0.2.1 (p) Assigned: 192.0.2.1 of AddressPool p\n"
		"Service default/b: not PortClash: 192.0.2.1 cannot be shared, since a port is "
		"the same, with Service default/a\n"
		"Service default/c: not PolicyClash: 192.0.2.1 cannot be shared across "
		"externalTrafficPolicies with Service default/a\n"
		"Service default/d: 192.0.2.1 (p) Assigned: 192.0.2.1 of AddressPool p\n",
		POOL("p", "{cidr: 192.0.2.0/24}", ""), WISH("a", "{port: 53}, {port: 80}", ""),
		WISH("b", "{port: 80}", ""),
		WISH("c", "{port: 81}", ", externalTrafficPolicy: Local"),
		WISH("d", "{port: 80, protocol: UDP}", ""));
}

/* A shared address whose key is taken away: the first one keeps it. */
static void a_key_that_goes_parts_them(void **state)
{
	(void)state;
	assert_allocated(
		"Service default/a: 192.0.2.1 (p) Assigned\n"
		"Service default/b: 192.0.2.2 (p) Assigned\n",
		POOL("p", TWO("192.0.2.1", "192.0.2.2"), ""),
		SERVICE("a", NOTE("sharing-key", "k"), OURS, HAS("192.0.2.1")),
		"{apiVersion: v1, kind: Service, metadata: {name: b}, spec: {type: LoadBalancer, "
		"ports: [{port: 81}]" OURS "}, status: {" HAS("192.0.2.1") "}}\n");
}

static void what_others_use_is_not_given(void **state)
{
	struct model *model =
		model_of(POOL("p", "{first: 192.0.2.1, last: 192.0.2.5}", ""), NODE("192.0.2.1"),
			 CLASS, GATEWAY("g", "", ", addresses: [{value: 192.0.2.2}]", ""),
			 SERVICE("a", "", ", clusterIP: 192.0.2.3", ""),
			 SERVICE("b", "", ", externalIPs: [192.0.2.4, 192.0.2.5]", ""),
			 SERVICE("c", "", OURS, ""), SERVICE("d", "", OURS, ""));
	struct cidr external;
	const struct allocate_config config = {
		.external_ip_cidrs = &external,
		.n_external_ip_cidrs = 1,
	};
	struct allocation allocation;
	_cleanup_(mem_freep) char *text = NULL;

	(void)state;
	assert_int_equal(cidr_parse("192.0.2.4/32", &external), 0);
	allocate(model, &config, &allocation);
	text = print(&allocation, false);
	assert_string_equal(text, "Service default/c: 192.0.2.5 (p) Assigned\n"
				  "Service default/d: not PoolExhausted\n");
	assert_int_equal(allocation.pools.items[0].total[0], 5);
	assert_int_equal(allocation.pools.items[0].used[0], 5);
	assert_int_equal(allocation.pools.items[0].total[1], 0);
	allocate_fini(&allocation);
	model_free(model);
}

/* A type that needs no address any more: what was said of it has to go. */
static void others_types_lose_what_is_said(void **state)
{
	(void)state;
	assert_allocated(
		"Service default/a: not NotAsked\n", POOL("p", "{cidr: 192.0.2.0/24}", ""),
		"{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: ClusterIP, "
		"ports: [{port: 81}]}, status: {conditions: [{type: naru.io/AddressAssigned}]}}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_decide_whose_a_service_is),
		cmocka_unit_test(others_services_are_never_touched),
		cmocka_unit_test(what_is_held_stays),
		cmocka_unit_test(the_older_one_is_first),
		cmocka_unit_test(certain_addresses_can_be_asked_for),
		cmocka_unit_test(what_cannot_be_given_is_said),
		cmocka_unit_test(pools_can_be_asked_for),
		cmocka_unit_test(selectors_choose),
		cmocka_unit_test(families_as_the_service_has_them),
		cmocka_unit_test(addresses_are_shared_by_key),
		cmocka_unit_test(clashes_are_said),
		cmocka_unit_test(a_key_that_goes_parts_them),
		cmocka_unit_test(what_others_use_is_not_given),
		cmocka_unit_test(others_types_lose_what_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
