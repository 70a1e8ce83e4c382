// SPDX-License-Identifier: Apache-2.0
/* How a set is read for the first time, and watched: the requests, and what the sink hears. */
#include "reflectorrig.h"

static void a_watch_with_first_objects_is_asked_for(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = asks_after(rig, 0, INITIAL);
	struct reflector_status status;

	fake_head(call, 200, 0);
	fake_data(call, EVENT("ADDED", "b", "7") EVENT("ADDED", "a", "3"));
	assert_heard(rig, "begin put:b put:a");
	reflector_status(rig->reflector, &status);
	assert_false(status.synced);
	assert_int_equal(status.watch_ms, 0);
	/* An ordinary bookmark ends nothing. */
	fake_data(call, BOOKMARK("8"));
	assert_heard(rig, "");
	fake_data(call, INITIAL_END("9"));
	assert_heard(rig, "commit");
	reflector_status(rig->reflector, &status);
	assert_true(status.synced);
	assert_int_equal(status.watch_ms, fake.now_ms);
	/* The same stream goes on. */
	fake_data(call, EVENT("MODIFIED", "a", "10") EVENT("DELETED", "b", "11"));
	assert_heard(rig, "put:a remove:b");
	asked(INITIAL);
}

static void changes_before_the_set_is_complete_are_part_of_it(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = asks_after(rig, 0, INITIAL);

	fake_head(call, 200, 0);
	fake_data(call, EVENT("ADDED", "a", "3") EVENT("DELETED", "a", "4") INITIAL_END("9"));
	assert_heard(rig, "begin put:a remove:a commit");
}

static void pieces_of_any_size_make_the_same_events(void **state)
{
	static const char text[] =
		EVENT("ADDED", "a{\\\"}]", "3") INITIAL_END("9") EVENT("DELETED", "a{\\\"}]", "10");
	struct rig *rig = *state;
	struct client_call *call = asks_after(rig, 0, INITIAL);

	fake_head(call, 200, 0);
	for (const char *at = text; *at; at++)
		fake_data(call, (const char[]){ *at, '\0' });
	assert_heard(rig, "begin put:a{\"}] commit remove:a{\"}]");
}

static void a_watch_is_renewed_from_the_last_version(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = sync_by_watch(rig, "9");

	fake.now_ms += 300000;
	fake_end(call, 0);
	call = asks_after(rig, 0, WATCH "&resourceVersion=9");
	fake_head(call, 200, 0);
	fake_data(call, EVENT("ADDED", "b", "12"));
	fake.now_ms += 300000;
	fake_end(call, 0);
	call = asks_after(rig, 0, WATCH "&resourceVersion=12");
	fake_head(call, 200, 0);
	fake_data(call, BOOKMARK("40"));
	fake.now_ms += 300000;
	fake_end(call, 0);
	asks_after(rig, 0, WATCH "&resourceVersion=40");
	assert_heard(rig, "put:b");
	assert_problem(rig, NULL);
}

static void a_watch_lasts_between_five_and_ten_minutes(void **state)
{
	struct rig *rig = *state;

	fake.random = 300;
	asks_after(rig, 0,
		   PATH "?watch=true&allowWatchBookmarks=true&timeoutSeconds=600"
			"&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
}

static void a_silent_watch_is_cut_after_its_time(void **state)
{
	struct rig *rig = *state;

	sync_by_watch(rig, "9");
	assert_int_equal(reflector_due_ms(rig->reflector), fake.now_ms + 330000);
	fake.now_ms += 330000;
	reflector_run(rig->reflector);
	assert_problem(rig, "the server says nothing");
	fake_head(asks_after(rig, 800, WATCH "&resourceVersion=9"), 200, 0);
	assert_problem(rig, NULL);
}

static void a_watch_that_ends_at_once_is_a_failure(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = sync_by_watch(rig, "9");

	fake.now_ms += 300000;
	fake_end(call, 0);
	call = asks_after(rig, 0, WATCH "&resourceVersion=9");
	fake_head(call, 200, 0);
	fake.now_ms += 999;
	fake_end(call, 0);
	assert_problem(rig, "the watch ended at once");
	/* With an event in it, or after a second, it is none. */
	call = asks_after(rig, 800, WATCH "&resourceVersion=9");
	fake_head(call, 200, 0);
	fake_data(call, EVENT("MODIFIED", "a", "10"));
	fake_end(call, 0);
	call = asks_after(rig, 0, WATCH "&resourceVersion=10");
	fake_head(call, 200, 0);
	fake.now_ms += 1000;
	fake_end(call, 0);
	asks_after(rig, 0, WATCH "&resourceVersion=10");
}

static void a_server_without_such_watches_is_asked_for_a_list(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = refuse_watch(rig, PATH "?limit=500&resourceVersion=0");

	fake_answer(call, 200, LIST("5", "", OBJECT("a", "3") "," OBJECT("b", "4")));
	assert_heard(rig, "begin put:a put:b commit");
	asks_after(rig, 0, WATCH "&resourceVersion=5");
	assert_problem(rig, NULL);
}

static void a_watch_that_owes_its_first_objects_for_a_minute_is_given_up(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = asks_after(rig, 0, INITIAL);

	fake_head(call, 200, 0);
	fake.now_ms += 59999;
	fake_data(call, EVENT("ADDED", "a", "3"));
	fake.now_ms += 59999;
	reflector_run(rig->reflector);
	asked(INITIAL);
	fake.now_ms++;
	reflector_run(rig->reflector);
	assert_heard(rig, "begin put:a");
	asks_after(rig, 800, PATH "?limit=500&resourceVersion=0");
}

static void a_watch_that_ends_before_all_are_there_gives_nothing(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = asks_after(rig, 0, INITIAL);

	fake_head(call, 200, 0);
	fake_data(call, EVENT("ADDED", "a", "3"));
	fake_end(call, 0);
	assert_heard(rig, "begin put:a");
	call = asks_after(rig, 800, PATH "?limit=500&resourceVersion=0");
	assert_problem(rig, "the watch ended before all objects were there");
	fake_answer(call, 200, LIST("5", "", ""));
	assert_heard(rig, "begin commit");
}

static void a_lost_connection_does_not_mean_that_lists_are_needed(void **state)
{
	struct rig *rig = *state;

	fake_end(asks_after(rig, 0, INITIAL), -ECONNREFUSED);
	assert_problem(rig, "Connection refused");
	fake_end(asks_after(rig, 800, INITIAL), -ETIMEDOUT);
	asks_after(rig, 1600, INITIAL);
}

static void lists_come_in_pages(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = refuse_watch(rig, PATH "?limit=500&resourceVersion=0");

	fake_answer(call, 200, LIST("5", "x+/=", OBJECT("a", "3")));
	call = asks_after(rig, 0, PATH "?limit=500&continue=x%2B%2F%3D");
	fake_answer(call, 200, LIST("5", "y", OBJECT("b", "3")));
	call = asks_after(rig, 0, PATH "?limit=500&continue=y");
	/* A page that fails is asked for again, alone. */
	fake_answer(call, 500, STATUS(500, "InternalError"));
	call = asks_after(rig, 800, PATH "?limit=500&continue=y");
	fake_answer(call, 200, LIST("5", "", OBJECT("c", "3")));
	assert_heard(rig, "begin put:a put:b put:c commit");
	asks_after(rig, 0, WATCH "&resourceVersion=5");
}

static void pages_that_expire_are_replaced_by_one_whole_list(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = refuse_watch(rig, PATH "?limit=500&resourceVersion=0");

	fake_answer(call, 200, LIST("5", "x", OBJECT("a", "3")));
	call = asks_after(rig, 0, PATH "?limit=500&continue=x");
	fake_answer(call, 410, STATUS(410, "Expired"));
	assert_heard(rig, "begin put:a");
	call = asks_after(rig, 0, PATH "?resourceVersion=0");
	fake_answer(call, 200, LIST("8", "", OBJECT("b", "7")));
	assert_heard(rig, "begin put:b commit");
	assert_int_equal(rereads(rig, REFLECTOR_EXPIRED), 0);
}

static void a_page_that_the_server_does_not_take_back_begins_the_list_anew(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = refuse_watch(rig, PATH "?limit=500&resourceVersion=0");

	fake_answer(call, 200, LIST("5", "x", OBJECT("a", "3")));
	call = asks_after(rig, 0, PATH "?limit=500&continue=x");
	fake_answer(call, 400, STATUS(400, "BadRequest"));
	asks_after(rig, 800, PATH "?limit=500&resourceVersion=0");
}

static void the_version_that_is_too_large_is_not_asked_for_again(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = sync_by_watch(rig, "9");

	fake_end(call, -ECONNRESET);
	call = asks_after(rig, 800, WATCH "&resourceVersion=9");
	fake_answer(call, 504,
		    "{\"kind\":\"Status\",\"code\":504,\"message\":\"Timeout: Too large resource "
		    "version: 9, current: 5\"}");
	asks_after(rig, 800, INITIAL);
	assert_int_equal(rereads(rig, REFLECTOR_TOO_LARGE), 1);
}

static void selectors_and_a_late_start(void **state)
{
	struct rig *rig = *state;
	const struct reflector_config config = {
		.client = &fake,
		.path = "/api/v1/pods",
		.selectors = "fieldSelector=spec.nodeName%3Dn1",
		.metadata = true,
		.sink = &sink,
		.sink_arg = rig,
		.timing = &fake_timing,
		.delay_ms = 4000,
		.changed = on_changed,
		.arg = rig,
	};

	reflector_free(rig->reflector);
	rig->reflector = reflector_new(&config);
	asks_after(rig, 4000,
		   "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1&watch=true&allowWatchBookmarks="
		   "true&timeoutSeconds=300&sendInitialEvents=true&resourceVersionMatch="
		   "NotOlderThan");
	assert_string_equal(fake.calls[0]->accept,
			    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_watch_with_first_objects_is_asked_for),
		TEST(changes_before_the_set_is_complete_are_part_of_it),
		TEST(pieces_of_any_size_make_the_same_events),
		TEST(a_watch_is_renewed_from_the_last_version),
		TEST(a_watch_lasts_between_five_and_ten_minutes),
		TEST(a_silent_watch_is_cut_after_its_time),
		TEST(a_watch_that_ends_at_once_is_a_failure),
		TEST(a_server_without_such_watches_is_asked_for_a_list),
		TEST(a_watch_that_owes_its_first_objects_for_a_minute_is_given_up),
		TEST(a_watch_that_ends_before_all_are_there_gives_nothing),
		TEST(a_lost_connection_does_not_mean_that_lists_are_needed),
		TEST(lists_come_in_pages),
		TEST(pages_that_expire_are_replaced_by_one_whole_list),
		TEST(a_page_that_the_server_does_not_take_back_begins_the_list_anew),
		TEST(the_version_that_is_too_large_is_not_asked_for_again),
		TEST(selectors_and_a_late_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
