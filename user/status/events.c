// SPDX-License-Identifier: Apache-2.0
/*
 * A list of what was told lately, by object and reason: each has its Event's name, how often it
 * happened, and what is still to be sent. Invariants: the list has a bound, beyond which nothing is
 * told; a request that fails is not repeated.
 */
#include "status/events.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "kube/apijson.h"
#include "status/bucket.h"
#include "status/rest.h"
#include "status/stamp.h"

#define EVENTS_PATH  "/apis/events.k8s.io/v1/namespaces/"
#define TOLD_MAX     1024
#define QPS	     5
#define BURST	     25
#define TIMEOUT_S    10
#define NOTE_MAX     1024 /* bytes that the API takes */
#define FORGET_MS    (2 * EVENTS_GAP_MS)
#define NAME_LEN     200 /* of the object's, in that of the Event */
#define INSTANCE_MAX 128

/* Conditions that tell of something wrong when they are true. */
static const char *const negative[] = { "Conflicted", "OverlappingTLSConfig", "PartiallyInvalid",
					"Conflict",   "naru.io/Conflicted",   "KubeProxyActive" };

struct told {
	char *uid, *reason; /* the key */
	char *namespace;    /* of the Event */
	char *name;
	struct json_object *body; /* of the next request; NULL: nothing is to be sent */
	bool made;		  /* the server has it, so that it can be made longer */
	unsigned count;
	uint64_t sent_ms, happened_ms;
};

struct events {
	struct events_config config;
	struct told *list[TOLD_MAX];
	size_t n;
	struct bucket bucket;
	struct rest *rest;
	struct told *sending;
	struct events_counts counts;
};

static uint64_t now(const struct events *e)
{
	return e->config.timing->now_ms(e->config.timing->arg);
}

static struct json_object *sure(struct json_object *value)
{
	if (!value)
		abort();
	return value;
}

static void free_told(struct told *told)
{
	json_object_put(told->body);
	free(told->uid);
	free(told->reason);
	free(told->namespace);
	free(told->name);
	free(told);
}

static bool is_old(const struct events *e, const struct told *told)
{
	return !told->body && e->sending != told && now(e) >= told->happened_ms + FORGET_MS;
}

static void forget_old(struct events *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < e->n; i++) {
		if (is_old(e, e->list[i]))
			free_told(e->list[i]);
		else
			e->list[kept++] = e->list[i];
	}
	e->n = kept;
}

/* ---- bodies ---------------------------------------------------------------------------------- */

/* Whole characters only. */
static void cut(char *text)
{
	size_t len = strlen(text), at = 0;

	while (at < len) {
		size_t used = utf8_char_len(text + at, len - at);

		if (at + (used ? used : 1) > NOTE_MAX)
			break;
		at += used ? used : 1;
	}
	text[at] = '\0';
}

static bool is_warning(struct json_object *condition)
{
	bool holds = !strcmp(apijson_text(condition, "status"), "True");

	for (size_t i = 0; i < sizeof(negative) / sizeof(*negative); i++)
		if (!strcmp(apijson_text(condition, "type"), negative[i]))
			return holds;
	return !holds;
}

static void add_regarding(struct json_object *body, const struct writer_change *change)
{
	struct json_object *regarding = wants_member(body, "regarding");

	wants_text(regarding, "apiVersion", change->api_version);
	wants_text(regarding, "kind", object_kind_name(change->want->kind));
	if (*change->want->namespace)
		wants_text(regarding, "namespace", change->want->namespace);
	wants_text(regarding, "name", change->want->name);
	wants_text(regarding, "uid", change->uid);
}

/* part: of the object, "" for the whole. */
static struct json_object *make_event(const struct events *e, const struct told *told,
				      const struct writer_change *change,
				      struct json_object *condition, const char *part)
{
	struct json_object *body = sure(json_object_new_object());
	struct json_object *metadata = wants_member(body, "metadata");
	const char *message = apijson_text(condition, "message");
	_cleanup_(mem_freep) char *note =
		mem_printf("%s%s%s is %s%s%s", part, *part ? ": " : "",
			   apijson_text(condition, "type"), apijson_text(condition, "status"),
			   *message ? ": " : "", message);
	_cleanup_(mem_freep) char *instance = mem_printf("%.*s", INSTANCE_MAX, e->config.node);
	char stamp[STAMP_MICROS];

	cut(note);
	stamp_micros(stamp);
	wants_text(body, "apiVersion", "events.k8s.io/v1");
	wants_text(body, "kind", "Event");
	wants_text(metadata, "name", told->name);
	wants_text(metadata, "namespace", told->namespace);
	wants_text(body, "eventTime", stamp);
	wants_text(body, "reportingController", e->config.controller);
	wants_text(body, "reportingInstance", instance);
	wants_text(body, "action", "Judged");
	wants_text(body, "reason", told->reason);
	wants_text(body, "type", is_warning(condition) ? "Warning" : "Normal");
	wants_text(body, "note", note);
	add_regarding(body, change);
	return body;
}

static struct json_object *make_series(const struct told *told)
{
	struct json_object *body = sure(json_object_new_object());
	struct json_object *series = wants_member(body, "series");
	char stamp[STAMP_MICROS];

	stamp_micros(stamp);
	wants_number(series, "count", told->count);
	wants_text(series, "lastObservedTime", stamp);
	return body;
}

/* ---- what turned ----------------------------------------------------------------------------- */

static struct told *find(const struct events *e, const char *uid, const char *reason)
{
	for (size_t i = 0; i < e->n; i++)
		if (!strcmp(e->list[i]->uid, uid) && !strcmp(e->list[i]->reason, reason))
			return e->list[i];
	return NULL;
}

static struct told *add(struct events *e, const struct writer_change *change, const char *reason)
{
	const struct timing *timing = e->config.timing;
	struct told *told = mem_new(sizeof(*told));

	told->uid = mem_strdup(change->uid);
	told->reason = mem_strdup(reason);
	/* Where objects of the cluster have theirs. */
	told->namespace =
		mem_strdup(*change->want->namespace ? change->want->namespace : "default");
	told->name =
		mem_printf("%s.%08x%08x",
			   strlen(change->want->name) <= NAME_LEN ? change->want->name : "long",
			   timing->random(timing->arg), timing->random(timing->arg));
	e->list[e->n++] = told;
	return told;
}

static void tell(struct events *e, const struct writer_change *change,
		 struct json_object *condition, const char *part)
{
	const char *reason = apijson_text(condition, "reason");
	struct told *told = find(e, change->uid, reason);

	if (!told && e->n >= TOLD_MAX) {
		e->counts.skipped++;
		return;
	}
	if (!told) {
		told = add(e, change, reason);
		told->body = make_event(e, told, change, condition, part);
	}
	told->count++;
	told->happened_ms = now(e);
	if (told->made) {
		json_object_put(told->body);
		told->body = make_series(told);
	}
}

static struct json_object *find_entry(struct json_object *array, const char *name,
				      struct json_object *like)
{
	size_t n =
		json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *entry = json_object_array_get_idx(array, i);

		if (json_object_equal(apijson_member(entry, name), apijson_member(like, name)) &&
		    !strcmp(apijson_text(entry, "controllerName"),
			    apijson_text(like, "controllerName")))
			return entry;
	}
	return NULL;
}

/* A condition that came, or that is another than before in what it says of the object. */
static void take_conditions(struct events *e, const struct writer_change *change,
			    struct json_object *before, struct json_object *after, const char *part)
{
	struct json_object *list = apijson_member(after, "conditions");
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *condition = json_object_array_get_idx(list, i);
		struct json_object *former =
			find_entry(apijson_member(before, "conditions"), "type", condition);

		if (strcmp(apijson_text(former, "status"), apijson_text(condition, "status")) !=
			    0 &&
		    *apijson_text(condition, "reason"))
			tell(e, change, condition, part);
	}
}

static void take_list(struct events *e, const struct writer_change *change, const char *name,
		      const char *key)
{
	struct json_object *list = apijson_member(change->after, name);
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		struct json_object *parent = apijson_member(entry, "parentRef");
		const char *controller = apijson_text(entry, "controllerName");
		_cleanup_(mem_freep) char *part =
			mem_printf("%s %s", parent ? "parent" : "listener",
				   apijson_text(parent ? parent : entry, "name"));

		if (*controller && strcmp(controller, e->config.controller) != 0)
			continue;
		take_conditions(e, change,
				find_entry(apijson_member(change->before, name), key, entry), entry,
				part);
	}
}

void events_take(struct events *events, const struct writer_change *change)
{
	forget_old(events);
	take_conditions(events, change, change->before, change->after, "");
	take_list(events, change, "listeners", "name");
	take_list(events, change, "parents", "parentRef");
	events->config.changed(events->config.arg);
}

void events_turned(struct events *events, const struct events_turn *turn)
{
	const struct object *object = turn->object;
	struct want want = {
		.kind = object->kind,
		.namespace = object->namespace,
		.name = object->name,
	};
	const struct writer_change change = {
		.want = &want,
		.api_version = turn->api_version,
		.uid = object->origin.uid,
		.after = sure(json_object_new_object()),
	};

	wants_condition(change.after, turn->type, turn->holds, turn->reason, turn->message);
	events_take(events, &change);
	json_object_put(change.after);
}

/* ---- sending --------------------------------------------------------------------------------- */

static uint64_t due_of(const struct events *e, const struct told *told)
{
	return told->made ? told->sent_ms + EVENTS_GAP_MS : now(e);
}

static void on_sent(void *arg, const struct rest_answer *answer)
{
	struct events *e = arg;
	struct told *told = TAKE_PTR(e->sending);

	e->rest = NULL;
	if (rest_succeeded(answer))
		e->counts.told++;
	else
		e->counts.skipped++;
	told->made = rest_succeeded(answer);
	if (!told->made)
		json_object_put(TAKE_PTR(told->body));
	e->config.changed(e->config.arg);
}

static void send(struct events *e, struct told *told)
{
	_cleanup_(mem_freep) char *path =
		mem_printf(EVENTS_PATH "%s/events%s%s", told->namespace, told->made ? "/" : "",
			   told->made ? told->name : "");
	struct json_object *body = TAKE_PTR(told->body);
	const struct rest_request request = {
		.method = told->made ? "PATCH" : "POST",
		.path = path,
		.content_type = told->made ? "application/merge-patch+json" : NULL,
		.body = body,
		.timeout_s = TIMEOUT_S,
	};

	bucket_take(&e->bucket, now(e));
	told->sent_ms = now(e);
	e->sending = told;
	e->rest = rest_start(e->config.client, &request, on_sent, e);
	json_object_put(body);
}

struct events *events_new(const struct events_config *config)
{
	struct events *e = mem_new(sizeof(*e));

	e->config = *config;
	e->bucket = (struct bucket){ .qps = QPS, .burst = BURST };
	return e;
}

void events_free(struct events *events)
{
	if (!events)
		return;
	rest_cancel(events->rest);
	for (size_t i = 0; i < events->n; i++)
		free_told(events->list[i]);
	free(events);
}

uint64_t events_due_ms(const struct events *events)
{
	uint64_t due_ms = UINT64_MAX, room_ms;

	if (events->rest)
		return UINT64_MAX;
	for (size_t i = 0; i < events->n; i++) {
		const struct told *told = events->list[i];

		if (told->body && due_of(events, told) < due_ms)
			due_ms = due_of(events, told);
	}
	room_ms = now(events) + bucket_wait_ms(&events->bucket, now(events));
	return due_ms < room_ms ? room_ms : due_ms;
}

void events_run(struct events *events)
{
	if (events->rest || bucket_wait_ms(&events->bucket, now(events)))
		return;
	for (size_t i = 0; i < events->n; i++) {
		struct told *told = events->list[i];

		if (told->body && due_of(events, told) <= now(events)) {
			send(events, told);
			return;
		}
	}
}

void events_counts(const struct events *events, struct events_counts *ret_counts)
{
	*ret_counts = events->counts;
}
