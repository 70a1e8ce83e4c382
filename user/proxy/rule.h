/* SPDX-License-Identifier: Apache-2.0 */
/* A rule as one table has it: the plan's, with its clusters, its split and its counts. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "feed/report.h"
#include "plan/l7.h"
#include "proxy/cluster.h"

struct split;
struct tally;

struct rule {
	const struct plan_rule *plan;
	const struct cluster_view **clusters; /* by backend; NULL: a broken reference */
	struct split *split;
	struct tally *tally;
	struct tally **backend_tallies;
};

/* views: by the plan's clusters, alive as long as the rule. Main thread only. */
void rule_init(struct rule *rule, struct registry *registry, const struct plan_l7 *l7,
	       const struct plan_rule *plan, const struct cluster_view *views);
void rule_fini(struct rule *rule);

/* The backend whose turn it is (smooth weighted round robin per worker); its index in the plan's
 * rule, or -1 when nothing has weight. */
int rule_split(const struct rule *rule, unsigned worker);
/* Counts a finished request; backend -1: none; status 0: no answer. */
void rule_count(const struct rule *rule, unsigned worker, int backend, unsigned status);
void rule_report(const struct rule *rule, struct report_rule *ret_report);
