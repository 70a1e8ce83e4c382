// SPDX-License-Identifier: Apache-2.0
/* The writer in front of an API server by script: what is asked, and what comes of each answer. */
#include "../kube/fakeclient.h"

#include "kube/apijson.h"
#include "status/writer.h"

#include <json-c/json.h>

#define N 8

struct rig {
	struct writer *writer;
	struct seen {
		char *name, *version, *status;
	} seen[N];
	size_t n;
	bool leader, has_kind;
	unsigned changes;
	struct str written; /* "gw:uid gw:uid" */
};

static const char *version(void *arg, enum object_kind kind)
{
	const struct rig *rig = arg;

	assert_int_equal(kind, OBJECT_GATEWAY);
	return rig->has_kind ? "v1" : NULL;
}

static struct seen *seen_of(struct rig *rig, const char *name)
{
	for (size_t i = 0; i < rig->n; i++)
		if (!strcmp(rig->seen[i].name, name))
			return &rig->seen[i];
	return NULL;
}

static bool on_find(void *arg, const struct want *want, struct store_status *ret_status)
{
	const struct seen *seen = seen_of(arg, want->name);

	if (!seen || !seen->version)
		return false;
	*ret_status = (struct store_status){
		.text = seen->status,
		.version = seen->version,
		.uid = "u",
		.generation = 1,
	};
	return true;
}

static bool may_write(void *arg)
{
	const struct rig *rig = arg;

	return rig->leader;
}

static void on_written(void *arg, const struct writer_change *change)
{
	struct rig *rig = arg;

	assert_string_equal(change->api_version, "gateway.networking.k8s.io/v1");
	assert_string_equal(change->uid, "u");
	assert_non_null(change->after);
	str_addf(&rig->written, "%s%s", rig->written.len ? " " : "", change->want->name);
}

static void on_changed(void *arg)
{
	struct rig *rig = arg;

	rig->changes++;
}

static int setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));
	const struct writer_config config = {
		.client = &fake,
		.timing = &fake_timing,
		.controller = "naru.io/gateway",
		.qps = 10,
		.burst = 3,
		.version = version,
		.find = on_find,
		.may_write = may_write,
		.written = on_written,
		.changed = on_changed,
		.arg = rig,
	};

	fake_reset();
	rig->leader = rig->has_kind = true;
	rig->writer = writer_new(&config);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	writer_free(rig->writer);
	assert_int_equal(fake.n, 0);
	for (size_t i = 0; i < rig->n; i++) {
		free(rig->seen[i].name);
		free(rig->seen[i].version);
		free(rig->seen[i].status);
	}
	str_fini(&rig->written);
	free(rig);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* What the watch says; version NULL: the object is gone. */
static void see(struct rig *rig, const char *name, const char *of, const char *status)
{
	struct seen *seen = seen_of(rig, name);

	if (!seen) {
		assert_true(rig->n < N);
		seen = &rig->seen[rig->n++];
		seen->name = mem_strdup(name);
	}
	free(seen->version);
	free(seen->status);
	seen->version = of ? mem_strdup(of) : NULL;
	seen->status = mem_strdup(status);
	writer_see(rig->writer, OBJECT_GATEWAY, "shop", name);
}

static void add(struct wants *wants, const char *name, const char *status)
{
	_cleanup_(object_freep) struct object *object = object_new(OBJECT_GATEWAY);
	struct json_object *text = json_tokener_parse(status);

	object->namespace = mem_strdup("shop");
	object->name = mem_strdup(name);
	json_object_object_foreach (text, key, value) {
		json_object_object_add(wants_add(wants, object), key, json_object_get(value));
	}
	json_object_put(text);
}

/* One want, of the gw with that uid. */
static void want_of(struct rig *rig, const char *uid)
{
	_cleanup_(object_freep) struct object *object = object_new(OBJECT_GATEWAY);
	struct wants wants = { 0 };

	object->namespace = mem_strdup("shop");
	object->name = mem_strdup("gw");
	object->origin.uid = mem_strdup(uid);
	wants_number(wants_add(&wants, object), "a", 1);
	writer_set(rig->writer, &wants);
	writer_run(rig->writer);
}

/* One want, of gw. */
static void want(struct rig *rig, const char *status)
{
	struct wants wants = { 0 };

	add(&wants, "gw", status);
	writer_set(rig->writer, &wants);
	writer_run(rig->writer);
}

static struct client_call *patches(const char *name, const char *body)
{
	_cleanup_(mem_freep) char *path =
		mem_printf("/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways/%s/status",
			   name);
	struct client_call *call = fake_find(path);

	assert_non_null(call);
	assert_string_equal(call->method, "PATCH");
	assert_string_equal(call->body, body);
	return call;
}

static void nothing(struct rig *rig)
{
	writer_run(rig->writer);
	assert_int_equal(fake.n, 0);
}

static void passes(struct rig *rig, uint64_t ms)
{
	fake.now_ms += ms;
	writer_run(rig->writer);
}

#define BODY(version, status)                                                                      \
	"{\"metadata\":{\"resourceVersion\":\"" version "\",\"uid\":\"u\"},\"status\":" status "}"
#define ANSWER(version, status)                                                                    \
	"{\"metadata\":{\"name\":\"gw\",\"resourceVersion\":\"" version "\"},\"status\":" status "}"

static void one_write_and_no_more(void **state)
{
	struct rig *rig = *state;
	struct writer_counts counts;

	see(rig, "gw", "5", "{\"a\":0,\"b\":1}");
	want(rig, "{\"a\":1}");
	fake_answer(patches("gw", BODY("5", "{\"a\":1}")), 200, ANSWER("6", "{\"a\":1,\"b\":1}"));
	nothing(rig);
	assert_string_equal(rig->written.buf, "gw");
	/* The watch is behind, then there. */
	writer_see(rig->writer, OBJECT_GATEWAY, "shop", "gw");
	nothing(rig);
	see(rig, "gw", "6", "{\"a\":1,\"b\":1}");
	nothing(rig);
	want(rig, "{\"a\":1}");
	nothing(rig);
	writer_counts(rig->writer, &counts);
	assert_int_equal(counts.written, 1);
	assert_int_equal(counts.pending, 0);
	assert_int_equal(writer_due_ms(rig->writer), UINT64_MAX);
}

/* Said as long as it is so. */
static void no_room_for_parents(void **state)
{
	struct rig *rig = *state;
	struct writer_counts counts;
	struct diag_list diags = { 0 };
	struct str full = { 0 };

	for (int i = 0; i < 32; i++)
		str_addf(&full, "%s{\"controllerName\":\"o/%d\"}", i ? "," : "{\"parents\":[", i);
	str_addf(&full, "]}");
	see(rig, "gw", "5", full.buf);
	want(rig, "{\"parents\":[{\"parentRef\":{\"name\":\"a\"},\"controllerName\":"
		  "\"naru.io/gateway\",\"conditions\":[]}]}");
	nothing(rig);
	writer_counts(rig->writer, &counts);
	assert_int_equal(counts.left_out, 1);
	writer_report(rig->writer, &diags);
	assert_int_equal(diags.n, 1);
	assert_non_null(strstr(diags.items[0].reason, "no room for 1 parents"));
	diag_fini(&diags);
	see(rig, "gw", "6", "{}");
	writer_run(rig->writer);
	writer_counts(rig->writer, &counts);
	assert_int_equal(counts.left_out, 0);
	writer_report(rig->writer, &diags);
	assert_int_equal(diags.n, 0);
	str_fini(&full);
}

static void what_is_right_is_not_written(void **state)
{
	struct rig *rig = *state;

	see(rig, "gw", "5", "{\"a\":1,\"b\":1}");
	want(rig, "{\"a\":1}");
	nothing(rig);
	/* Somebody else takes it away. */
	see(rig, "gw", "6", "{\"b\":1}");
	writer_run(rig->writer);
	fake_answer(patches("gw", BODY("6", "{\"a\":1}")), 200, ANSWER("7", "{\"a\":1,\"b\":1}"));
	nothing(rig);
}

static void who_does_not_lead_writes_nothing(void **state)
{
	struct rig *rig = *state;

	rig->leader = false;
	see(rig, "gw", "5", "{}");
	want(rig, "{\"a\":1}");
	nothing(rig);
	assert_int_equal(writer_due_ms(rig->writer), UINT64_MAX);
	rig->leader = true;
	assert_int_equal(writer_due_ms(rig->writer), fake.now_ms);
	writer_run(rig->writer);
	patches("gw", BODY("5", "{\"a\":1}"));
}

static void a_conflict_waits_for_the_newer_one(void **state)
{
	struct rig *rig = *state;

	see(rig, "gw", "5", "{}");
	want(rig, "{\"a\":1}");
	fake_answer(patches("gw", BODY("5", "{\"a\":1}")), 409, "{}");
	nothing(rig);
	see(rig, "gw", "8", "{\"b\":1}");
	writer_run(rig->writer);
	fake_answer(patches("gw", BODY("8", "{\"a\":1}")), 200, ANSWER("9", "{\"a\":1,\"b\":1}"));
	nothing(rig);
}

static void a_conflict_asks_when_nothing_newer_comes(void **state)
{
	struct rig *rig = *state;
	struct client_call *call;

	see(rig, "gw", "5", "{}");
	want(rig, "{\"a\":1}");
	fake_answer(patches("gw", BODY("5", "{\"a\":1}")), 409, "{}");
	passes(rig, 1999);
	assert_int_equal(fake.n, 0);
	passes(rig, 1);
	call = fake_find("/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways/gw");
	assert_non_null(call);
	assert_string_equal(call->method, "GET");
	fake_answer(call, 200, ANSWER("9", "{\"c\":1}"));
	writer_run(rig->writer);
	fake_answer(patches("gw", BODY("9", "{\"a\":1}")), 200, ANSWER("10", "{\"a\":1,\"c\":1}"));
	nothing(rig);
	/* What the watch tells late is older than what was answered. */
	see(rig, "gw", "8", "{}");
	nothing(rig);
}

static void the_newest_want_counts(void **state)
{
	struct rig *rig = *state;
	struct client_call *call;

	see(rig, "gw", "5", "{}");
	want(rig, "{\"a\":1}");
	call = patches("gw", BODY("5", "{\"a\":1}"));
	want(rig, "{\"a\":2}");
	want(rig, "{\"a\":3}");
	assert_int_equal(fake.n, 1);
	fake_answer(call, 200, ANSWER("6", "{\"a\":1}"));
	writer_run(rig->writer);
	fake_answer(patches("gw", BODY("6", "{\"a\":3}")), 200, ANSWER("7", "{\"a\":3}"));
	nothing(rig);
}

static void a_missing_right_is_told_once_and_tried_slowly(void **state)
{
	struct rig *rig = *state;
	struct diag_list diags = { 0 };

	see(rig, "gw", "5", "{}");
	want(rig, "{\"a\":1}");
	fake_answer(patches("gw", BODY("5", "{\"a\":1}")), 403,
		    "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"message\":\"no\"}");
	see(rig, "gw", "6", "{\"x\":1}");
	nothing(rig);
	writer_report(rig->writer, &diags);
	assert_int_equal(diags.n, 1);
	assert_string_equal(diags.items[0].reason,
			    "of no Gateway can be written: narud needs the right to patch "
			    "gateways/status of gateway.networking.k8s.io: HTTP 403 Forbidden: no");
	diag_fini(&diags);
	assert_int_equal(writer_due_ms(rig->writer), fake.now_ms + 60000);
	passes(rig, 60000);
	fake_answer(patches("gw", BODY("6", "{\"a\":1}")), 200, ANSWER("7", "{\"a\":1,\"x\":1}"));
	writer_report(rig->writer, &diags);
	assert_int_equal(diags.n, 0);
}

static void a_server_without_time_is_left_alone(void **state)
{
	struct rig *rig = *state;
	struct client_call *call;

	see(rig, "gw", "5", "{}");
	want(rig, "{\"a\":1}");
	call = patches("gw", BODY("5", "{\"a\":1}"));
	fake_head(call, 429, 7);
	fake_end(call, 0);
	assert_int_equal(writer_due_ms(rig->writer), fake.now_ms + 7000);
	passes(rig, 6999);
	assert_int_equal(fake.n, 0);
	passes(rig, 1);
	fake_end(patches("gw", BODY("5", "{\"a\":1}")), -ECONNRESET);
	assert_int_equal(writer_due_ms(rig->writer), fake.now_ms + 1600);
	passes(rig, 1600);
	fake_answer(patches("gw", BODY("5", "{\"a\":1}")), 200, ANSWER("6", "{\"a\":1}"));
	nothing(rig);
}

static void what_is_gone_or_refused_is_left(void **state)
{
	struct rig *rig = *state;
	struct diag_list diags = { 0 };

	see(rig, "gw", "5", "{}");
	want(rig, "{\"a\":1}");
	fake_answer(patches("gw", BODY("5", "{\"a\":1}")), 404, "{}");
	nothing(rig);
	see(rig, "gw", NULL, "");
	nothing(rig);
	see(rig, "gw", "8", "{}");
	writer_run(rig->writer);
	fake_answer(patches("gw", BODY("8", "{\"a\":1}")), 422,
		    "{\"kind\":\"Status\",\"reason\":\"Invalid\",\"message\":\"a: is bad\"}");
	writer_see(rig->writer, OBJECT_GATEWAY, "shop", "gw");
	nothing(rig);
	writer_report(rig->writer, &diags);
	assert_int_equal(diags.n, 1);
	assert_string_equal(diags.items[0].object, "Gateway shop/gw");
	assert_string_equal(diags.items[0].reason,
			    "cannot be written: HTTP 422 Invalid: a: is bad");
	diag_fini(&diags);
	want(rig, "{\"a\":2}");
	patches("gw", BODY("8", "{\"a\":2}"));
}

/* A server that does not know a field would otherwise be told of it for ever. */
static void what_the_server_drops_is_written_once(void **state)
{
	struct rig *rig = *state;

	see(rig, "gw", "5", "{}");
	want(rig, "{\"a\":1}");
	fake_answer(patches("gw", BODY("5", "{\"a\":1}")), 200, ANSWER("6", "{}"));
	nothing(rig);
	see(rig, "gw", "6", "{}");
	nothing(rig);
	see(rig, "gw", "7", "{\"z\":1}");
	writer_run(rig->writer);
	patches("gw", BODY("7", "{\"a\":1}"));
}

static void writes_are_rationed(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	struct rig *rig = *state;
	struct wants wants = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		see(rig, names[i], "5", "{}");
		add(&wants, names[i], "{\"a\":1}");
	}
	writer_set(rig->writer, &wants);
	writer_run(rig->writer);
	assert_int_equal(fake.n, 3);
	assert_int_equal(writer_due_ms(rig->writer), fake.now_ms + 100);
	passes(rig, 99);
	assert_int_equal(fake.n, 3);
	passes(rig, 1);
	assert_int_equal(fake.n, 4);
}

/* What was wanted of one that was deleted is not written to the next one of its name. */
static void another_object_of_the_name_waits(void **state)
{
	struct rig *rig = *state;

	see(rig, "gw", "5", "{}");
	want_of(rig, "former");
	nothing(rig);
	want_of(rig, "u");
	fake_answer(patches("gw", BODY("5", "{\"a\":1}")), 200, ANSWER("6", "{\"a\":1}"));
	nothing(rig);
}

static void what_is_not_wanted_any_more_ends(void **state)
{
	struct rig *rig = *state;
	struct wants none = { 0 };

	see(rig, "gw", "5", "{}");
	want(rig, "{\"a\":1}");
	patches("gw", BODY("5", "{\"a\":1}"));
	writer_set(rig->writer, &none);
	assert_int_equal(fake.n, 0);
	see(rig, "gw", "6", "{}");
	nothing(rig);
}

static void a_kind_that_the_cluster_has_not(void **state)
{
	struct rig *rig = *state;

	rig->has_kind = false;
	see(rig, "gw", "5", "{}");
	want(rig, "{\"a\":1}");
	nothing(rig);
}

static void odd_answers(void **state)
{
	static const char *const bodies[] = { "",    "7", "[]", "{\"metadata\":7}", "{\"status\":",
					      "null" };
	struct rig *rig = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		_cleanup_(mem_freep) char *newer = mem_printf("%zu", 10 + i);

		see(rig, "gw", newer, "{}");
		fake.now_ms += 1000;
		want(rig, "{\"a\":1}");
		assert_int_equal(fake.n, 1);
		fake_answer(fake.calls[0], 200, bodies[i]);
		nothing(rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_write_and_no_more),
		TEST(what_is_right_is_not_written),
		TEST(no_room_for_parents),
		TEST(who_does_not_lead_writes_nothing),
		TEST(a_conflict_waits_for_the_newer_one),
		TEST(a_conflict_asks_when_nothing_newer_comes),
		TEST(the_newest_want_counts),
		TEST(a_missing_right_is_told_once_and_tried_slowly),
		TEST(a_server_without_time_is_left_alone),
		TEST(what_is_gone_or_refused_is_left),
		TEST(what_the_server_drops_is_written_once),
		TEST(writes_are_rationed),
		TEST(another_object_of_the_name_waits),
		TEST(what_is_not_wanted_any_more_ends),
		TEST(a_kind_that_the_cluster_has_not),
		TEST(odd_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
