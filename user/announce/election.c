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
	for (size_t i = 0; i < plan->n_nodes; i++) {
		const char *name = plan->nodes[i].name;
		bool here = !strcmp(name, plan->node);

		if (here || peers_counts(e->peers, name))
			e->candidates[e->n_candidates++] = (struct election_candidate){
				.node = i,
				.here = here,
				.proxyless = here ? e->peers->proxyless
						  : peers_proxyless(e->peers, name),
			};
	}
}

void election_fini(struct election *e)
{
	free(e->candidates);
	e->candidates = NULL;
	e->n_candidates = 0;
}

bool election_won(const struct election *e, size_t vip, const char **ret_who)
{
	const struct plan *plan = e->plan;
	const struct plan_vip *of = &plan->l7.vips[vip];
	const struct plan_local_vip *local = plan_find_local_vip(plan, &of->addr);
	const struct election_candidate *winner = NULL;
	struct rival best = { 0 };
	bool out = e->ends || (e->yields && e->yields(e->arg, &of->addr));

	*ret_who = NULL;
	if (of->service)
		return false;
	for (size_t i = 0; i < e->n_candidates; i++) {
		const struct election_candidate *c = &e->candidates[i];
		const struct plan_node *node = &plan->nodes[c->node];
		const struct rival rival = {
			.stays = !node->leaving,
			.weight = rendezvous_weight(node->name, &of->addr),
		};

		if (!may_have(local, c->node) || (of->proxied && c->proxyless) ||
		    (out && c->here) || (winner && !beats(&rival, &best)))
			continue;
		best = rival;
		winner = c;
	}
	if (winner)
		*ret_who = plan->nodes[winner->node].name;
	if (plan->n_nodes)
		return winner && winner->here;
	if (out || (of->proxied && e->peers->proxyless))
		return false;
	*ret_who = plan->node;
	return true;
}
