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

#define PATIENCE_MS 10000 /* with a server that says nothing */

struct state {
	char *name; /* first, for look-ups */
	struct inforce inforce;
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

static void on_put(void *arg, struct json_object *object)
{
	struct nodes *nodes = arg;
	struct states *states = current(nodes);
	const char *name = name_of(object);
	struct state *state = find(states, name);

	if (!state)
		state = insert(states, name);
	inforce_parse(apijson_member(apijson_member(object, "status"), "gateways"),
		      &state->inforce);
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
	const char *namespace, *name;
	int64_t generation;
	bool yes;
};

static void ask_node(const void *node, VISIT visit, void *arg)
{
	const struct state *state = *(struct state *const *)node;
	struct question *question = arg;

	if ((visit == postorder || visit == leaf) && !question->yes)
		question->yes = inforce_has(&state->inforce, question->namespace, question->name,
					    question->generation);
}

bool nodes_serve(const struct nodes *nodes, const char *namespace, const char *name,
		 int64_t generation)
{
	struct question question = { namespace, name, generation, false };

	twalk_r(nodes->states.root, ask_node, &question);
	return question.yes;
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
