// SPDX-License-Identifier: Apache-2.0
/*
 * Invariants: a kind ends only when discovery and definitions both say that it has gone, or go on
 * to disagree for long; who may not read the definitions goes by discovery alone.
 */
#include "kube/offer.h"

#include <string.h>

#include "base/mem.h"
#include "kube/answer.h"
#include "kube/crds.h"
#include "kube/discovery.h"
#include "kube/reflector.h"

#define LATER_MS 5000 /* the definitions come first: they say what to look for */
#define ASK_MS	 1000 /* a server needs a moment to serve what it has just got */
#define ODD_MS	 2000
#define ODD_MAX	 5 /* answers that do not agree with the definitions */

struct offer {
	struct offer_config config;
	struct discovery *discovery;
	struct discovery_found found[RESOURCES_N];
	bool discovered;
	unsigned odd[RESOURCES_N];
	bool missing[RESOURCES_N];
	struct crds crds;
	struct reflector *reflector; /* of them */
	unsigned events;	     /* of them, at the last look */
	bool settled;		     /* they were read, or will not be */
};

/* Definition and discovery take a moment to agree, after which they are left alone. */
static bool is_odd(const struct offer *offer, size_t i)
{
	enum discovery_state state = offer->found[i].state;

	return offer->settled && !resources_table[i].built_in &&
	       state == (offer->crds.present[i] ? DISCOVERY_ABSENT : DISCOVERY_SERVED);
}

static void on_found(void *arg, const struct discovery_found *found)
{
	struct offer *offer = arg;

	memcpy(offer->found, found, sizeof(offer->found));
	offer->discovered = true;
	for (size_t i = 0; i < RESOURCES_N; i++) {
		offer->odd[i] = is_odd(offer, i) ? offer->odd[i] + 1 : 0;
		if (offer->odd[i] && offer->odd[i] < ODD_MAX)
			discovery_ask(offer->discovery, ODD_MS);
	}
}

static void on_changed(void *arg)
{
	struct offer *offer = arg;

	offer->config.changed(offer->config.arg);
}

struct offer *offer_new(const struct offer_config *config)
{
	struct offer *offer = mem_new(sizeof(*offer));
	const struct reflector_config of_definitions = {
		.client = config->client,
		.path = RESOURCES_CRDS,
		.selectors = "",
		.metadata = true,
		.sink = &crds_sink,
		.sink_arg = &offer->crds,
		.timing = config->timing,
		.delay_ms = config->delay_ms,
		.changed = config->changed,
		.arg = config->arg,
	};
	const struct discovery_config of_discovery = {
		.client = config->client,
		.timing = config->timing,
		.delay_ms = config->delay_ms + LATER_MS,
		.found = on_found,
		.changed = on_changed,
		.arg = offer,
	};

	offer->config = *config;
	offer->reflector = reflector_new(&of_definitions);
	offer->discovery = discovery_new(&of_discovery);
	return offer;
}

void offer_free(struct offer *offer)
{
	if (!offer)
		return;
	reflector_free(offer->reflector);
	discovery_free(offer->discovery);
	free(offer);
}

uint64_t offer_due_ms(const struct offer *offer)
{
	uint64_t definitions_ms = reflector_due_ms(offer->reflector);
	uint64_t discovery_ms = discovery_due_ms(offer->discovery);

	return definitions_ms < discovery_ms ? definitions_ms : discovery_ms;
}

void offer_run(struct offer *offer)
{
	reflector_run(offer->reflector);
	discovery_run(offer->discovery);
}

bool offer_look(struct offer *offer)
{
	bool changed = offer->crds.events != offer->events;
	struct reflector_status status;

	reflector_status(offer->reflector, &status);
	if (!offer->settled && (status.synced || answer_is_refusal(status.http_status))) {
		offer->settled = true;
		discovery_ask(offer->discovery, 0);
	} else if (changed) {
		discovery_ask(offer->discovery, ASK_MS);
	}
	offer->events = offer->crds.events;
	return changed;
}

void offer_miss(struct offer *offer, size_t i, bool missing)
{
	if (missing && !offer->missing[i])
		discovery_ask(offer->discovery, ASK_MS);
	offer->missing[i] = missing;
}

const char *offer_version(const struct offer *offer, size_t i)
{
	return offer->discovered && offer->found[i].state == DISCOVERY_SERVED
		       ? offer->found[i].version
		       : NULL;
}

bool offer_is_other(const struct offer *offer, size_t i)
{
	return offer->discovered && offer->found[i].state == DISCOVERY_OTHER;
}

bool offer_lacks(const struct offer *offer, size_t i)
{
	if (offer_is_other(offer, i))
		return true;
	return offer->discovered && offer->found[i].state == DISCOVERY_ABSENT && offer->settled &&
	       (!offer->crds.present[i] || offer->odd[i] >= ODD_MAX);
}

const struct crds *offer_definitions(const struct offer *offer)
{
	return &offer->crds;
}

const char *offer_problem(const struct offer *offer)
{
	return offer->discovered ? NULL : discovery_problem(offer->discovery);
}
