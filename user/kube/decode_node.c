// SPDX-License-Identifier: Apache-2.0
/*
 * v1 Node: the prefixes of its pods, its own addresses, its zone, and whether it is about to go.
 * kind.c has the row.
 */
#include <string.h>

#include "base/mem.h"
#include "kube/conditions.h"
#include "kube/field.h"
#include "kube/kind.h"

#define CIDRS_MAX     16
#define ADDRESSES_MAX 1024
#define TAINTS_MAX    4096

/* status.addresses has host names, too, told apart by a type beside each. */
struct typed_addr {
	char *type;
	struct addr addr;
};

struct typed_addrs {
	struct typed_addr *items;
	size_t n;
};

/* The target is the element, whose type was read by the row before. */
static void take_address(struct decode *d, const struct decode_field *field,
			 struct json_object *value, void *target)
{
	struct typed_addr *typed = target;

	if (!strcmp(typed->type, "InternalIP") || !strcmp(typed->type, "ExternalIP"))
		field_addr(d, field, value, &typed->addr);
}

static const struct decode_field address_fields[] = {
	{ .name = "type", .fn = field_string, .offset = offsetof(struct typed_addr, type) },
	{ .name = "address", .fn = take_address },
	{ 0 },
};

static const struct decode_array addresses = {
	.size = sizeof(struct typed_addr),
	.count_offset =
		(ptrdiff_t)(offsetof(struct typed_addrs, n) - offsetof(struct typed_addrs, items)),
	.max = ADDRESSES_MAX,
	.element = { .fn = decode_object, .arg = address_fields },
};

static void take_addresses(struct decode *d, const struct decode_field *field,
			   struct json_object *value, void *target)
{
	const struct decode_field list = { .name = field->name, .arg = field->arg };
	struct typed_addrs typed = { 0 };
	struct node *node = target;

	decode_array(d, &list, value, &typed.items);
	node->addrs = mem_array(typed.n, sizeof(*node->addrs));
	for (size_t i = 0; i < typed.n; i++) {
		if (!addr_is_zero(&typed.items[i].addr))
			node->addrs[node->n_addrs++] = typed.items[i].addr;
		free(typed.items[i].type);
	}
	free(typed.items);
}

#define NODE(member) offsetof(struct node, member)
static const struct decode_array cidrs = {
	.size = sizeof(struct cidr),
	.count_offset = (ptrdiff_t)(NODE(n_pod_cidrs) - NODE(pod_cidrs)),
	.max = CIDRS_MAX,
	.element = { .fn = field_cidr },
};

/* The older field; the list goes before it. */
static void take_pod_cidr(struct decode *d, const struct decode_field *field,
			  struct json_object *value, void *target)
{
	struct node *node = target;
	struct cidr cidr = { 0 };

	field_cidr(d, field, value, &cidr);
	if (!value || node->n_pod_cidrs)
		return;
	node->pod_cidrs = mem_new(sizeof(cidr));
	node->pod_cidrs[0] = cidr;
	node->n_pod_cidrs = 1;
}

/* The target of an element is its key alone. */
static const struct decode_field taint_fields[] = {
	{ .name = "key", .fn = field_string },
	{ 0 },
};

struct taints {
	char **keys;
	size_t n;
};

static const struct decode_array taints = {
	.size = sizeof(char *),
	.count_offset = (ptrdiff_t)(offsetof(struct taints, n) - offsetof(struct taints, keys)),
	.max = TAINTS_MAX,
	.element = { .fn = decode_object, .arg = taint_fields },
};

static void take_taints(struct decode *d, const struct decode_field *field,
			struct json_object *value, void *target)
{
	const struct decode_field list = { .name = field->name, .arg = field->arg };
	struct taints found = { 0 };
	struct node *node = target;

	decode_array(d, &list, value, &found.keys);
	for (size_t i = 0; i < found.n; i++) {
		/* NULL after an error. */
		node->leaving |=
			found.keys[i] && !strcmp(found.keys[i], "ToBeDeletedByClusterAutoscaler");
		free(found.keys[i]);
	}
	free(found.keys);
}

/* The target is the flag. */
static void take_conditions(struct decode *d, const struct decode_field *field,
			    struct json_object *value, void *target)
{
	const char *ready = conditions_find(value, "Ready");
	bool *unready = target;

	(void)d;
	(void)field;
	*unready = ready && strcmp(ready, "True") != 0;
}

static const struct decode_field label_fields[] = {
	{ .name = "topology.kubernetes.io/zone", .fn = field_string, .offset = NODE(zone) },
	{ 0 },
};

static const struct decode_field metadata_fields[] = {
	{ .name = "labels", .fn = decode_object, .arg = label_fields },
	{ .name = "deletionTimestamp", .fn = field_present, .offset = NODE(leaving) },
	{ 0 },
};

static const struct decode_field spec_fields[] = {
	{ .name = "podCIDRs", .fn = decode_array, .offset = NODE(pod_cidrs), .arg = &cidrs },
	{ .name = "podCIDR", .fn = take_pod_cidr },
	{ .name = "taints", .fn = take_taints, .flags = DECODE_LIST, .arg = &taints },
	{ 0 },
};

static const struct decode_field status_fields[] = {
	{ .name = "addresses", .fn = take_addresses, .flags = DECODE_LIST, .arg = &addresses },
	{ .name = "conditions", .fn = take_conditions, .offset = NODE(unready) },
	{ 0 },
};

const struct decode_field decode_node_fields[] = {
	{ .name = "metadata", .fn = decode_object, .arg = metadata_fields },
	{ .name = "spec", .fn = decode_object, .arg = spec_fields },
	{ .name = "status", .fn = decode_object, .arg = status_fields },
	{ 0 },
};
