// SPDX-License-Identifier: Apache-2.0
/*
 * One request at a time: the object is read once, then written when what it should say is not what
 * it says. Invariant: after anything but a success it is read again before it is written.
 */
#include "status/nodestate.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/apijson.h"
#include "kube/listquery.h"
#include "status/inforce.h"
#include "status/merge.h"
#include "status/rest.h"
#include "status/wants.h"

#define TIMEOUT_S  10
#define REFUSED_MS 60000 /* and up to as much again, until it is tried again */

struct nodestate {
	struct nodestate_config config;
	char *path;		    /* of the one object */
	struct json_object *wanted; /* its status, NULL: nothing yet */
	char *node_uid;
	struct json_object *object; /* as the server had it last, NULL: not known */
	struct json_object *sent;   /* the status that it was given, NULL: none was */
	bool absent;		    /* it is known not to be there */
	struct rest *rest;
	uint64_t due_ms;
	struct backoff backoff;
	char *problem;
};

static uint64_t now(const struct nodestate *n)
{
	return n->config.timing->now_ms(n->config.timing->arg);
}

static void replace(char **text, const char *with)
{
	char *copy = mem_strdup(with);

	free(*text);
	*text = copy;
}

static bool is_known(const struct nodestate *n)
{
	return n->object || n->absent;
}

/* A server that leaves something out would be told for ever. */
static bool is_said(const struct nodestate *n)
{
	return n->object && (merge_is_same(apijson_member(n->object, "status"), n->wanted) ||
			     (n->sent && merge_is_same(n->sent, n->wanted)));
}

static bool has_to_do(const struct nodestate *n)
{
	return n->wanted && !n->rest && !is_said(n);
}

/* ---- the object ------------------------------------------------------------------------------ */

/* So that it goes when the Node does. */
static void add_owner(const struct nodestate *n, struct json_object *metadata)
{
	struct json_object *owner;

	if (!*n->node_uid)
		return;
	json_object_object_del(metadata, "ownerReferences");
	owner = wants_entry(metadata, "ownerReferences");
	wants_text(owner, "apiVersion", "v1");
	wants_text(owner, "kind", "Node");
	wants_text(owner, "name", n->config.node);
	wants_text(owner, "uid", n->node_uid);
}

static struct json_object *make_body(const struct nodestate *n)
{
	struct json_object *body = NULL, *metadata;

	if (n->object && json_object_deep_copy(n->object, &body, NULL) < 0)
		abort();
	if (!body)
		body = json_object_new_object();
	if (!body)
		abort();
	wants_text(body, "apiVersion", "naru.io/v1alpha1");
	wants_text(body, "kind", "NodeState");
	metadata = wants_member(body, "metadata");
	wants_text(metadata, "name", n->config.node);
	add_owner(n, metadata);
	if (json_object_object_add(body, "status", json_object_get(n->wanted)) < 0)
		abort();
	return body;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void forget(struct nodestate *n)
{
	json_object_put(TAKE_PTR(n->object));
	n->absent = false;
}

static void note_sent(struct nodestate *n, struct json_object *status)
{
	json_object_put(n->sent);
	n->sent = json_object_get(status);
}

static void take(struct nodestate *n, struct json_object *object)
{
	forget(n);
	if (*apijson_version(object))
		n->object = json_object_get(object);
	n->backoff = (struct backoff){ 0 };
	replace(&n->problem, "");
}

static void wait(struct nodestate *n, uint64_t delay_ms)
{
	n->due_ms = now(n) + delay_ms;
}

static void fail(struct nodestate *n, const struct rest_answer *answer)
{
	const struct timing *timing = n->config.timing;
	uint64_t delay_ms = backoff_next(&n->backoff, timing);
	uint64_t chance_ms = REFUSED_MS * (uint64_t)timing->random(timing->arg) / UINT32_MAX;

	forget(n);
	note_sent(n, NULL);
	if (answer->status == 409) {
		wait(n, delay_ms);
		return;
	}
	replace(&n->problem, answer->text);
	if (!rest_may_pass(answer))
		delay_ms = REFUSED_MS + chance_ms;
	else if (delay_ms < answer->retry_after_s * 1000ull)
		delay_ms = answer->retry_after_s * 1000ull;
	wait(n, delay_ms);
}

static void on_read(void *arg, const struct rest_answer *answer)
{
	struct nodestate *n = arg;

	n->rest = NULL;
	if (rest_succeeded(answer))
		take(n, answer->value);
	if (answer->status == 404)
		n->absent = true;
	else if (!n->object)
		fail(n, answer);
	n->config.changed(n->config.arg);
}

static void on_written(void *arg, const struct rest_answer *answer)
{
	struct nodestate *n = arg;

	n->rest = NULL;
	if (rest_succeeded(answer)) {
		take(n, answer->value);
		wait(n, NODESTATE_GAP_MS);
	} else {
		fail(n, answer);
	}
	n->config.changed(n->config.arg);
}

static void start(struct nodestate *n, const char *method, struct json_object *body)
{
	const struct rest_request request = {
		.method = method,
		.path = n->absent ? NODESTATE_PATH : n->path,
		.body = body,
		.timeout_s = TIMEOUT_S,
	};

	n->rest = rest_start(n->config.client, &request, body ? on_written : on_read, n);
}

/* ---- from outside ---------------------------------------------------------------------------- */

struct nodestate *nodestate_new(const struct nodestate_config *config)
{
	struct nodestate *n = mem_new(sizeof(*n));
	struct str path = { 0 };

	n->config = *config;
	str_addf(&path, NODESTATE_PATH "/");
	listquery_encode(&path, config->node);
	n->path = path.buf;
	replace(&n->node_uid, "");
	replace(&n->problem, "");
	return n;
}

void nodestate_free(struct nodestate *nodestate)
{
	if (!nodestate)
		return;
	rest_cancel(nodestate->rest);
	json_object_put(nodestate->wanted);
	json_object_put(nodestate->object);
	json_object_put(nodestate->sent);
	free(nodestate->path);
	free(nodestate->node_uid);
	free(nodestate->problem);
	free(nodestate);
}

void nodestate_set(struct nodestate *nodestate, const struct nodestate_content *content)
{
	struct json_object *status = json_object_new_object();

	if (!status ||
	    json_object_object_add(status, "gateways", inforce_format(content->gateways)) < 0)
		abort();
	wants_text(status, "version", content->version);
	if (content->behind_since)
		wants_text(status, "behindSince", content->behind_since);
	json_object_put(nodestate->wanted);
	nodestate->wanted = status;
	replace(&nodestate->node_uid, content->node_uid);
	nodestate->config.changed(nodestate->config.arg);
}

uint64_t nodestate_due_ms(const struct nodestate *nodestate)
{
	return has_to_do(nodestate) ? nodestate->due_ms : UINT64_MAX;
}

void nodestate_run(struct nodestate *nodestate)
{
	struct json_object *body;

	if (!has_to_do(nodestate) || now(nodestate) < nodestate->due_ms)
		return;
	if (!is_known(nodestate)) {
		start(nodestate, "GET", NULL);
		return;
	}
	body = make_body(nodestate);
	note_sent(nodestate, nodestate->wanted);
	start(nodestate, nodestate->object ? "PUT" : "POST", body);
	json_object_put(body);
}

const char *nodestate_problem(const struct nodestate *nodestate)
{
	return nodestate->problem;
}
