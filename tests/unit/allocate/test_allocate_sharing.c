// SPDX-License-Identifier: Apache-2.0
/* How much one sharing key may have, so that nobody makes the search among it long. */
#include "rig.h"

#define ADDRS  64 /* of one key */
#define OWNERS 64 /* of one address */

/* A Service of a key; meta and status may be "". */
static void add(struct model *model, const char *name, const char *key, const char *ports,
		const char *note, const char *status)
{
	_cleanup_(mem_freep) char *yaml = mem_printf(
		"{apiVersion: v1, kind: Service, metadata: {name: %s, annotations: "
		"{naru.io/sharing-key: %s%s}}, spec: {type: LoadBalancer, ports: [%s]" OURS
		"}, status: {%s}}\n",
		name, key, note, ports, status);

	put(model, yaml);
}

/* s000 and so on, all of port 80. */
static void add_many(struct model *model, unsigned n, bool held)
{
	for (unsigned i = 0; i < n; i++) {
		_cleanup_(mem_freep) char *name = mem_printf("s%03u", i);
		_cleanup_(mem_freep) char *has =
			mem_printf("loadBalancer: {ingress: [{ip: 192.0.2.%u}]}", i);

		add(model, name, "k", "{port: 80}", "", held ? has : "");
	}
}

static void assert_end(struct model *model, const char *expected)
{
	_cleanup_(mem_freep) char *text = allocated(model, &(struct allocate_config){ 0 }, true);
	const char *end = strstr(text, expected);

	if (!end || strcmp(end, expected) != 0)
		print_message("%s\nis to end in\n%s\n", text, expected);
	assert_non_null(end);
	assert_string_equal(end, expected);
	model_free(model);
}

static struct model *model_with_pool(void)
{
	return model_of(POOL("p", "{cidr: 192.0.2.0/24}", ""));
}

#define FULL                                                                                       \
	"sharing key \"k\" of namespace default has 64 IPv4 addresses, as many as one may have, "  \
	"and none that this Service can share\n"

static void a_key_has_so_many_addresses(void **state)
{
	struct model *model = model_with_pool();

	(void)state;
	add_many(model, ADDRS + 1, false);
	/* Another key is not concerned. */
	add(model, "s900", "other", "{port: 80}", ", naru.io/load-balancer-ips: 192.0.2.254", "");
	assert_end(model, "Service default/s064: not SharingLimit: " FULL
			  "Service default/s900: 192.0.2.254 (p) Assigned: 192.0.2.254 of "
			  "AddressPool p\n");
}

/* Who can share one of them gets it, as before. */
static void a_full_key_is_shared(void **state)
{
	struct model *model = model_with_pool();

	(void)state;
	add_many(model, ADDRS, true);
	add(model, "s900", "k", "{port: 81}", "", "");
	assert_end(model, "Service default/s900: 192.0.2.0 (p) Assigned: 192.0.2.0 of "
			  "AddressPool p\n");
}

/* What a predecessor gave stays, though it was more. */
static void what_is_held_is_not_counted_away(void **state)
{
	struct model *model = model_with_pool();

	(void)state;
	add_many(model, ADDRS + 3, true);
	add(model, "s900", "k", "{port: 80}", "", "");
	assert_end(model, "Service default/s066: 192.0.2.66 (p) Assigned: 192.0.2.66 of "
			  "AddressPool p\n"
			  "Service default/s900: not SharingLimit: " FULL);
}

/* What is asked for counts, too; who leaves an address may have another one. */
static void wishes_count(void **state)
{
	struct model *model = model_with_pool();

	(void)state;
	add_many(model, ADDRS - 1, true);
	add(model, "s900", "k", "{port: 80}", ", naru.io/load-balancer-ips: 192.0.2.200",
	    HAS("192.0.2.100"));
	add(model, "s901", "k", "{port: 80}", ", naru.io/load-balancer-ips: 192.0.2.201", "");
	assert_end(model, "Service default/s900: 192.0.2.200 (p) Assigned: 192.0.2.200 of "
			  "AddressPool p\n"
			  "Service default/s901: not SharingLimit: " FULL);
}

/* An address of a key that is given back is the key's no longer. */
static void addresses_are_given_back(void **state)
{
	struct model *model = model_with_pool();

	(void)state;
	add_many(model, ADDRS, true);
	/* The first one joins the second one. */
	add(model, "s000", "k", "{port: 81}", ", naru.io/load-balancer-ips: 192.0.2.1",
	    HAS("192.0.2.0"));
	add(model, "s900", "k", "{port: 80}, {port: 81}", ", naru.io/load-balancer-ips: 192.0.2.0",
	    "");
	add(model, "s901", "k", "{port: 80}", "", "");
	assert_end(model, "Service default/s900: 192.0.2.0 (p) Assigned: 192.0.2.0 of "
			  "AddressPool p\n"
			  "Service default/s901: not SharingLimit: " FULL);
}

static void an_address_has_so_many_owners(void **state)
{
	struct model *model = model_with_pool();

	(void)state;
	for (unsigned i = 0; i < OWNERS; i++) {
		_cleanup_(mem_freep) char *name = mem_printf("s%03u", i);
		_cleanup_(mem_freep) char *port = mem_printf("{port: %u}", 100 + i);

		add(model, name, "k", port, ", naru.io/load-balancer-ips: 192.0.2.7", "");
	}
	add(model, "s900", "k", "{port: 80}", ", naru.io/load-balancer-ips: 192.0.2.7", "");
	add(model, "s901", "other", "{port: 80}", ", naru.io/load-balancer-ips: 192.0.2.7", "");
	assert_end(model, "Service default/s900: not SharingLimit: 192.0.2.7 is shared by 64 "
			  "Services and Gateways of sharing key \"k\", as many as can be\n"
			  "Service default/s901: not AddressTaken: 192.0.2.7 is in use by Service "
			  "default/s063\n");
}

/* Whatever their order and number. */
static void ports_are_compared(void **state)
{
	struct model *model = model_with_pool();
	struct str many = { 0 };

	(void)state;
	for (unsigned port = 1000; port; port--)
		str_addf(&many, "{port: %u}, ", 2 * port);
	add(model, "s000", "k", many.buf, "", HAS("192.0.2.7"));
	add(model, "s001", "k", "{port: 1999}, {port: 1000, protocol: UDP}, {port: 1}", "",
	    HAS("192.0.2.7"));
	add(model, "s002", "k", "{port: 3}, {port: 1001}, {port: 1000}",
	    ", naru.io/load-balancer-ips: 192.0.2.7", "");
	add(model, "s003", "k", "{port: 3}, {port: 1}", ", naru.io/load-balancer-ips: 192.0.2.7",
	    "");
	assert_end(model,
		   "Service default/s000: 192.0.2.7 (p) Assigned: 192.0.2.7 of AddressPool p\n"
		   "Service default/s001: 192.0.2.7 (p) Assigned: 192.0.2.7 of AddressPool p\n"
		   "Service default/s002: not PortClash: 192.0.2.7 cannot be shared, since a port "
		   "is the same, with Service default/s000\n"
		   "Service default/s003: not PortClash: 192.0.2.7 cannot be shared, since a port "
		   "is the same, with Service default/s001\n");
	str_fini(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_has_so_many_addresses),
		cmocka_unit_test(a_full_key_is_shared),
		cmocka_unit_test(what_is_held_is_not_counted_away),
		cmocka_unit_test(wishes_count),
		cmocka_unit_test(addresses_are_given_back),
		cmocka_unit_test(an_address_has_so_many_owners),
		cmocka_unit_test(ports_are_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
