// SPDX-License-Identifier: Apache-2.0
/*
 * The state machine of list and watch, for apisource.c. Either a call is open (phase says what it
 * is for), or the next step waits for its time. Every answer ends in one of: a set is complete, an
 * event is passed on, or again() with the step that comes next and why.
 *
 * Invariants: the sink gets a set only when all of it was read; a set older than the last one that
 * was passed on never gets there, but for a server that insists; the version to go on from is that
 * of the last thing passed on.
 */
#include "kube/reflector.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/answer.h"
#include "kube/apijson.h"
#include "kube/element.h"
#include "kube/jsonstream.h"
#include "kube/listquery.h"
#include "kube/pages.h"

#define OBJECT_BYTES_MAX (8u << 20)
#define PAGE		 500
#define LIST_S		 120
#define WATCH_MIN_S	 300
#define WATCH_SPREAD_S	 301
#define GRACE_MS	 30000 /* after the time that a watch was to last */
#define SILENCE_MS	 60000 /* of a watch that owes its first objects, or the rest of one */
#define SHORT_MS	 1000  /* a watch that lasted less and had nothing was a failure */
#define OLDER_MAX	 5     /* newest sets that all are older: the cluster was set back */
#define ERRORS_MAX	 5     /* of a watch, one after the other */

enum phase {
	PHASE_WAIT,
	PHASE_LIST,
	PHASE_INITIAL, /* a watch whose first objects are under way */
	PHASE_WATCH,
};

enum step {
	STEP_READ, /* the set, from the page that is next */
	STEP_WATCH,
};

struct reflector {
	struct reflector_config config;
	char *path, *selectors;
	struct client_call *call;
	enum phase phase;
	enum step next;
	uint64_t due_ms;
	struct backoff backoff;

	/* Of the set. */
	bool synced;
	char *version;	      /* of the last thing passed on, NULL: none */
	uint64_t version_max; /* the same as a number, the highest so far */

	/* Of the reading. */
	bool newest;	/* no version is given: what the server has must be the newest */
	bool by_pages;	/* not by a watch */
	bool whole;	/* in one page */
	bool rereading; /* and not the first reading */
	bool weighed;	/* this reading is the one that decides whether so many are gone */
	unsigned older;
	struct pages pages;

	/* Of the call. */
	int status;
	unsigned retry_after_s;
	uint64_t begun_ms, lasts_ms; /* lasts: a watch, at most */
	uint64_t part_ms;	     /* since when an event has come in part, 0: none has */
	struct jsonstream *stream;
	struct json_tokener *tokener;
	struct str body; /* of an error */
	bool heard;	 /* an event came */
	char *broken;	 /* the version behind which an event could not be read */
	unsigned errors;

	char *problem;
	int problem_status;
	uint64_t problem_ms, heard_ms;
	uint64_t rereads[REFLECTOR_REASON_MAX];
};

static uint64_t now(const struct reflector *r)
{
	return r->config.timing->now_ms(r->config.timing->arg);
}

static void replace(char **text, const char *with)
{
	char *copy = with ? mem_strdup(with) : NULL;

	free(*text);
	*text = copy;
}

/* ---- what comes next ----------------------------------------------------------------------- */

/* Legal while the stream is being fed: that one ends when it sees that nothing waits for it. */
static void again(struct reflector *r, enum step next, uint64_t delay_ms)
{
	r->phase = PHASE_WAIT;
	r->next = next;
	r->due_ms = now(r) + delay_ms;
}

static void again_later(struct reflector *r, enum step next, unsigned at_least_s)
{
	uint64_t delay_ms = backoff_next(&r->backoff, r->config.timing);
	uint64_t least_ms = at_least_s * 1000ull;

	again(r, next, delay_ms > least_ms ? delay_ms : least_ms);
}

/* The server has answered: what it took to get there does not count, but for one time only. */
static void reread(struct reflector *r, enum reflector_reason reason)
{
	if (!r->rereading)
		r->backoff = (struct backoff){ 0 };
	r->rereading = true;
	r->rereads[reason]++;
	r->newest = reason != REFLECTOR_ERRORS;
	pages_leave(&r->pages);
	again_later(r, STEP_READ, 0);
}

static void complain(struct reflector *r, int status, const char *text)
{
	if (!r->problem)
		r->problem_ms = now(r);
	replace(&r->problem, text);
	r->problem_status = status;
}

static void drop_call(struct reflector *r)
{
	client_cancel(TAKE_PTR(r->call));
	jsonstream_free(TAKE_PTR(r->stream));
	r->part_ms = 0;
	str_fini(&r->body);
}

/* ---- sets ---------------------------------------------------------------------------------- */

static void advance(struct reflector *r, const char *version)
{
	uint64_t number = apijson_version_number(version);

	replace(&r->version, version);
	if (number > r->version_max)
		r->version_max = number;
	r->heard_ms = now(r);
	complain(r, 0, NULL);
}

/* A server behind the others must not undo what they told. Many newest sets in a row that all are
 * older mean that the cluster itself was set back to an earlier state. */
static bool is_older(struct reflector *r, const char *version)
{
	uint64_t number = apijson_version_number(version);

	if (!number || number >= r->version_max)
		return false;
	if (r->newest && ++r->older >= OLDER_MAX) {
		r->version_max = 0;
		return false;
	}
	return true;
}

static bool is_shrunk(const struct reflector *r)
{
	size_t known, gone;

	r->config.sink->weigh(r->config.sink_arg, &known, &gone);
	return !r->weighed && gone > known / 2;
}

/* Returns whether the set was passed on. */
static bool complete(struct reflector *r, const char *version)
{
	if (is_older(r, version)) {
		complain(r, 0, "the server's state is older than what is known");
		reread(r, REFLECTOR_OLDER);
		return false;
	}
	if (is_shrunk(r)) {
		reread(r, REFLECTOR_SHRUNK);
		r->weighed = true;
		return false;
	}
	r->config.sink->commit(r->config.sink_arg);
	advance(r, version);
	r->synced = true;
	r->newest = r->by_pages = r->whole = r->weighed = r->rereading = false;
	r->older = r->errors = 0;
	return true;
}

/* ---- failures ------------------------------------------------------------------------------ */

/* A page that is gone: one list without pages; after that, as for any other. */
static void on_expired(struct reflector *r)
{
	if (r->pages.next && !r->whole) {
		r->whole = true;
		pages_leave(&r->pages);
		again(r, STEP_READ, 0);
		return;
	}
	reread(r, REFLECTOR_EXPIRED);
}

/* event: it came as one. A watch that has failed often enough by itself, not for want of a server,
 * is not tried for ever. */
static void on_answer(struct reflector *r, const struct answer *answer, bool event)
{
	int status = answer->status;
	unsigned wait_s =
		answer->retry_after_s > r->retry_after_s ? answer->retry_after_s : r->retry_after_s;

	complain(r, status, answer->text);
	r->by_pages &= !answer_is_refusal(status);
	r->errors += r->phase == PHASE_WATCH && (event || status == 500);
	if (answer->too_large)
		reread(r, REFLECTOR_TOO_LARGE);
	else if (status == 410)
		on_expired(r);
	else if (r->phase == PHASE_INITIAL && !answer_is_for_later(status)) {
		r->by_pages = true;
		again(r, STEP_READ, 0);
	} else if (r->phase == PHASE_WATCH && !answer_is_refusal(status) &&
		   (!answer_is_for_later(status) || r->errors >= ERRORS_MAX))
		reread(r, REFLECTOR_ERRORS);
	else if (r->phase == PHASE_WATCH)
		again_later(r, STEP_WATCH, wait_s);
	else if (r->pages.next && !answer_is_for_later(status) && !answer_is_refusal(status)) {
		pages_leave(&r->pages);
		again_later(r, STEP_READ, 0);
	} else
		again_later(r, STEP_READ, wait_s);
}

/* Nothing came, or not all of it. */
static void fail(struct reflector *r, const char *problem)
{
	complain(r, 0, problem);
	again_later(r, r->phase == PHASE_WATCH ? STEP_WATCH : STEP_READ, 0);
}

/* What came cannot be meant, perhaps because the server does not know such watches. */
static void fail_to_read(struct reflector *r, const char *problem)
{
	if (r->phase == PHASE_INITIAL)
		r->by_pages = true;
	fail(r, problem);
}

/* ---- objects and events -------------------------------------------------------------------- */

/*
 * Once it is asked for again from the same place, which costs nothing; when it still cannot be read
 * then, it is given up, so that it does not stop what comes behind it.
 */
static void on_broken(struct reflector *r, const char *reason)
{
	const char *version = r->version ? r->version : "";

	if (r->phase == PHASE_WATCH && (!r->broken || strcmp(r->broken, version) != 0)) {
		replace(&r->broken, version);
		fail(r, reason);
		return;
	}
	r->config.sink->lost(r->config.sink_arg, reason);
}

static void on_error_event(struct reflector *r, struct json_object *object)
{
	struct answer answer;

	answer_of_status(object, &answer);
	on_answer(r, &answer, true);
	answer_fini(&answer);
}

static void on_bookmark(struct reflector *r, struct json_object *object)
{
	const char *version = apijson_version(object);

	if (!*version)
		return;
	if (r->phase == PHASE_WATCH) {
		advance(r, version);
	} else if (apijson_ends_initial(object) && complete(r, version)) {
		r->phase = PHASE_WATCH;
		r->due_ms = r->begun_ms + r->lasts_ms;
	}
}

/* The first objects come in no order, so their versions are no place to go on from. */
static void on_change(struct reflector *r, struct json_object *object, bool gone)
{
	const struct reflector_sink *sink = r->config.sink;
	const char *version = apijson_version(object);

	if (!*version) {
		on_broken(r, "an event has no resourceVersion");
		return;
	}
	(gone ? sink->remove : sink->put)(r->config.sink_arg, object);
	r->errors = 0;
	if (r->phase == PHASE_WATCH)
		advance(r, version);
}

static void on_event(struct reflector *r, struct json_object *event)
{
	const char *type = apijson_text(event, "type");
	struct json_object *object = apijson_member(event, "object");

	r->heard = true;
	if (!strcmp(type, "ADDED") || !strcmp(type, "MODIFIED"))
		on_change(r, object, false);
	else if (!strcmp(type, "DELETED"))
		on_change(r, object, true);
	else if (!strcmp(type, "BOOKMARK"))
		on_bookmark(r, object);
	else if (!strcmp(type, "ERROR"))
		on_error_event(r, object);
	else
		on_broken(r, "this is no event");
}

static bool on_object(void *arg, const char *text, size_t len)
{
	struct reflector *r = arg;
	struct json_object *value = element_parse(r->tokener, r->config.sink, r->config.sink_arg,
						  r->phase != PHASE_LIST, text, len);

	r->part_ms = 0;
	if (!value)
		on_broken(r, "an object is not valid JSON");
	else if (r->phase == PHASE_LIST)
		r->config.sink->put(r->config.sink_arg, value);
	else
		on_event(r, value);
	json_object_put(value);
	return r->phase != PHASE_WAIT;
}

static bool on_lost(void *arg, const char *reason)
{
	struct reflector *r = arg;

	on_broken(r, reason);
	return r->phase != PHASE_WAIT;
}

static const struct jsonstream_ops stream_ops = { .object = on_object, .lost = on_lost };

/* ---- calls --------------------------------------------------------------------------------- */

static void on_head(void *arg, int status, unsigned retry_after_s)
{
	struct reflector *r = arg;

	r->status = status;
	r->retry_after_s = retry_after_s;
	/* It goes on where we are: so we are where it is. */
	if (status == 200 && r->phase == PHASE_WATCH)
		complain(r, 0, NULL);
	if (status == 200) {
		r->heard_ms = now(r);
		r->stream = jsonstream_new(r->phase == PHASE_LIST ? JSONSTREAM_LIST
								  : JSONSTREAM_OBJECTS,
					   OBJECT_BYTES_MAX, &stream_ops, r);
	}
	r->config.changed(r->config.arg);
}

/* Behind an event that does not end everything would be taken for a part of it. */
static void set_deadline(struct reflector *r)
{
	if (!jsonstream_is_inside(r->stream))
		r->part_ms = 0;
	else if (!r->part_ms)
		r->part_ms = now(r);
	r->due_ms = r->begun_ms + r->lasts_ms;
	if (r->part_ms || r->phase == PHASE_INITIAL)
		r->due_ms = (r->part_ms ? r->part_ms : now(r)) + SILENCE_MS;
}

static void on_data(void *arg, const char *data, size_t len)
{
	struct reflector *r = arg;

	if (!r->stream) {
		if (r->body.len + len <= ANSWER_MAX)
			str_add(&r->body, data, len);
		return;
	}
	if (jsonstream_feed(r->stream, data, len) < 0)
		fail_to_read(r, "the answer is not JSON of the API");
	if (r->phase == PHASE_WAIT)
		drop_call(r);
	else if (r->phase != PHASE_LIST)
		set_deadline(r);
	r->config.changed(r->config.arg);
}

static void end_page(struct reflector *r)
{
	const char *text = jsonstream_envelope(r->stream), *next;
	struct json_object *list = apijson_parse(r->tokener, text, strlen(text));

	next = apijson_text(apijson_member(list, "metadata"), "continue");
	if (!apijson_is_list(list)) {
		fail_to_read(r, "the answer is no whole list");
	} else if (*next && pages_follow(&r->pages, next) < 0) {
		pages_leave(&r->pages);
		fail_to_read(r, "the server gives the same pages again and again");
	} else if (*next) {
		again(r, STEP_READ, 0);
	} else {
		pages_leave(&r->pages);
		if (complete(r, apijson_version(list)))
			again(r, STEP_WATCH, 0);
	}
	json_object_put(list);
}

static void end_watch(struct reflector *r)
{
	if (r->phase == PHASE_INITIAL)
		fail_to_read(r, "the watch ended before all objects were there");
	else if (!r->heard && now(r) - r->begun_ms < SHORT_MS)
		fail(r, "the watch ended at once");
	else
		again(r, STEP_WATCH, 0);
}

static void on_end(void *arg, int error)
{
	struct reflector *r = arg;
	struct answer answer;

	r->call = NULL;
	if (error) {
		fail(r, strerror(-error));
	} else if (!r->stream) {
		answer_parse(r->status, r->body.buf ? r->body.buf : "", r->body.len, &answer);
		on_answer(r, &answer, false);
		answer_fini(&answer);
	} else if (r->phase == PHASE_LIST) {
		end_page(r);
	} else {
		end_watch(r);
	}
	drop_call(r);
	r->config.changed(r->config.arg);
}

static const struct client_ops client_ops = {
	.head = on_head,
	.data = on_data,
	.end = on_end,
};

static void start(struct reflector *r, enum phase phase, const struct listquery *query,
		  uint64_t deadline_ms)
{
	_cleanup_(mem_freep) char *path = listquery_format(query);
	const struct client_request request = {
		.lane = r->config.lane,
		.method = "GET",
		.path = path,
		.accept = listquery_accept(r->config.metadata, phase == PHASE_LIST),
		.timeout_s = phase == PHASE_LIST ? LIST_S : 0,
	};

	r->phase = phase;
	r->status = 0;
	r->retry_after_s = 0;
	r->heard = false;
	r->begun_ms = now(r);
	r->due_ms = deadline_ms ? r->begun_ms + deadline_ms : UINT64_MAX;
	r->call = client_start(r->config.client, &request, &client_ops, r);
}

static void start_watch(struct reflector *r)
{
	const struct timing *timing = r->config.timing;
	struct listquery query = {
		.path = r->path,
		.selectors = r->selectors,
		.version = r->newest ? NULL : r->version,
		.watch_s = WATCH_MIN_S + timing->random(timing->arg) % WATCH_SPREAD_S,
		.initial = r->next == STEP_READ,
	};

	if (query.initial)
		r->config.sink->begin(r->config.sink_arg);
	r->lasts_ms = query.watch_s * 1000ull + GRACE_MS;
	start(r, query.initial ? PHASE_INITIAL : PHASE_WATCH, &query,
	      query.initial ? SILENCE_MS : r->lasts_ms);
}

/* The cache of the server pays for no pages; a version other than 0 would keep it from answering
 * if there were some. */
static void start_list(struct reflector *r)
{
	const char *version = r->newest ? NULL : r->version ? r->version : "0";
	struct listquery query = {
		.path = r->path,
		.selectors = r->selectors,
		.version = r->pages.next ? NULL : version,
		.next = r->pages.next,
		.limit = !r->whole && (r->newest || r->pages.next || !r->version) ? PAGE : 0,
	};

	if (!r->pages.next)
		r->config.sink->begin(r->config.sink_arg);
	start(r, PHASE_LIST, &query, 0);
}

/* ---- from outside -------------------------------------------------------------------------- */

struct reflector *reflector_new(const struct reflector_config *config)
{
	struct reflector *r = mem_new(sizeof(*r));

	r->config = *config;
	r->path = mem_strdup(config->path);
	r->selectors = mem_strdup(config->selectors);
	r->tokener = apijson_tokener();
	again(r, STEP_READ, config->delay_ms);
	return r;
}

void reflector_free(struct reflector *reflector)
{
	if (!reflector)
		return;
	drop_call(reflector);
	json_tokener_free(reflector->tokener);
	free(reflector->path);
	free(reflector->selectors);
	free(reflector->version);
	pages_leave(&reflector->pages);
	free(reflector->broken);
	free(reflector->problem);
	free(reflector);
}

uint64_t reflector_due_ms(const struct reflector *reflector)
{
	return reflector->due_ms;
}

void reflector_run(struct reflector *reflector)
{
	if (now(reflector) < reflector->due_ms)
		return;
	if (reflector->phase != PHASE_WAIT) {
		fail_to_read(reflector, "the server says nothing");
		drop_call(reflector);
	} else if (reflector->next == STEP_WATCH ||
		   (!reflector->by_pages && !reflector->pages.next)) {
		start_watch(reflector);
	} else {
		start_list(reflector);
	}
	reflector->config.changed(reflector->config.arg);
}

void reflector_hurry(struct reflector *reflector)
{
	if (reflector->phase == PHASE_WAIT)
		reflector->due_ms = now(reflector);
}

void reflector_status(const struct reflector *reflector, struct reflector_status *ret_status)
{
	*ret_status = (struct reflector_status){
		.synced = reflector->synced,
		.http_status = reflector->problem_status,
		.problem = reflector->problem,
		.problem_ms = reflector->problem_ms,
		.watch_ms = reflector->phase == PHASE_WATCH ? reflector->begun_ms : 0,
		.heard_ms = reflector->heard_ms,
	};
	memcpy(ret_status->rereads, reflector->rereads, sizeof(reflector->rereads));
}
