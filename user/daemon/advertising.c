// SPDX-License-Identifier: Apache-2.0
/*
 * Every node that serves an address advertises it, so routers spread over them: all nodes, but with
 * externalTrafficPolicy Local only those with a ready endpoint, for Gateways those with a proxy,
 * and none that is about to leave.
 */
#include "daemon/advertising.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bgp/engine.h"
#include "daemon/attendance.h"
#include "daemon/daemon.h"
#include "plan/plan.h"

#define LOOK_MS 20
#define LOOKS	50 /* a second: routers have timers of their own */

struct advertising {
	struct daemon *daemon;
	struct engine *engine;
	size_t n;
	bool ends;
	struct loop_timer *look;
	unsigned looks; /* left */
	void (*done)(void *arg);
	void *done_arg;
};

struct advertising *advertising_open(struct daemon *daemon, void (*changed)(void *arg))
{
	const struct options *options = daemon->options;
	const struct engine_config config = {
		.loop = daemon->loop,
		.kind = (enum engine_kind)options->bgp_engine,
		.socket = options->bgp_socket,
		.file = options->bgp_file,
		.changed = changed,
		.arg = daemon,
	};
	struct engine *engine = engine_new(&config);
	struct advertising *a;

	if (!engine)
		return NULL;
	a = mem_new(sizeof(*a));
	*a = (struct advertising){ .daemon = daemon, .engine = engine };
	return a;
}

void advertising_close(struct advertising *a)
{
	if (!a)
		return;
	loop_timer_remove(a->look);
	engine_free(a->engine);
	free(a);
}

static bool is_here(const struct plan *plan, const struct plan_vip *vip, bool proxyless)
{
	const struct plan_local_vip *local = plan_find_local_vip(plan, &vip->addr);

	if (vip->service || (vip->proxied && proxyless))
		return false;
	for (size_t i = 0; local && i < local->n_nodes; i++)
		if (!strcmp(plan->nodes[local->nodes[i]].name, plan->node))
			return true;
	return !local;
}

void advertising_plan(struct advertising *a)
{
	const struct plan *plan;
	_cleanup_(mem_freep) struct addr *addrs = NULL;

	if (!a)
		return;
	plan = a->daemon->plan;
	addrs = mem_array(plan->l7.n_vips, sizeof(*addrs));
	a->n = 0;
	for (size_t i = 0; i < plan->l7.n_vips; i++) {
		const struct plan_vip *vip = &plan->l7.vips[i];

		if (!a->ends && !plan->node_leaving &&
		    is_here(plan, vip, attendance_lacks(a->daemon)))
			addrs[a->n++] = vip->addr;
	}
	engine_set(a->engine, addrs, a->n);
}

static void on_look(void *arg)
{
	struct advertising *a = arg;

	if (!engine_is_current(a->engine) && --a->looks)
		return;
	loop_timer_remove(TAKE_PTR(a->look));
	a->done(a->done_arg);
}

void advertising_end(struct advertising *a, void (*done)(void *arg), void *arg)
{
	if (!a || a->ends) {
		done(arg);
		return;
	}
	a->ends = true;
	a->done = done;
	a->done_arg = arg;
	a->looks = LOOKS;
	advertising_plan(a);
	a->look = loop_timer_add(a->daemon->loop, 0, LOOK_MS, on_look, a);
}

void advertising_report(const struct advertising *a, struct diag_list *diags)
{
	if (a)
		engine_report(a->engine, diags);
}

void advertising_show(const struct advertising *a, struct json *json)
{
	static const char *const names[] = { "off", "bird", "frr" };
	const char *problem = a ? engine_problem(a->engine) : NULL;

	json_object_begin(json, "bgp");
	json_string(json, "engine", names[a ? a->daemon->options->bgp_engine : 0]);
	json_uint(json, "addresses", a ? a->n : 0);
	json_bool(json, "current", a && engine_is_current(a->engine));
	json_string(json, "problem", problem ? problem : "");
	json_object_end(json);
}
