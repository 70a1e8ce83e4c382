// SPDX-License-Identifier: Apache-2.0
/* What statuses say of addresses of pools. */
#include "../allocate/rig.h"

#include <json-c/json.h>

#include "status/assigned.h"

static char *wanted(const struct wants *wants, enum object_kind kind, const char *name)
{
	const struct want *want =
		wants_find(wants, kind, kind == OBJECT_ADDRESS_POOL ? "" : "default", name);

	if (!want)
		return mem_strdup("nothing");
	return mem_strdup(json_object_to_json_string_ext(
		want->status, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void assert_wanted(const struct wants *wants, enum object_kind kind, const char *name,
			  const char *expected)
{
	_cleanup_(mem_freep) char *text = wanted(wants, kind, name);

	assert_string_equal(text, expected);
}

static void want_all(struct model *model, struct wants *wants)
{
	struct allocation allocation;

	allocate(model, &(struct allocate_config){ 0 }, &allocation);
	assigned_want(&allocation, wants);
	allocate_fini(&allocation);
}

#define CONDITION(type, status, reason, message)                                                   \
	"{\"type\":\"" type "\",\"status\":\"" status "\",\"reason\":\"" reason                    \
	"\",\"message\":\"" message "\"}"
#define ASSIGNED(status, reason, message)                                                          \
	"\"conditions\":[" CONDITION("naru.io/AddressAssigned", status, reason, message) "]"

static void services(void **state)
{
	struct model *model = model_of(
		POOL("p", "{cidr: 192.0.2.1/32}", ""),
		"{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: LoadBalancer, "
		"ports: [{port: 53}, {port: 53, protocol: UDP}]" OURS "}}",
		SERVICE("b", "", OURS, ""), SERVICE("c", "", "", HAS("203.0.113.1")),
		"{apiVersion: v1, kind: Service, metadata: {name: d}, spec: {ports: [{port: 53}]}, "
		"status: {conditions: [{type: naru.io/AddressAssigned}]}}");
	struct wants wants = { 0 };

	(void)state;
	want_all(model, &wants);
	assert_wanted(&wants, OBJECT_SERVICE, "a",
		      "{\"loadBalancer\":{\"ingress\":[{\"ip\":\"192.0.2.1\",\"ipMode\":\"VIP\","
		      "\"ports\":[{\"port\":53,\"protocol\":\"TCP\"},{\"port\":53,\"protocol\":"
		      "\"UDP\"}]}]}," ASSIGNED("True", "Assigned",
					       "192.0.2.1 of AddressPool p") "}");
	assert_wanted(&wants, OBJECT_SERVICE, "b",
		      "{\"loadBalancer\":{\"ingress\":[]}," ASSIGNED(
			      "False", "PoolExhausted",
			      "all IPv4 addresses of AddressPools that give to this Service are in "
			      "use") "}");
	assert_wanted(&wants, OBJECT_SERVICE, "c", "nothing");
	assert_wanted(&wants, OBJECT_SERVICE, "d",
		      "{" ASSIGNED("False", "NotAsked",
				   "no address of an AddressPool is asked for") "}");
	wants_fini(&wants);
	model_free(model);
}

#define COUNTS(t4, u4, f4, t6, u6, f6)                                                             \
	"\"ipv4\":{\"total\":" t4 ",\"used\":" u4 ",\"free\":" f4 "},\"ipv6\":{\"total\":" t6      \
	",\"used\":" u6 ",\"free\":" f6 "}"
#define NO_CONFLICT CONDITION("Conflict", "False", "NoOverlap", "")

static void pools(void **state)
{
	struct model *model =
		model_of(POOL("a", "{cidr: 192.0.2.0/31}, {cidr: 'fd00::/64'}", ""),
			 POOL("b", "{cidr: 192.0.2.0/24}", ""),
			 POOL("c", "{cidr: 198.51.100.0/31}", ", disabled: true"),
			 POOL("d", "{cidr: 198.51.100.4/32}", ""), NODE("198.51.100.4"),
			 SERVICE("s", "", OURS, HAS("192.0.2.1")));
	struct wants wants = { 0 };

	(void)state;
	want_all(model, &wants);
	assert_wanted(
		&wants, OBJECT_ADDRESS_POOL, "a",
		"{" COUNTS("2", "1", "1", "9223372036854775807", "0",
			   "9223372036854775807") ",\"conditions\":[" CONDITION("Ready", "True",
										"Ready",
										"") "," NO_CONFLICT
										    "]}");
#define RIVAL "AddressPool a has some of the addresses, too: this one gives none"
	assert_wanted(&wants, OBJECT_ADDRESS_POOL, "b",
		      "{" COUNTS("256", "0", "256", "0", "0", "0") ",\"conditions\":[" CONDITION(
			      "Ready", "False", "Conflict",
			      RIVAL) "," CONDITION("Conflict", "True", "Overlaps", RIVAL) "]}");
	assert_wanted(&wants, OBJECT_ADDRESS_POOL, "c",
		      "{" COUNTS("2", "0", "2", "0", "0", "0") ",\"conditions\":[" CONDITION(
			      "Ready", "False", "Disabled",
			      "no new address is given") "," NO_CONFLICT "]}");
	assert_wanted(&wants, OBJECT_ADDRESS_POOL, "d",
		      "{" COUNTS("1", "1", "0", "0", "0", "0") ",\"conditions\":[" CONDITION(
			      "Ready", "True", "Ready", "all addresses are in use") "," NO_CONFLICT
										    "]}");
	wants_fini(&wants);
	model_free(model);
}

/* As verdicts have it: where the Gateway is served now. */
static void serve(struct wants *wants, struct model *model, const char *name, const char *addr)
{
	struct json_object *entry =
		wants_entry(wants_add(wants, model_get(model, OBJECT_GATEWAY, "default", name)),
			    "addresses");

	wants_text(entry, "type", "IPAddress");
	wants_text(entry, "value", addr);
}

#define ADDRESS(ip) "{\"type\":\"IPAddress\",\"value\":\"" ip "\"}"

static void gateways(void **state)
{
	struct model *model =
		model_of(CLASS, NODE("203.0.113.1"), POOL("p", "{cidr: 192.0.2.1/32}", ""),
			 /* Served on nodes until now. */
			 GATEWAY("a", "", "", ""),
			 /* With an address of its own. */
			 GATEWAY("b", "", ", addresses: [{value: 198.51.100.1}, {type: IPAddress}]",
				 "addresses: [{value: 192.0.2.1}]"),
			 /* On nodes, and asks for what there is not. */
			 GATEWAY("c", NOTE("address-pool", "q"), "", ""),
			 /* Has lost what a pool gave, to a node. */
			 GATEWAY("d", NOTE("address-pool", "q"), "",
				 "addresses: [{value: 203.0.113.1}]" MANAGED));
	struct wants wants = { 0 };

	(void)state;
	serve(&wants, model, "b", "198.51.100.1");
	serve(&wants, model, "b", "192.0.2.1");
	serve(&wants, model, "c", "203.0.113.1");
	serve(&wants, model, "d", "203.0.113.1");
	want_all(model, &wants);
	assert_wanted(&wants, OBJECT_GATEWAY, "a",
		      "{\"addresses\":[]," ASSIGNED(
			      "False", "PoolExhausted",
			      "all IPv4 addresses of AddressPools that give to this Gateway are in "
			      "use") "}");
	assert_wanted(&wants, OBJECT_GATEWAY, "b",
		      "{\"addresses\":[" ADDRESS("198.51.100.1") "," ADDRESS(
			      "192.0.2.1") "]," ASSIGNED("True", "Assigned",
							 "192.0.2.1 of AddressPool p") "}");
	assert_wanted(&wants, OBJECT_GATEWAY, "c",
		      "{\"addresses\":[" ADDRESS("203.0.113.1") "]," ASSIGNED(
			      "False", "NoPool", "there is no AddressPool q") "}");
	assert_wanted(&wants, OBJECT_GATEWAY, "d",
		      "{\"addresses\":[]," ASSIGNED("False", "NoPool",
						    "there is no AddressPool q") "}");
	wants_fini(&wants);
	model_free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services),
		cmocka_unit_test(pools),
		cmocka_unit_test(gateways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
