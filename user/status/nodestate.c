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
#include "status/stamp.h"
#include "status/troubles.h"
#include "status/wants.h"

#define TURNED	   "lastTransitionTime"
#define TIMEOUT_S  10
#define REFUSED_MS 60000 /* and up to as much again, until it is tried again */

struct nodestate {
	struct nodestate_config config;
	char *path;		    /* of the one object */
	struct json_object *wanted; /* its status, NULL: nothing yet */
	char *node_uid, *sent_uid;  /* the owner; and as the server was told */
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

static size_t length(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

static bool is_same_text(struct json_object *a, struct json_object *b, const char *name)
{
	return !strcmp(apijson_text(a, name), apijson_text(b, name));
}

static bool is_known(const struct nodestate *n)
{
	return n->object || n->absent;
}

/* By the Node as it is now, as far as that is known. */
static bool is_owned(const struct nodestate *n)
{
	struct json_object *metadata = apijson_member(n->object, "metadata");
	struct json_object *owners = apijson_member(metadata, "ownerReferences");

	return !*n->node_uid || !strcmp(n->sent_uid, n->node_uid) ||
	       (length(owners) &&
		!strcmp(apijson_text(json_object_array_get_idx(owners, 0), "uid"), n->node_uid));
}

/* A server that leaves something out would be told for ever. */
static bool is_said(const struct nodestate *n)
{
	return n->object && is_owned(n) &&
	       (merge_is_same(apijson_member(n->object, "status"), n->wanted) ||
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

/* A condition that is there already keeps the time of its turn. */
static void keep_times(const struct nodestate *n)
{
	struct json_object *there =
		apijson_member(apijson_member(n->object, "status"), "conditions");
	struct json_object *wanted = apijson_member(n->wanted, "conditions");

	for (size_t i = 0; i < length(wanted); i++) {
		struct json_object *mine = json_object_array_get_idx(wanted, i);

		for (size_t j = 0; j < length(there); j++) {
			struct json_object *former = json_object_array_get_idx(there, j);
			const char *since = apijson_text(former, TURNED);

			if (*since && is_same_text(former, mine, "type") &&
			    is_same_text(former, mine, "status"))
				wants_text(mine, TURNED, since);
		}
	}
}

static void take(struct nodestate *n, struct json_object *object)
{
	forget(n);
	if (*apijson_version(object))
		n->object = json_object_get(object);
	keep_times(n);
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
	replace(&n->sent_uid, "");
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
	free(nodestate->sent_uid);
	free(nodestate->problem);
	free(nodestate);
}

static void add_kube_proxy(struct json_object *status, const char *found)
{
	_cleanup_(mem_freep) char *message = mem_printf("there is %s", found);
	char text[STAMP_SECONDS];

	stamp_seconds(text);
	wants_condition(status, NODESTATE_KUBE_PROXY, true, "KubeProxyFound", message);
	wants_text(json_object_array_get_idx(wants_list(status, "conditions"), 0), TURNED, text);
}

/* Another Node of the name: the object goes with the former one. */
static void take_node(struct nodestate *n, const char *node_uid)
{
	if (*n->node_uid && strcmp(n->node_uid, node_uid) != 0) {
		forget(n);
		note_sent(n, NULL);
	}
	replace(&n->node_uid, node_uid);
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
	if (content->troubles && content->troubles->n &&
	    json_object_object_add(status, "problems", troubles_format(content->troubles)) < 0)
		abort();
	if (content->kube_proxy)
		add_kube_proxy(status, content->kube_proxy);
	json_object_put(nodestate->wanted);
	nodestate->wanted = status;
	keep_times(nodestate);
	take_node(nodestate, content->node_uid);
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
	replace(&nodestate->sent_uid, nodestate->node_uid);
	start(nodestate, nodestate->object ? "PUT" : "POST", body);
	json_object_put(body);
}

const char *nodestate_problem(const struct nodestate *nodestate)
{
	return nodestate->problem;
}
