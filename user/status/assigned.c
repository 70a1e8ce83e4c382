// SPDX-License-Identifier: Apache-2.0
/*
 * Invariant: what naru gives to nobody it does not clear either: of an object that the allocation
 * does not name nothing is wanted. The daemon calls it after each allocation, on the leader.
 */
#include "status/assigned.h"

#include <json-c/json.h>
#include <stdlib.h>

#include "base/mem.h"

static const char *proto_name(enum l4_proto proto)
{
	return proto == L4_TCP ? "TCP" : proto == L4_UDP ? "UDP" : "SCTP";
}

static void add_condition(struct json_object *status, const struct assignment *assignment)
{
	wants_condition(status, OBJECT_ASSIGNED, assignment->holds,
			allocate_reason_name(assignment->reason), assignment->message);
}

/* ---- Services ------------------------------------------------------------------------------- */

static void add_ingress(struct json_object *balancer, const struct service *service,
			const struct addr *addr)
{
	struct json_object *ingress = wants_entry(balancer, "ingress");
	char text[ADDR_STR_LEN];

	wants_text(ingress, "ip", addr_format(addr, text));
	wants_text(ingress, "ipMode", "VIP");
	for (size_t i = 0; i < service->n_ports; i++) {
		struct json_object *port = wants_entry(ingress, "ports");

		wants_number(port, "port", service->ports[i].port);
		wants_text(port, "protocol", proto_name(service->ports[i].proto));
	}
}

/* Of other types the API server itself takes the addresses away. */
static void want_service(const struct assignment *assignment, struct wants *wants)
{
	const struct service *service = (const struct service *)assignment->object;
	struct json_object *status = wants_add(wants, assignment->object), *balancer;

	if (service->type == SERVICE_LOAD_BALANCER) {
		balancer = wants_member(status, "loadBalancer");
		wants_list(balancer, "ingress");
		for (size_t i = 0; i < assignment->n; i++)
			add_ingress(balancer, service, &assignment->addrs[i].addr);
	}
	add_condition(status, assignment);
}

/* ---- Gateways ------------------------------------------------------------------------------- */

static bool is_own_wish(const struct gateway *gateway, const struct addr *addr)
{
	for (size_t i = 0; i < gateway->n_addresses; i++)
		if (!gateway->addresses[i].named && *gateway->addresses[i].text &&
		    !addr_compare(&gateway->addresses[i].addr, addr))
			return true;
	return false;
}

/* Did a pool give it, as the status has it? */
static bool was_given(const struct allocation *allocation, const struct gateway *gateway,
		      const struct addr *addr)
{
	for (size_t i = 0; i < gateway->n_assigned; i++)
		if (!addr_compare(&gateway->assigned[i].addr, addr))
			return gateway->managed || pools_owner(&allocation->pools, addr);
	return false;
}

static void add_address(struct json_object *status, const struct addr *addr)
{
	struct json_object *address = wants_entry(status, "addresses");
	char text[ADDR_STR_LEN];

	wants_text(address, "type", "IPAddress");
	wants_text(address, "value", addr_format(addr, text));
}

/* Addresses that are wanted already, for where the Gateway is served now, in the new list. */
static void take_over(const struct allocation *allocation, const struct assignment *assignment,
		      struct json_object *old, struct json_object *status)
{
	const struct gateway *gateway = (const struct gateway *)assignment->object;

	for (size_t i = 0; i < json_object_array_length(old); i++) {
		struct json_object *value = NULL;
		struct addr addr;

		json_object_object_get_ex(json_object_array_get_idx(old, i), "value", &value);
		if (!value || addr_parse(json_object_get_string(value), &addr))
			continue;
		if (is_own_wish(gateway, &addr) ||
		    (!assignment->n && !was_given(allocation, gateway, &addr)))
			add_address(status, &addr);
	}
}

static void want_gateway(const struct allocation *allocation, const struct assignment *assignment,
			 struct wants *wants)
{
	struct json_object *status = wants_add(wants, assignment->object);
	struct json_object *old = json_object_get(wants_list(status, "addresses"));

	json_object_object_del(status, "addresses");
	wants_list(status, "addresses");
	take_over(allocation, assignment, old, status);
	json_object_put(old);
	for (size_t i = 0; i < assignment->n; i++)
		add_address(status, &assignment->addrs[i].addr);
	add_condition(status, assignment);
}

/* ---- pools ---------------------------------------------------------------------------------- */

static void add_count(struct json_object *status, const struct pools_item *item, size_t family)
{
	struct json_object *count = wants_member(status, family ? "ipv6" : "ipv4");
	uint64_t total = item->total[family], used = item->used[family];

	used = used < total ? used : total;
	wants_number(count, "total", (int64_t)total);
	wants_number(count, "used", (int64_t)used);
	wants_number(count, "free", (int64_t)(total - used));
}

static bool is_full(const struct pools_item *item)
{
	for (size_t family = 0; family < POOLS_FAMILIES; family++)
		if (item->used[family] < item->total[family])
			return false;
	return true;
}

static void want_pool(const struct pools_item *item, struct wants *wants)
{
	struct json_object *status = wants_add(wants, &item->pool->object);
	_cleanup_(mem_freep) char *rival =
		item->rival ? mem_printf("AddressPool %s has some of the addresses, too: this one "
					 "gives none",
					 item->rival->object.name)
			    : mem_strdup("");

	for (size_t family = 0; family < POOLS_FAMILIES; family++)
		add_count(status, item, family);
	if (item->rival)
		wants_condition(status, "Ready", false, "Conflict", rival);
	else if (item->pool->disabled)
		wants_condition(status, "Ready", false, "Disabled", "no new address is given");
	else
		wants_condition(status, "Ready", true, "Ready",
				is_full(item) ? "all addresses are in use" : "");
	wants_condition(status, "Conflict", item->rival, item->rival ? "Overlaps" : "NoOverlap",
			rival);
}

void assigned_want(const struct allocation *allocation, struct wants *wants)
{
	for (size_t i = 0; i < allocation->n; i++) {
		const struct assignment *assignment = &allocation->items[i];

		if (assignment->object->kind == OBJECT_SERVICE)
			want_service(assignment, wants);
		else
			want_gateway(allocation, assignment, wants);
	}
	for (size_t i = 0; i < allocation->pools.n; i++)
		want_pool(&allocation->pools.items[i], wants);
}
