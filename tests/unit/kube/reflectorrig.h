/* SPDX-License-Identifier: Apache-2.0 */
/* A reflector between a scripted API server and a sink that writes down what it is told. */
#pragma once
#include "fakeclient.h"
#include "kube/apijson.h"
#include "kube/reflector.h"

#define PATH	"/api/v1/services"
#define WATCH	PATH "?watch=true&allowWatchBookmarks=true&timeoutSeconds=300"
#define INITIAL WATCH "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"

struct rig {
	struct reflector *reflector;
	struct str heard; /* "begin put:a commit" */
	size_t known, gone;
	unsigned changed;
};

static void hear(struct rig *rig, const char *word, const char *what)
{
	str_addf(&rig->heard, "%s%s%s%s", rig->heard.len ? " " : "", word, *what ? ":" : "", what);
}

static const char *name_of(struct json_object *object)
{
	return apijson_text(apijson_member(object, "metadata"), "name");
}

static void on_begin(void *arg)
{
	hear(arg, "begin", "");
}

static void on_put(void *arg, struct json_object *object)
{
	hear(arg, "put", name_of(object));
}

static void on_remove(void *arg, struct json_object *object)
{
	hear(arg, "remove", name_of(object));
}

static void on_lost(void *arg, const char *reason)
{
	hear(arg, "lost", reason);
}

static void on_weigh(void *arg, size_t *ret_known, size_t *ret_gone)
{
	const struct rig *rig = arg;

	*ret_known = rig->known;
	*ret_gone = rig->gone;
}

static void on_commit(void *arg)
{
	hear(arg, "commit", "");
}

static void on_changed(void *arg)
{
	struct rig *rig = arg;

	rig->changed++;
}

static const struct reflector_sink sink = {
	.begin = on_begin,
	.put = on_put,
	.remove = on_remove,
	.lost = on_lost,
	.weigh = on_weigh,
	.commit = on_commit,
};

static inline int setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));
	const struct reflector_config config = {
		.client = &fake,
		.path = PATH,
		.selectors = "",
		.sink = &sink,
		.sink_arg = rig,
		.timing = &fake_timing,
		.changed = on_changed,
		.arg = rig,
	};

	fake_reset();
	rig->reflector = reflector_new(&config);
	*state = rig;
	return 0;
}

static inline int teardown(void **state)
{
	struct rig *rig = *state;

	reflector_free(rig->reflector);
	assert_int_equal(fake.n, 0);
	str_fini(&rig->heard);
	free(rig);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* What the sink heard since the last time. */
static inline void assert_heard(struct rig *rig, const char *expected)
{
	assert_string_equal(rig->heard.len ? rig->heard.buf : "", expected);
	rig->heard.len = 0;
}

/* The only open call, which asks for this. */
static inline struct client_call *asked(const char *path)
{
	assert_int_equal(fake.n, 1);
	assert_string_equal(fake.calls[0]->path, path);
	return fake.calls[0];
}

/* Nothing is asked until so many milliseconds have passed; then this is. */
static inline struct client_call *asks_after(struct rig *rig, uint64_t ms, const char *path)
{
	assert_int_equal(fake.n, 0);
	assert_int_equal(reflector_due_ms(rig->reflector), fake.now_ms + ms);
	if (ms) {
		fake.now_ms += ms - 1;
		reflector_run(rig->reflector);
		assert_int_equal(fake.n, 0);
		fake.now_ms++;
	}
	reflector_run(rig->reflector);
	return asked(path);
}

static inline void assert_problem(const struct rig *rig, const char *expected)
{
	struct reflector_status status;

	reflector_status(rig->reflector, &status);
	if (expected)
		assert_string_equal(status.problem ? status.problem : "", expected);
	else
		assert_null(status.problem);
}

static inline uint64_t rereads(const struct rig *rig, enum reflector_reason reason)
{
	struct reflector_status status;

	reflector_status(rig->reflector, &status);
	return status.rereads[reason];
}

#define OBJECT(name, version)                                                                      \
	"{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"}}"
#define EVENT(type, name, version) "{\"type\":\"" type "\",\"object\":" OBJECT(name, version) "}\n"
#define BOOKMARK(version)                                                                          \
	"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"" version "\"}}}\n"
#define INITIAL_END(version)                                                                       \
	"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"" version          \
	"\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n"
#define ERROR(code)                                                                                \
	"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":" #code                      \
	",\"message\":\"m\"}}\n"
#define LIST(version, next, items)                                                                 \
	"{\"kind\":\"ServiceList\",\"metadata\":{\"resourceVersion\":\"" version                   \
	"\",\"continue\":\"" next "\"},\"items\":[" items "]}\n"
#define STATUS(code, reason)                                                                       \
	"{\"kind\":\"Status\",\"code\":" #code ",\"reason\":\"" reason "\",\"message\":\"m\"}\n"

/* Through the first reading, by a watch, into the watch behind it. */
static inline struct client_call *sync_by_watch(struct rig *rig, const char *version)
{
	struct client_call *call = asks_after(rig, 0, INITIAL);
	_cleanup_(mem_freep) char *end = mem_printf(
		"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"%s\","
		"\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n",
		version);

	fake_head(call, 200, 0);
	fake_data(call, EVENT("ADDED", "a", "3"));
	fake_data(call, end);
	assert_heard(rig, "begin put:a commit");
	return call;
}

/* To where a list is asked for, since the server does not know watches with first objects. */
static inline struct client_call *refuse_watch(struct rig *rig, const char *list)
{
	fake_answer(asks_after(rig, 0, INITIAL), 422, STATUS(422, "Invalid"));
	assert_heard(rig, "begin");
	return asks_after(rig, 0, list);
}
