// SPDX-License-Identifier: Apache-2.0
/*
 * gateway.networking.k8s.io Gateway, under the rules that its schema has. kind.c has the row.
 */
#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "kube/conditions.h"
#include "kube/duration.h"
#include "kube/field.h"
#include "kube/form.h"
#include "kube/kind.h"
#include "kube/labels.h"
#include "model/gateway.h"

/* The API's own limits. */
#define ADDRESSES_MAX 16
#define LISTENERS_MAX 64

#define COUNT_OFFSET(member)                                                                       \
	(ptrdiff_t)(offsetof(struct gateway, n_##member) - offsetof(struct gateway, member))

static bool is_address_type(const char *text)
{
	const char *slash = strchr(text, '/');

	return !strcmp(text, "IPAddress") || !strcmp(text, "Hostname") ||
	       !strcmp(text, "NamedAddress") || (slash && slash > text && slash[1]);
}

static const struct form address_type = {
	.fits = is_address_type,
	.what = "IPAddress, Hostname, NamedAddress or a type such as example.com/type",
	.otherwise = "IPAddress",
};

/* Only the type, whose text goes no further than the rows below it. */
struct address {
	char *type;
};

static const struct decode_field address_types[] = {
	{ .name = "type",
	  .fn = form_text,
	  .offset = offsetof(struct address, type),
	  .arg = &address_type },
	{ 0 },
};

/* An address without a value leaves the choice to us. */
static const struct decode_field named_fields[] = {
	{ .name = "value", .fn = field_string, .offset = offsetof(struct gateway_address, text) },
	{ 0 },
};

static const struct decode_field hostname_fields[] = {
	{ .name = "value",
	  .fn = form_text,
	  .offset = offsetof(struct gateway_address, text),
	  .arg = &form_hostname },
	{ 0 },
};

static const struct decode_field ip_fields[] = {
	{ .name = "value", .fn = field_own_addr, .offset = offsetof(struct gateway_address, addr) },
	{ .name = "value", .fn = field_string, .offset = offsetof(struct gateway_address, text) },
	{ 0 },
};

static void take_address(struct decode *d, const struct decode_field *field,
			 struct json_object *value, void *target)
{
	struct gateway_address *address = target;
	const struct decode_field *fields;
	struct address typed = { 0 };
	size_t errors = d->errors;

	(void)field;
	decode_fields(d, address_types, value, &typed);
	address->named = strcmp(typed.type, "IPAddress") != 0;
	fields = !address->named		  ? ip_fields
		 : strcmp(typed.type, "Hostname") ? named_fields
						  : hostname_fields;
	if (d->errors == errors)
		decode_fields(d, fields, value, target);
	free(typed.type);
}

#define GATEWAY(member) offsetof(struct gateway, member)
static const struct decode_array addresses = {
	.size = sizeof(struct gateway_address),
	.count_offset = COUNT_OFFSET(addresses),
	.max = ADDRESSES_MAX,
	.element = { .fn = take_address },
};

static const struct decode_array listeners = {
	.size = sizeof(struct gateway_listener),
	.count_offset = COUNT_OFFSET(listeners),
	.min = 1,
	.max = LISTENERS_MAX,
	.element = { .fn = decode_listener },
};

static const struct decode_field annotation_fields[] = {
	{ .name = "naru.io/address-pool", .fn = field_string, .offset = GATEWAY(pool) },
	{ .name = "naru.io/sharing-key", .fn = field_string, .offset = GATEWAY(sharing_key) },
	{ 0 },
};

static const struct decode_field metadata_fields[] = {
	{ .name = "creationTimestamp", .fn = duration_timestamp, .offset = GATEWAY(created) },
	{ .name = "labels", .fn = labels_map, .offset = GATEWAY(labels) },
	{ .name = "annotations", .fn = decode_object, .arg = annotation_fields },
	{ 0 },
};

/* Holds for all listeners, whose row stands before this one. The target is the Gateway. */
static void take_validation(struct decode *d, const struct decode_field *field,
			    struct json_object *value, void *target)
{
	struct gateway *gateway = target;

	(void)d;
	(void)field;
	for (size_t i = 0; value && i < gateway->n_listeners; i++)
		gateway->listeners[i].client_certs = true;
}

static const struct decode_field default_fields[] = {
	{ .name = "validation", .fn = take_validation },
	{ 0 },
};

static const struct decode_field frontend_fields[] = {
	{ .name = "default", .fn = decode_object, .arg = default_fields },
	{ .name = "perPort", .fn = take_validation },
	{ 0 },
};

static const struct decode_field tls_fields[] = {
	{ .name = "frontend", .fn = decode_object, .arg = frontend_fields },
	{ 0 },
};

static const struct decode_field infrastructure_fields[] = {
	{ .name = "parametersRef", .fn = field_present, .offset = GATEWAY(parameters) },
	{ 0 },
};

static const struct decode_field spec_fields[] = {
	{ .name = "gatewayClassName",
	  .fn = form_text,
	  .offset = GATEWAY(class_name),
	  .flags = DECODE_REQUIRED,
	  .arg = &form_name },
	{ .name = "addresses",
	  .fn = decode_array,
	  .offset = GATEWAY(addresses),
	  .arg = &addresses },
	{ .name = "listeners",
	  .fn = decode_array,
	  .offset = GATEWAY(listeners),
	  .flags = DECODE_REQUIRED,
	  .arg = &listeners },
	{ .name = "infrastructure", .fn = decode_object, .arg = infrastructure_fields },
	{ .name = "tls", .fn = decode_object, .arg = tls_fields },
	{ 0 },
};

static bool is_same_address(const struct gateway_address *a, const struct gateway_address *b)
{
	return !a->named && !b->named && *a->text && *b->text && !addr_compare(&a->addr, &b->addr);
}

static void check_addresses(struct decode *d, const struct gateway *gateway)
{
	for (size_t i = 0; i < gateway->n_addresses; i++) {
		for (size_t j = 0; j < i; j++) {
			if (is_same_address(&gateway->addresses[i], &gateway->addresses[j]))
				return decode_error_at(d, "addresses", i,
						       "IPAddress values must be unique");
		}
	}
}

static const char *compare_listeners(const struct gateway_listener *a,
				     const struct gateway_listener *b)
{
	if (!strcmp(a->name, b->name))
		return "Listener name must be unique within the Gateway";
	if (a->port == b->port && !strcmp(a->protocol_text, b->protocol_text) &&
	    !strcmp(a->hostname, b->hostname))
		return "Combination of port, protocol and hostname must be unique for each "
		       "listener";
	return NULL;
}

static void check_listeners(struct decode *d, const struct gateway *gateway)
{
	for (size_t i = 0; i < gateway->n_listeners; i++) {
		const char *reason = NULL;

		for (size_t j = 0; j < i && !reason; j++)
			reason = compare_listeners(&gateway->listeners[i], &gateway->listeners[j]);
		if (reason)
			decode_error_at(d, "listeners", i, reason);
	}
}

/* What the schema says of entries together. The target is the Gateway. */
static void take_spec(struct decode *d, const struct decode_field *field, struct json_object *value,
		      void *target)
{
	(void)field;
	decode_fields(d, spec_fields, value, target);
	if (d->errors)
		return;
	check_addresses(d, target);
	check_listeners(d, target);
}

/* An entry of status.addresses that is an address; others are not for packets. */
static bool read_assigned(struct json_object *entry, struct addr *ret_addr)
{
	struct json_object *type = NULL, *value = NULL;

	if (!json_object_object_get_ex(entry, "value", &value) ||
	    !json_object_is_type(value, json_type_string))
		return false;
	if (json_object_object_get_ex(entry, "type", &type) &&
	    json_object_is_type(type, json_type_string) &&
	    strcmp(json_object_get_string(type), "IPAddress") != 0)
		return false;
	return !addr_parse(json_object_get_string(value), ret_addr);
}

/* A status is no user's: what cannot be read of it is passed over. The target is the Gateway. */
static void take_assigned(struct decode *d, const struct decode_field *field,
			  struct json_object *value, void *target)
{
	struct gateway *gateway = target;
	size_t n;

	(void)d;
	(void)field;
	if (!json_object_is_type(value, json_type_array))
		return;
	n = json_object_array_length(value);
	n = n < ADDRESSES_MAX ? n : ADDRESSES_MAX;
	gateway->assigned = mem_array(n, sizeof(*gateway->assigned));
	for (size_t i = 0; i < n; i++) {
		struct gateway_assigned *assigned = &gateway->assigned[gateway->n_assigned];

		if (read_assigned(json_object_array_get_idx(value, i), &assigned->addr))
			gateway->n_assigned++;
	}
}

/* The target is the flag. */
static void take_conditions(struct decode *d, const struct decode_field *field,
			    struct json_object *value, void *target)
{
	const char *status = conditions_find(value, OBJECT_ASSIGNED);
	bool *managed = target;

	(void)d;
	(void)field;
	*managed = status && !strcmp(status, "True");
}

static const struct decode_field status_fields[] = {
	{ .name = "addresses", .fn = take_assigned },
	{ .name = "conditions", .fn = take_conditions, .offset = GATEWAY(managed) },
	{ 0 },
};

const struct decode_field decode_gateway_fields[] = {
	{ .name = "metadata", .fn = decode_object, .arg = metadata_fields },
	{ .name = "spec", .fn = take_spec, .flags = DECODE_REQUIRED },
	{ .name = "status", .fn = decode_object, .arg = status_fields },
	{ 0 },
};
