/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cut copies the array of services, and frontends only of those that lose some. It is made for
 * each apply; on most nodes there is nothing to cut, and the plan is used as it is.
 */
#include "dataplane/foreign.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* kube-proxy puts every ClusterIP on this device in its IPVS mode, for nobody to listen on. */
#define FOREIGN_IPVS "kube-ipvs0"

static int compare(const void *a, const void *b)
{
	return addr_compare(a, b);
}

/* 0 when there is none. */
static uint32_t find_ipvs(const struct netlink_snapshot *net)
{
	for (size_t i = 0; i < net->n_links; i++) {
		if (!strcmp(net->links[i].name, FOREIGN_IPVS))
			return net->links[i].ifindex;
	}
	return 0;
}

bool foreign_look(struct foreign *foreign, const struct netlink_snapshot *net)
{
	struct addr *addrs = mem_array(net->n_addrs, sizeof(*addrs));
	uint32_t ipvs = find_ipvs(net);
	size_t n = 0;
	bool changed;

	for (size_t i = 0; i < net->n_addrs; i++) {
		if (net->addrs[i].ifindex != ipvs)
			addrs[n++] = net->addrs[i].addr;
	}
	if (n)
		qsort(addrs, n, sizeof(*addrs), compare);
	changed = n != foreign->n || (n && memcmp(addrs, foreign->addrs, n * sizeof(*addrs)) != 0);
	free(foreign->addrs);
	foreign->addrs = addrs;
	foreign->n = n;
	return changed;
}

void foreign_fini(struct foreign *foreign)
{
	free(foreign->addrs);
	*foreign = (struct foreign){};
}

static bool has(const struct foreign *foreign, const struct addr *addr)
{
	return foreign->n &&
	       bsearch(addr, foreign->addrs, foreign->n, sizeof(*foreign->addrs), compare);
}

static bool is_foreign(const struct foreign *foreign, const struct plan_frontend *frontend)
{
	return frontend->kind == PLAN_CLUSTER_IP && has(foreign, &frontend->addr);
}

static size_t count_foreign(const struct foreign *foreign, const struct plan_service *service)
{
	size_t n = 0;

	for (size_t i = 0; i < service->n_frontends; i++)
		n += is_foreign(foreign, &service->frontends[i]);
	return n;
}

/* Frontends that services which lose some have now. */
static size_t count_touched(const struct foreign *foreign, const struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_services; i++) {
		if (count_foreign(foreign, &plan->services[i]))
			n += plan->services[i].n_frontends;
	}
	return n;
}

#define FIELD "spec.clusterIPs"

/* The ports of a Service stand side by side in the plan: of its diagnostics the last ones count. */
static bool is_reported(const struct diag_list *diags, const char *object, const char *reason)
{
	for (size_t i = diags->n; i-- > 0 && !strcmp(diags->items[i].object, object);) {
		if (!strcmp(diags->items[i].field, FIELD) &&
		    !strcmp(diags->items[i].reason, reason))
			return true;
	}
	return false;
}

/* Once for a Service and an address, however many ports it has. */
static void report(struct diag_list *diags, const struct plan_service *service,
		   const struct addr *addr)
{
	char text[ADDR_STR_LEN];
	_cleanup_(mem_freep) char *object =
		mem_printf("Service %.*s", (int)strcspn(service->name, ":"), service->name);
	_cleanup_(mem_freep) char *reason =
		mem_printf("a device of this node has %s: it is left to whoever put it there",
			   addr_format(addr, text));

	if (diags && !is_reported(diags, object, reason))
		diag_add(diags, DIAG_WARNING, "", 0, object, FIELD, "%s", reason);
}

/* The service's frontends that stay go to `room`. Returns how many. */
static size_t cut_service(const struct foreign *foreign, struct plan_service *service,
			  struct diag_list *diags, struct plan_frontend *room)
{
	size_t n = 0;

	for (size_t i = 0; i < service->n_frontends; i++) {
		if (is_foreign(foreign, &service->frontends[i]))
			report(diags, service, &service->frontends[i].addr);
		else
			room[n++] = service->frontends[i];
	}
	service->frontends = room;
	service->n_frontends = n;
	return n;
}

static void cut_closed(const struct foreign *foreign, struct foreign_cut *cut)
{
	const struct plan *plan = &cut->plan;
	struct addr *closed = mem_array(plan->n_closed, sizeof(*closed));
	size_t n = 0;

	for (size_t i = 0; i < plan->n_closed; i++) {
		if (!has(foreign, &plan->closed[i]))
			closed[n++] = plan->closed[i];
	}
	cut->closed = closed;
	cut->plan.closed = closed;
	cut->plan.n_closed = n;
}

void foreign_cut(const struct foreign *foreign, const struct plan *plan, struct diag_list *diags,
		 struct foreign_cut *ret_cut)
{
	struct foreign_cut cut = { .plan = *plan };
	size_t touched = count_touched(foreign, plan), used = 0;

	if (touched) {
		cut.services = mem_array(plan->n_services, sizeof(*cut.services));
		memcpy(cut.services, plan->services, plan->n_services * sizeof(*cut.services));
		cut.frontends = mem_array(touched, sizeof(*cut.frontends));
		cut.plan.services = cut.services;
		for (size_t i = 0; i < plan->n_services; i++) {
			if (count_foreign(foreign, &cut.services[i]))
				used += cut_service(foreign, &cut.services[i], diags,
						    cut.frontends + used);
		}
		cut_closed(foreign, &cut);
	}
	*ret_cut = cut;
}

void foreign_cut_fini(struct foreign_cut *cut)
{
	free(cut->services);
	free(cut->frontends);
	free(cut->closed);
	*cut = (struct foreign_cut){};
}
