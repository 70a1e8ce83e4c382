/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps from objects to plan, each in a file of its own: slices.c finds the EndpointSlices of
 * a Service, services.c decides what is served, frontends.c where, endpoints.c by whom, access.c
 * for whom; pods.c adds hostPorts, healths.c what load balancers ask nodes. layer7.c does the same
 * for routes, by steps of its own. Everything is sorted at the end, so that the order of input
 * never shows.
 */
#include "compile/compile.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compile/access.h"
#include "compile/draft.h"
#include "compile/endpoints.h"
#include "compile/frontends.h"
#include "compile/healths.h"
#include "compile/layer7.h"
#include "compile/pods.h"
#include "compile/problem.h"
#include "compile/services.h"
#include "compile/slices.h"

static const struct node *find_node(const struct model *model, const struct plan *plan)
{
	return (const struct node *)model_get(model, OBJECT_NODE, "", plan->node);
}

static void take_node(const struct node *node, bool l4, struct plan *plan)
{
	_cleanup_(mem_freep) char *name = NULL;

	if (!node) {
		/* Only packets of services need to know where pods are. */
		if (!l4 || !plan->n_services)
			return;
		name = mem_printf("%s %s", object_kind_name(OBJECT_NODE), plan->node);
		diag_report(&plan->diags, DIAG_WARNING, &(struct diag_where){ .object = name },
			    "no such object: the pod ranges of this node are unknown");
		return;
	}
	plan->node_leaving = node->leaving;
	plan->pod_cidrs = mem_array(node->n_pod_cidrs, sizeof(*plan->pod_cidrs));
	plan->n_pod_cidrs = node->n_pod_cidrs;
	for (size_t i = 0; i < node->n_pod_cidrs; i++)
		plan->pod_cidrs[i] = node->pod_cidrs[i];
}

static int service_rank(const void *a, const void *b)
{
	return plan_service_compare(a, b);
}

static void fill_service(struct draft *draft, const struct slices *slices, const struct node *node,
			 struct diag_list *diags)
{
	endpoints_choose(draft, slices, diags);
	access_fill(draft, node);
}

/* A draft that was granted nothing to listen on has no place in the plan. */
static void take_drafts(struct drafts *drafts, const struct slices *slices, const struct node *node,
			struct plan *plan)
{
	plan->services = mem_array(drafts->n, sizeof(*plan->services));
	for (size_t i = 0; i < drafts->n; i++) {
		struct draft *draft = &drafts->items[i];

		if (!draft->plan.n_frontends) {
			free(draft->plan.frontends);
			continue;
		}
		if (draft->pod)
			pods_fill(draft);
		else
			fill_service(draft, slices, node, &plan->diags);
		plan->services[plan->n_services++] = draft->plan;
		draft->plan.name = NULL;
	}
	if (plan->n_services)
		qsort(plan->services, plan->n_services, sizeof(*plan->services), service_rank);
}

static void drafts_fini(struct drafts *drafts)
{
	for (size_t i = 0; i < drafts->n; i++)
		free(drafts->items[i].plan.name);
	free(drafts->items);
}

struct plan *compile_with(const struct slices *slices, struct model *model,
			  const struct compile_config *config)
{
	struct plan *plan = mem_new(sizeof(*plan));
	_cleanup_(drafts_fini) struct drafts drafts = { .diags = &plan->diags };

	plan->generation = model_generation(model);
	plan->step.l7 = plan->step.healths = true;
	plan->node = mem_strdup(config->node_name);
	slices_check(slices, model, &plan->diags);
	services_draft(model, slices, config, &drafts);
	pods_draft(model, find_node(model, plan), plan, &drafts);
	frontends_grant(&drafts, config);
	layer7_compile(model, config, slices, &drafts, plan);
	healths_list(&drafts, slices, plan);
	take_drafts(&drafts, slices, find_node(model, plan), plan);
	access_close(plan);
	take_node(find_node(model, plan), config->l4, plan);
	diag_sort(&plan->diags);
	return plan;
}

struct plan *compile(struct model *model, const struct compile_config *config)
{
	_cleanup_(slices_fini) struct slices slices = { 0 };

	slices_init(&slices, model, config);
	return compile_with(&slices, model, config);
}
