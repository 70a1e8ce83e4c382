/* SPDX-License-Identifier: Apache-2.0 */
/* DestinationRules: the policy of a cluster. */
#pragma once
#include "compile/layer7.h"

struct policies;

/* Says of each rule what of it has no effect. */
struct policies *policies_new(const struct layer7 *l7);
void policies_free(struct policies *policies);
void policies_freep(struct policies **policies);

/* Fills the policy of a cluster of the Service, with Istio's defaults where no rule says better. */
void policies_apply(const struct policies *policies, const struct service *service,
		    struct plan_cluster *cluster);
