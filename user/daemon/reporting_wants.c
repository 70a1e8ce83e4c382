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

/* All that is known of this cluster's objects: by the plan, and by all nodes that count. */
static void gather_troubles(struct reporting *r)
{
	for (size_t i = 0; i < r->of_plan.n; i++)
		troubles_copy(&r->all, &r->of_plan.items[i]);
	troubles_append(&r->all, &r->troubles, r->config.node_name);
	if (r->nodes)
		nodes_troubles(r->nodes, &r->all);
	troubles_sort(&r->all);
}

static const char *no_room(void *arg, const struct verdict_gateway *gateway)
{
	const struct reporting *r = arg;
	const struct trouble *trouble = troubles_find(&r->all, OBJECT_GATEWAY, gateway->namespace,
						      gateway->name, DIAG_ROOM);

	return trouble ? trouble->message : NULL;
}

/* What was said once, perhaps by another narud, and is no more so. */
static void on_said(void *arg, const struct store_entry *entry)
{
	struct wants *wants = arg;

	if (entry->served && entry->status && troubles_said(entry->status))
		troubles_clear(entry->object, wants);
}

static void want_troubles(struct reporting *r, struct wants *wants)
{
	const struct store *services = apisource_store(r->server.objects, OBJECT_SERVICE);

	troubles_want(&r->all, r->config.model, wants);
	if (services)
		store_each_entry(services, on_said, wants);
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
		.no_room = no_room,
		.arg = r,
		.definitions = r->definitions,
	};

	conditions_want(&r->plan->verdicts, &ack, wants);
}

struct refusal_walk {
	struct refusals_config config;
	struct wants *wants;
};

static void on_entry(void *arg, const struct store_entry *entry)
{
	struct refusal_walk *walk = arg;

	if (entry->refused)
		refusals_want(&walk->config, entry, walk->wants);
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

		if (store && store_has_wrong(store))
			store_each_entry(store, on_entry, &walk);
	}
}

void reporting_wants_fill(struct reporting *r, struct wants *wants)
{
	gather_troubles(r);
	want_conditions(r, wants);
	want_addresses(r, wants);
	want_troubles(r, wants);
	want_refusals(r, wants);
	troubles_fini(&r->all);
}

static void on_one(void *arg, const struct store_entry *entry)
{
	bool *any = arg;

	*any |= entry->refused != NULL;
}

bool reporting_wants_refused(const struct reporting *r)
{
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(refusable); i++) {
		const struct store *store = apisource_store(r->server.objects, refusable[i]);

		if (store && store_has_wrong(store))
			store_each_entry(store, on_one, &any);
	}
	return any;
}
