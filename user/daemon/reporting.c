// SPDX-License-Identifier: Apache-2.0
/*
 * One timer does what is due: the Lease, then, for who leads, the wants, then the writer. Wants are
 * made anew when plan, leadership or what the nodes have done changed, at most half of the time.
 * Invariants: who does not lead wants nothing and writes nothing; nothing is wanted before all
 * objects of the API server were read.
 */
#include "daemon/reporting_inner.h"

#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/options.h"
#include "daemon/source.h"
#include "kube/apisource.h"
#include "kube/backoff.h"
#include "kube/crds.h"
#include "model/model.h"
#include "plan/plan.h"
#include "status/events.h"
#include "status/inforce.h"
#include "status/leader.h"
#include "status/nodes.h"
#include "status/nodestate.h"
#include "status/stamp.h"
#include "status/writer.h"

#define NAMESPACE  "kube-system"
#define GATHER_MS  50 /* after a change, in which others may follow */
#define REST_TIMES 10 /* as long as making the wants took, nothing is made anew */
#define FIRST	   3  /* nodes that ask for the Lease often */
#define STOP_MS	   2000
#define BURST	   2 /* seconds' worth of writes */

static uint64_t now(const struct reporting *r)
{
	return r->timing->now_ms(r->timing->arg);
}

/* Who serves nothing has nothing to tell of a node. */
static bool is_node(const struct reporting *r)
{
	return r->config.options->role != OPTIONS_ROLE_CONTROLLER;
}

/* Nothing is written but the NodeState where others are there for the rest. */
static bool may_lead(const struct reporting *r)
{
	return r->synced && r->config.options->role != OPTIONS_ROLE_NODE;
}

/* ---- time ------------------------------------------------------------------------------------ */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Without knowing the nodes a new leader would take back what its predecessor knew. */
static bool is_waiting(const struct reporting *r)
{
	return r->nodes && !nodes_settled(r->nodes);
}

static uint64_t due(const struct reporting *r)
{
	uint64_t due_ms = writer_due_ms(r->writer);

	if (r->stopped)
		return leader_due_ms(r->leader);
	if (may_lead(r))
		due_ms = earlier(due_ms, leader_due_ms(r->leader));
	if (r->dirty && r->synced && !is_waiting(r))
		due_ms = earlier(due_ms, r->wants_ms);
	if (r->synced && r->behind_ms && !r->told_behind)
		due_ms = earlier(due_ms, r->behind_ms + REPORTING_BEHIND_MS);
	if (r->synced)
		due_ms = earlier(due_ms, nodestate_due_ms(r->nodestate));
	if (r->nodes)
		due_ms = earlier(due_ms, nodes_due_ms(r->nodes));
	if (leader_holds(r->leader))
		due_ms = earlier(due_ms, events_due_ms(r->events));
	return due_ms;
}

static void on_timer(void *arg);

static void arm(struct reporting *r)
{
	uint64_t due_ms = due(r), now_ms = now(r);

	if (r->running || due_ms == r->armed_ms)
		return;
	loop_timer_remove(TAKE_PTR(r->timer));
	r->armed_ms = due_ms;
	if (due_ms != UINT64_MAX)
		r->timer = loop_timer_add(r->config.loop, due_ms > now_ms ? due_ms - now_ms : 0, 0,
					  on_timer, r);
}

void reporting_arm(void *arg)
{
	arm(arg);
}

static void soil(struct reporting *r)
{
	if (r->dirty)
		return;
	r->dirty = true;
	if (r->wants_ms < now(r) + GATHER_MS)
		r->wants_ms = now(r) + GATHER_MS;
}

/* ---- what is wanted -------------------------------------------------------------------------- */

static void make_wants(struct reporting *r)
{
	uint64_t begun_ms = now(r);
	struct wants wants = { 0 };

	if (r->led && r->plan)
		reporting_wants_fill(r, &wants);
	writer_set(r->writer, &wants);
	r->refused = reporting_wants_refused(r);
	r->dirty = false;
	r->wants_ms = now(r) + REST_TIMES * (now(r) - begun_ms);
}

/* ---- what the writer asks -------------------------------------------------------------------- */

static const char *version_of(void *arg, enum object_kind kind)
{
	const struct reporting *r = arg;
	struct apisource_status status;

	apisource_status(r->server.objects, &status);
	return status.kinds[kind].version;
}

/* Of Services without a condition, of which there are many, only the object itself is kept. */
static bool find_unsaid(const struct store *store, const struct want *want,
			struct store_status *ret_status)
{
	const struct object key = {
		.kind = want->kind,
		.namespace = want->namespace,
		.name = want->name,
	};
	const struct object *object = store_find(store, &key);

	if (!object || want->kind != OBJECT_SERVICE)
		return false;
	*ret_status = (struct store_status){
		.text = "null",
		.version = object->origin.resource_version,
		.uid = object->origin.uid,
		.generation = object->origin.generation,
	};
	return true;
}

static bool on_find(void *arg, const struct want *want, struct store_status *ret_status)
{
	const struct reporting *r = arg;
	const struct store *store = apisource_store(r->server.objects, want->kind);

	return store && (store_find_status(store, want->namespace, want->name, ret_status) ||
			 find_unsaid(store, want, ret_status));
}

static bool may_write(void *arg)
{
	const struct reporting *r = arg;

	return leader_holds(r->leader);
}

static void on_written(void *arg, const struct writer_change *change)
{
	const struct reporting *r = arg;

	events_take(r->events, change);
}

/* ---- what is due ----------------------------------------------------------------------------- */

/* All nodes may lead, but only the first few by name ask for it often. */
static bool is_first(const struct reporting *r)
{
	const struct object *const *objects;
	size_t n = model_list(r->config.model, OBJECT_NODE, &objects), first = 0;

	if (!is_node(r))
		return true;
	for (size_t i = 0; i < n && first < FIRST; i++) {
		if (((const struct node *)objects[i])->leaving)
			continue;
		if (!strcmp(objects[i]->name, r->config.node_name))
			return true;
		first++;
	}
	return first < FIRST;
}

static void look_at_source(struct reporting *r)
{
	struct apisource_status status;

	if (r->synced)
		return;
	apisource_status(r->server.objects, &status);
	r->synced = status.synced;
}

/* Their versions are no part of a plan. */
static void look_at_definitions(struct reporting *r)
{
	_cleanup_(str_fini) struct str text = { 0 };
	struct apisource_status status;

	apisource_status(r->server.objects, &status);
	crds_list_bundles(status.crds, &text);
	if (!text.len || (r->definitions && !strcmp(r->definitions, text.buf)))
		return;
	free(r->definitions);
	r->definitions = mem_strdup(text.buf);
	soil(r);
}

static void look_at_leader(struct reporting *r)
{
	bool leads = leader_holds(r->leader);

	if (leads != r->led)
		soil(r);
	r->led = leads;
}

static void look_at_diags(struct reporting *r)
{
	struct diag_list diags = { 0 };
	struct leader_status status;

	leader_status(r->leader, &status);
	if (*status.problem)
		diag_add(&diags, DIAG_WARNING, "", 0, "Lease " LEADER_LEASE, "",
			 "cannot be had, so this narud writes no status: %s", status.problem);
	writer_report(r->writer, &diags);
	if (*nodestate_problem(r->nodestate))
		diag_add(&diags, DIAG_WARNING, "", 0, "NodeState", "",
			 "of this node cannot be written: %s", nodestate_problem(r->nodestate));
	if (!diag_equal(&diags, &r->diags)) {
		diag_fini(&r->diags);
		r->diags = diags;
		r->config.changed(r->config.arg);
	} else {
		diag_fini(&diags);
	}
}

static void finish_stop(struct reporting *r)
{
	void (*done)(void *arg) = TAKE_PTR(r->done);

	loop_timer_remove(TAKE_PTR(r->stop));
	if (done)
		done(r->done_arg);
}

static void say_what_is_due(struct reporting *r)
{
	look_at_leader(r);
	if (reporting_nodes_look(r))
		soil(r);
	if (r->behind_ms && !r->told_behind && now(r) >= r->behind_ms + REPORTING_BEHIND_MS)
		reporting_nodes_tell(r);
	if (r->synced)
		nodestate_run(r->nodestate);
	if (r->dirty && r->synced && !is_waiting(r) && now(r) >= r->wants_ms)
		make_wants(r);
	writer_run(r->writer);
	if (leader_holds(r->leader))
		events_run(r->events);
	look_at_diags(r);
}

static void on_timer(void *arg)
{
	struct reporting *r = arg;

	r->running = true;
	r->armed_ms = 0;
	if (may_lead(r))
		leader_run(r->leader);
	if (!r->stopped)
		say_what_is_due(r);
	r->running = false;
	if (r->done && leader_is_released(r->leader))
		finish_stop(r);
	else
		arm(r);
}

/* ---- from outside ---------------------------------------------------------------------------- */

static void open_leader(struct reporting *r)
{
	const char *namespaces[] = { r->config.options->namespace, r->server.namespace, NAMESPACE };
	struct leader_config config = {
		.client = r->server.client,
		.timing = r->timing,
		.node = r->config.node_name,
		.changed = reporting_arm,
		.arg = r,
	};

	for (size_t i = ARRAY_SIZE(namespaces); i > 0; i--)
		if (*namespaces[i - 1])
			config.namespace = namespaces[i - 1];
	r->leader = leader_new(&config);
}

static void open_writer(struct reporting *r)
{
	const struct writer_config config = {
		.client = r->server.client,
		.timing = r->timing,
		.controller = VERDICT_CONTROLLER,
		.qps = r->config.options->status_qps,
		.burst = BURST * r->config.options->status_qps,
		.version = version_of,
		.find = on_find,
		.may_write = may_write,
		.written = on_written,
		.changed = reporting_arm,
		.arg = r,
	};

	r->writer = writer_new(&config);
}

static void open_events(struct reporting *r)
{
	const struct events_config config = {
		.client = r->server.client,
		.timing = r->timing,
		.controller = VERDICT_CONTROLLER,
		.node = r->config.node_name,
		.changed = reporting_arm,
		.arg = r,
	};

	r->events = events_new(&config);
}

static void open_nodestate(struct reporting *r)
{
	const struct nodestate_config config = {
		.client = r->server.client,
		.timing = r->timing,
		.node = r->config.node_name,
		.changed = reporting_arm,
		.arg = r,
	};

	r->nodestate = nodestate_new(&config);
}

struct reporting *reporting_open(const struct reporting_config *config)
{
	struct source_server server;
	struct reporting *r;

	if (config->options->status == OPTIONS_STATUS_OFF ||
	    !source_server(config->source, &server))
		return NULL;
	r = mem_new(sizeof(*r));
	r->config = *config;
	r->server = server;
	r->timing = &backoff_timing;
	open_leader(r);
	open_writer(r);
	open_events(r);
	open_nodestate(r);
	return r;
}

void reporting_close(struct reporting *reporting)
{
	if (!reporting)
		return;
	loop_timer_remove(reporting->timer);
	loop_timer_remove(reporting->stop);
	writer_free(reporting->writer);
	events_free(reporting->events);
	nodes_free(reporting->nodes);
	nodestate_free(reporting->nodestate);
	leader_free(reporting->leader);
	inforce_fini(&reporting->here);
	troubles_fini(&reporting->troubles);
	troubles_fini(&reporting->of_plan);
	free(reporting->kube_proxy);
	free(reporting->definitions);
	diag_fini(&reporting->diags);
	free(reporting);
}

/* What a plan says of single objects, and which Nodes count, are no part of its step. */
static bool is_other(struct reporting *r)
{
	uint64_t nodes = model_changes(r->config.model, OBJECT_NODE);
	struct troubles of_plan = { 0 };
	bool other;

	troubles_add(&of_plan, &r->plan->diags);
	troubles_sort(&of_plan);
	other = nodes != r->nodes_seen || !troubles_equal(&of_plan, &r->of_plan);
	troubles_fini(&r->of_plan);
	r->of_plan = of_plan;
	if (nodes != r->nodes_seen && r->told)
		reporting_nodes_tell(r);
	r->nodes_seen = nodes;
	return other;
}

void reporting_plan(struct reporting *reporting, const struct plan *plan)
{
	if (!reporting || reporting->stopped)
		return;
	reporting->plan = plan;
	if (is_node(reporting) && !reporting->behind_ms) {
		reporting->behind_ms = now(reporting);
		stamp_seconds(reporting->behind);
	}
	look_at_source(reporting);
	look_at_definitions(reporting);
	leader_set_eager(reporting->leader, is_first(reporting));
	/* Endpoints alone change no verdict. */
	if (is_other(reporting) || plan->step.l7 || reporting->refused ||
	    reporting_wants_refused(reporting))
		soil(reporting);
	arm(reporting);
}

void reporting_node(struct reporting *reporting, const struct reporting_node *node)
{
	if (!reporting || !reporting->plan || !reporting_nodes_take(reporting, node))
		return;
	if (reporting->told)
		reporting_nodes_tell(reporting);
	soil(reporting);
	arm(reporting);
}

void reporting_in_force(struct reporting *reporting)
{
	struct inforce here = { 0 };

	if (!reporting || !reporting->plan)
		return;
	reporting->behind_ms = 0;
	inforce_take(&reporting->plan->verdicts, &reporting->troubles, &here);
	if (reporting->told && !reporting->told_behind && inforce_equal(&here, &reporting->here)) {
		inforce_fini(&here);
		return;
	}
	inforce_fini(&reporting->here);
	reporting->here = here;
	reporting->told = true;
	reporting_nodes_tell(reporting);
	soil(reporting);
	arm(reporting);
}

void reporting_see(struct reporting *reporting, enum object_kind kind, const char *namespace,
		   const char *name)
{
	if (reporting)
		writer_see(reporting->writer, kind, namespace, name);
}

static void on_stop(void *arg)
{
	finish_stop(arg);
}

bool reporting_stop(struct reporting *reporting, void (*done)(void *arg), void *arg)
{
	struct reporting *r = reporting;

	if (!r)
		return false;
	r->stopped = true;
	r->plan = NULL;
	leader_release(r->leader);
	if (leader_is_released(r->leader) || !done)
		return false;
	r->done = done;
	r->done_arg = arg;
	r->stop = loop_timer_add(r->config.loop, STOP_MS, 0, on_stop, r);
	arm(r);
	return true;
}

void reporting_report(const struct reporting *reporting, struct diag_list *diags)
{
	if (reporting)
		diag_append(diags, &reporting->diags);
}
