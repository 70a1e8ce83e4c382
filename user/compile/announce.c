// SPDX-License-Identifier: Apache-2.0
/*
 * Load balancers' addresses are announced where an AddressPool or the operator (--announce-cidrs)
 * says so: elsewhere a cloud or another program of the cluster does it. One of Services with
 * externalTrafficPolicy Local may go to nodes only that have a ready endpoint: of all of them, when
 * several share the address, or else of any. assemble.c and layer7.c call it.
 */
#include "compile/announce.h"

#include <stdlib.h>
#include <string.h>

#include "allocate/pools.h"
#include "base/mem.h"
#include "plan/rendezvous.h"

bool announce_here(const struct layer7 *l7, const struct addr *addr)
{
	const struct object *const *nodes;
	size_t n = model_list(l7->model, OBJECT_NODE, &nodes), best = 0;

	/* Of equal numbers the first by name has it. */
	for (size_t i = 1; i < n; i++)
		if (rendezvous_weight(nodes[i]->name, addr) >
		    rendezvous_weight(nodes[best]->name, addr))
			best = i;
	return !n || !strcmp(nodes[best]->name, l7->config->node_name);
}

/* ---- nodes ---- */

static void list_nodes(struct layer7 *l7, struct plan *plan)
{
	const struct object *const *nodes;
	size_t n = model_list(l7->model, OBJECT_NODE, &nodes);

	plan->nodes = mem_array(n, sizeof(*plan->nodes));
	for (size_t i = 0; i < n; i++) {
		const struct node *from = (const struct node *)nodes[i];
		struct plan_node *to = &plan->nodes[plan->n_nodes++];

		to->name = mem_strdup(from->object.name);
		to->leaving = from->leaving;
		to->n_addrs = from->n_addrs;
		to->addrs = mem_array(from->n_addrs, sizeof(*to->addrs));
		for (size_t j = 0; j < from->n_addrs; j++)
			to->addrs[j] = from->addrs[j];
	}
}

/* ---- addresses of Services ---- */

/* An address that a Service has; sorted by address, each pair once. */
struct balanced {
	struct addr addr;
	const struct service *service;
	bool local; /* externalTrafficPolicy */
};

struct balanced_list {
	struct balanced *items;
	size_t n, cap;
};

static void balanced_fini(struct balanced_list *list)
{
	free(list->items);
}

/* What no pool of naru has given, and the operator did not name, is somebody else's to announce. */
static bool is_announced(const struct compile_config *config, const struct pools *pools,
			 const struct addr *addr)
{
	if (pools_owner(pools, addr))
		return true;
	for (size_t i = 0; i < config->n_announce_cidrs; i++)
		if (cidr_contains(&config->announce_cidrs[i], addr))
			return true;
	return false;
}

/* The ports of a Service stand together, hence also what would be the same. */
static bool is_listed(const struct balanced_list *list, const struct addr *addr,
		      const struct service *service)
{
	for (size_t i = list->n; i-- && list->items[i].service == service;)
		if (!addr_compare(&list->items[i].addr, addr))
			return true;
	return false;
}

/* An address that a Gateway has together with a Service is of use without a proxy, too. */
static void note_shared(struct plan_l7 *plan, const struct addr *addr)
{
	struct plan_vip *vip =
		plan->n_vips ? bsearch(addr, plan->vips, plan->n_vips, sizeof(*vip), addr_rank)
			     : NULL;

	if (vip)
		vip->proxied = false;
}

static void list_balanced(const struct layer7 *l7, struct balanced_list *list)
{
	_cleanup_(pools_fini) struct pools pools = { 0 };

	pools_init(&pools, l7->model);
	for (size_t i = 0; i < l7->drafts->n; i++) {
		const struct draft *draft = &l7->drafts->items[i];

		for (size_t j = 0; draft->service && j < draft->plan.n_frontends; j++) {
			const struct plan_frontend *frontend = &draft->plan.frontends[j];

			if (frontend->kind != PLAN_LOAD_BALANCER)
				continue;
			note_shared(l7->plan, &frontend->addr);
			if (!is_announced(l7->config, &pools, &frontend->addr) ||
			    is_listed(list, &frontend->addr, draft->service))
				continue;
			list->items =
				mem_grow(list->items, list->n, &list->cap, sizeof(*list->items));
			list->items[list->n++] = (struct balanced){
				.addr = frontend->addr,
				.service = draft->service,
				.local = frontend->external == PLAN_LOCAL,
			};
		}
	}
	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), addr_rank);
}

/* The first ones are layer 7's; sorted anew when some are added. */
static void add_vips(struct layer7 *l7, const struct balanced_list *list)
{
	struct plan_l7 *plan = l7->plan;
	size_t n = plan->n_vips;
	struct plan_vip *vips = mem_array(n + list->n, sizeof(*vips));

	for (size_t i = 0; i < n; i++)
		vips[i] = plan->vips[i];
	for (size_t i = 0; i < list->n; i++) {
		const struct addr *addr = &list->items[i].addr;

		if ((i && !addr_compare(addr, &list->items[i - 1].addr)) ||
		    (n && bsearch(addr, plan->vips, n, sizeof(*vips), addr_rank)))
			continue;
		vips[plan->n_vips++] =
			(struct plan_vip){ .addr = *addr, .announce = announce_here(l7, addr) };
	}
	free(plan->vips);
	plan->vips = vips;
	qsort(vips, plan->n_vips, sizeof(*vips), addr_rank);
}

/* ---- local policy ---- */

/* Marks the nodes with an endpoint that the Service's clients outside may be sent to. */
static void mark_nodes(const struct layer7 *l7, const struct plan *plan, const struct balanced *of,
		       uint8_t *marks)
{
	const struct endpoint_slice *const *slice;
	size_t n = slices_of(l7->slices, &of->service->object, &slice);

	for (size_t i = 0; i < n; i++) {
		if (slice[i]->family != addr_family(&of->addr))
			continue;
		for (size_t j = 0; j < slice[i]->n_endpoints; j++) {
			const struct slice_endpoint *ep = &slice[i]->endpoints[j];
			const struct plan_node *node;

			node = ep->ready ? plan_find_node(plan, ep->node) : NULL;
			if (node)
				marks[node - plan->nodes] = 1;
		}
	}
}

/* The nodes that all want or, when there are none, that any of them wants. */
static void add_local(struct plan *plan, const struct addr *addr, const uint32_t *wanted,
		      uint32_t by)
{
	struct plan_local_vip *vip = &plan->local_vips[plan->n_local_vips++];
	uint32_t most = 1;

	vip->addr = *addr;
	vip->nodes = mem_array(plan->n_nodes, sizeof(*vip->nodes));
	for (size_t i = 0; i < plan->n_nodes; i++)
		if (wanted[i] == by)
			most = by;
	for (size_t i = 0; i < plan->n_nodes; i++)
		if (wanted[i] >= most)
			vip->nodes[vip->n_nodes++] = (uint32_t)i;
}

static void list_local(const struct layer7 *l7, struct plan *plan, const struct balanced_list *list)
{
	_cleanup_(mem_freep) uint8_t *marks = mem_array(plan->n_nodes, sizeof(*marks));
	_cleanup_(mem_freep) uint32_t *wanted = mem_array(plan->n_nodes, sizeof(*wanted));

	plan->local_vips = mem_array(list->n, sizeof(*plan->local_vips));
	for (size_t i = 0, end; i < list->n; i = end) {
		const struct addr *addr = &list->items[i].addr;
		uint32_t by = 0;

		memset(wanted, 0, plan->n_nodes * sizeof(*wanted));
		for (end = i; end < list->n && !addr_compare(&list->items[end].addr, addr); end++) {
			if (!list->items[end].local)
				continue;
			memset(marks, 0, plan->n_nodes);
			mark_nodes(l7, plan, &list->items[end], marks);
			for (size_t j = 0; j < plan->n_nodes; j++)
				wanted[j] += marks[j];
			by++;
		}
		if (by)
			add_local(plan, addr, wanted, by);
	}
}

void announce_fill(struct layer7 *l7, struct plan *plan)
{
	_cleanup_(balanced_fini) struct balanced_list list = { 0 };

	list_nodes(l7, plan);
	list_balanced(l7, &list);
	if (!list.n)
		return;
	add_vips(l7, &list);
	list_local(l7, plan, &list);
}
