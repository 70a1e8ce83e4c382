// SPDX-License-Identifier: Apache-2.0
/*
 * Worked out when it is asked for, from the objects that this node knows: what the leader does with
 * the same objects. What is not in a status yet is no more than that.
 */
#include "daemon/views_addresses.h"

#include "base/json.h"
#include "daemon/announcing.h"
#include "daemon/assign.h"
#include "daemon/daemon.h"

static void add_family(struct json *json, const struct pools_item *item, size_t family)
{
	json_object_begin(json, family ? "ipv6" : "ipv4");
	json_uint(json, "total", item->total[family]);
	json_uint(json, "used", item->used[family]);
	json_object_end(json);
}

static void add_pool(struct json *json, const struct pools_item *item)
{
	json_object_begin(json, NULL);
	json_string(json, "pool", item->pool->object.name);
	json_string(json, "class", item->pool->class_name);
	json_bool(json, "without_class", item->pool->without_class);
	json_bool(json, "disabled", item->pool->disabled);
	json_string(json, "conflict", item->rival ? item->rival->object.name : "");
	for (size_t family = 0; family < POOLS_FAMILIES; family++)
		add_family(json, item, family);
	json_object_end(json);
}

/* Does the object's status say it, so that nodes serve it? */
static bool is_in_status(const struct object *object, const struct addr *addr)
{
	const struct service *service = (const struct service *)object;
	const struct gateway *gateway = (const struct gateway *)object;

	if (object->kind == OBJECT_SERVICE) {
		for (size_t i = 0; i < service->n_ingress; i++)
			if (!addr_compare(&service->ingress[i].ip, addr))
				return true;
		return false;
	}
	for (size_t i = 0; i < gateway->n_assigned; i++)
		if (!addr_compare(&gateway->assigned[i].addr, addr))
			return true;
	return false;
}

static void add_address(struct json *json, const struct announcing *announcing,
			const struct object *object, const struct allocate_addr *has)
{
	char text[ADDR_STR_LEN];

	json_object_begin(json, NULL);
	json_string(json, "address", addr_format(&has->addr, text));
	json_string(json, "pool", has->pool ? has->pool->object.name : "");
	json_bool(json, "in_status", is_in_status(object, &has->addr));
	json_string(json, "announced_by", announcing_who(announcing, &has->addr));
	json_object_end(json);
}

static void add_owner(struct json *json, const struct announcing *announcing,
		      const struct assignment *assignment)
{
	json_object_begin(json, NULL);
	json_string(json, "kind", object_kind_name(assignment->object->kind));
	json_string(json, "namespace", assignment->object->namespace);
	json_string(json, "name", assignment->object->name);
	json_bool(json, "assigned", assignment->holds);
	json_string(json, "reason", allocate_reason_name(assignment->reason));
	json_string(json, "message", assignment->message);
	json_array_begin(json, "addresses");
	for (size_t i = 0; i < assignment->n; i++)
		add_address(json, announcing, assignment->object, &assignment->addrs[i]);
	json_array_end(json);
	json_object_end(json);
}

int views_addresses(void *arg, struct str *ret_body)
{
	const struct daemon *daemon = arg;
	struct allocate_config config = assign_config(daemon->options);
	struct json json = { .out = ret_body };
	struct allocation allocation;

	config.local = *daemon->options->manifests;
	allocate(daemon->model, &config, &allocation);
	json_object_begin(&json, NULL);
	json_array_begin(&json, "pools");
	for (size_t i = 0; i < allocation.pools.n; i++)
		add_pool(&json, &allocation.pools.items[i]);
	json_array_end(&json);
	json_array_begin(&json, "owners");
	for (size_t i = 0; i < allocation.n; i++)
		add_owner(&json, daemon->announcing, &allocation.items[i]);
	json_array_end(&json);
	json_object_end(&json);
	allocate_fini(&allocation);
	return 200;
}
