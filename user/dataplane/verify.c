// SPDX-License-Identifier: Apache-2.0
/*
 * A round begins with all frontends at once, which is the one look that has to see them all, and
 * goes on service by service; what is small is looked at between rounds, and more often. Between
 * two slices services come and go: an id that is another's by then is looked at as that one's.
 */
#include "dataplane/verify.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "dataplane/audit.h"

#define NODE_MS	 10000
#define SLICE_US 2000 /* every DATAPLANE_TICK_MS: two hundredths of a processor */
#define TOLD_MAX 10   /* in one round */

static const char *const names[] = {
	[VERIFY_SVC] = "svc",
	[VERIFY_SVC_NAME] = "svc_name",
	[VERIFY_ENDPOINT] = "endpoint",
	[VERIFY_EP_LIST] = "ep_list",
	[VERIFY_LUT] = "lut",
	[VERIFY_SOURCE_RANGE] = "source_range",
	[VERIFY_FILTER] = "filter",
	[VERIFY_DEVICE] = "device",
	[VERIFY_NODE_ADDR] = "node_addr",
	[VERIFY_STEER] = "steer",
	[VERIFY_STEER_VIP] = "steer_vip",
};

const char *verify_map_name(enum verify_map map)
{
	return names[map];
}

static void on_difference(void *arg, const char *map, const char *service, const char *text)
{
	struct verify *v = arg;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		v->repairs[i] += !strcmp(names[i], map);
	if (v->found++ < TOLD_MAX)
		log_warn("map %s was changed by somebody else and is repaired: %s%s%s", map,
			 service, *service ? ": " : "", text);
}

static void begin(struct verify *v, uint64_t now_ms)
{
	v->due_ms = now_ms + v->every_ms;
	v->found = 0;
	v->next = 1;
	audit_repair_fronts(v->in, on_difference, v);
}

static void end(struct verify *v)
{
	if (v->found > TOLD_MAX)
		log_warn("maps were repaired in %u more places", v->found - TOLD_MAX);
	v->rounds++;
	v->found = 0;
	v->next = 0;
}

/* Who answers for an address: more often than what only this node goes by. */
static void look_at_node(struct verify *v, uint64_t now_ms)
{
	if (!v->every_ms || now_ms < v->node_ms)
		return;
	v->node_ms = now_ms + (v->every_ms < NODE_MS ? v->every_ms : NODE_MS);
	nodemaps_check(&v->node, true, on_difference, v);
}

void verify_tick(struct verify *v, uint64_t now_ms)
{
	uint64_t begun_us = clock_us();

	if (!v->next) {
		look_at_node(v, now_ms);
		if (v->every_ms && now_ms >= v->due_ms)
			begin(v, now_ms);
		return;
	}
	for (; v->next <= NARU_SERVICES_MAX; v->next++) {
		const struct live_service *service = v->in->by_id[v->next];

		if (!service)
			continue;
		if (clock_us() - begun_us > SLICE_US)
			return;
		audit_repair_service(v->in, service, on_difference, v);
	}
	end(v);
}

int verify_look(const struct verify *v, audit_fn fn, void *arg)
{
	int r = audit_run(v->in, fn, arg);

	return r ? r : nodemaps_check(&v->node, false, fn, arg);
}
