// SPDX-License-Identifier: Apache-2.0
/* Pools against each other, Gateways, long ranges, and what holds for all sets of objects. */
#include "rig.h"

#include <stdlib.h>

#define ONE(ip) "{first: '" ip "', last: '" ip "'}"

static void of_pools_with_common_addresses_one_gives(void **state)
{
	struct model *model =
		model_of(POOL("a", "{cidr: 192.0.2.0/25}, {cidr: 198.51.100.0/24}", ""),
			 POOL("b, creationTimestamp: '2026-01-01T00:00:00Z'",
			      "{cidr: 192.0.2.64/26}", ""),
			 POOL("c", "{cidr: 198.51.100.7/32}", ""),
			 SERVICE("s", "", OURS, HAS("192.0.2.1")), SERVICE("t", "", OURS, ""));
	struct allocation allocation;
	const struct pools_item *items;

	(void)state;
	allocate(model, &(struct allocate_config){ 0 }, &allocation);
	items = allocation.pools.items;
	/* The oldest one; then by name those that overlap with none that gives. */
	assert_ptr_equal(items[0].rival, items[1].pool);
	assert_null(items[1].rival);
	assert_null(items[2].rival);
	assert_int_equal(items[0].total[0], 384);
	assert_int_equal(items[0].used[0], 0);
	/* What the other one once gave stays. */
	assert_ptr_equal(allocation.items[0].addrs[0].pool, items[0].pool);
	assert_int_equal(allocation.items[1].n, 1);
	assert_ptr_equal(allocation.items[1].addrs[0].pool, items[1].pool);
	assert_int_equal(items[1].used[0], 1);
	allocate_fini(&allocation);
	model_free(model);
}

static void gateways_get_addresses_when_they_leave_the_choice(void **state)
{
	(void)state;
	assert_allocated(
		"Gateway default/a: 192.0.2.1 (p) fd00::1 (p) Assigned\n"
		"Gateway default/c: not PoolExhausted\n",
		CLASS, POOL("p", ONE("192.0.2.1") ", " ONE("fd00::1") ", " ONE("192.0.2.2"), ""),
		GATEWAY("a", "", "", ""), GATEWAY("b", "", ", addresses: [{value: 192.0.2.2}]", ""),
		GATEWAY("c", "", ", addresses: [{value: 203.0.113.5}, {type: IPAddress}]", ""),
		"{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: d}, "
		"spec: {gatewayClassName: other, listeners: [{name: l, port: 80, "
		"protocol: HTTP}]}}\n");
	/* Without a pool, one that asks for nothing is served on nodes, and nothing is said. */
	assert_allocated("Gateway default/b: 192.0.2.1 (p) Assigned\n"
			 "Gateway default/c: not NoPool\n"
			 "Gateway default/d: not NoPool\n",
			 CLASS,
			 POOL("p", ONE("192.0.2.1"), ", gatewaySelector: {matchLabels: {a: b}}"),
			 GATEWAY("a", "", "", ""), GATEWAY("b", ", labels: {a: b}", "", ""),
			 GATEWAY("c", NOTE("address-pool", "p"), "", ""),
			 GATEWAY("d", "", ", addresses: [{type: IPAddress}]", ""));
	assert_words("Gateway default/a: 192.0.2.1 (p) Assigned: 192.0.2.1 of AddressPool p\n",
		     CLASS, POOL("p", ONE("192.0.2.1"), ""), GATEWAY("a", "", "", ""));
}

#define STATUS(ip) "addresses: [{type: IPAddress, value: '" ip "'}]"

/* A status may also have addresses of nodes, past ones included: those are nobody's to keep. */
static void gateways_keep_what_pools_gave(void **state)
{
	(void)state;
	assert_allocated("Gateway default/a: 192.0.2.1 (p) Assigned\n"
			 "Gateway default/d: 198.51.100.2 (-) KeptOutsidePools\n",
			 CLASS, NODE("192.0.2.9"),
			 POOL("p", "{cidr: 192.0.2.0/24}", ", disabled: true"),
			 GATEWAY("a", "", "", STATUS("192.0.2.1")),
			 GATEWAY("b", "", "", STATUS("192.0.2.9")),
			 GATEWAY("c", "", "", STATUS("198.51.100.1")),
			 GATEWAY("d", "", "", STATUS("198.51.100.2") MANAGED));
	/* One that names addresses itself, now. */
	assert_allocated("Gateway default/a: not NotAsked\n", CLASS,
			 POOL("p", "{cidr: 192.0.2.0/24}", ""),
			 GATEWAY("a", "", ", addresses: [{value: 203.0.113.5}]",
				 STATUS("192.0.2.1") MANAGED));
}

static void gateways_share_with_services(void **state)
{
	(void)state;
	assert_allocated(
		"Service default/s: 192.0.2.1 (p) Assigned\n"
		"Gateway default/a: 192.0.2.1 (p) Assigned\n",
		CLASS, POOL("p", ONE("192.0.2.1"), ""),
		GATEWAY("a", NOTE("sharing-key", "k"), "", ""),
		"{apiVersion: v1, kind: Service, metadata: {name: s" NOTE(
			"sharing-key",
			"k") "}, spec: {type: LoadBalancer, ports: [{port: 80, protocol: UDP}]" OURS
			     "}}\n");
}

/* Where narud allocates for itself, what the manifests say of a status is its author's. */
static void local_allocation_leaves_statuses_alone(void **state)
{
	struct model *model =
		model_of(POOL("p", "{cidr: 192.0.2.0/31}", ""),
			 SERVICE("a", "", OURS, HAS("192.0.2.1")), SERVICE("b", "", OURS, ""));
	_cleanup_(mem_freep) char *text =
		allocated(model, &(struct allocate_config){ .local = true }, false);

	(void)state;
	assert_string_equal(text, "Service default/b: 192.0.2.0 (p) Assigned\n");
	model_free(model);
}

static void long_ranges_are_cheap(void **state)
{
	struct model *model =
		model_of(POOL("p", "{cidr: 'fd00:1::/64'}, {cidr: '2001:db8::/32'}", ""));
	struct allocation allocation;
	struct addr first;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		_cleanup_(mem_freep) char *yaml =
			mem_printf(SERVICE("s%d", "", OURS ", ipFamilies: [IPv6]", ""), i);

		put(model, yaml);
	}
	allocate(model, &(struct allocate_config){ 0 }, &allocation);
	assert_int_equal(allocation.n, 3000);
	assert_int_equal(allocation.pools.items[0].used[1], 3000);
	assert_int_equal(allocation.pools.items[0].total[1], INT64_MAX);
	/* The first ones of the first range, all of them others. */
	assert_int_equal(addr_parse("fd00:1::", &first), 0);
	for (size_t i = 0; i < allocation.n; i++) {
		assert_true(allocation.items[i].holds);
		assert_memory_equal(allocation.items[i].addrs[0].addr.byte, first.byte, 13);
	}
	allocate_fini(&allocation);
	model_free(model);
}

/* ---- for all sets of objects ---------------------------------------------------------------- */

static unsigned seed;

static unsigned any(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static const char *chance(unsigned of, const char *text)
{
	return any(of) ? "" : text;
}

/* A Service among 24, with the status that it has. */
static char *some_service(struct model *model)
{
	_cleanup_(mem_freep) char *name = mem_printf("s%u", any(24)), *status = mem_strdup("");
	const struct service *old =
		(const struct service *)model_get(model, OBJECT_SERVICE, "default", name);
	char text[ADDR_STR_LEN];

	if (old && old->n_ingress) {
		free(status);
		status = mem_printf(HAS("%s") "%s", addr_format(&old->ingress[0].ip, text),
				    old->managed ? MANAGED : "");
	}
	return mem_printf(
		"{apiVersion: v1, kind: Service, metadata: {name: %s, annotations: {a: b%s%s%s}}, "
		"spec: {type: %s, ports: [{port: %u}]%s%s}, status: {%s}}\n",
		name, chance(3, ", naru.io/sharing-key: k"),
		chance(8, ", naru.io/load-balancer-ips: 192.0.2.3"),
		chance(8, ", naru.io/address-pool: q"), any(8) ? "LoadBalancer" : "ClusterIP",
		80 + any(3), any(8) ? OURS : "", chance(3, ", externalTrafficPolicy: Local"),
		status);
}

static void edit(struct model *model)
{
	_cleanup_(mem_freep) char *yaml = NULL;
	char name[8];

	snprintf(name, sizeof(name), "s%u", any(24));
	switch (any(12)) {
	case 0:
		model_remove(model, OBJECT_SERVICE, "default", name);
		return;
	case 1:
		yaml = mem_printf(POOL("%s", "{cidr: 192.0.2.%u/%u}", "%s"), any(2) ? "p" : "q",
				  any(4) * 8, 29 + any(3), chance(4, ", disabled: true"));
		break;
	case 2:
		model_remove(model, OBJECT_ADDRESS_POOL, "", any(2) ? "p" : "q");
		return;
	case 3:
		yaml = mem_printf(NODE("192.0.2.%u"), any(32));
		break;
	default:
		yaml = some_service(model);
	}
	put(model, yaml);
}

/* What the leader does: statuses become what was allocated. The objects are the model's. */
static void write_statuses(const struct allocation *allocation)
{
	for (size_t i = 0; i < allocation->n; i++) {
		const struct assignment *assignment = &allocation->items[i];
		struct service *service = (struct service *)(uintptr_t)assignment->object;

		free(service->ingress);
		service->ingress = mem_array(assignment->n, sizeof(*service->ingress));
		service->n_ingress = assignment->n;
		service->managed = true;
		for (size_t j = 0; j < assignment->n; j++)
			service->ingress[j].ip = assignment->addrs[j].addr;
	}
}

static const struct service *service_of(const struct assignment *assignment)
{
	return (const struct service *)assignment->object;
}

/* Who shares an address does so with a key, with another port, and with the same policy. */
static void assert_apart(const struct allocation *allocation)
{
	for (size_t i = 0; i < allocation->n; i++) {
		for (size_t j = 0; j < i; j++) {
			const struct assignment *a = &allocation->items[i];
			const struct assignment *b = &allocation->items[j];

			if (!a->n || !b->n || addr_compare(&a->addrs[0].addr, &b->addrs[0].addr))
				continue;
			assert_string_equal(service_of(a)->request.sharing_key, "k");
			assert_string_equal(service_of(b)->request.sharing_key, "k");
			assert_int_not_equal(service_of(a)->ports[0].port,
					     service_of(b)->ports[0].port);
			assert_int_equal(service_of(a)->external_policy,
					 service_of(b)->external_policy);
		}
	}
}

static bool is_a_nodes(struct model *model, const struct addr *addr)
{
	const struct object *const *nodes;

	return model_list(model, OBJECT_NODE, &nodes) &&
	       !addr_compare(&((const struct node *)nodes[0])->addrs[0], addr);
}

/* Until now with a key, perhaps, that is gone. */
static bool is_shared(struct model *model, const struct service *service)
{
	const struct object *const *objects;
	size_t n = model_list(model, OBJECT_SERVICE, &objects);

	for (size_t i = 0; i < n; i++) {
		const struct service *other = (const struct service *)objects[i];

		if (other != service && other->n_ingress &&
		    !addr_compare(&other->ingress[0].ip, &service->ingress[0].ip))
			return true;
	}
	return false;
}

/* Who asks for nothing else and shares with nobody has what it had. */
static void assert_no_move(struct model *model, const struct allocation *allocation)
{
	for (size_t i = 0; i < allocation->n; i++) {
		const struct service *service = service_of(&allocation->items[i]);

		if (allocation->items[i].reason == ALLOCATE_NOT_ASKED || !service->n_ingress ||
		    *service->request.ips || *service->request.pool || is_shared(model, service) ||
		    is_a_nodes(model, &service->ingress[0].ip))
			continue;
		assert_int_equal(allocation->items[i].n, 1);
		assert_int_equal(addr_compare(&allocation->items[i].addrs[0].addr,
					      &service->ingress[0].ip),
				 0);
	}
}

/* Pools count every address once, however many have it, and nobody has a node's. */
static void assert_counts(struct model *model, const struct allocation *allocation)
{
	for (size_t i = 0; i < allocation->pools.n; i++)
		assert_true(allocation->pools.items[i].used[0] <=
			    allocation->pools.items[i].total[0]);
	for (size_t i = 0; i < allocation->n; i++)
		for (size_t j = 0; j < allocation->items[i].n; j++)
			assert_false(is_a_nodes(model, &allocation->items[i].addrs[j].addr));
}

static struct model *reversed(struct model *model)
{
	struct model *copy = model_new();

	for (int kind = OBJECT_KIND_MAX - 1; kind >= 0; kind--) {
		const struct object *const *objects;
		size_t n = model_list(model, (enum object_kind)kind, &objects);

		while (n-- > 0)
			model_put(copy, object_ref((struct object *)(uintptr_t)objects[n]));
	}
	return copy;
}

static void assert_order_is_nothing(struct model *model)
{
	const struct allocate_config config = { 0 };
	struct model *other = reversed(model);
	_cleanup_(mem_freep) char *first = allocated(model, &config, true);
	_cleanup_(mem_freep) char *second = allocated(other, &config, true);

	assert_string_equal(first, second);
	model_free(other);
}

/* What one gives back in the end, another one asked for in vain at the beginning: next time. */
static void settle(struct model *model)
{
	const struct allocate_config config = { 0 };
	struct allocation allocation;
	char *last = mem_strdup(""), *text;
	bool same = false;

	for (int i = 0; !same; i++) {
		assert_in_range(i, 0, 8);
		allocate(model, &config, &allocation);
		assert_apart(&allocation);
		assert_no_move(model, &allocation);
		assert_counts(model, &allocation);
		text = print(&allocation, false);
		write_statuses(&allocation);
		allocate_fini(&allocation);
		same = !strcmp(text, last);
		free(last);
		last = text;
	}
	free(last);
}

static void step(struct model *model)
{
	edit(model);
	assert_order_is_nothing(model);
	settle(model);
}

static void edits_never_give_one_address_twice(void **state)
{
	(void)state;
	for (seed = 1; seed < 8; seed++) {
		const unsigned begun = seed;
		struct model *model = model_new();

		for (int i = 0; i < 300; i++)
			step(model);
		model_free(model);
		seed = begun;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_pools_with_common_addresses_one_gives),
		cmocka_unit_test(gateways_get_addresses_when_they_leave_the_choice),
		cmocka_unit_test(gateways_keep_what_pools_gave),
		cmocka_unit_test(gateways_share_with_services),
		cmocka_unit_test(local_allocation_leaves_statuses_alone),
		cmocka_unit_test(long_ranges_are_cheap),
		cmocka_unit_test(edits_never_give_one_address_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
