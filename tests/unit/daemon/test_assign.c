// SPDX-License-Identifier: Apache-2.0
/* Addresses of pools where narud is alone: given, moved and taken back as objects change. */
#include "../allocate/rig.h"

#include "daemon/assign.h"

static const struct options options;

static char *ingress_of(struct model *model, const char *name)
{
	const struct service *service =
		(const struct service *)model_get(model, OBJECT_SERVICE, "default", name);
	struct str out = { 0 };
	char text[ADDR_STR_LEN];

	str_add(&out, "", 0);
	for (size_t i = 0; i < service->n_ingress; i++)
		str_addf(&out, "%s%s ", addr_format(&service->ingress[i].ip, text),
			 service->ingress[i].given ? "*" : "");
	return out.buf;
}

static void assert_ingress(struct model *model, const char *name, const char *expected)
{
	_cleanup_(mem_freep) char *text = ingress_of(model, name);

	assert_string_equal(text, expected);
}

/* Assigns, twice: the second time nothing is another. Returns how much there is to complain of. */
static size_t assign(struct model *model)
{
	struct diag_list diags = { 0 }, again = { 0 };
	uint64_t generation;
	size_t n;

	assign_local(model, &options, &diags);
	generation = model_generation(model);
	assign_local(model, &options, &again);
	assert_int_equal(model_generation(model), generation);
	assert_true(diag_equal(&diags, &again));
	n = diags.n;
	diag_fini(&diags);
	diag_fini(&again);
	return n;
}

static void services_get_and_lose_addresses(void **state)
{
	struct model *model =
		model_of(POOL("p", "{cidr: 192.0.2.1/32}", ""), SERVICE("a", "", OURS, ""),
			 SERVICE("b", "", OURS, HAS("203.0.113.1")));

	(void)state;
	assert_int_equal(assign(model), 0);
	assert_ingress(model, "a", "192.0.2.1* ");
	assert_ingress(model, "b", "203.0.113.1 ");
	/* The pool is another one. */
	put(model, POOL("p", "{cidr: 192.0.2.2/32}", ""));
	assert_int_equal(assign(model), 0);
	assert_ingress(model, "a", "192.0.2.2* ");
	/* One more that is older, then none any more. */
	put(model, SERVICE("z", ", creationTimestamp: '2026-01-01T00:00:00Z'", OURS, ""));
	assert_int_equal(assign(model), 1);
	assert_ingress(model, "a", "");
	assert_ingress(model, "z", "192.0.2.2* ");
	model_remove(model, OBJECT_ADDRESS_POOL, "", "p");
	assert_int_equal(assign(model), 2);
	assert_ingress(model, "z", "");
	/* One that needs none any more. */
	put(model, POOL("p", "{cidr: 192.0.2.2/32}", ""));
	put(model, SERVICE("z", "", ", loadBalancerClass: other", ""));
	assert_int_equal(assign(model), 0);
	assert_ingress(model, "a", "192.0.2.2* ");
	assert_ingress(model, "z", "");
	model_free(model);
}

static const struct gateway *gateway_of(struct model *model, const char *name)
{
	return (const struct gateway *)model_get(model, OBJECT_GATEWAY, "default", name);
}

static void gateways_get_and_lose_addresses(void **state)
{
	struct model *model =
		model_of(CLASS, POOL("p", "{cidr: 192.0.2.0/31}, {cidr: 'fd00::/128'}", ""),
			 GATEWAY("a", "", "", "addresses: [{value: 192.0.2.1}]"));
	const struct gateway *gateway;

	(void)state;
	assert_int_equal(assign(model), 0);
	gateway = gateway_of(model, "a");
	assert_int_equal(gateway->n_assigned, 2);
	assert_false(gateway->assigned[0].given);
	assert_true(gateway->assigned[1].given);
	assert_int_equal(addr_family(&gateway->assigned[1].addr), 6);
	model_remove(model, OBJECT_ADDRESS_POOL, "", "p");
	assert_int_equal(assign(model), 0);
	assert_int_equal(gateway_of(model, "a")->n_assigned, 1);
	model_free(model);
}

static void pools_in_conflict_are_told_of(void **state)
{
	struct model *model = model_of(POOL("p", "{cidr: 192.0.2.0/31}", ""),
				       POOL("q", "{cidr: 192.0.2.1/32}", ""));
	struct diag_list diags = { 0 };

	(void)state;
	assign_local(model, &options, &diags);
	assert_int_equal(diags.n, 1);
	assert_string_equal(diags.items[0].object, "AddressPool q");
	assert_string_equal(diags.items[0].reason, "AddressPool p has some of the addresses, too: "
						   "this one gives none");
	diag_fini(&diags);
	model_free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_get_and_lose_addresses),
		cmocka_unit_test(gateways_get_and_lose_addresses),
		cmocka_unit_test(pools_in_conflict_are_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
