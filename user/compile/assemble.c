// SPDX-License-Identifier: Apache-2.0
/*
 * Sorts the drafts and puts indices in the place of pointers. layer7.c calls it, last. Invariant:
 * the result depends on objects only, not on the order in which they were found.
 */
#include "compile/assemble.h"

#include <string.h>

#include "base/mem.h"
#include "compile/announce.h"
#include "compile/binds.h"
#include "compile/clusters.h"
#include "compile/hostnames.h"
#include "compile/matches.h"
#include "plan/layout.h"

/* ---- listeners and certificates ------------------------------------------------------------ */

static int by_name(const void *pa, const void *pb, void *arg)
{
	const struct listener_draft *drafts = arg;
	const uint32_t *a = pa, *b = pb;

	return strcmp(drafts[*a].plan.name, drafts[*b].plan.name);
}

/* Those that are bound move into the plan. */
static void place_listeners(struct layer7 *l7)
{
	_cleanup_(mem_freep) uint32_t *order = mem_array(l7->n_listeners, sizeof(*order));
	struct plan_l7 *plan = l7->plan;

	for (uint32_t i = 0; i < l7->n_listeners; i++)
		if (l7->listeners[i].bound)
			order[plan->n_listeners++] = i;
	plan->listeners = mem_array(plan->n_listeners, sizeof(*plan->listeners));
	if (plan->n_listeners)
		qsort_r(order, plan->n_listeners, sizeof(*order), by_name, l7->listeners);
	for (uint32_t i = 0; i < plan->n_listeners; i++) {
		struct listener_draft *draft = &l7->listeners[order[i]];

		draft->place = i;
		plan->listeners[i] = draft->plan;
		draft->plan = (struct plan_listener){ 0 };
	}
}

static int cert_compare(const void *a, const void *b)
{
	return strcmp(((const struct plan_cert *)a)->name, ((const struct plan_cert *)b)->name);
}

static char *cert_name(const struct secret *secret)
{
	return mem_printf("%s/%s", secret->object.namespace, secret->object.name);
}

/* One of each name. */
static void list_certs(struct layer7 *l7)
{
	struct plan_l7 *plan = l7->plan;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < l7->n_listeners; i++) {
		const struct listener_draft *draft = &l7->listeners[i];

		for (size_t j = 0; j < draft->n_secrets && draft->bound; j++) {
			struct plan_cert cert = { .name = cert_name(draft->secrets[j]) };

			memcpy(cert.fingerprint, draft->secrets[j]->fingerprint,
			       sizeof(cert.fingerprint));
			plan->certs = mem_grow(plan->certs, n, &cap, sizeof(*plan->certs));
			plan->certs[n++] = cert;
		}
	}
	if (n)
		qsort(plan->certs, n, sizeof(*plan->certs), cert_compare);
	for (size_t i = 0; i < n; i++) {
		if (i && !cert_compare(&plan->certs[plan->n_certs - 1], &plan->certs[i]))
			free(plan->certs[i].name);
		else
			plan->certs[plan->n_certs++] = plan->certs[i];
	}
}

static void refer_to_certs(struct layer7 *l7)
{
	const struct plan_l7 *plan = l7->plan;

	for (size_t i = 0; i < l7->n_listeners; i++) {
		const struct listener_draft *draft = &l7->listeners[i];
		struct plan_listener *listener;

		if (!draft->bound || !draft->n_secrets)
			continue;
		listener = &plan->listeners[draft->place];
		listener->certs = mem_array(draft->n_secrets, sizeof(*listener->certs));
		for (size_t j = 0; j < draft->n_secrets; j++) {
			_cleanup_(mem_freep) char *name = cert_name(draft->secrets[j]);
			const struct plan_cert key = { .name = name }, *cert;

			cert = bsearch(&key, plan->certs, plan->n_certs, sizeof(*plan->certs),
				       cert_compare);
			listener->certs[listener->n_certs++] = (uint32_t)(cert - plan->certs);
		}
	}
}

/* ---- hosts --------------------------------------------------------------------------------- */

static int by_precedence(const void *pa, const void *pb, void *arg)
{
	const uint32_t *a = pa, *b = pb;

	return matches_compare(arg, *a, *b);
}

/* All matches in their order, and the place of each in it. */
static void rank_matches(struct layer7 *l7, uint32_t *order, uint32_t *rank)
{
	for (uint32_t i = 0; i < l7->n_matches; i++)
		order[i] = i;
	if (l7->n_matches)
		qsort_r(order, l7->n_matches, sizeof(*order), by_precedence, l7);
	for (uint32_t i = 0; i < l7->n_matches; i++)
		rank[order[i]] = i;
}

static int attachment_compare(const void *pa, const void *pb)
{
	const struct attachment *a = pa, *b = pb;
	int order = (a->listener > b->listener) - (a->listener < b->listener);

	if (!order)
		order = hostnames_compare(a->host, b->host);
	return order ? order : (a->route > b->route) - (a->route < b->route);
}

static int rank_compare(const void *pa, const void *pb)
{
	const uint32_t *a = pa, *b = pb;

	return (*a > *b) - (*a < *b);
}

/* The matches of all routes that share a host, as ranks, sorted. */
static uint32_t *gather(const struct layer7 *l7, const struct attachment *first, size_t n,
			const uint32_t *rank, size_t *ret_n)
{
	size_t n_ranks = 0;
	uint32_t *ranks;

	for (size_t i = 0; i < n; i++)
		n_ranks += l7->routes[first[i].route].n_matches;
	ranks = mem_array(n_ranks, sizeof(*ranks));
	n_ranks = 0;
	for (size_t i = 0; i < n; i++) {
		const struct route_draft *route = &l7->routes[first[i].route];

		if (i && first[i - 1].route == first[i].route)
			continue; /* by two parentRefs, or two host names that meet in one */
		for (size_t j = 0; j < route->n_matches; j++)
			ranks[n_ranks++] = rank[route->first_match + j];
	}
	if (n_ranks)
		qsort(ranks, n_ranks, sizeof(*ranks), rank_compare);
	*ret_n = n_ranks;
	return ranks;
}

static void add_host(struct plan_listener *listener, const char *name, uint32_t *matches, size_t n)
{
	size_t cap = listener->n_hosts;

	/* Grows by doubling: n is a power of two when it is full. */
	if ((cap & (cap - 1)) == 0)
		listener->hosts = mem_grow(listener->hosts, cap, &cap, sizeof(*listener->hosts));
	listener->hosts[listener->n_hosts++] =
		(struct plan_host){ .name = mem_strdup(name), .matches = matches, .n_matches = n };
}

/* Attachments of one listener and host stand side by side. */
static void make_hosts(struct layer7 *l7)
{
	_cleanup_(mem_freep) uint32_t *order = mem_array(l7->n_matches, sizeof(*order));
	_cleanup_(mem_freep) uint32_t *rank = mem_array(l7->n_matches, sizeof(*rank));
	struct attachment *all = l7->attachments;
	size_t n;

	rank_matches(l7, order, rank);
	if (l7->n_attachments)
		qsort(all, l7->n_attachments, sizeof(*all), attachment_compare);
	for (size_t i = 0, end; i < l7->n_attachments; i = end) {
		const struct listener_draft *draft = &l7->listeners[all[i].listener];
		_cleanup_(mem_freep) uint32_t *matches = NULL;

		for (end = i + 1; end < l7->n_attachments; end++)
			if (all[end].listener != all[i].listener ||
			    strcmp(all[end].host, all[i].host) != 0)
				break;
		if (!draft->bound)
			continue;
		matches = gather(l7, &all[i], end - i, rank, &n);
		for (size_t j = 0; j < n; j++)
			matches[j] = order[matches[j]];
		if (n)
			add_host(&l7->plan->listeners[draft->place], all[i].host, TAKE_PTR(matches),
				 n);
	}
}

/* ---- addresses ----------------------------------------------------------------------------- */

/* Binds are sorted: those of one address and port stand side by side. */
static void make_binds(struct layer7 *l7)
{
	struct plan_l7 *plan = l7->plan;

	plan->binds = mem_array(l7->n_binds, sizeof(*plan->binds));
	for (size_t i = 0, end; i < l7->n_binds; i = end) {
		const struct bind_draft *first = &l7->binds[i];
		struct plan_bind *bind = &plan->binds[plan->n_binds++];

		for (end = i + 1; end < l7->n_binds; end++)
			if (addr_compare(&l7->binds[end].addr, &first->addr) ||
			    l7->binds[end].port != first->port)
				break;
		*bind = (struct plan_bind){ .addr = first->addr, .port = first->port };
		bind->listeners = mem_array(end - i, sizeof(*bind->listeners));
		for (size_t j = i; j < end; j++)
			bind->listeners[bind->n_listeners++] =
				l7->listeners[l7->binds[j].listener].place;
		bind->tls = plan->listeners[bind->listeners[0]].tls;
	}
}

/* The ClusterIPs of which layer 4 serves some port. */
static struct addr *list_cluster_ips(const struct drafts *drafts, size_t *ret_n)
{
	struct addr *addrs = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < drafts->n; i++) {
		const struct plan_service *plan = &drafts->items[i].plan;

		for (size_t j = 0; j < plan->n_frontends; j++) {
			if (plan->frontends[j].kind != PLAN_CLUSTER_IP)
				continue;
			addrs = mem_grow(addrs, n, &cap, sizeof(*addrs));
			addrs[n++] = plan->frontends[j].addr;
		}
	}
	if (n)
		qsort(addrs, n, sizeof(*addrs), addr_rank);
	*ret_n = n;
	return addrs;
}

/* Binds are sorted by address: an address that was met before is the last one. */
static struct plan_vip *vip_of(struct plan_l7 *plan, const struct addr *addr)
{
	struct plan_vip *vip = &plan->vips[plan->n_vips];

	if (plan->n_vips && !addr_compare(&vip[-1].addr, addr))
		return &vip[-1];
	vip->addr = *addr;
	plan->n_vips++;
	return vip;
}

/* Behind make_binds(). Nobody announces a ClusterIP, also when a Gateway listens on it. */
static void make_vips(struct layer7 *l7)
{
	struct plan_l7 *plan = l7->plan;
	size_t n;
	_cleanup_(mem_freep) struct addr *taken = list_cluster_ips(l7->drafts, &n);

	plan->vips = mem_array(l7->n_binds, sizeof(*plan->vips));
	for (size_t i = 0; i < l7->n_binds; i++) {
		const struct bind_draft *bind = &l7->binds[i];
		struct plan_vip *vip;

		if (!bind->vip)
			continue;
		vip = vip_of(plan, &bind->addr);
		vip->service |= bind->cluster_ip ||
				(n && bsearch(&bind->addr, taken, n, sizeof(*taken), addr_rank));
		vip->announce = !vip->service && announce_here(l7, &bind->addr);
		vip->proxied = !vip->service;
	}
}

/* ---- everything ---------------------------------------------------------------------------- */

static void move_rules(struct layer7 *l7)
{
	struct plan_l7 *plan = l7->plan;

	plan->n_rules = l7->n_rules;
	plan->rules = TAKE_PTR(l7->rules);
	l7->n_rules = 0;
	plan->n_matches = l7->n_matches;
	plan->matches = mem_array(l7->n_matches, sizeof(*plan->matches));
	for (size_t i = 0; i < l7->n_matches; i++)
		plan->matches[i] = l7->matches[i].plan;
	l7->n_matches = 0;
}

void assemble_plan(struct layer7 *l7)
{
	binds_sort(l7);
	place_listeners(l7);
	list_certs(l7);
	refer_to_certs(l7);
	make_hosts(l7);
	make_binds(l7);
	make_vips(l7);
	move_rules(l7);
	clusters_make(l7);
}
