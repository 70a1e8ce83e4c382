// SPDX-License-Identifier: Apache-2.0
/*
 * Life and comparison of typed objects: one row a kind. kube/ makes objects, the model keeps
 * them. Invariant: every field of the model's structs has a row in the table of its struct.
 */
#include "model/object.h"

#include <string.h>

#include "base/mem.h"
#include "model/gateway.h"
#include "model/member.h"
#include "model/pool.h"

static const struct member service_port[] = {
	TEXT(service_port, name),	   PLAIN(service_port, proto),
	PLAIN(service_port, app_protocol), PLAIN(service_port, port),
	PLAIN(service_port, node_port),	   { 0 },
};

static const struct member ingress[] = {
	PLAIN(lb_ingress, ip),
	PLAIN(lb_ingress, proxy),
	PLAIN(lb_ingress, given),
	{ 0 },
};

static const struct member label[] = {
	TEXT(label, key),
	TEXT(label, value),
	{ 0 },
};

static const struct member request[] = {
	TEXT(lb_request, class_name),	 TEXT(lb_request, pool),
	TEXT(lb_request, ips),		 TEXT(lb_request, sharing_key),
	VALUES(lb_request, families),	 PLAIN(lb_request, family_policy),
	LIST(lb_request, labels, label), { 0 },
};

static const struct member service[] = {
	PLAIN(service, created),
	PLAIN(service, type),
	PLAIN(service, headless),
	PLAIN(service, foreign_proxy),
	PLAIN(service, affinity_s),
	TEXT(service, distribution),
	PLAIN(service, health_check_port),
	PLAIN(service, internal_policy),
	PLAIN(service, external_policy),
	VALUES(service, cluster_ips),
	LIST(service, ports, service_port),
	LIST(service, ingress, ingress),
	PLAIN(service, hostnames),
	PLAIN(service, managed),
	STRUCT(service, request, request),
	VALUES(service, external_ips),
	VALUES(service, source_ranges), /* bytes only: no padding */
	{ 0 },
};

static const struct member slice_endpoint[] = {
	VALUES(slice_endpoint, addrs),	    TEXT(slice_endpoint, node),
	PLAIN(slice_endpoint, ready),	    PLAIN(slice_endpoint, serving),
	PLAIN(slice_endpoint, terminating), TEXTS(slice_endpoint, zones),
	TEXTS(slice_endpoint, nodes),	    { 0 },
};

static const struct member slice_port[] = {
	TEXT(slice_port, name),
	PLAIN(slice_port, proto),
	PLAIN(slice_port, port),
	{ 0 },
};

static const struct member slice[] = {
	TEXT(endpoint_slice, service),		 PLAIN(endpoint_slice, family),
	PLAIN(endpoint_slice, trigger_us),	 LIST(endpoint_slice, endpoints, slice_endpoint),
	LIST(endpoint_slice, ports, slice_port), { 0 },
};

static const struct member node[] = {
	VALUES(node, pod_cidrs), /* bytes only: no padding */
	VALUES(node, addrs),
	TEXT(node, zone),
	PLAIN(node, unready),
	PLAIN(node, leaving),
	{ 0 },
};

static const struct member pod_port[] = {
	TEXT(pod_port, field),
	PLAIN(pod_port, proto),
	PLAIN(pod_port, port),
	PLAIN(pod_port, host_port),
	PLAIN(pod_port, host_family),
	PLAIN(pod_port, host_ip),
	{ 0 },
};

static const struct member pod[] = {
	TEXT(pod, uid),
	TEXT(pod, node),
	PLAIN(pod, host_network),
	PLAIN(pod, finished),
	TEXT(pod, socket_balancing),
	VALUES(pod, ips),
	LIST(pod, ports, pod_port),
	{ 0 },
};

static const struct member namespace[] = {
	LIST(namespace, labels, label),
	{ 0 },
};

#define KIND(name_, type, members_)                                                                \
	{                                                                                          \
		.name = (name_), .size = sizeof(struct type), .members = (members_)                \
	}
static const struct {
	const char *name;
	size_t size;
	const struct member *members;
} kinds[OBJECT_KIND_MAX] = {
	[OBJECT_SERVICE] = KIND("Service", service, service),
	[OBJECT_ENDPOINT_SLICE] = KIND("EndpointSlice", endpoint_slice, slice),
	[OBJECT_NODE] = KIND("Node", node, node),
	[OBJECT_NAMESPACE] = KIND("Namespace", namespace, namespace),
	[OBJECT_SECRET] = KIND("Secret", secret, gateway_secret_members),
	[OBJECT_GATEWAY_CLASS] = KIND("GatewayClass", gateway_class, gateway_class_members),
	[OBJECT_GATEWAY] = KIND("Gateway", gateway, gateway_members),
	[OBJECT_HTTP_ROUTE] = KIND("HTTPRoute", http_route, gateway_route_members),
	[OBJECT_REFERENCE_GRANT] = KIND("ReferenceGrant", reference_grant, gateway_grant_members),
	[OBJECT_DESTINATION_RULE] =
		KIND("DestinationRule", destination_rule, gateway_destination_members),
	[OBJECT_POD] = KIND("Pod", pod, pod),
	[OBJECT_ADDRESS_POOL] = KIND("AddressPool", address_pool, pool_members),
};

struct object *object_new(enum object_kind kind)
{
	struct object *object = mem_new(kinds[kind].size);

	object->kind = kind;
	return object;
}

struct object *object_ref(struct object *object)
{
	object->more_owners++;
	return object;
}

void object_free(struct object *object)
{
	if (!object)
		return;
	if (object->more_owners) {
		object->more_owners--;
		return;
	}
	member_fini(kinds[object->kind].members, object);
	free(object->namespace);
	free(object->name);
	free(object->origin.file);
	free(object->origin.uid);
	free(object->origin.resource_version);
	free(object);
}

void object_freep(struct object **object)
{
	object_free(*object);
}

const struct member *object_members(enum object_kind kind)
{
	return kinds[kind].members;
}

const char *object_kind_name(enum object_kind kind)
{
	return kinds[kind].name;
}

int object_compare_key(const struct object *a, const struct object *b)
{
	int r = (a->kind > b->kind) - (a->kind < b->kind);

	if (!r)
		r = strcmp(a->namespace, b->namespace);
	return r ? r : strcmp(a->name, b->name);
}

/* Their statuses have to name the generation that they are about. */
static bool is_judged(enum object_kind kind)
{
	return kind == OBJECT_GATEWAY_CLASS || kind == OBJECT_GATEWAY || kind == OBJECT_HTTP_ROUTE;
}

bool object_equal(const struct object *a, const struct object *b)
{
	if (object_compare_key(a, b) || !member_equal(kinds[a->kind].members, a, b))
		return false;
	return !is_judged(a->kind) || a->origin.generation == b->origin.generation;
}
