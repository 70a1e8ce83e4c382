// SPDX-License-Identifier: Apache-2.0
/*
 * Invariant: what is given stands beside what objects say themselves and is marked; so the next
 * allocation begins with the objects as their authors wrote them. source_folder.c and --check call
 * it, each time that objects were read.
 */
#include "daemon/assign.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/pack.h"

struct allocate_config assign_config(const struct options *options)
{
	return (struct allocate_config){
		.gateway_cidrs = options->gateway_cidrs.items,
		.n_gateway_cidrs = options->gateway_cidrs.n,
		.external_ip_cidrs = options->external_ip_cidrs.items,
		.n_external_ip_cidrs = options->external_ip_cidrs.n,
	};
}

/* Objects are immutable in the model: one that gets another address is a new one. */
static struct object *copy(const struct object *object)
{
	_cleanup_(str_fini) struct str packed = { 0 };
	struct bytes bytes;
	struct object *new;

	pack_object(&packed, object);
	bytes = bytes_of(packed.buf, packed.len);
	new = pack_unpack(&bytes);
	if (new)
		new->origin.line = object->origin.line;
	return new;
}

/* ---- Services ------------------------------------------------------------------------------- */

static bool service_has(const struct service *service, const struct assignment *assignment)
{
	size_t n = 0;

	for (size_t i = 0; i < service->n_ingress; i++) {
		if (!service->ingress[i].given)
			continue;
		if (!assignment || n >= assignment->n ||
		    addr_compare(&service->ingress[i].ip, &assignment->addrs[n].addr))
			return false;
		n++;
	}
	return n == (assignment ? assignment->n : 0);
}

static void service_give(struct object *object, const struct assignment *assignment)
{
	struct service *service = (struct service *)object;
	size_t n_given = assignment ? assignment->n : 0, n = 0;
	struct lb_ingress *ingress = mem_array(service->n_ingress + n_given, sizeof(*ingress));

	for (size_t i = 0; i < service->n_ingress; i++)
		if (!service->ingress[i].given)
			ingress[n++] = service->ingress[i];
	for (size_t i = 0; i < n_given; i++)
		ingress[n++] =
			(struct lb_ingress){ .ip = assignment->addrs[i].addr, .given = true };
	mem_freep(&service->ingress);
	service->ingress = ingress;
	service->n_ingress = n;
}

/* ---- Gateways ------------------------------------------------------------------------------- */

static bool is_own(const struct gateway *gateway, const struct addr *addr)
{
	for (size_t i = 0; i < gateway->n_assigned; i++)
		if (!gateway->assigned[i].given && !addr_compare(&gateway->assigned[i].addr, addr))
			return true;
	return false;
}

/* What it has by its own status needs not be given. */
static size_t list_given(const struct gateway *gateway, const struct assignment *assignment,
			 struct addr ret_addrs[static POOLS_FAMILIES])
{
	size_t n = 0;

	for (size_t i = 0; assignment && i < assignment->n; i++)
		if (!is_own(gateway, &assignment->addrs[i].addr))
			ret_addrs[n++] = assignment->addrs[i].addr;
	return n;
}

static bool gateway_has(const struct gateway *gateway, const struct assignment *assignment)
{
	struct addr addrs[POOLS_FAMILIES];
	size_t n_given = list_given(gateway, assignment, addrs), n = 0;

	for (size_t i = 0; i < gateway->n_assigned; i++) {
		if (!gateway->assigned[i].given)
			continue;
		if (n >= n_given || addr_compare(&gateway->assigned[i].addr, &addrs[n]))
			return false;
		n++;
	}
	return n == n_given;
}

static void gateway_give(struct object *object, const struct assignment *assignment)
{
	struct gateway *gateway = (struct gateway *)object;
	struct addr addrs[POOLS_FAMILIES];
	size_t n_given = list_given(gateway, assignment, addrs), n = 0;
	struct gateway_assigned *assigned =
		mem_array(gateway->n_assigned + n_given, sizeof(*assigned));

	for (size_t i = 0; i < gateway->n_assigned; i++)
		if (!gateway->assigned[i].given)
			assigned[n++] = gateway->assigned[i];
	for (size_t i = 0; i < n_given; i++)
		assigned[n++] = (struct gateway_assigned){ .addr = addrs[i], .given = true };
	mem_freep(&gateway->assigned);
	gateway->assigned = assigned;
	gateway->n_assigned = n;
}

/* ---- both ----------------------------------------------------------------------------------- */

struct changes {
	struct object **items;
	size_t n, cap;
};

static void list_changes(struct model *model, enum object_kind kind,
			 const struct allocation *allocation, struct changes *changes)
{
	const struct object *const *objects;
	size_t n = model_list(model, kind, &objects);

	for (size_t i = 0; i < n; i++) {
		const struct assignment *assignment = allocate_find(allocation, objects[i]);
		bool service = kind == OBJECT_SERVICE;
		struct object *new;

		if (service ? service_has((const struct service *)objects[i], assignment)
			    : gateway_has((const struct gateway *)objects[i], assignment))
			continue;
		new = copy(objects[i]);
		if (!new)
			continue;
		(service ? service_give : gateway_give)(new, assignment);
		changes->items = mem_grow(changes->items, changes->n, &changes->cap,
					  sizeof(*changes->items));
		changes->items[changes->n++] = new;
	}
}

static void complain(struct diag_list *diags, const struct object *object, const char *field,
		     const char *reason)
{
	_cleanup_(mem_freep) char *name =
		mem_printf("%s %s%s%s", object_kind_name(object->kind), object->namespace,
			   *object->namespace ? "/" : "", object->name);

	diag_add(diags, DIAG_ERROR, object->origin.file, object->origin.line, name, field, "%s",
		 reason);
}

static void complain_of_all(const struct allocation *allocation, struct diag_list *diags)
{
	for (size_t i = 0; i < allocation->n; i++) {
		const struct assignment *assignment = &allocation->items[i];

		if (!assignment->holds && assignment->reason != ALLOCATE_NOT_ASKED)
			complain(diags, assignment->object,
				 assignment->object->kind == OBJECT_SERVICE ? "spec.type"
									    : "spec.addresses",
				 assignment->message);
	}
	for (size_t i = 0; i < allocation->pools.n; i++) {
		const struct pools_item *item = &allocation->pools.items[i];
		_cleanup_(mem_freep) char *reason = NULL;

		if (!item->rival)
			continue;
		reason = mem_printf("AddressPool %s has some of the addresses, too: this one gives "
				    "none",
				    item->rival->object.name);
		complain(diags, &item->pool->object, "spec.addresses", reason);
	}
}

void assign_local(struct model *model, const struct options *options, struct diag_list *diags)
{
	struct allocate_config config = assign_config(options);
	struct changes changes = { 0 };
	struct allocation allocation;

	config.local = true;
	allocate(model, &config, &allocation);
	list_changes(model, OBJECT_SERVICE, &allocation, &changes);
	list_changes(model, OBJECT_GATEWAY, &allocation, &changes);
	complain_of_all(&allocation, diags);
	allocate_fini(&allocation);
	for (size_t i = 0; i < changes.n; i++)
		model_put(model, changes.items[i]);
	free(changes.items);
}
