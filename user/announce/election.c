// SPDX-License-Identifier: Apache-2.0
/*
 * Nodes that were never heard are taken to be elsewhere: they have an object, but perhaps another
 * segment. So a node that hears nobody has everything that it may have. announcer.c calls it.
 */
#include "announce/election.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "plan/rendezvous.h"

static bool may_have(const struct plan_local_vip *local, size_t node)
{
	for (size_t i = 0; local && i < local->n_nodes; i++)
		if (local->nodes[i] == node)
			return true;
	return !local;
}

struct rival {
	bool stays;
	uint64_t weight;
};

/* Of equal numbers the first by name has it. */
static bool beats(const struct rival *a, const struct rival *b)
{
	return a->stays != b->stays ? a->stays : a->weight > b->weight;
}

/* Most nodes of a large cluster are on other segments: they are asked about once. */
void election_begin(struct election *e)
{
	const struct plan *plan = e->plan;

	e->candidates = mem_array(plan->n_nodes, sizeof(*e->candidates));
	e->n_candidates = 0;
	for (size_t i = 0; i < plan->n_nodes; i++)
		if (!strcmp(plan->nodes[i].name, plan->node) ||
		    peers_counts(e->peers, plan->nodes[i].name))
			e->candidates[e->n_candidates++] = i;
}

void election_fini(struct election *e)
{
	free(e->candidates);
	e->candidates = NULL;
	e->n_candidates = 0;
}

bool election_won(const struct election *e, size_t vip)
{
	const struct plan *plan = e->plan;
	const struct addr *addr = &plan->l7.vips[vip].addr;
	const struct plan_local_vip *local = plan_find_local_vip(plan, addr);
	struct rival best = { 0 };
	bool any = false, here = false;

	if (plan->l7.vips[vip].service || e->ends || (e->yields && e->yields(e->arg, addr)))
		return false;
	for (size_t i = 0; i < e->n_candidates; i++) {
		const struct plan_node *node = &plan->nodes[e->candidates[i]];
		const struct rival rival = {
			.stays = !node->leaving,
			.weight = rendezvous_weight(node->name, addr),
		};

		if (!may_have(local, e->candidates[i]) || (any && !beats(&rival, &best)))
			continue;
		best = rival;
		any = true;
		here = !strcmp(node->name, plan->node);
	}
	return plan->n_nodes ? here : true;
}
