/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One service of the plan into the maps. What the old version leaves behind goes to a list that
 * sync.c works off when everything new is in force.
 */
#pragma once
#include "dataplane/inforce.h"
#include "plan/plan.h"

/* Old frontends (to be deleted unless somebody wants them) and sets (to be freed after that). */
struct publish_leftovers {
	struct live_front **fronts;
	size_t n_fronts, cap_fronts;
	struct publish_old_set {
		struct live_set *set;
		uint8_t proto;
	} * sets;
	size_t n_sets, cap_sets;
};

/* True when nothing but endpoints can tell it from the plan's. */
bool publish_has_fronts(const struct live_service *service, const struct plan_service *plan);
/* True when the service stands in the maps as the plan has it. */
bool publish_is_current(const struct live_service *service, const struct plan_service *plan);

/*
 * Writes what differs, in the order in which no packet meets a half service. Returns 0; -ENOSPC,
 * -ENAMETOOLONG with *ret_reason when it does not fit (nothing has changed); another -errno when
 * the kernel refused a write (the record is marked, the next apply repairs).
 */
int publish_service(struct inforce *in, const struct plan_service *plan,
		    struct publish_leftovers *leftovers, const char **ret_reason);
/* Moves all that a service has to the leftovers. */
void publish_withdraw(struct inforce *in, struct live_service *service,
		      struct publish_leftovers *leftovers);
void publish_leftovers_fini(struct publish_leftovers *leftovers);
