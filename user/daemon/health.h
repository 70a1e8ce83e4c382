/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The servers of healthCheckNodePorts: load balancers ask there which nodes have endpoints of a
 * Service. Ports follow the plan; one that cannot be had is reported on its Service and tried
 * again. daemon.c calls it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/diag.h"
#include "base/loop.h"
#include "plan/plan.h"

struct health;

struct health_config {
	struct loop *loop;
	/* Are NodePorts served at this address of the node? */
	bool (*serves_at)(void *arg, const struct addr *local);
	/* Is what serves this Service on this node in order? */
	bool (*serves)(void *arg, const char *namespace, const char *name);
	/* health_diags() has other ones. */
	void (*changed)(void *arg);
	void *arg;
};

struct health *health_new(const struct health_config *config);
/* Closes the ports. NULL is legal. */
void health_free(struct health *health);

/* The plan is borrowed for the call. */
void health_apply(struct health *health, const struct plan *plan);

/* What cannot be had; valid until the loop runs again. */
const struct diag_list *health_diags(const struct health *health);
