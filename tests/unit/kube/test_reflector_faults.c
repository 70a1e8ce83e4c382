// SPDX-License-Identifier: Apache-2.0
/* What does not count as information, and what is done about it: the sink hears nothing. */
#include "reflectorrig.h"

static void an_outage_keeps_the_version(void **state)
{
	struct rig *rig = *state;

	fake_end(sync_by_watch(rig, "9"), -ECONNRESET);
	/* 800 ms, doubled up to 30 s. */
	fake_end(asks_after(rig, 800, WATCH "&resourceVersion=9"), -ECONNREFUSED);
	fake_end(asks_after(rig, 1600, WATCH "&resourceVersion=9"), -ECONNREFUSED);
	fake_end(asks_after(rig, 3200, WATCH "&resourceVersion=9"), -ECONNREFUSED);
	fake_end(asks_after(rig, 6400, WATCH "&resourceVersion=9"), -ECONNREFUSED);
	fake_end(asks_after(rig, 12800, WATCH "&resourceVersion=9"), -ETIMEDOUT);
	fake_end(asks_after(rig, 25600, WATCH "&resourceVersion=9"), -ETIMEDOUT);
	fake_end(asks_after(rig, 30000, WATCH "&resourceVersion=9"), -ETIMEDOUT);
	fake.random = UINT32_MAX;
	fake_end(asks_after(rig, 30000,
			    PATH "?watch=true&allowWatchBookmarks=true&timeoutSeconds="
				 "401&resourceVersion=9"),
		 -EACCES);
	fake.random = 0;
	fake_head(asks_after(rig, 60000, WATCH "&resourceVersion=9"), 200, 0);
	assert_heard(rig, "");
	/* After two quiet minutes it starts anew. */
	fake.now_ms += 120000;
	fake_end(fake.calls[0], -ECONNRESET);
	asks_after(rig, 800, WATCH "&resourceVersion=9");
	for (int reason = 0; reason < REFLECTOR_REASON_MAX; reason++)
		assert_int_equal(rereads(rig, (enum reflector_reason)reason), 0);
}

static void refusals_are_no_information(void **state)
{
	static const int statuses[] = { 401, 403, 404, 429, 500, 502, 503, 504 };
	struct rig *rig = *state;

	fake_end(sync_by_watch(rig, "9"), -ECONNRESET);
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		fake.now_ms = reflector_due_ms(rig->reflector);
		reflector_run(rig->reflector);
		fake_answer(asked(WATCH "&resourceVersion=9"), statuses[i], "gone away");
	}
	assert_heard(rig, "");
	assert_problem(rig, "HTTP 504");
	assert_int_equal(rereads(rig, REFLECTOR_ERRORS), 0);
}

static void a_server_says_when_to_come_back(void **state)
{
	struct rig *rig = *state;
	struct client_call *call;

	fake_end(sync_by_watch(rig, "9"), -ECONNRESET);
	call = asks_after(rig, 800, WATCH "&resourceVersion=9");
	fake_head(call, 429, 7);
	fake_end(call, 0);
	call = asks_after(rig, 7000, WATCH "&resourceVersion=9");
	fake_answer(call, 503,
		    "{\"kind\":\"Status\",\"code\":503,\"details\":{\"retryAfterSeconds\":9}}");
	asks_after(rig, 9000, WATCH "&resourceVersion=9");
}

static void a_forgotten_version_is_read_anew(void **state)
{
	struct rig *rig = *state;
	struct client_call *call;

	fake_end(sync_by_watch(rig, "9"), -ECONNRESET);
	call = asks_after(rig, 800, WATCH "&resourceVersion=9");
	fake_answer(call, 410, STATUS(410, "Expired"));
	call = asks_after(rig, 800, INITIAL);
	fake_head(call, 200, 0);
	fake_data(call, EVENT("ADDED", "a", "3") INITIAL_END("20"));
	assert_heard(rig, "begin put:a commit");
	/* The same as an event. */
	fake_data(call, ERROR(410));
	asks_after(rig, 800, INITIAL);
	assert_int_equal(rereads(rig, REFLECTOR_EXPIRED), 2);
}

/* Not by what it took to reach the server, but it may not be asked without end. */
static void after_an_outage_a_forgotten_version_is_read_anew_soon(void **state)
{
	struct rig *rig = *state;

	fake_end(sync_by_watch(rig, "9"), -ECONNRESET);
	fake_end(asks_after(rig, 800, WATCH "&resourceVersion=9"), -ECONNREFUSED);
	fake_end(asks_after(rig, 1600, WATCH "&resourceVersion=9"), -ECONNREFUSED);
	fake_end(asks_after(rig, 3200, WATCH "&resourceVersion=9"), -ECONNREFUSED);
	fake_answer(asks_after(rig, 6400, WATCH "&resourceVersion=9"), 410, "");
	fake_answer(asks_after(rig, 800, INITIAL), 410, "");
	fake_answer(asks_after(rig, 1600, INITIAL), 410, "");
	asks_after(rig, 3200, INITIAL);
}

static void a_list_that_expires_twice_is_asked_for_without_a_version(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = refuse_watch(rig, PATH "?limit=500&resourceVersion=0");

	fake_answer(call, 410, STATUS(410, "Expired"));
	fake_answer(asks_after(rig, 800, PATH "?limit=500"), 200, LIST("5", "", ""));
	assert_heard(rig, "begin begin commit");
}

static void other_errors_of_a_watch_end_in_a_new_reading(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = sync_by_watch(rig, "9");

	for (int i = 0; i < 4; i++) {
		fake_data(call, ERROR(500));
		fake.now_ms = reflector_due_ms(rig->reflector);
		reflector_run(rig->reflector);
		call = asked(WATCH "&resourceVersion=9");
		fake_head(call, 200, 0);
	}
	fake_data(call, ERROR(500));
	fake.now_ms = reflector_due_ms(rig->reflector);
	reflector_run(rig->reflector);
	asked(INITIAL "&resourceVersion=9");
	assert_heard(rig, "begin");
	assert_int_equal(rereads(rig, REFLECTOR_ERRORS), 1);
}

/* A server that is away answers nothing or 503, for as long as it likes; one that finds no way to
 * go on from here says 500. */
static void a_watch_that_never_begins_ends_in_a_new_reading(void **state)
{
	static const int codes[] = { 503, 503, 503, 503, 503, 429, 500, 500, 500, 500, 500 };
	struct rig *rig = *state;
	struct client_call *call = sync_by_watch(rig, "9");

	fake_end(call, -ECONNRESET);
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		fake.now_ms = reflector_due_ms(rig->reflector);
		reflector_run(rig->reflector);
		call = asked(WATCH "&resourceVersion=9");
		fake_answer(call, codes[i], STATUS(500, "Fault"));
	}
	fake.now_ms = reflector_due_ms(rig->reflector);
	reflector_run(rig->reflector);
	asked(INITIAL "&resourceVersion=9");
	assert_int_equal(rereads(rig, REFLECTOR_ERRORS), 1);
}

static void a_watch_that_is_not_understood_ends_in_a_new_reading(void **state)
{
	struct rig *rig = *state;

	fake_end(sync_by_watch(rig, "9"), -ECONNRESET);
	fake_answer(asks_after(rig, 800, WATCH "&resourceVersion=9"), 400,
		    STATUS(400, "BadRequest"));
	asks_after(rig, 800, INITIAL "&resourceVersion=9");
}

/* Whatever is 200 and not a whole list. */
static void half_and_wrong_lists_are_no_information(void **state)
{
	static const char *const bodies[] = {
		"",
		"{}",
		"null",
		"[]",
		"<html><body>Please log in</body></html>",
		"{\"kind\":\"ServiceList\",\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[",
		"{\"kind\":\"ServiceList\",\"metadata\":{\"resourceVersion\":\"9\"}}",
		"{\"kind\":\"ServiceList\",\"metadata\":{\"resourceVersion\":\"\"},\"items\":[]}",
		"{\"kind\":\"ServiceList\",\"metadata\":{},\"items\":[]}",
		"{\"kind\":\"ServiceList\",\"items\":[]}",
		"{\"kind\":\"ServiceList\",\"metadata\":{\"resourceVersion\":\"9\"},\"items\":{}}",
		"{\"kind\":\"Table\",\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[]}",
		"{\"kind\":\"Status\",\"metadata\":{},\"status\":\"Success\"}",
		"{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[]}}",
	};
	struct rig *rig = *state;
	struct client_call *call = refuse_watch(rig, PATH "?limit=500&resourceVersion=0");

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		fake_head(call, 200, 0);
		fake_data(call, bodies[i]);
		if (fake.n)
			fake_end(call, 0);
		assert_heard(rig, "begin");
		fake.now_ms = reflector_due_ms(rig->reflector);
		reflector_run(rig->reflector);
		call = asked(PATH "?limit=500&resourceVersion=0");
	}
	/* A list that is whole but for its connection. */
	fake_head(call, 200, 0);
	fake_data(call, LIST("9", "", ""));
	fake_end(call, -ECONNRESET);
	assert_heard(rig, "begin");
	/* No elements is information. */
	fake.now_ms = reflector_due_ms(rig->reflector);
	reflector_run(rig->reflector);
	fake_answer(asked(PATH "?limit=500&resourceVersion=0"), 200,
		    "{\"kind\":\"ServiceList\",\"metadata\":{\"resourceVersion\":\"9\"},"
		    "\"items\":null}");
	assert_heard(rig, "begin commit");
}

/* In pages of one set an object has one version, wherever it stands and however often. */
static void pages_that_repeat_themselves(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = refuse_watch(rig, PATH "?limit=500&resourceVersion=0");

	fake_answer(call, 200, LIST("5", "x", OBJECT("b", "3") "," OBJECT("a", "3")));
	call = asks_after(rig, 0, PATH "?limit=500&continue=x");
	fake_answer(call, 200, LIST("5", "y", OBJECT("b", "3") "," OBJECT("a", "3")));
	call = asks_after(rig, 0, PATH "?limit=500&continue=y");
	fake_answer(call, 200, LIST("5", "", OBJECT("0", "3")));
	assert_heard(rig, "begin put:b put:a put:b put:a put:0 commit");
	assert_problem(rig, NULL);
}

/* Pages without end would be a reading without end, whichever of them is behind the last. */
static void pages_that_lead_back_begin_the_list_anew(void **state)
{
	static const char *const ways[] = { "x", "xy", "wx", "wxyz", "uvwxyz" };
	struct rig *rig = *state;
	struct client_call *call = refuse_watch(rig, PATH "?limit=500&resourceVersion=0");

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		unsigned circle = i % 2 + 1, pages = 0; /* the last one or two of the way */
		size_t n = strlen(ways[i]), at = 0;

		for (;; at = at + 1 < n ? at + 1 : n - circle) {
			char list[256], path[64];

			snprintf(list, sizeof(list), LIST("5", "%c", OBJECT("a", "3")),
				 ways[i][at]);
			fake_answer(call, 200, list);
			if (reflector_due_ms(rig->reflector) > fake.now_ms)
				break;
			assert_true(++pages <= 3 * n + 1);
			snprintf(path, sizeof(path), PATH "?limit=500&continue=%c", ways[i][at]);
			call = asks_after(rig, 0, path);
		}
		assert_problem(rig, "the server gives the same pages again and again");
		call = asks_after(rig, reflector_due_ms(rig->reflector) - fake.now_ms,
				  PATH "?limit=500&resourceVersion=0");
	}
}

static void an_older_set_is_not_passed_on(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = sync_by_watch(rig, "900");

	fake_data(call, EVENT("MODIFIED", "a", "1000"));
	fake_data(call, ERROR(410));
	assert_heard(rig, "put:a");
	call = asks_after(rig, 800, INITIAL);
	fake_head(call, 200, 0);
	fake_data(call, INITIAL_END("999"));
	assert_problem(rig, "the server's state is older than what is known");
	call = asks_after(rig, 1600, INITIAL);
	fake_head(call, 200, 0);
	fake_data(call, INITIAL_END("1000"));
	assert_heard(rig, "begin begin commit");
	assert_int_equal(rereads(rig, REFLECTOR_OLDER), 1);
}

/* A cluster that was restored from a copy counts from an earlier number, for good. */
static void a_server_that_insists_is_believed(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = sync_by_watch(rig, "1000");

	fake_data(call, ERROR(410));
	for (int i = 0; i < 5; i++) {
		assert_heard(rig, i ? "begin" : "");
		fake.now_ms = reflector_due_ms(rig->reflector);
		reflector_run(rig->reflector);
		call = asked(INITIAL);
		fake_head(call, 200, 0);
		fake_data(call, INITIAL_END("500"));
	}
	assert_heard(rig, "begin commit");
	fake_end(call, -ECONNRESET);
	fake.now_ms = reflector_due_ms(rig->reflector);
	reflector_run(rig->reflector);
	asked(WATCH "&resourceVersion=500");
}

static void a_set_that_lost_most_is_read_twice(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = sync_by_watch(rig, "9");

	rig->known = 9;
	rig->gone = 5;
	fake_data(call, ERROR(410));
	call = asks_after(rig, 800, INITIAL);
	fake_head(call, 200, 0);
	fake_data(call, INITIAL_END("20"));
	assert_heard(rig, "begin");
	/* Also when the second reading does not succeed at once. */
	fake_end(asks_after(rig, 1600, INITIAL), -ECONNRESET);
	call = asks_after(rig, 3200, INITIAL);
	fake_head(call, 200, 0);
	fake_data(call, INITIAL_END("20"));
	assert_heard(rig, "begin begin commit");
	assert_int_equal(rereads(rig, REFLECTOR_SHRUNK), 1);
	/* Of few, too. */
	rig->known = rig->gone = 1;
	fake_data(call, ERROR(410));
	call = asks_after(rig, 800, INITIAL);
	fake_head(call, 200, 0);
	fake_data(call, INITIAL_END("30"));
	call = asks_after(rig, 1600, INITIAL);
	fake_head(call, 200, 0);
	fake_data(call, INITIAL_END("30"));
	assert_int_equal(rereads(rig, REFLECTOR_SHRUNK), 2);
	/* Half of them may go. */
	rig->known = 10;
	rig->gone = 5;
	fake_data(call, ERROR(410));
	call = asks_after(rig, 800, INITIAL);
	fake_head(call, 200, 0);
	fake_data(call, INITIAL_END("40"));
	assert_heard(rig, "begin begin commit begin commit");
}

static void a_broken_event_is_asked_for_once_more(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = sync_by_watch(rig, "9");

	fake_data(call, EVENT("ADDED", "b", "10") "{\"type\": oops}\n" EVENT("ADDED", "c", "12"));
	assert_heard(rig, "put:b");
	assert_problem(rig, "an object is not valid JSON");
	call = asks_after(rig, 800, WATCH "&resourceVersion=10");
	fake_head(call, 200, 0);
	fake_data(call, "{\"type\": oops}\n" EVENT("ADDED", "c", "12"));
	assert_heard(rig, "lost:an object is not valid JSON put:c");
	/* The next one is another matter. */
	fake_data(call, "{\"type\":\"NEWS\",\"object\":{}}");
	assert_heard(rig, "");
	call = asks_after(rig, 1600, WATCH "&resourceVersion=12");
	fake_head(call, 200, 0);
	fake_data(call, "{\"type\":\"ADDED\",\"object\":5}" EVENT("ADDED", "d", "13"));
	assert_heard(rig, "lost:an event has no resourceVersion put:d");
}

static void garbage_between_events_reopens_the_watch(void **state)
{
	static const char *const garbage[] = { "x", "}", "<html>", "\xff", "[1]" };
	struct rig *rig = *state;
	struct client_call *call = sync_by_watch(rig, "9");

	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		fake_data(call, garbage[i]);
		assert_heard(rig, "");
		fake.now_ms = reflector_due_ms(rig->reflector);
		reflector_run(rig->reflector);
		call = asked(WATCH "&resourceVersion=9");
		fake_head(call, 200, 0);
	}
}

/* What comes behind it cannot be told from the rest of it. */
static void an_event_that_does_not_end_is_asked_for_again(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = sync_by_watch(rig, "9");

	fake_data(call, EVENT("ADDED", "a", "10") "{\"type\":\"MODIFIED\",\"object\":{\"kind\"\n");
	fake.now_ms += 59999;
	reflector_run(rig->reflector);
	fake_data(call, EVENT("ADDED", "b", "12"));
	assert_heard(rig, "put:a");
	fake.now_ms++;
	reflector_run(rig->reflector);
	call = asks_after(rig, 800, WATCH "&resourceVersion=10");
	fake_head(call, 200, 0);
	/* One that comes in pieces has its time each. */
	for (int i = 0; i < 3; i++) {
		fake_data(call, "{\"type\":\"ADDED\",");
		fake.now_ms += 59999;
		reflector_run(rig->reflector);
		fake_data(call, "\"object\":" OBJECT("b", "12") "}\n" EVENT("ADDED", "c", "13"));
		assert_heard(rig, "put:b put:c");
	}
}

static void broken_elements_of_a_list_are_left_out(void **state)
{
	struct rig *rig = *state;
	struct client_call *call = refuse_watch(rig, PATH "?limit=500&resourceVersion=0");

	fake_answer(call, 200,
		    LIST("5", "", OBJECT("a", "3") ",null,{\"x\":?}, 7 ," OBJECT("b", "4")));
	assert_heard(rig, "begin put:a lost:an element is no object lost:an object is not valid "
			  "JSON lost:an element is no object put:b commit");
}

static char *filler(size_t len)
{
	char *text = mem_new(len + 1);

	memset(text, 'x', len);
	return text;
}

static void an_object_beyond_all_measure_is_left_out(void **state)
{
	_cleanup_(mem_freep) char *mib = filler(1u << 20);
	struct rig *rig = *state;
	struct client_call *call = refuse_watch(rig, PATH "?limit=500&resourceVersion=0");

	fake_head(call, 200, 0);
	fake_data(call, "{\"kind\":\"ServiceList\",\"items\":[" OBJECT("a", "3") ",{\"x\":\"");
	for (int i = 0; i < 9; i++)
		fake_data(call, mib);
	fake_data(call, "\"}," OBJECT("b", "4") "],\"metadata\":{\"resourceVersion\":\"5\"}}");
	fake_end(call, 0);
	assert_heard(rig, "begin put:a lost:an object is too long put:b commit");
	/* One that never ends cuts the call. */
	call = asks_after(rig, 0, WATCH "&resourceVersion=5");
	fake_head(call, 200, 0);
	fake_data(call, "{\"type\":\"");
	for (int i = 0; i < 80 && fake.n; i++)
		fake_data(call, mib);
	asks_after(rig, 800, WATCH "&resourceVersion=5");
	assert_heard(rig, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_outage_keeps_the_version),
		TEST(refusals_are_no_information),
		TEST(a_server_says_when_to_come_back),
		TEST(a_forgotten_version_is_read_anew),
		TEST(after_an_outage_a_forgotten_version_is_read_anew_soon),
		TEST(a_list_that_expires_twice_is_asked_for_without_a_version),
		TEST(other_errors_of_a_watch_end_in_a_new_reading),
		TEST(a_watch_that_never_begins_ends_in_a_new_reading),
		TEST(a_watch_that_is_not_understood_ends_in_a_new_reading),
		TEST(half_and_wrong_lists_are_no_information),
		TEST(pages_that_repeat_themselves),
		TEST(pages_that_lead_back_begin_the_list_anew),
		TEST(an_older_set_is_not_passed_on),
		TEST(a_server_that_insists_is_believed),
		TEST(a_set_that_lost_most_is_read_twice),
		TEST(a_broken_event_is_asked_for_once_more),
		TEST(garbage_between_events_reopens_the_watch),
		TEST(an_event_that_does_not_end_is_asked_for_again),
		TEST(broken_elements_of_a_list_are_left_out),
		TEST(an_object_beyond_all_measure_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
