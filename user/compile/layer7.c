// SPDX-License-Identifier: Apache-2.0
/*
 * The steps of layer 7 in their order, and the memory of the drafts. compile.c calls it between
 * granting frontends and choosing endpoints: Services keep what they were granted, and what routes
 * take over of it needs no table.
 */
#include "compile/layer7.h"

#include "base/mem.h"
#include "compile/announce.h"
#include "compile/assemble.h"
#include "compile/attach.h"
#include "compile/binds.h"
#include "compile/gateways.h"
#include "compile/rules.h"
#include "compile/verdicts.h"
#include "plan/layout.h"

static void route_fini(struct route_draft *draft)
{
	for (size_t i = 0; i < draft->route->n_parents; i++)
		verdict_forget(&draft->parents[i].said);
	free(draft->parents);
	verdict_forget(&draft->said);
}

static void layer7_fini(struct layer7 *l7)
{
	for (size_t i = 0; i < l7->n_listeners; i++) {
		layout_fini(layout_listener, &l7->listeners[i].plan);
		free(l7->listeners[i].secrets);
		verdict_forget(&l7->listeners[i].said);
	}
	for (size_t i = 0; i < l7->n_gates; i++) {
		verdict_forget(&l7->gates[i].said);
		free(l7->gates[i].addressed);
	}
	for (size_t i = 0; i < l7->n_routes; i++)
		route_fini(&l7->routes[i]);
	for (size_t i = 0; i < l7->n_refs; i++)
		free(l7->refs[i].name);
	free(l7->gates);
	free(l7->listeners);
	free(l7->binds);
	free(l7->routes);
	free(l7->attachments);
	free(l7->rules);
	free(l7->matches);
	free(l7->refs);
}

void layer7_compile(struct model *model, const struct compile_config *config,
		    const struct slices *slices, struct drafts *drafts, struct plan *plan)
{
	_cleanup_(layer7_fini) struct layer7 l7 = {
		.model = model,
		.config = config,
		.slices = slices,
		.drafts = drafts,
		.diags = drafts->diags,
		.plan = &plan->l7,
		.verdicts = &plan->verdicts,
	};

	gateways_draft(&l7);
	binds_settle(&l7);
	attach_routes(&l7);
	rules_make(&l7);
	verdicts_make(&l7);
	assemble_plan(&l7);
	announce_fill(&l7, plan);
}

int layer7_age_compare(const struct object *a, int64_t created_a, const struct object *b,
		       int64_t created_b)
{
	/* As unsigned numbers, 0 - 1 is the greatest. */
	uint64_t x = (uint64_t)created_a - 1, y = (uint64_t)created_b - 1;

	return x != y ? (x > y) - (x < y) : object_compare_key(a, b);
}
