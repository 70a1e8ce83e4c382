// SPDX-License-Identifier: Apache-2.0
/*
 * Decides which objects are naru's to give addresses to. A Service is, when its class is one of
 * naru's or one that a pool names; without a class only when a pool says so and nobody else has
 * written its status: there may be a cloud provider. allocate.c calls it.
 */
#include "allocate/owners.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "plan/verdict.h"

void owners_complain(struct owner *owner, enum allocate_reason reason, const char *format, ...)
{
	va_list args;

	if (owner->reason != ALLOCATE_ASSIGNED)
		return;
	owner->reason = reason;
	va_start(args, format);
	owner->message = mem_vprintf(format, args);
	va_end(args);
}

static void reserve(struct owners *owners, const struct addr *addr)
{
	owners->reserved = mem_grow(owners->reserved, owners->n_reserved, &owners->cap_reserved,
				    sizeof(*owners->reserved));
	owners->reserved[owners->n_reserved++] = *addr;
}

static struct owner *add(struct owners *owners, const struct owner *owner)
{
	owners->items = mem_grow(owners->items, owners->n, &owners->cap, sizeof(*owners->items));
	owners->items[owners->n] = *owner;
	return &owners->items[owners->n++];
}

static bool in_cidrs(const struct cidr *cidrs, size_t n, const struct addr *addr)
{
	for (size_t i = 0; i < n; i++)
		if (cidr_contains(&cidrs[i], addr))
			return true;
	return false;
}

/* ---- Services ------------------------------------------------------------------------------- */

static bool some_pool_is_without_class(const struct pools *pools)
{
	for (size_t i = 0; i < pools->n; i++)
		if (pools->items[i].pool->without_class)
			return true;
	return false;
}

static bool some_pool_has_class(const struct pools *pools, const char *class_name)
{
	for (size_t i = 0; i < pools->n; i++)
		if (!strcmp(pools->items[i].pool->class_name, class_name))
			return true;
	return false;
}

/* Has somebody else given it addresses? Only pools for Services without class may have ours. */
static bool is_foreign(const struct pools *pools, const struct service *service)
{
	for (size_t i = 0; i < service->n_ingress; i++) {
		const struct lb_ingress *ingress = &service->ingress[i];
		const struct pools_item *item = pools_owner(pools, &ingress->ip);

		if (!ingress->given && (ingress->proxy || !item || !item->pool->without_class))
			return true;
	}
	return service->hostnames;
}

static bool is_ours(const struct pools *pools, const struct service *service,
		    const struct allocate_config *config)
{
	const char *class_name = service->request.class_name;

	if (service->type != SERVICE_LOAD_BALANCER || service->foreign_proxy)
		return false;
	for (size_t i = 0; config->local && i < service->n_ingress; i++)
		if (!service->ingress[i].given)
			return false;
	if (service->managed)
		return true;
	if (*class_name)
		return !strncmp(class_name, POOL_CLASS_PREFIX, strlen(POOL_CLASS_PREFIX)) ||
		       some_pool_has_class(pools, class_name);
	return some_pool_is_without_class(pools) && !is_foreign(pools, service);
}

static void add_family(struct owner *owner, size_t family)
{
	for (size_t i = 0; i < owner->n_families; i++)
		if (owner->families[i] == family)
			return;
	owner->families[owner->n_families++] = (uint8_t)family;
}

/* As told, else as its cluster addresses have it, else whichever a pool has. */
static void take_families(struct owner *owner, const struct service *service)
{
	const struct lb_request *request = &service->request;

	for (size_t i = 0; i < request->n_families; i++)
		add_family(owner, request->families[i] == 4 ? 0 : 1);
	for (size_t i = 0; !request->n_families && i < service->n_cluster_ips; i++)
		add_family(owner, pools_family(&service->cluster_ips[i]));
	owner->all = request->family_policy == FAMILIES_REQUIRE_DUAL;
	if (owner->n_families)
		return;
	add_family(owner, 0);
	add_family(owner, 1);
	owner->either = request->family_policy == FAMILIES_SINGLE;
}

static bool wants_family(const struct owner *owner, size_t family)
{
	for (size_t i = 0; i < owner->n_families; i++)
		if (owner->families[i] == family)
			return true;
	return false;
}

static void take_wish(struct owner *owner, const char *text)
{
	struct addr addr;
	size_t family;

	if (addr_parse(text, &addr))
		return owners_complain(owner, ALLOCATE_INVALID, "\"%.64s\" is not an IP address",
				       text);
	family = pools_family(&addr);
	if (!wants_family(owner, family))
		return owners_complain(owner, ALLOCATE_INVALID,
				       "%s is of a family that the Service does not have", text);
	if (owner->wishes[family])
		return owners_complain(owner, ALLOCATE_INVALID,
				       "%s is the second address of its family: one is possible",
				       text);
	owner->wishes[family] = true;
	owner->wish[family] = addr;
}

/* "192.0.2.1, 2001:db8::1" */
static void take_wishes(struct owner *owner, const char *text)
{
	_cleanup_(mem_freep) char *copy = mem_strdup(text);
	char *rest = NULL;

	for (char *word = strtok_r(copy, ", ", &rest); word; word = strtok_r(NULL, ", ", &rest))
		take_wish(owner, word);
	if (owner->reason == ALLOCATE_INVALID)
		memset(owner->wishes, 0, sizeof(owner->wishes));
}

/* The first one of each family that it asks for. */
static void take_current(struct owner *owner, const struct addr *addr)
{
	size_t family = pools_family(addr);

	if (owner->has[family] || !wants_family(owner, family))
		return;
	owner->has[family] = true;
	owner->addr[family] = *addr;
}

int owners_port_rank(const void *pa, const void *pb)
{
	const struct owner_port *a = pa, *b = pb;

	return a->proto != b->proto ? (a->proto > b->proto) - (a->proto < b->proto)
				    : (a->port > b->port) - (a->port < b->port);
}

static void sort_ports(struct owner *owner)
{
	if (owner->n_ports)
		qsort(owner->ports, owner->n_ports, sizeof(*owner->ports), owners_port_rank);
}

static void take_ports(struct owner *owner, const struct service *service)
{
	owner->ports = mem_array(service->n_ports, sizeof(*owner->ports));
	owner->n_ports = service->n_ports;
	for (size_t i = 0; i < service->n_ports; i++)
		owner->ports[i] =
			(struct owner_port){ service->ports[i].proto, service->ports[i].port };
	sort_ports(owner);
}

static void add_service(struct owners *owners, const struct service *service)
{
	const struct lb_request *request = &service->request;
	struct owner *owner = add(owners, &(struct owner){
						  .object = &service->object,
						  .created = service->created,
						  .labels = request->labels,
						  .n_labels = request->n_labels,
						  .class_name = request->class_name,
						  .pool = request->pool,
						  .key = request->sharing_key,
						  .policy = service->external_policy,
						  .managed = service->managed,
					  });

	take_ports(owner, service);
	take_families(owner, service);
	take_wishes(owner, request->ips);
	for (size_t i = 0; i < service->n_ingress; i++)
		if (!service->ingress[i].given && !service->ingress[i].proxy)
			take_current(owner, &service->ingress[i].ip);
}

/* What Services have that no pool gave them. */
static void reserve_service(struct owners *owners, const struct service *service, bool ours,
			    const struct allocate_config *config)
{
	for (size_t i = 0; i < service->n_cluster_ips; i++)
		reserve(owners, &service->cluster_ips[i]);
	for (size_t i = 0; i < service->n_external_ips; i++)
		if (in_cidrs(config->external_ip_cidrs, config->n_external_ip_cidrs,
			     &service->external_ips[i]))
			reserve(owners, &service->external_ips[i]);
	for (size_t i = 0; !ours && i < service->n_ingress; i++)
		if (!service->ingress[i].given)
			reserve(owners, &service->ingress[i].ip);
}

static void list_services(struct owners *owners, struct model *model, const struct pools *pools,
			  const struct allocate_config *config)
{
	const struct object *const *objects;
	size_t n = model_list(model, OBJECT_SERVICE, &objects);

	for (size_t i = 0; i < n; i++) {
		const struct service *service = (const struct service *)objects[i];
		bool ours = is_ours(pools, service, config);
		bool unasked = !ours && service->managed && !config->local;

		if (ours)
			add_service(owners, service);
		else if (unasked)
			add(owners, &(struct owner){ .object = &service->object, .unasked = true });
		reserve_service(owners, service, ours || unasked, config);
	}
}

/* ---- Gateways ------------------------------------------------------------------------------- */

/* Does it leave an address to us? Without any it does, but is content with none. */
static bool leaves_choice(const struct gateway *gateway, bool *ret_silent)
{
	*ret_silent = !gateway->n_addresses && !*gateway->pool;
	for (size_t i = 0; i < gateway->n_addresses; i++)
		if (!gateway->addresses[i].named && !*gateway->addresses[i].text)
			return true;
	return !gateway->n_addresses;
}

/* What is in its status may also be addresses of nodes, past ones included. */
static bool may_keep(const struct gateway *gateway, const struct pools *pools,
		     const struct allocate_config *config, const struct addr *addr)
{
	if (pools_owner(pools, addr))
		return true;
	return gateway->managed && (!config->n_gateway_cidrs ||
				    in_cidrs(config->gateway_cidrs, config->n_gateway_cidrs, addr));
}

static void add_gateway(struct owners *owners, const struct gateway *gateway,
			const struct pools *pools, const struct allocate_config *config)
{
	struct owner *owner = add(owners, &(struct owner){
						  .object = &gateway->object,
						  .created = gateway->created,
						  .labels = gateway->labels,
						  .n_labels = gateway->n_labels,
						  .pool = gateway->pool,
						  .key = gateway->sharing_key,
						  .families = { 0, 1 },
						  .n_families = 2,
						  .managed = gateway->managed,
					  });

	owner->unasked = !leaves_choice(gateway, &owner->silent);
	owner->silent |= owner->unasked && !gateway->managed;
	owner->ports = mem_array(gateway->n_listeners, sizeof(*owner->ports));
	owner->n_ports = gateway->n_listeners;
	for (size_t i = 0; i < gateway->n_listeners; i++)
		owner->ports[i] = (struct owner_port){ L4_TCP, gateway->listeners[i].port };
	sort_ports(owner);
	for (size_t i = 0; !owner->unasked && i < gateway->n_assigned; i++)
		if (!gateway->assigned[i].given &&
		    may_keep(gateway, pools, config, &gateway->assigned[i].addr))
			take_current(owner, &gateway->assigned[i].addr);
}

static void list_gateways(struct owners *owners, struct model *model, const struct pools *pools,
			  const struct allocate_config *config)
{
	const struct object *const *objects;
	size_t n = model_list(model, OBJECT_GATEWAY, &objects);

	for (size_t i = 0; i < n; i++) {
		const struct gateway *gateway = (const struct gateway *)objects[i];
		const struct gateway_class *class =
			(const struct gateway_class *)model_get(model, OBJECT_GATEWAY_CLASS, "",
								gateway->class_name);

		if (!class || strcmp(class->controller, VERDICT_CONTROLLER) != 0)
			continue;
		for (size_t j = 0; j < gateway->n_addresses; j++)
			if (!gateway->addresses[j].named && *gateway->addresses[j].text)
				reserve(owners, &gateway->addresses[j].addr);
		add_gateway(owners, gateway, pools, config);
	}
}

/* ---- all of them ---------------------------------------------------------------------------- */

static void list_nodes(struct owners *owners, struct model *model)
{
	const struct object *const *objects;
	size_t n = model_list(model, OBJECT_NODE, &objects);

	for (size_t i = 0; i < n; i++) {
		const struct node *node = (const struct node *)objects[i];

		for (size_t j = 0; j < node->n_addrs; j++) {
			owners->nodes = mem_grow(owners->nodes, owners->n_nodes, &owners->cap_nodes,
						 sizeof(*owners->nodes));
			owners->nodes[owners->n_nodes++] = node->addrs[j];
		}
	}
}

/* The older one first; of unknown age is the newest. */
static int age_rank(const void *pa, const void *pb)
{
	const struct owner *a = pa, *b = pb;
	uint64_t x = (uint64_t)a->created - 1, y = (uint64_t)b->created - 1;

	return x != y ? (x > y) - (x < y) : object_compare_key(a->object, b->object);
}

void owners_init(struct owners *owners, struct model *model, const struct pools *pools,
		 const struct allocate_config *config)
{
	*owners = (struct owners){ 0 };
	list_nodes(owners, model);
	list_services(owners, model, pools, config);
	list_gateways(owners, model, pools, config);
	if (owners->n)
		qsort(owners->items, owners->n, sizeof(*owners->items), age_rank);
}

void owners_fini(struct owners *owners)
{
	for (size_t i = 0; i < owners->n; i++) {
		free(owners->items[i].ports);
		free(owners->items[i].message);
	}
	free(owners->items);
	free(owners->nodes);
	free(owners->reserved);
}
