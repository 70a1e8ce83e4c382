// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses are authorised here: anybody who may write a Gateway chooses them, so they must lie
 * where the operator said or be given by a pool of his, and on addresses of nodes only the
 * operator's ports may be used. What belongs to another node is that node's to serve. gateways.c
 * calls it.
 */
#include "compile/addresses.h"

#include <string.h>

#include "allocate/pools.h"
#include "base/mem.h"
#include "compile/problem.h"

struct node_addr {
	struct addr addr;
	bool here;
};

struct addresses {
	struct node_addr *items; /* sorted by address */
	size_t n, cap;
	struct pools pools;
	bool cluster; /* this node is one of a cluster: there is a Node object of it */
};

static int node_addr_compare(const void *a, const void *b)
{
	return addr_compare(&((const struct node_addr *)a)->addr,
			    &((const struct node_addr *)b)->addr);
}

static void merge(struct addresses *addresses)
{
	size_t n = 0;

	if (!addresses->n)
		return;
	qsort(addresses->items, addresses->n, sizeof(*addresses->items), node_addr_compare);
	for (size_t i = 1; i < addresses->n; i++) {
		struct node_addr *last = &addresses->items[n], *next = &addresses->items[i];

		if (node_addr_compare(last, next))
			addresses->items[++n] = *next;
		else
			last->here |= next->here;
	}
	addresses->n = n + 1;
}

struct addresses *addresses_new(struct layer7 *l7)
{
	struct addresses *addresses = mem_new(sizeof(*addresses));
	const struct object *const *nodes;
	size_t n = model_list(l7->model, OBJECT_NODE, &nodes);

	for (size_t i = 0; i < n; i++) {
		const struct node *node = (const struct node *)nodes[i];
		bool here = !strcmp(node->object.name, l7->config->node_name);

		addresses->cluster |= here;
		for (size_t j = 0; j < node->n_addrs; j++) {
			addresses->items = mem_grow(addresses->items, addresses->n, &addresses->cap,
						    sizeof(*addresses->items));
			addresses->items[addresses->n++] =
				(struct node_addr){ .addr = node->addrs[j], .here = here };
		}
	}
	merge(addresses);
	pools_init(&addresses->pools, l7->model);
	return addresses;
}

void addresses_free(struct addresses *addresses)
{
	if (!addresses)
		return;
	free(addresses->items);
	pools_fini(&addresses->pools);
	free(addresses);
}

void addresses_freep(struct addresses **addresses)
{
	addresses_free(*addresses);
}

static bool may_use_port(const struct compile_config *config, uint16_t port)
{
	for (size_t i = 0; i < config->n_gateway_node_ports; i++)
		if (config->gateway_node_ports[i] == port)
			return true;
	return false;
}

/* Where the operator said, be it by an option or by pools. */
static bool may_use(const struct addresses *addresses, const struct compile_config *config,
		    const struct addr *addr)
{
	if (pools_owner(&addresses->pools, addr))
		return true;
	for (size_t i = 0; i < config->n_gateway_cidrs; i++)
		if (cidr_contains(&config->gateway_cidrs[i], addr))
			return true;
	return !config->n_gateway_cidrs;
}

/* Binds all listeners to an address. */
static void bind_all(struct layer7 *l7, const struct gate *gate, const struct bind_draft *like,
		     bool node_ports)
{
	const struct gateway *gateway = gate->gateway;
	char field[LAYER7_FIELD_LEN], text[ADDR_STR_LEN];

	for (size_t i = 0; i < gateway->n_listeners; i++) {
		struct listener_draft *draft = &l7->listeners[gate->first + i];
		uint16_t port = gateway->listeners[i].port;

		if (!draft->usable)
			continue;
		if (node_ports && !may_use_port(l7->config, port)) {
			snprintf(field, sizeof(field), "spec.listeners[%zu].port", i);
			problem_judge(PROBLEM(l7->diags, &gateway->object, field, &draft->said,
					      VERDICT_LISTENER_NO_PORT),
				      "Gateways may not use port %u on %s (--gateway-node-ports)",
				      port,
				      addr_is_zero(&like->addr) ? "addresses of nodes"
								: addr_format(&like->addr, text));
			continue;
		}
		l7->binds = mem_grow(l7->binds, l7->n_binds, &l7->cap_binds, sizeof(*l7->binds));
		l7->binds[l7->n_binds] = *like;
		l7->binds[l7->n_binds].port = port;
		l7->binds[l7->n_binds++].listener = gate->first + i;
	}
}

/* Why an address that is neither loopback nor a node's may not be used. */
static const char *refusal(const struct addresses *addresses, const struct compile_config *config,
			   const struct gateway_address *address, enum verdict_id *ret_id)
{
	*ret_id = VERDICT_GATEWAY_UNSUPPORTED_ADDRESS;
	if (address->named)
		return "is not an IP address";
	*ret_id = VERDICT_GATEWAY_NO_ADDRESS;
	if (!*address->text)
		return "stands here: an AddressPool is to give an address, and none has yet";
	*ret_id = VERDICT_GATEWAY_UNUSABLE_ADDRESS;
	if (!slices_usable_addr(&address->addr))
		return "cannot be served: not a unicast address that reaches beyond one host";
	if (!may_use(addresses, config, &address->addr))
		return "lies outside the ranges for Gateways (--gateway-cidrs, AddressPools)";
	return NULL;
}

static const struct node_addr *find_node(const struct addresses *addresses, const struct addr *addr)
{
	const struct node_addr key = { .addr = *addr };

	if (!addresses->n)
		return NULL;
	return bsearch(&key, addresses->items, addresses->n, sizeof(*addresses->items),
		       node_addr_compare);
}

/* Is it left to us? */
static bool is_open(const struct gateway_address *address)
{
	return !address->named && !*address->text;
}

/*
 * What pools gave it, as the leader wrote into its status. There may be addresses of nodes, too,
 * past ones included: these nobody makes his own. Returns how many were bound.
 */
static size_t claim_assigned(const struct addresses *addresses, struct layer7 *l7,
			     struct gate *gate)
{
	const struct gateway *gateway = gate->gateway;
	size_t n = 0;

	for (size_t i = 0; i < gateway->n_assigned; i++) {
		const struct addr *addr = &gateway->assigned[i].addr;
		const struct bind_draft like = {
			.addr = *addr,
			.address = gateway->n_addresses + i,
			.vip = true,
		};

		if (!gateway->managed && !gateway->assigned[i].given &&
		    !pools_owner(&addresses->pools, addr))
			continue;
		if (find_node(addresses, addr) || !slices_usable_addr(addr) ||
		    !may_use(addresses, l7->config, addr))
			continue;
		bind_all(l7, gate, &like, false);
		n++;
	}
	return n;
}

static void claim(const struct addresses *addresses, struct layer7 *l7, struct gate *gate,
		  size_t index)
{
	const struct gateway_address *address = &gate->gateway->addresses[index];
	const struct node_addr *node = NULL;
	struct bind_draft like = { .addr = address->addr, .address = index };
	char field[LAYER7_FIELD_LEN];
	enum verdict_id id;
	const char *reason;

	if (!address->named)
		node = find_node(addresses, &address->addr);
	if (node) {
		like.node = true;
		like.elsewhere = !node->here;
		bind_all(l7, gate, &like, true);
		return;
	}
	if (!address->named && addr_is_loopback(&address->addr)) {
		bind_all(l7, gate, &like, false);
		return;
	}
	reason = refusal(addresses, l7->config, address, &id);
	if (reason) {
		snprintf(field, sizeof(field), "spec.addresses[%zu].value", index);
		problem_judge(PROBLEM(l7->diags, &gate->gateway->object, field, &gate->said, id),
			      "%s %s", *address->text ? address->text : "nothing", reason);
		return;
	}
	like.vip = true;
	bind_all(l7, gate, &like, false);
}

void addresses_claim(const struct addresses *addresses, struct layer7 *l7, struct gate *gate)
{
	const struct bind_draft everywhere = { .address = LAYER7_EVERYWHERE, .node = true };
	const struct gateway *gateway = gate->gateway;
	bool open = !gateway->n_addresses;
	size_t assigned = 0;

	for (size_t i = 0; i < gateway->n_addresses; i++)
		open |= is_open(&gateway->addresses[i]);
	if (open)
		assigned = claim_assigned(addresses, l7, gate);
	if (!gateway->n_addresses && !assigned)
		bind_all(l7, gate, &everywhere, addresses->cluster);
	for (size_t i = 0; i < gateway->n_addresses; i++)
		if (!assigned || !is_open(&gateway->addresses[i]))
			claim(addresses, l7, gate, i);
}
