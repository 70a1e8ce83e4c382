/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each draft claims frontends; all claims are sorted by what they claim, so that rivals stand side
 * by side, and then by owner, so that those that were granted stand as the plan wants them.
 *
 * Policies: a ClusterIP follows internalTrafficPolicy for everybody. NodePort, LoadBalancer and
 * external IPs follow externalTrafficPolicy for clients outside; pods and sockets of the cluster
 * always get the cluster set there.
 */
#include "compile/frontends.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "compile/access.h"
#include "compile/problem.h"
#include "compile/slices.h"

struct claim {
	struct plan_frontend frontend;
	size_t draft; /* index of who claims: the lowest is first come */
	size_t index; /* in clusterIPs or ingress */
};

struct claims {
	struct claim *items;
	size_t n, cap;
};

/* An address that cannot be served was reported with its Service. */
static void add_claim(struct claims *claims, const struct claim *claim)
{
	const struct plan_frontend *frontend = &claim->frontend;
	bool any = frontend->kind == PLAN_NODE_PORT ||
		   (frontend->kind == PLAN_HOST_PORT &&
		    (addr_is_zero(&frontend->addr) || addr_is_loopback(&frontend->addr)));

	if (!any && !slices_usable_addr(&frontend->addr))
		return;
	claims->items = mem_grow(claims->items, claims->n, &claims->cap, sizeof(*claims->items));
	claims->items[claims->n++] = *claim;
}

static enum plan_policy policy(enum traffic_policy from)
{
	return from == POLICY_LOCAL ? PLAN_LOCAL : PLAN_CLUSTER;
}

static void claim_cluster_ips(const struct draft *draft, size_t owner, struct claims *claims)
{
	const struct service *service = draft->service;
	enum plan_policy internal = policy(service->internal_policy);

	for (size_t i = 0; i < service->n_cluster_ips; i++) {
		if (addr_family(&service->cluster_ips[i]) != draft->plan.family)
			continue;
		add_claim(claims, &(struct claim){
					  .frontend = { .kind = PLAN_CLUSTER_IP,
							.addr = service->cluster_ips[i],
							.port = draft->port->port,
							.external = internal,
							.internal = internal },
					  .draft = owner,
					  .index = i,
				  });
	}
}

static bool has_cluster_ip(const struct service *service, int family)
{
	for (size_t i = 0; i < service->n_cluster_ips; i++)
		if (addr_family(&service->cluster_ips[i]) == family)
			return true;
	return !service->n_cluster_ips;
}

/* A family that only a load balancer address brought in has no NodePort. */
static void claim_node_port(const struct draft *draft, size_t owner, struct claims *claims)
{
	const struct service *service = draft->service;

	if (service->type != SERVICE_NODE_PORT && service->type != SERVICE_LOAD_BALANCER)
		return;
	if (!draft->port->node_port || !has_cluster_ip(service, draft->plan.family))
		return;
	add_claim(claims, &(struct claim){
				  .frontend = { .kind = PLAN_NODE_PORT,
						.port = draft->port->node_port,
						.external = policy(service->external_policy),
						.internal = PLAN_CLUSTER },
				  .draft = owner,
			  });
}

static void claim_ingress(const struct draft *draft, size_t owner, struct claims *claims)
{
	const struct service *service = draft->service;
	bool ranged;

	if (service->type != SERVICE_LOAD_BALANCER)
		return;
	ranged = access_is_ranged(service, draft->plan.family);
	for (size_t i = 0; i < service->n_ingress; i++) {
		if (service->ingress[i].proxy ||
		    addr_family(&service->ingress[i].ip) != draft->plan.family)
			continue;
		add_claim(claims,
			  &(struct claim){
				  .frontend = { .kind = PLAN_LOAD_BALANCER,
						.addr = service->ingress[i].ip,
						.port = draft->port->port,
						.external = policy(service->external_policy),
						.internal = PLAN_CLUSTER,
						.ranged = ranged },
				  .draft = owner,
				  .index = i,
			  });
	}
}

/* Those that may not be served were reported with their Service. */
static void claim_external_ips(const struct draft *draft, size_t owner,
			       const struct compile_config *config, struct claims *claims)
{
	const struct service *service = draft->service;

	for (size_t i = 0; i < service->n_external_ips; i++) {
		const struct addr *addr = &service->external_ips[i];

		if (addr_family(addr) != draft->plan.family || !access_external_ip(config, addr))
			continue;
		add_claim(claims,
			  &(struct claim){
				  .frontend = { .kind = PLAN_EXTERNAL_IP,
						.addr = *addr,
						.port = draft->port->port,
						.external = policy(service->external_policy),
						.internal = PLAN_CLUSTER },
				  .draft = owner,
				  .index = i,
			  });
	}
}

/* What a pod wants stands in its draft. */
static void claim_host_ports(struct draft *draft, size_t owner, struct claims *claims)
{
	struct plan_service *plan = &draft->plan;

	for (size_t i = 0; i < plan->n_frontends; i++)
		add_claim(claims,
			  &(struct claim){ .frontend = plan->frontends[i], .draft = owner });
	free(plan->frontends);
	plan->frontends = NULL;
	plan->n_frontends = 0;
}

/* By what is claimed; family and protocol are the draft's. For qsort_r. */
static int claim_compare(const void *pa, const void *pb, void *arg)
{
	const struct draft *drafts = arg;
	const struct claim *a = pa, *b = pb;
	const struct plan_service *x = &drafts[a->draft].plan, *y = &drafts[b->draft].plan;
	int order = addr_compare(&a->frontend.addr, &b->frontend.addr);

	if (!order)
		order = (int)a->frontend.port - b->frontend.port;
	if (!order)
		order = (int)x->proto - y->proto;
	if (!order)
		order = (int)x->family - y->family;
	return order;
}

static int claim_rank(const void *pa, const void *pb, void *arg)
{
	const struct claim *a = pa, *b = pb;
	int order = claim_compare(pa, pb, arg);

	if (!order)
		order = (a->draft > b->draft) - (a->draft < b->draft);
	if (!order)
		order = (int)a->frontend.kind - (int)b->frontend.kind;
	return order ? order : (a->index > b->index) - (a->index < b->index);
}

/* The order of frontends in the plan, draft by draft. */
static int frontend_rank(const void *pa, const void *pb)
{
	const struct claim *a = pa, *b = pb;
	int order = (a->draft > b->draft) - (a->draft < b->draft);

	if (!order)
		order = (int)a->frontend.kind - (int)b->frontend.kind;
	if (!order)
		order = addr_compare(&a->frontend.addr, &b->frontend.addr);
	return order ? order : (int)a->frontend.port - b->frontend.port;
}

static void claim_field(const struct claim *claim, const struct draft *draft, char *buf,
			size_t size)
{
	if (draft->pod)
		snprintf(buf, size, "%s.hostPort", draft->pod_port->field);
	else if (claim->frontend.kind == PLAN_CLUSTER_IP)
		snprintf(buf, size, "spec.clusterIPs[%zu]", claim->index);
	else if (claim->frontend.kind == PLAN_LOAD_BALANCER)
		snprintf(buf, size, "status.loadBalancer.ingress[%zu].ip", claim->index);
	else if (claim->frontend.kind == PLAN_EXTERNAL_IP)
		snprintf(buf, size, "spec.externalIPs[%zu]", claim->index);
	else
		snprintf(buf, size, "spec.ports[%zu].nodePort",
			 (size_t)(draft->port - draft->service->ports));
}

static void refuse(const struct drafts *drafts, const struct claim *claim,
		   const struct claim *winner)
{
	const struct draft *draft = &drafts->items[claim->draft];
	char field[64], text[PLAN_SOCKET_LEN];

	claim_field(claim, draft, field, sizeof(field));
	plan_socket_format(&claim->frontend.addr, claim->frontend.port, text);
	problem_add(drafts->diags, DIAG_ERROR,
		    draft->pod ? &draft->pod->object : &draft->service->object, field,
		    "%s/%s is already served for %s", text, plan_proto_name(draft->plan.proto),
		    drafts->items[winner->draft].plan.name);
	diag_mark(drafts->diags, DIAG_PORT);
}

/* Of neighbours that claim the same, keeps the first. The same thing said twice is no conflict. */
static void settle(const struct drafts *drafts, struct claims *claims)
{
	size_t n = 0;

	for (size_t i = 0; i < claims->n; i++) {
		const struct claim *claim = &claims->items[i];
		const struct claim *winner = n ? &claims->items[n - 1] : NULL;

		if (!winner || claim_compare(winner, claim, drafts->items))
			claims->items[n++] = *claim;
		else if (winner->draft != claim->draft ||
			 winner->frontend.kind != claim->frontend.kind)
			refuse(drafts, claim, winner);
	}
	claims->n = n;
}

static void hand_out(const struct claims *claims, struct drafts *drafts)
{
	for (size_t i = 0, end; i < claims->n; i = end) {
		struct plan_service *plan = &drafts->items[claims->items[i].draft].plan;

		for (end = i; end < claims->n && claims->items[end].draft == claims->items[i].draft;
		     end++)
			;
		plan->frontends = mem_array(end - i, sizeof(*plan->frontends));
		for (size_t j = i; j < end; j++)
			plan->frontends[plan->n_frontends++] = claims->items[j].frontend;
	}
}

static void claims_fini(struct claims *claims)
{
	free(claims->items);
}

void frontends_grant(struct drafts *drafts, const struct compile_config *config)
{
	_cleanup_(claims_fini) struct claims claims = { 0 };

	for (size_t i = drafts->n_services; i < drafts->n; i++)
		claim_host_ports(&drafts->items[i], i, &claims);
	for (size_t i = 0; i < drafts->n_services; i++) {
		claim_cluster_ips(&drafts->items[i], i, &claims);
		claim_node_port(&drafts->items[i], i, &claims);
		claim_ingress(&drafts->items[i], i, &claims);
		claim_external_ips(&drafts->items[i], i, config, &claims);
	}
	if (claims.n) {
		qsort_r(claims.items, claims.n, sizeof(*claims.items), claim_rank, drafts->items);
		settle(drafts, &claims);
		qsort(claims.items, claims.n, sizeof(*claims.items), frontend_rank);
		hand_out(&claims, drafts);
	}
}
