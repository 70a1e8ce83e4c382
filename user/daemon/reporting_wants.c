// SPDX-License-Identifier: Apache-2.0
/*
 * What statuses should say, from the plan and what nodes tell. reporting.c calls it, on the leader.
 */
#include "base/mem.h"
#include "daemon/assign.h"
#include "daemon/reporting_inner.h"
#include "kube/apisource.h"
#include "kube/store.h"
#include "model/model.h"
#include "plan/plan.h"
#include "status/assigned.h"
#include "status/conditions.h"
#include "status/nodes.h"
#include "status/refusals.h"

static const enum object_kind refusable[] = { OBJECT_GATEWAY, OBJECT_HTTP_ROUTE };

static bool is_programmed(void *arg, const struct verdict_gateway *gateway)
{
	const struct reporting *r = arg;

	return inforce_has(&r->here, gateway->namespace, gateway->name, gateway->generation) ||
	       (r->nodes &&
		nodes_serve(r->nodes, gateway->namespace, gateway->name, gateway->generation));
}

/* Behind the conditions, which have the addresses that Gateways are served at now. */
static void want_addresses(struct reporting *r, struct wants *wants)
{
	const struct allocate_config config = assign_config(r->config.options);
	struct allocation allocation;

	allocate(r->config.model, &config, &allocation);
	assigned_want(&allocation, wants);
	allocate_fini(&allocation);
}

static void want_conditions(struct reporting *r, struct wants *wants)
{
	const struct conditions_ack ack = {
		.programmed = is_programmed,
		.arg = r,
		.definitions = r->definitions,
	};

	conditions_want(&r->plan->verdicts, &ack, wants);
}

struct refusal_walk {
	struct refusals_config config;
	struct wants *wants;
};

static void on_refused(void *arg, const struct store_refused *refused)
{
	struct refusal_walk *walk = arg;

	refusals_want(&walk->config, refused, walk->wants);
}

/* In the place of what was said of the last good version. */
static void want_refusals(struct reporting *r, struct wants *wants)
{
	struct refusal_walk walk = {
		.config = { .verdicts = &r->plan->verdicts, .model = r->config.model },
		.wants = wants,
	};

	for (size_t i = 0; i < ARRAY_SIZE(refusable); i++) {
		const struct store *store = apisource_store(r->server.objects, refusable[i]);

		if (store)
			store_each_refused(store, on_refused, &walk);
	}
}

void reporting_wants_fill(struct reporting *r, struct wants *wants)
{
	want_conditions(r, wants);
	want_addresses(r, wants);
	want_refusals(r, wants);
}

static void on_one(void *arg, const struct store_refused *refused)
{
	bool *any = arg;

	(void)refused;
	*any = true;
}

bool reporting_wants_refused(const struct reporting *r)
{
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(refusable); i++) {
		const struct store *store = apisource_store(r->server.objects, refusable[i]);

		if (store)
			store_each_refused(store, on_one, &any);
	}
	return any;
}
