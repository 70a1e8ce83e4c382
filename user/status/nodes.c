// SPDX-License-Identifier: Apache-2.0
/*
 * A reflector's sink: a tree of nodes, and a second one while all are read anew. Invariant: a node
 * is forgotten by an event of the API server or by a whole new list, not for want of an answer.
 */
#include "status/nodes.h"

#include <json-c/json.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kube/apijson.h"
#include "kube/reflector.h"
#include "status/inforce.h"
#include "status/nodestate.h"
#include "status/troubles.h"

#define PATIENCE_MS 10000 /* with a server that says nothing */

struct state {
	char *name; /* first, for look-ups */
	struct inforce inforce;
	struct troubles troubles;
	char *kube_proxy; /* what was found of it, NULL: nothing */
};

struct states {
	void *root; /* tsearch() tree of struct state */
	size_t n;
};

struct nodes {
	struct nodes_config config;
	struct reflector *reflector;
	struct states states, fresh;
	bool reading;
	bool changed;
	uint64_t begun_ms;
};

static int compare(const void *left, const void *right)
{
	const struct state *a = left, *b = right;

	return strcmp(a->name, b->name);
}

static void free_state(void *ptr)
{
	struct state *state = ptr;

	inforce_fini(&state->inforce);
	troubles_fini(&state->troubles);
	free(state->kube_proxy);
	free(state->name);
	free(state);
}

static void clear(struct states *states)
{
	tdestroy(states->root, free_state);
	*states = (struct states){ 0 };
}

static struct state *find(const struct states *states, const char *name)
{
	const struct state key = { .name = (char *)name };
	struct state *const *found = tfind(&key, &states->root, compare);

	return found ? *found : NULL;
}

static struct state *insert(struct states *states, const char *name)
{
	struct state *state = mem_new(sizeof(*state));

	state->name = mem_strdup(name);
	if (!tsearch(state, &states->root, compare))
		abort();
	states->n++;
	return state;
}

static struct states *current(struct nodes *nodes)
{
	return nodes->reading ? &nodes->fresh : &nodes->states;
}

/* ---- the sink -------------------------------------------------------------------------------- */

static const char *name_of(struct json_object *object)
{
	return apijson_text(apijson_member(object, "metadata"), "name");
}

static void on_begin(void *arg)
{
	struct nodes *nodes = arg;

	clear(&nodes->fresh);
	nodes->reading = true;
}

/* A turn is told while it is watched: of a whole list nobody knows when it came about. */
static void take_kube_proxy(struct nodes *nodes, struct state *state, struct json_object *list)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		struct json_object *condition = json_object_array_get_idx(list, i);

		if (!strcmp(apijson_text(condition, "type"), NODESTATE_KUBE_PROXY) &&
		    !strcmp(apijson_text(condition, "status"), "True"))
			found = apijson_text(condition, "message");
	}
	if (!nodes->reading && !found != !state->kube_proxy && nodes->config.turned)
		nodes->config.turned(nodes->config.arg, state->name, found);
	free(state->kube_proxy);
	state->kube_proxy = found ? mem_strdup(found) : NULL;
}

static void on_put(void *arg, struct json_object *object)
{
	struct nodes *nodes = arg;
	struct states *states = current(nodes);
	const char *name = name_of(object);
	struct json_object *status = apijson_member(object, "status");
	struct state *state = find(states, name);

	if (!state)
		state = insert(states, name);
	inforce_parse(apijson_member(status, "gateways"), &state->inforce);
	troubles_parse(apijson_member(status, "problems"), &state->troubles);
	take_kube_proxy(nodes, state, apijson_member(status, "conditions"));
	nodes->changed |= !nodes->reading;
}

static void on_remove(void *arg, struct json_object *object)
{
	struct nodes *nodes = arg;
	struct states *states = current(nodes);
	struct state *state = find(states, name_of(object));

	if (!state)
		return;
	tdelete(state, &states->root, compare);
	states->n--;
	free_state(state);
	nodes->changed |= !nodes->reading;
}

static void on_lost(void *arg, const char *reason)
{
	(void)arg;
	(void)reason;
}

/* Nothing is lost by a set that shrank: what is wrong is put right by the next one. */
static void on_weigh(void *arg, size_t *ret_known, size_t *ret_gone)
{
	const struct nodes *nodes = arg;

	*ret_known = nodes->states.n;
	*ret_gone = 0;
}

static void on_commit(void *arg)
{
	struct nodes *nodes = arg;

	clear(&nodes->states);
	nodes->states = nodes->fresh;
	nodes->fresh = (struct states){ 0 };
	nodes->reading = false;
	nodes->changed = true;
}

static const struct reflector_sink sink = {
	.begin = on_begin,
	.put = on_put,
	.remove = on_remove,
	.lost = on_lost,
	.weigh = on_weigh,
	.commit = on_commit,
};

/* ---- from outside ---------------------------------------------------------------------------- */

struct nodes *nodes_new(const struct nodes_config *config)
{
	struct nodes *nodes = mem_new(sizeof(*nodes));
	const struct reflector_config of_reflector = {
		.client = config->client,
		.path = NODESTATE_PATH,
		.selectors = "",
		.sink = &sink,
		.sink_arg = nodes,
		.timing = config->timing,
		.changed = config->changed,
		.arg = config->arg,
	};

	nodes->config = *config;
	nodes->begun_ms = config->timing->now_ms(config->timing->arg);
	nodes->reflector = reflector_new(&of_reflector);
	return nodes;
}

void nodes_free(struct nodes *nodes)
{
	if (!nodes)
		return;
	reflector_free(nodes->reflector);
	clear(&nodes->states);
	clear(&nodes->fresh);
	free(nodes);
}

bool nodes_settled(const struct nodes *nodes)
{
	const struct timing *timing = nodes->config.timing;
	struct reflector_status status;

	reflector_status(nodes->reflector, &status);
	return status.synced || (status.problem && status.http_status) ||
	       timing->now_ms(timing->arg) >= nodes->begun_ms + PATIENCE_MS;
}

struct question {
	const struct nodes_config *config;
	const char *namespace, *name;
	int64_t generation;
	bool yes;
};

static bool is_alive(const struct nodes_config *config, const struct state *state)
{
	return !config->alive || config->alive(config->arg, state->name);
}

static void ask_node(const void *node, VISIT visit, void *arg)
{
	const struct state *state = *(struct state *const *)node;
	struct question *question = arg;

	if ((visit == postorder || visit == leaf) && !question->yes &&
	    is_alive(question->config, state))
		question->yes = inforce_has(&state->inforce, question->namespace, question->name,
					    question->generation);
}

bool nodes_serve(const struct nodes *nodes, const char *namespace, const char *name,
		 int64_t generation)
{
	struct question question = { &nodes->config, namespace, name, generation, false };

	twalk_r(nodes->states.root, ask_node, &question);
	return question.yes;
}

struct walk {
	const struct nodes_config *config;
	struct troubles *troubles;
};

static void add_troubles(const void *node, VISIT visit, void *arg)
{
	const struct state *state = *(struct state *const *)node;
	const struct walk *walk = arg;

	if ((visit == postorder || visit == leaf) && is_alive(walk->config, state))
		troubles_append(walk->troubles, &state->troubles, state->name);
}

void nodes_troubles(const struct nodes *nodes, struct troubles *troubles)
{
	struct walk walk = { .config = &nodes->config, .troubles = troubles };

	twalk_r(nodes->states.root, add_troubles, &walk);
}

size_t nodes_count(const struct nodes *nodes)
{
	return nodes->states.n;
}

bool nodes_take_changed(struct nodes *nodes)
{
	bool changed = nodes->changed;

	nodes->changed = false;
	return changed;
}

uint64_t nodes_due_ms(const struct nodes *nodes)
{
	uint64_t due_ms = reflector_due_ms(nodes->reflector);
	uint64_t patience_ms = nodes->begun_ms + PATIENCE_MS;

	return !nodes_settled(nodes) && patience_ms < due_ms ? patience_ms : due_ms;
}

void nodes_run(struct nodes *nodes)
{
	reflector_run(nodes->reflector);
}
