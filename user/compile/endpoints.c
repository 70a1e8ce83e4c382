/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which endpoints get traffic, by the rules of kube-proxy. All endpoints of the port are gathered
 * over the Service's slices and merged by address and port. The cluster set is all that are ready,
 * or of them those near this node, as their hints say; if there is none, all that still serve while
 * they terminate. The local set is all of this node that are ready, falling back by itself.
 *
 * Hints count only if every ready endpoint has one of a kind and one of them is for this node or,
 * else, for its zone: those who gave them shared out all endpoints, or did not mean it.
 */
#include "compile/endpoints.h"

#include <stdlib.h>
#include <string.h>
#include <naru/limits.h>

#include "base/mem.h"
#include "compile/problem.h"

enum usable {
	USABLE_NOT,
	USABLE_TERMINATING, /* only while there is nothing better */
	USABLE_READY,
};

/* How near an endpoint is by one kind of hint. */
enum near {
	NEAR_UNKNOWN, /* no hint */
	NEAR_NOT,
	NEAR_HERE,
};

struct candidate {
	struct plan_endpoint ep;
	enum usable usable;
	enum near node, zone;
	bool chosen; /* for a set */
};

struct candidates {
	struct candidate *items;
	size_t n, cap;
};

static enum usable usable(const struct slice_endpoint *ep)
{
	if (ep->ready)
		return USABLE_READY;
	return ep->serving && ep->terminating ? USABLE_TERMINATING : USABLE_NOT;
}

static enum near find_hint(char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; *name && i < n; i++)
		if (!strcmp(names[i], name))
			return NEAR_HERE;
	return n ? NEAR_NOT : NEAR_UNKNOWN;
}

static void gather(const struct endpoints_of *of, const struct slices *slices,
		   const struct endpoint_slice *slice, uint16_t port, struct candidates *all)
{
	for (size_t i = 0; i < slice->n_endpoints; i++) {
		const struct slice_endpoint *from = &slice->endpoints[i];

		/* The first address only: the API gives no meaning to others. */
		if (!from->n_addrs || addr_family(&from->addrs[0]) != slice->family ||
		    !slices_usable_endpoint(slices, of->service, &from->addrs[0]))
			continue;
		all->items = mem_grow(all->items, all->n, &all->cap, sizeof(*all->items));
		all->items[all->n++] = (struct candidate){
			.ep = { .addr = from->addrs[0],
				.port = port,
				.local = !strcmp(from->node, slices->node) },
			.usable = usable(from),
			.node = find_hint(from->nodes, from->n_nodes, slices->node),
			.zone = find_hint(from->zones, from->n_zones, slices->zone),
		};
	}
}

/* The endpoints are there, but not under the name that the Service gives the port. */
static void note_mismatch(const struct endpoints_of *of, const struct endpoint_slice *slice,
			  struct diag_list *diags)
{
	const char *name = of->port->name;

	problem_add(diags, DIAG_WARNING, &slice->object, "ports",
		    "no %s port %s%s%s: port %u of Service %s has no endpoint here",
		    plan_proto_name(of->port->proto), *name ? "named \"" : "without a name", name,
		    *name ? "\"" : "", of->port->port, of->service->object.name);
}

static void gather_all(const struct endpoints_of *of, const struct slices *slices,
		       struct candidates *all, struct diag_list *diags)
{
	const struct endpoint_slice *const *slice, *other = NULL;
	size_t n = slices_of(slices, &of->service->object, &slice);
	bool matched = false;

	for (size_t i = 0; i < n; i++) {
		if (slice[i]->family != of->family)
			continue;
		for (size_t j = 0; j < slice[i]->n_ports; j++) {
			const struct slice_port *port = &slice[i]->ports[j];

			if (!port->port || port->proto != of->port->proto ||
			    strcmp(port->name, of->port->name))
				continue;
			gather(of, slices, slice[i], port->port, all);
			matched = true;
		}
		if (!other && slice[i]->n_endpoints)
			other = slice[i];
	}
	if (!matched && other && diags)
		note_mismatch(of, other, diags);
}

static int candidate_compare(const void *a, const void *b)
{
	return plan_endpoint_compare(&((const struct candidate *)a)->ep,
				     &((const struct candidate *)b)->ep);
}

/*
 * Sorts, and makes one of those with the same address and port. While a pod moves from one slice
 * to another, both may list it: what any of them says in its favour holds.
 */
static void merge(struct candidates *all)
{
	size_t n = 0;

	if (!all->n)
		return;
	qsort(all->items, all->n, sizeof(*all->items), candidate_compare);
	for (size_t i = 1; i < all->n; i++) {
		struct candidate *last = &all->items[n], *next = &all->items[i];

		if (candidate_compare(last, next)) {
			all->items[++n] = *next;
			continue;
		}
		last->ep.local |= next->ep.local;
		if (next->usable > last->usable)
			last->usable = next->usable;
		if (next->node > last->node)
			last->node = next->node;
		if (next->zone > last->zone)
			last->zone = next->zone;
	}
	all->n = n + 1;
}

/* Which of the candidates a set may take. */
enum scope {
	SCOPE_ALL,
	SCOPE_LOCAL, /* the Local policy */
	SCOPE_NODE,  /* by hints */
	SCOPE_ZONE,
};

static bool in_scope(const struct candidate *c, enum scope scope)
{
	switch (scope) {
	case SCOPE_LOCAL:
		return c->ep.local;
	case SCOPE_NODE:
		return c->node == NEAR_HERE;
	case SCOPE_ZONE:
		return c->zone == NEAR_HERE;
	case SCOPE_ALL:
		break;
	}
	return true;
}

static enum scope find_scope(const struct candidates *all)
{
	bool node = false, all_nodes = true, zone = false, all_zones = true;

	for (size_t i = 0; i < all->n; i++) {
		const struct candidate *c = &all->items[i];

		if (c->usable != USABLE_READY)
			continue;
		node |= c->node == NEAR_HERE;
		zone |= c->zone == NEAR_HERE;
		all_nodes &= c->node != NEAR_UNKNOWN;
		all_zones &= c->zone != NEAR_UNKNOWN;
	}
	if (node && all_nodes)
		return SCOPE_NODE;
	return zone && all_zones ? SCOPE_ZONE : SCOPE_ALL;
}

/* The best there is in scope. Returns how many there were, also beyond the cap. */
static size_t choose(struct candidates *all, enum scope scope, struct plan_set *ret_set)
{
	enum usable best = USABLE_NOT;
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct candidate *c = &all->items[i];

		if (!in_scope(c, scope) || c->usable < best)
			continue;
		n = c->usable > best ? 1 : n + 1;
		best = c->usable;
	}
	if (best == USABLE_NOT)
		return 0;
	*ret_set = (struct plan_set){
		.endpoints =
			mem_array(n < NARU_SET_MAX ? n : NARU_SET_MAX, sizeof(*ret_set->endpoints)),
	};
	for (size_t i = 0; i < all->n && ret_set->n < NARU_SET_MAX; i++) {
		struct candidate *c = &all->items[i];

		if (!in_scope(c, scope) || c->usable != best)
			continue;
		ret_set->endpoints[ret_set->n++] = c->ep;
		c->chosen = true;
	}
	return n;
}

static bool uses_local(const struct plan_service *plan)
{
	for (size_t i = 0; i < plan->n_frontends; i++)
		if (plan->frontends[i].external == PLAN_LOCAL ||
		    plan->frontends[i].internal == PLAN_LOCAL)
			return true;
	return false;
}

static void candidates_fini(struct candidates *all)
{
	free(all->items);
}

static void note_too_many(const struct endpoints_of *of, size_t n, struct diag_list *diags)
{
	if (n <= NARU_SET_MAX || !diags)
		return;
	problem_add(diags, DIAG_ERROR, &of->service->object, "",
		    "port %u/%s has %zu endpoints in IPv%u, of which only the first %d are served",
		    of->port->port, plan_proto_name(of->port->proto), n, of->family, NARU_SET_MAX);
	diag_mark(diags, DIAG_ROOM);
}

/* What serves, but is in no set: for policy, hints or because it ends. Flows to it go on. */
static void keep_spare(const struct candidates *all, struct plan_service *plan)
{
	struct plan_set *spare = &plan->spare;

	spare->endpoints = mem_array(all->n, sizeof(*spare->endpoints));
	for (size_t i = 0; i < all->n && spare->n < NARU_SET_MAX; i++) {
		const struct candidate *c = &all->items[i];

		if (c->usable != USABLE_NOT && !c->chosen)
			spare->endpoints[spare->n++] = c->ep;
	}
}

void endpoints_choose(struct draft *draft, const struct slices *slices, struct diag_list *diags)
{
	const struct endpoints_of of = {
		.service = draft->service,
		.port = draft->port,
		.family = draft->plan.family,
	};
	_cleanup_(candidates_fini) struct candidates all = { 0 };
	size_t n, n_local = 0;

	gather_all(&of, slices, &all, diags);
	merge(&all);
	n = choose(&all, find_scope(&all), &draft->plan.cluster);
	if (uses_local(&draft->plan))
		n_local = choose(&all, SCOPE_LOCAL, &draft->plan.local);
	if (of.port->proto == 17)
		keep_spare(&all, &draft->plan);
	note_too_many(&of, n_local > n ? n_local : n, diags);
}

void endpoints_cluster(const struct endpoints_of *of, const struct slices *slices,
		       struct diag_list *diags, struct plan_set *ret_set)
{
	_cleanup_(candidates_fini) struct candidates all = { 0 };

	gather_all(of, slices, &all, diags);
	merge(&all);
	note_too_many(of, choose(&all, SCOPE_ALL, ret_set), diags);
}
