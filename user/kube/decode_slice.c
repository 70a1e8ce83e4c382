// SPDX-License-Identifier: Apache-2.0
/*
 * discovery.k8s.io/v1 EndpointSlice, with the API's meaning of absent conditions: ready when
 * nothing is said, serving as ready is, not terminating. kind.c has the row.
 */
#include "base/mem.h"
#include "kube/duration.h"
#include "kube/field.h"
#include "kube/kind.h"

/* The API's own limits. */
#define ENDPOINTS_MAX 1000
#define ADDRESSES_MAX 100
#define PORTS_MAX     20000
#define HINTS_MAX     64 /* beyond the API's, which is 8 */

static const struct field_word families[] = {
	{ "IPv4", 4 },
	{ "IPv6", 6 },
	{ "FQDN", 0 },
	{ NULL, 0 },
};

#define PORT(member) offsetof(struct slice_port, member)
static const struct decode_field port_fields[] = {
	{ .name = "name", .fn = field_label, .offset = PORT(name) },
	{ .name = "protocol", .fn = field_enum, .offset = PORT(proto), .arg = field_protocols },
	{ .name = "port", .fn = field_port, .offset = PORT(port) },
	{ 0 },
};

#define ENDPOINT(member) offsetof(struct slice_endpoint, member)
static const struct decode_array addresses = {
	.size = sizeof(struct addr),
	.count_offset = (ptrdiff_t)(ENDPOINT(n_addrs) - ENDPOINT(addrs)),
	.max = ADDRESSES_MAX,
	.element = { .fn = field_endpoint_addr },
};

/* The target is the endpoint: serving gets its default here, before its own row. */
static void take_ready(struct decode *d, const struct decode_field *field,
		       struct json_object *value, void *target)
{
	struct slice_endpoint *endpoint = target;

	endpoint->ready = true;
	field_bool(d, field, value, &endpoint->ready);
	endpoint->serving = endpoint->ready;
}

static const struct decode_field condition_fields[] = {
	{ .name = "ready", .fn = take_ready },
	{ .name = "serving", .fn = field_bool, .offset = ENDPOINT(serving) },
	{ .name = "terminating", .fn = field_bool, .offset = ENDPOINT(terminating) },
	{ 0 },
};

/* A hint is an object around one name. */
static const struct decode_field hint_fields[] = {
	{ .name = "name", .fn = field_string, .flags = DECODE_REQUIRED },
	{ 0 },
};

static const struct decode_array zones = {
	.size = sizeof(char *),
	.count_offset = (ptrdiff_t)(ENDPOINT(n_zones) - ENDPOINT(zones)),
	.max = HINTS_MAX,
	.element = { .fn = decode_object, .arg = hint_fields },
};

static const struct decode_array nodes = {
	.size = sizeof(char *),
	.count_offset = (ptrdiff_t)(ENDPOINT(n_nodes) - ENDPOINT(nodes)),
	.max = HINTS_MAX,
	.element = { .fn = decode_object, .arg = hint_fields },
};

static const struct decode_field hints_fields[] = {
	{ .name = "forZones", .fn = decode_array, .offset = ENDPOINT(zones), .arg = &zones },
	{ .name = "forNodes", .fn = decode_array, .offset = ENDPOINT(nodes), .arg = &nodes },
	{ 0 },
};

static const struct decode_field endpoint_fields[] = {
	{ .name = "addresses",
	  .fn = decode_array,
	  .offset = ENDPOINT(addrs),
	  .flags = DECODE_REQUIRED,
	  .arg = &addresses },
	{ .name = "nodeName", .fn = field_subdomain, .offset = ENDPOINT(node) },
	{ .name = "conditions", .fn = decode_object, .arg = condition_fields },
	{ .name = "hints", .fn = decode_object, .arg = hints_fields },
	{ 0 },
};

#define SLICE(member) offsetof(struct endpoint_slice, member)
static const struct decode_array endpoints = {
	.size = sizeof(struct slice_endpoint),
	.count_offset = (ptrdiff_t)(SLICE(n_endpoints) - SLICE(endpoints)),
	.max = ENDPOINTS_MAX,
	.element = { .fn = decode_object, .arg = endpoint_fields },
};

static const struct decode_array ports = {
	.size = sizeof(struct slice_port),
	.count_offset = (ptrdiff_t)(SLICE(n_ports) - SLICE(ports)),
	.max = PORTS_MAX,
	.element = { .fn = decode_object, .arg = port_fields },
};

/* Host names are no endpoints for packets. The row of addressType stands before this one. */
static void take_endpoints(struct decode *d, const struct decode_field *field,
			   struct json_object *value, void *target)
{
	const struct decode_field list = { .name = field->name, .arg = field->arg };
	struct endpoint_slice *slice = target;

	if (slice->family)
		decode_array(d, &list, value, &slice->endpoints);
}

static const struct decode_field label_fields[] = {
	{ .name = "kubernetes.io/service-name", .fn = field_label, .offset = SLICE(service) },
	{ 0 },
};

static const struct decode_field annotation_fields[] = {
	{ .name = "endpoints.kubernetes.io/last-change-trigger-time",
	  .fn = duration_moment,
	  .offset = SLICE(trigger_us) },
	{ 0 },
};

static const struct decode_field metadata_fields[] = {
	{ .name = "labels", .fn = decode_object, .arg = label_fields },
	{ .name = "annotations", .fn = decode_object, .arg = annotation_fields },
	{ 0 },
};

const struct decode_field decode_slice_fields[] = {
	{ .name = "metadata", .fn = decode_object, .arg = metadata_fields },
	{ .name = "addressType",
	  .fn = field_enum,
	  .offset = SLICE(family),
	  .flags = DECODE_REQUIRED,
	  .arg = families },
	{ .name = "endpoints", .fn = take_endpoints, .flags = DECODE_LIST, .arg = &endpoints },
	{ .name = "ports", .fn = decode_array, .offset = SLICE(ports), .arg = &ports },
	{ 0 },
};

static void check_family(struct decode *d, const struct endpoint_slice *slice, size_t i, size_t j)
{
	const struct addr *addr = &slice->endpoints[i].addrs[j];
	const struct decode_frame list = { .name = "endpoints" };
	const struct decode_frame endpoint = { .up = &list, .index = i };
	const struct decode_frame field = { .up = &endpoint, .name = "addresses" };
	const struct decode_frame element = { .up = &field, .index = j };
	char text[ADDR_STR_LEN];

	if (addr_family(addr) == slice->family)
		return;
	d->top = &element;
	decode_error(d, "expected an IPv%d address as addressType says, found %s", slice->family,
		     addr_format(addr, text));
	d->top = NULL;
}

void decode_slice_finish(struct decode *d, struct object *object)
{
	const struct endpoint_slice *slice = (const struct endpoint_slice *)object;

	for (size_t i = 0; i < slice->n_endpoints; i++) {
		for (size_t j = 0; j < slice->endpoints[i].n_addrs; j++)
			check_family(d, slice, i, j);
	}
}
