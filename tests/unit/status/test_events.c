// SPDX-License-Identifier: Apache-2.0
/* Which turns of conditions become Events, how often, and what they say. */
#include "../kube/fakeclient.h"

#include "kube/apijson.h"
#include "status/events.h"

#include <json-c/json.h>

#define EVENTS "/apis/events.k8s.io/v1/namespaces/shop/events"

struct rig {
	struct events *events;
	unsigned changed;
};

static void on_changed(void *arg)
{
	struct rig *rig = arg;

	rig->changed++;
}

static int setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));
	const struct events_config config = {
		.client = &fake,
		.timing = &fake_timing,
		.controller = "naru.io/gateway",
		.node = "n1",
		.changed = on_changed,
		.arg = rig,
	};

	fake_reset();
	rig->events = events_new(&config);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	events_free(rig->events);
	assert_int_equal(fake.n, 0);
	free(rig);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#define CONDITION(type, status, reason)                                                            \
	"{\"type\":\"" type "\",\"status\":\"" status "\",\"reason\":\"" reason                    \
	"\",\"message\":\"m\"}"
#define TOP(conditions) "{\"conditions\":[" conditions "]}"

/* A Gateway's status turned from one to the other; NULL: it had none. */
static void turn(struct rig *rig, const char *before, const char *after)
{
	const struct want want = {
		.kind = OBJECT_GATEWAY,
		.namespace = (char[]){ "shop" },
		.name = (char[]){ "web" },
		.generation = 1,
	};
	struct writer_change change = {
		.want = &want,
		.api_version = "gateway.networking.k8s.io/v1",
		.uid = "u",
		.before = before ? json_tokener_parse(before) : NULL,
		.after = json_tokener_parse(after),
	};

	assert_non_null(change.after);
	events_take(rig->events, &change);
	json_object_put(change.before);
	json_object_put(change.after);
	events_run(rig->events);
}

/* The only open request; its body, to be given back. */
static struct json_object *sent(const char *method, const char *path)
{
	struct json_object *body;

	assert_int_equal(fake.n, 1);
	assert_string_equal(fake.calls[0]->method, method);
	assert_int_equal(strncmp(fake.calls[0]->path, path, strlen(path)), 0);
	body = json_tokener_parse(fake.calls[0]->body);
	assert_non_null(body);
	return body;
}

static void taken(struct rig *rig)
{
	fake_answer(fake.calls[0], 201, "{}");
	events_run(rig->events);
}

static void assert_member(struct json_object *body, const char *name, const char *text)
{
	assert_string_equal(apijson_text(body, name), text);
}

static void a_turn_is_told(void **state)
{
	struct rig *rig = *state;
	struct json_object *body, *regarding;

	turn(rig, TOP(CONDITION("Programmed", "False", "Pending")),
	     TOP(CONDITION("Programmed", "True", "Programmed")));
	body = sent("POST", EVENTS);
	assert_member(body, "reason", "Programmed");
	assert_member(body, "type", "Normal");
	assert_member(body, "note", "Programmed is True: m");
	assert_member(body, "action", "Judged");
	assert_member(body, "reportingController", "naru.io/gateway");
	assert_member(body, "reportingInstance", "n1");
	assert_int_equal(strlen(apijson_text(body, "eventTime")), 27);
	assert_member(apijson_member(body, "metadata"), "namespace", "shop");
	regarding = apijson_member(body, "regarding");
	assert_member(regarding, "kind", "Gateway");
	assert_member(regarding, "name", "web");
	assert_member(regarding, "uid", "u");
	json_object_put(body);
	taken(rig);
	assert_int_equal(fake.n, 0);
	assert_int_equal(events_due_ms(rig->events), UINT64_MAX);
}

static void what_did_not_turn_is_not_told(void **state)
{
	struct rig *rig = *state;

	turn(rig, TOP(CONDITION("Accepted", "True", "A")), TOP(CONDITION("Accepted", "True", "B")));
	turn(rig, TOP(CONDITION("Accepted", "True", "A")), "{\"conditions\":[]}");
	turn(rig, "7", "{\"conditions\":7,\"listeners\":7,\"parents\":[7,null]}");
	turn(rig, TOP(CONDITION("Accepted", "True", "A")),
	     TOP("7," CONDITION("Accepted", "True", "A")));
	assert_int_equal(fake.n, 0);
}

static void what_is_wrong_is_a_warning(void **state)
{
	struct rig *rig = *state;
	struct json_object *body;

	turn(rig, NULL, TOP(CONDITION("Accepted", "False", "Invalid")));
	body = sent("POST", EVENTS);
	assert_member(body, "type", "Warning");
	json_object_put(body);
	taken(rig);
	turn(rig, NULL,
	     "{\"listeners\":[{\"name\":\"l\",\"conditions\":[" CONDITION(
		     "Conflicted", "True", "ProtocolConflict") "]}]}");
	body = sent("POST", EVENTS);
	assert_member(body, "type", "Warning");
	assert_member(body, "note", "listener l: Conflicted is True: m");
	json_object_put(body);
	taken(rig);
}

#define PARENT(controller, status)                                                                 \
	"{\"parentRef\":{\"name\":\"gw\"},\"controllerName\":\"" controller                        \
	"\",\"conditions\":[" CONDITION("Accepted", status, "R") "]}"

static void of_parents_only_ours_are_told(void **state)
{
	struct rig *rig = *state;
	struct json_object *body;

	turn(rig, "{\"parents\":[" PARENT("o/x", "True") "," PARENT("naru.io/gateway", "True") "]}",
	     "{\"parents\":[" PARENT("o/x", "False") "," PARENT("naru.io/gateway", "True") "]}");
	assert_int_equal(fake.n, 0);
	turn(rig,
	     "{\"parents\":[" PARENT("o/x", "False") "," PARENT("naru.io/gateway", "True") "]}",
	     "{\"parents\":[" PARENT("o/x", "False") "," PARENT("naru.io/gateway", "False") "]}");
	body = sent("POST", EVENTS);
	assert_member(body, "note", "parent gw: Accepted is False: m");
	json_object_put(body);
	taken(rig);
}

static void what_repeats_is_counted(void **state)
{
	struct rig *rig = *state;
	struct json_object *body;

	for (int i = 0; i < 10; i++) {
		turn(rig, TOP(CONDITION("Accepted", "True", "A")),
		     TOP(CONDITION("Accepted", "False", "B")));
		if (fake.n)
			taken(rig);
		fake.now_ms += 1000;
	}
	assert_int_equal(fake.n, 0);
	fake.now_ms += EVENTS_GAP_MS - 10001;
	events_run(rig->events);
	assert_int_equal(fake.n, 0);
	fake.now_ms++;
	assert_int_equal(events_due_ms(rig->events), fake.now_ms);
	events_run(rig->events);
	body = sent("PATCH", EVENTS "/web.");
	assert_int_equal(apijson_number(apijson_member(body, "series"), "count"), 10);
	json_object_put(body);
	taken(rig);
	/* Another reason is another Event. */
	turn(rig, TOP(CONDITION("Accepted", "False", "B")),
	     TOP(CONDITION("Accepted", "True", "A")));
	json_object_put(sent("POST", EVENTS));
	taken(rig);
	/* After a long time it is a new one. */
	fake.now_ms += 2 * EVENTS_GAP_MS;
	turn(rig, TOP(CONDITION("Accepted", "True", "A")),
	     TOP(CONDITION("Accepted", "False", "B")));
	json_object_put(sent("POST", EVENTS));
	taken(rig);
}

static void what_is_refused_is_not_repeated(void **state)
{
	struct rig *rig = *state;
	struct events_counts counts;

	turn(rig, NULL, TOP(CONDITION("Accepted", "True", "A")));
	fake_answer(fake.calls[0], 403, "{}");
	events_run(rig->events);
	turn(rig, NULL, TOP(CONDITION("Accepted", "True", "A")));
	assert_int_equal(fake.n, 0);
	events_counts(rig->events, &counts);
	assert_int_equal(counts.skipped, 1);
	assert_int_equal(counts.told, 0);
}

/* An Event that has gone, while it was to be made longer once more. */
static void a_series_that_is_refused_ends(void **state)
{
	const char *before = TOP(CONDITION("Accepted", "True", "A"));
	const char *after = TOP(CONDITION("Accepted", "False", "B"));
	struct rig *rig = *state;

	turn(rig, before, after);
	taken(rig);
	turn(rig, before, after);
	fake.now_ms += EVENTS_GAP_MS;
	events_run(rig->events);
	json_object_put(sent("PATCH", EVENTS));
	turn(rig, before, after);
	fake_answer(fake.calls[0], 404, "{}");
	events_run(rig->events);
	assert_int_equal(fake.n, 0);
	assert_int_equal(events_due_ms(rig->events), UINT64_MAX);
}

static void long_notes_are_cut(void **state)
{
	struct rig *rig = *state;
	struct str status = { 0 };
	struct json_object *body;

	str_addf(&status, "{\"conditions\":[{\"type\":\"Accepted\",\"status\":\"False\","
			  "\"reason\":\"R\",\"message\":\"");
	for (int i = 0; i < 2000; i++)
		str_addf(&status, "ä");
	str_addf(&status, "\"}]}");
	turn(rig, NULL, status.buf);
	body = sent("POST", EVENTS);
	assert_true(strlen(apijson_text(body, "note")) <= 1024);
	assert_true(strlen(apijson_text(body, "note")) >= 1022);
	json_object_put(body);
	str_fini(&status);
	taken(rig);
}

/* Many objects at once: so many a second, and none is lost for want of time. */
static void many_are_rationed(void **state)
{
	struct rig *rig = *state;
	struct events_counts counts;
	struct str status = { 0 };

	str_addf(&status, "{\"conditions\":[");
	for (int i = 0; i < 40; i++)
		str_addf(&status, "%s{\"type\":\"T%d\",\"status\":\"True\",\"reason\":\"R%d\"}",
			 i ? "," : "", i, i);
	str_addf(&status, "]}");
	turn(rig, NULL, status.buf);
	while (fake.n)
		taken(rig);
	events_counts(rig->events, &counts);
	assert_int_equal(counts.told, 25);
	while (events_due_ms(rig->events) != UINT64_MAX) {
		assert_true(events_due_ms(rig->events) > fake.now_ms);
		fake.now_ms = events_due_ms(rig->events);
		events_run(rig->events);
		while (fake.n)
			taken(rig);
	}
	events_counts(rig->events, &counts);
	assert_int_equal(counts.told, 40);
	str_fini(&status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_turn_is_told),
		TEST(what_did_not_turn_is_not_told),
		TEST(what_is_wrong_is_a_warning),
		TEST(of_parents_only_ours_are_told),
		TEST(what_repeats_is_counted),
		TEST(what_is_refused_is_not_repeated),
		TEST(a_series_that_is_refused_ends),
		TEST(long_notes_are_cut),
		TEST(many_are_rationed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
