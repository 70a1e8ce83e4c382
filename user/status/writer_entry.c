// SPDX-License-Identifier: Apache-2.0
/*
 * An entry is at rest, or queued to be looked at, or waits for a time, or a request of it is under
 * way. Invariants: an entry is in the list of its state; a version that was given up is not written
 * again before object or want are others; after a conflict the same version is not written again
 * unless the server itself said that it is the newest.
 *
 * A patch and no update: the latter, with the status alone, would clear labels and annotations of
 * kinds that are built into the API server.
 */
#include "status/writer_inner.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "kube/apijson.h"
#include "kube/resources.h"
#include "status/merge.h"
#include "status/stamp.h"

#define PATCH	     "application/merge-patch+json"
#define CONFLICT_MS  2000  /* in which the newer version should have been seen */
#define FORBIDDEN_MS 60000 /* and up to as much again, until a right is tried again */
#define TIMEOUT_S    5	   /* well within what a Lease lasts beyond its renewal */

static uint64_t now(const struct writer *w)
{
	return w->config.timing->now_ms(w->config.timing->arg);
}

static void replace(char **text, const char *with)
{
	char *copy = with ? mem_strdup(with) : NULL;

	free(*text);
	*text = copy;
}

/* ---- entries ------------------------------------------------------------------------------- */

int writer_entry_compare(const void *left, const void *right)
{
	const struct want *a = left, *b = right;
	int order;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	order = strcmp(a->namespace, b->namespace);
	return order ? order : strcmp(a->name, b->name);
}

static void move(struct writer_entry *entry, enum writer_state state)
{
	struct writer *w = entry->writer;
	struct writer_list *const lists[] = { NULL, &w->queued, &w->delayed, &w->running };
	size_t *const counts[] = { NULL, &w->n_queued, &w->n_delayed, &w->n_running };

	if (lists[entry->state]) {
		TAILQ_REMOVE(lists[entry->state], entry, link);
		--*counts[entry->state];
	}
	entry->state = state;
	if (lists[state]) {
		TAILQ_INSERT_TAIL(lists[state], entry, link);
		++*counts[state];
	}
}

static void delay(struct writer_entry *entry, uint64_t due_ms)
{
	entry->due_ms = due_ms;
	move(entry, WRITER_DELAYED);
}

void writer_entry_queue(struct writer_entry *entry)
{
	if (entry->state == WRITER_RUNNING)
		entry->again = true;
	else
		move(entry, WRITER_QUEUED);
}

static void complain(struct writer_entry *entry, const char *problem)
{
	entry->writer->n_problems -= entry->problem != NULL;
	entry->writer->n_problems += problem != NULL;
	replace(&entry->problem, problem);
}

static void give_up(struct writer_entry *entry, const char *version, const char *problem)
{
	replace(&entry->given_up, version);
	complain(entry, problem);
}

/* The last word on the object counts. */
static void note_left_out(struct writer_entry *entry, size_t n)
{
	entry->writer->n_left_out -= entry->left_out;
	entry->writer->n_left_out += n;
	entry->left_out = n;
}

static void forget_own(struct writer_entry *entry)
{
	replace(&entry->own_version, NULL);
	json_object_put(TAKE_PTR(entry->own_status));
}

static void end_request(struct writer_entry *entry)
{
	entry->rest = NULL;
	replace(&entry->version, NULL);
	replace(&entry->uid, NULL);
	json_object_put(TAKE_PTR(entry->before));
	json_object_put(TAKE_PTR(entry->after));
}

static void fini_want(struct want *want)
{
	free(want->namespace);
	free(want->name);
	free(want->uid);
	json_object_put(want->status);
}

void writer_entry_free(void *ptr)
{
	struct writer_entry *entry = ptr;

	rest_cancel(entry->rest);
	end_request(entry);
	move(entry, WRITER_REST);
	give_up(entry, NULL, NULL);
	note_left_out(entry, 0);
	replace(&entry->stale, NULL);
	forget_own(entry);
	fini_want(&entry->want);
	free(entry);
}

struct writer_entry *writer_entry_new(struct writer *writer, struct want *want)
{
	struct writer_entry *entry = mem_new(sizeof(*entry));

	entry->want = *want;
	entry->writer = writer;
	*want = (struct want){ 0 };
	return entry;
}

void writer_entry_set(struct writer_entry *entry, struct want *want)
{
	bool same = entry->want.generation == want->generation &&
		    !strcmp(entry->want.uid, want->uid) &&
		    json_object_equal(entry->want.status, want->status);

	fini_want(&entry->want);
	entry->want = *want;
	*want = (struct want){ 0 };
	if (same)
		return;
	give_up(entry, NULL, NULL);
	writer_entry_queue(entry);
}

/* ---- what is to be done ---------------------------------------------------------------------- */

struct look {
	const char *version; /* borrowed, as is uid */
	const char *uid;
	struct json_object *status; /* owned; NULL: it has none */
};

static struct json_object *parse(const char *text)
{
	struct json_tokener *tokener = apijson_tokener();
	struct json_object *value = apijson_parse(tokener, text, strlen(text));

	json_tokener_free(tokener);
	return value;
}

/* What the server answered counts until the watch has come as far. */
static bool look_at(struct writer_entry *entry, struct look *ret_look)
{
	const struct writer_config *config = &entry->writer->config;
	struct store_status seen;

	if (!config->find(config->arg, &entry->want, &seen))
		return false;
	if (*entry->want.uid && strcmp(entry->want.uid, seen.uid) != 0)
		return false;
	if (entry->own_version &&
	    apijson_version_number(seen.version) >= apijson_version_number(entry->own_version))
		forget_own(entry);
	*ret_look = (struct look){ .version = seen.version, .uid = seen.uid };
	if (entry->own_version) {
		ret_look->version = entry->own_version;
		ret_look->status = json_object_get(entry->own_status);
	} else {
		ret_look->status = parse(seen.text);
	}
	return true;
}

static struct json_object *merge(const struct writer_entry *entry, struct json_object *status)
{
	char text[STAMP_SECONDS];

	stamp_seconds(text);
	return merge_status(&entry->want, status, entry->writer->config.controller, text);
}

/* Takes the patch. */
static struct json_object *make_body(const struct look *look, struct json_object *patch)
{
	struct json_object *body = json_object_new_object();
	struct json_object *metadata = json_object_new_object();

	if (!body || !metadata)
		abort();
	wants_text(metadata, "resourceVersion", look->version);
	if (*look->uid)
		wants_text(metadata, "uid", look->uid);
	if (json_object_object_add(body, "metadata", metadata) < 0 ||
	    json_object_object_add(body, "status", patch) < 0)
		abort();
	return body;
}

static void on_answer(void *arg, const struct rest_answer *answer);

/* body NULL: asks for the object. */
static void start(struct writer_entry *entry, const struct look *look, struct json_object *body)
{
	struct writer *w = entry->writer;
	const char *version = w->config.version(w->config.arg, entry->want.kind);
	const struct resource_name name = { entry->want.namespace, entry->want.name };
	_cleanup_(mem_freep) char *path =
		resources_path_below(&resources_table[entry->want.kind], version, &name,
				     body ? "/status" : "");
	const struct rest_request request = {
		.method = body ? "PATCH" : "GET",
		.path = path,
		.content_type = PATCH,
		.body = body,
		.timeout_s = TIMEOUT_S,
	};

	bucket_take(&w->bucket, now(w));
	replace(&entry->version, look->version);
	replace(&entry->uid, look->uid);
	entry->again = false;
	move(entry, WRITER_RUNNING);
	entry->rest = rest_start(w->config.client, &request, on_answer, entry);
}

static bool is(const char *version, const char *other)
{
	return version && !strcmp(version, other);
}

static void write_it(struct writer_entry *entry, struct look *look, struct json_object *merged)
{
	struct json_object *body = make_body(look, merge_patch(look->status, merged));

	start(entry, look, body);
	json_object_put(body);
	entry->before = TAKE_PTR(look->status);
	entry->after = json_object_get(merged);
}

/* Returns false when it may not go on before time has passed. */
static bool look_closer(struct writer_entry *entry, struct look *look)
{
	struct writer *w = entry->writer;
	struct json_object *merged = merge(entry, look->status);
	bool stale = is(entry->stale, look->version);

	note_left_out(entry, merge_left_out(&entry->want, merged ? merged : look->status,
					    w->config.controller));
	if (!merged || is(entry->given_up, look->version)) {
		if (!merged)
			give_up(entry, NULL, NULL);
		move(entry, WRITER_REST);
		json_object_put(merged);
		return true;
	}
	if (bucket_wait_ms(&w->bucket, now(w))) {
		json_object_put(merged);
		return false;
	}
	if (stale)
		start(entry, look, NULL);
	else
		write_it(entry, look, merged);
	json_object_put(merged);
	return true;
}

bool writer_entry_step(struct writer_entry *entry)
{
	struct writer *w = entry->writer;
	enum object_kind kind = entry->want.kind;
	struct look look;
	bool done;

	if (now(w) < w->held[kind].until_ms) {
		delay(entry, w->held[kind].until_ms);
		return true;
	}
	if (!w->config.version(w->config.arg, kind) || !look_at(entry, &look)) {
		move(entry, WRITER_REST);
		return true;
	}
	done = look_closer(entry, &look);
	json_object_put(look.status);
	return done;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void take_own(struct writer_entry *entry, struct json_object *value)
{
	const char *version = apijson_version(value);

	if (!*version)
		return;
	forget_own(entry);
	entry->own_version = mem_strdup(version);
	entry->own_status = json_object_get(apijson_member(value, "status"));
}

/* A server that leaves out or alters what it was given would be told for ever. */
static void give_up_what_is_altered(struct writer_entry *entry)
{
	struct json_object *merged = merge(entry, entry->own_status);

	if (merged && !entry->again)
		give_up(entry, entry->own_version, NULL);
	json_object_put(merged);
}

static void on_written(struct writer_entry *entry, const struct rest_answer *answer)
{
	struct writer *w = entry->writer;
	const char *version = w->config.version(w->config.arg, entry->want.kind);
	const struct resource *resource = &resources_table[entry->want.kind];
	_cleanup_(mem_freep) char *api_version =
		mem_printf("%s%s%s", resource->group, *resource->group ? "/" : "",
			   version ? version : resource->versions[0]);
	const struct writer_change change = {
		.want = &entry->want,
		.api_version = api_version,
		.uid = entry->uid,
		.before = entry->before,
		.after = entry->after,
	};

	w->counts.written++;
	w->backoff = (struct backoff){ 0 };
	replace(&w->held[entry->want.kind].text, NULL);
	give_up(entry, NULL, NULL);
	take_own(entry, answer->value);
	if (entry->own_version)
		give_up_what_is_altered(entry);
	w->config.written(w->config.arg, &change);
}

static void on_forbidden(struct writer_entry *entry, const struct rest_answer *answer)
{
	struct writer *w = entry->writer;
	const struct timing *timing = w->config.timing;
	uint64_t chance_ms = FORBIDDEN_MS * (uint64_t)timing->random(timing->arg) / UINT32_MAX;
	enum object_kind kind = entry->want.kind;

	w->held[kind].until_ms = now(w) + FORBIDDEN_MS + chance_ms;
	replace(&w->held[kind].text, answer->text);
	delay(entry, w->held[kind].until_ms);
}

static void on_busy(struct writer_entry *entry, const struct rest_answer *answer)
{
	struct writer *w = entry->writer;
	uint64_t delay_ms = backoff_next(&w->backoff, w->config.timing);
	uint64_t least_ms = answer->retry_after_s * 1000ull;

	w->paused_ms = now(w) + (delay_ms > least_ms ? delay_ms : least_ms);
	move(entry, WRITER_QUEUED);
}

static void on_conflict(struct writer_entry *entry)
{
	entry->writer->counts.conflicts++;
	replace(&entry->stale, entry->version);
	if (!entry->again)
		delay(entry, now(entry->writer) + CONFLICT_MS);
}

/* Of what was asked for after a conflict: it is newer, or the conflict was none. */
static void on_read(struct writer_entry *entry, const struct rest_answer *answer)
{
	take_own(entry, answer->value);
	replace(&entry->stale, NULL);
	move(entry, WRITER_QUEUED);
}

static void on_refusal(struct writer_entry *entry, const struct rest_answer *answer)
{
	bool wrote = entry->after != NULL;

	if (answer->status == 404)
		give_up(entry, entry->version, NULL);
	else if (rest_may_pass(answer))
		on_busy(entry, answer);
	else if (answer->status == 403)
		on_forbidden(entry, answer);
	else if (wrote && answer->status == 409)
		on_conflict(entry);
	else
		give_up(entry, entry->version, answer->text);
	entry->writer->counts.failed += answer->status != 404 && answer->status != 409;
	log_debug("status of %s %s%s%s: %s", object_kind_name(entry->want.kind),
		  entry->want.namespace, *entry->want.namespace ? "/" : "", entry->want.name,
		  answer->text);
}

static void on_answer(void *arg, const struct rest_answer *answer)
{
	struct writer_entry *entry = arg;
	struct writer *w = entry->writer;

	move(entry, WRITER_REST);
	if (!rest_succeeded(answer))
		on_refusal(entry, answer);
	else if (entry->after)
		on_written(entry, answer);
	else
		on_read(entry, answer);
	if (entry->again && entry->state == WRITER_REST)
		move(entry, WRITER_QUEUED);
	end_request(entry);
	w->config.changed(w->config.arg);
}
