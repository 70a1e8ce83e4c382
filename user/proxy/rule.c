// SPDX-License-Identifier: Apache-2.0
/* A table's rule: puts together what the plan says and what outlives the table. */
#include "proxy/rule.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "proxy/registry.h"
#include "proxy/split.h"
#include "proxy/tally.h"

/* Counters of a rule: requests, then answers by class. */
#define RULE_REQUESTS	0
#define RULE_BY_CLASS	1
#define RULE_N_CLASSES	6
#define RULE_N_COUNTERS (RULE_BY_CLASS + RULE_N_CLASSES)

static const char *cluster_name(const struct plan_l7 *l7, const struct plan_rule *rule,
				size_t backend)
{
	uint32_t cluster = rule->backends[backend].cluster;

	return cluster == PLAN_NO_CLUSTER ? "" : l7->clusters[cluster].name;
}

/* Counts follow a backend wherever it stands in the list; the same one twice is two. */
static struct tally *backend_tally(struct registry *registry, const struct plan_l7 *l7,
				   const struct plan_rule *rule, size_t backend)
{
	_cleanup_(mem_freep) char *key = NULL;
	unsigned before = 0;

	for (size_t i = 0; i < backend; i++)
		before += rule->backends[i].cluster == rule->backends[backend].cluster;
	key = mem_printf("backend %s %u %s", rule->name, before, cluster_name(l7, rule, backend));
	return tally_get(registry, key, 1);
}

void rule_init(struct rule *rule, struct registry *registry, const struct plan_l7 *l7,
	       const struct plan_rule *plan, const struct cluster_view *views)
{
	_cleanup_(mem_freep) char *key = mem_printf("rule %s", plan->name);

	*rule = (struct rule){
		.plan = plan,
		.clusters = mem_array(plan->n_backends, sizeof(*rule->clusters)),
		.split = split_get(registry, l7, plan),
		.tally = tally_get(registry, key, RULE_N_COUNTERS),
		.backend_tallies = mem_array(plan->n_backends, sizeof(*rule->backend_tallies)),
	};
	for (size_t i = 0; i < plan->n_backends; i++) {
		uint32_t cluster = plan->backends[i].cluster;

		rule->clusters[i] = cluster == PLAN_NO_CLUSTER ? NULL : &views[cluster];
		rule->backend_tallies[i] = backend_tally(registry, l7, plan, i);
	}
}

void rule_fini(struct rule *rule)
{
	for (size_t i = 0; rule->plan && i < rule->plan->n_backends; i++)
		tally_unref(rule->backend_tallies[i]);
	free(rule->backend_tallies);
	free(rule->clusters);
	tally_unref(rule->tally);
	split_unref(rule->split);
	*rule = (struct rule){ 0 };
}

int rule_split(const struct rule *rule, unsigned worker)
{
	return split_next(rule->split, worker);
}

void rule_count(const struct rule *rule, unsigned worker, int backend, unsigned status)
{
	unsigned class = status / 100;

	tally_count(rule->tally, worker, RULE_REQUESTS);
	tally_count(rule->tally, worker, RULE_BY_CLASS + (class < RULE_N_CLASSES ? class : 0));
	if (backend < 0)
		return;
	assert((size_t)backend < rule->plan->n_backends);
	tally_count(rule->backend_tallies[backend], worker, 0);
}

void rule_report(const struct rule *rule, struct report_rule *ret_report)
{
	*ret_report = (struct report_rule){
		.name = mem_strdup(rule->plan->name),
		.requests = tally_sum(rule->tally, RULE_REQUESTS),
		.backends = mem_array(rule->plan->n_backends, sizeof(*ret_report->backends)),
		.n_backends = rule->plan->n_backends,
	};
	for (size_t i = 0; i < RULE_N_CLASSES; i++)
		ret_report->by_class[i] = tally_sum(rule->tally, RULE_BY_CLASS + i);
	for (size_t i = 0; i < ret_report->n_backends; i++)
		ret_report->backends[i] = tally_sum(rule->backend_tallies[i], 0);
}
