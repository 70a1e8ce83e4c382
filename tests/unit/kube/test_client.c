// SPDX-License-Identifier: Apache-2.0
/* Calls to a server over real sockets and TLS: answers, failures, cancelling, rates. */
#include "base/clock.h"
#include "clientrig.h"

static void an_answer(void **state)
{
	struct rig *rig = *state;
	struct call call;

	rig_begin(rig, NULL);
	call = call_once(rig, "/api");
	assert_int_equal(call.error, 0);
	assert_int_equal(call.status, 200);
	assert_string_equal(call.body.buf, SERVER_BODY);
	assert_string_equal(client_problem(rig->client), "");
	str_fini(&call.body);
}

static void a_body(void **state)
{
	struct rig *rig = *state;
	struct call call = { 0 };
	char body[] = "{\"kind\":\"Event\"}";

	rig_begin(rig, NULL);
	call_start(rig, &call, "/events",
		   (struct client_request){
			   .lane = CLIENT_REST,
			   .method = "POST",
			   .content_type = "application/merge-patch+json",
			   .body = body,
			   .len = strlen(body),
		   });
	/* It was copied. */
	memset(body, 0, sizeof(body));
	loop_run(rig->loop);
	assert_int_equal(call.status, 200);
	assert_string_equal(call.body.buf, "16 application/merge-patch+json");
	str_fini(&call.body);
}

static void gzip(void **state)
{
	struct rig *rig = *state;
	struct call call;

	rig_begin(rig, NULL);
	call = call_once(rig, "/zip");
	assert_int_equal(call.error, 0);
	assert_string_equal(call.body.buf, SERVER_BODY);
	str_fini(&call.body);
	call_expect(rig, "/zip/short", 200, -EPROTO);
	/* What was never asked for. */
	call_expect(rig, "/odd", 0, -EPROTO);
	call_expect(rig, "/", 200, 0);
	assert_int_equal(rig->server->conns, 1);
}

static void retry_after(void **state)
{
	struct rig *rig = *state;
	struct call call;

	rig_begin(rig, NULL);
	call = call_once(rig, "/busy");
	assert_int_equal(call.status, 429);
	assert_int_equal(call.retry_after_s, 7);
	str_fini(&call.body);
}

/* A stuck watch keeps nobody waiting. */
static void lanes_have_connections_of_their_own(void **state)
{
	struct rig *rig = *state;
	struct call watch = { 0 }, other = { 0 };

	rig_begin(rig, NULL);
	call_start(rig, &watch, "/hang", (struct client_request){ .lane = CLIENT_WATCH });
	call_start(rig, &other, "/api", (struct client_request){ .lane = CLIENT_REST });
	rig->open = 1;
	loop_run(rig->loop);
	assert_int_equal(other.status, 200);
	assert_int_equal(watch.ends, 0);
	assert_true(rig->server->conns >= 1 && rig->server->conns <= 2);
	client_cancel(watch.call);
	str_fini(&other.body);
}

/* Two in each connection; what is too much goes into another one, and into one that has room. */
static void more_calls_than_streams(void **state)
{
	struct rig *rig = *state;
	struct call hangs[5] = { 0 };

	rig_serve(rig, (struct server){ .protocol = "\2h2", .streams = 2 });
	rig_access(rig, NULL);
	rig_open(rig, (struct client_times){ 0 });
	call_expect(rig, "/api", 200, 0);
	for (size_t i = 0; i < ARRAY_SIZE(hangs); i++)
		call_start(rig, &hangs[i], "/hang", (struct client_request){ .lane = CLIENT_REST });
	rig->open = 0;
	/* Five streams hang, so this one is the sixth. */
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->conns, 3);
	client_cancel(hangs[0].call);
	call_expect(rig, "/api", 200, 0);
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->conns, 3);
	for (size_t i = 0; i < ARRAY_SIZE(hangs); i++) {
		assert_int_equal(hangs[i].ends, 0);
		if (i)
			client_cancel(hangs[i].call);
	}
}

/* As many as the server takes, and more: what everything depends on goes another way. */
static void single_objects_starve_nobody(void **state)
{
	struct rig *rig = *state;
	struct call hangs[20] = { 0 }, watch = { 0 };

	rig_serve(rig, (struct server){ .protocol = "\2h2", .streams = 1 });
	rig_access(rig, NULL);
	rig_open(rig, (struct client_times){ 0 });
	for (size_t i = 0; i < ARRAY_SIZE(hangs); i++)
		call_start(rig, &hangs[i], "/hang",
			   (struct client_request){ .lane = CLIENT_SINGLE });
	rig->open = 0;
	call_start(rig, &watch, "/api",
		   (struct client_request){ .lane = CLIENT_WATCH, .timeout_s = 10 });
	loop_run(rig->loop);
	assert_int_equal(watch.error, 0);
	assert_int_equal(watch.status, 200);
	str_fini(&watch.body);
	for (size_t i = 0; i < ARRAY_SIZE(hangs); i++)
		client_cancel(hangs[i].call);
}

static void failures_end_calls(void **state)
{
	struct rig *rig = *state;
	struct call late = { 0 };

	rig_begin(rig, NULL);
	call_expect(rig, "/reset", 0, -ECONNRESET);
	/* Whom nobody has looked at is tried again, a few times. */
	call_expect(rig, "/refuse", 0, -ECONNRESET);
	assert_int_equal(rig->server->requests, 1 + 3);
	call_start(rig, &late, "/hang",
		   (struct client_request){ .lane = CLIENT_REST, .timeout_s = 1 });
	loop_run(rig->loop);
	assert_int_equal(late.error, -ETIMEDOUT);
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->conns, 1);
}

static void a_lost_connection_is_made_again(void **state)
{
	struct rig *rig = *state;
	struct call call;

	rig_begin(rig, NULL);
	call_expect(rig, "/api", 200, 0);
	call = call_once(rig, "/drop");
	assert_true(call.error < 0);
	assert_int_equal(call.status, 0);
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->conns, 2);
}

/* What is under way ends well, and what comes next goes elsewhere. */
static void goaway(void **state)
{
	struct rig *rig = *state;
	struct call next = { 0 }, call = { .next = &next, .next_path = "/api" };

	rig_begin(rig, NULL);
	call_get(rig, &call, "/leave");
	loop_run(rig->loop);
	assert_int_equal(call.error, 0);
	assert_int_equal(call.status, 200);
	assert_int_equal(next.error, 0);
	assert_int_equal(next.status, 200);
	assert_int_equal(rig->server->conns, 2);
	str_fini(&call.body);
	str_fini(&next.body);
}

static void cancelling_at_each_stage(void **state)
{
	struct rig *rig = *state;
	struct call waiting = { 0 }, hangs = { 0 };
	struct call head = { .cancel_at_head = true }, data = { .cancel_at_data = true };
	struct call zipped = { .cancel_at_data = true };

	rig_begin(rig, NULL);
	client_cancel(NULL);
	call_get(rig, &waiting, "/api");
	client_cancel(waiting.call);
	rig->open--;
	call_get(rig, &hangs, "/hang");
	call_get(rig, &head, "/api");
	call_get(rig, &data, "/api");
	call_get(rig, &zipped, "/zip");
	rig->open--;
	loop_run(rig->loop);
	client_cancel(hangs.call);
	assert_int_equal(head.status, 200);
	assert_int_equal(head.body.len, 0);
	assert_int_equal(data.body.len, strlen(SERVER_BODY));
	assert_int_equal(waiting.ends + hangs.ends + head.ends + data.ends + zipped.ends, 0);
	call_expect(rig, "/api", 200, 0);
	str_fini(&data.body);
	str_fini(&zipped.body);
}

/* Teardown closes it in the middle of all. */
static void closing_tells_nobody(void **state)
{
	static struct call calls[3];
	struct rig *rig = *state;

	memset(calls, 0, sizeof(calls));
	rig_begin(rig, NULL);
	call_expect(rig, "/api", 200, 0);
	call_get(rig, &calls[0], "/hang");
	call_get(rig, &calls[1], "/api");
	call_start(rig, &calls[2], "/api", (struct client_request){ .lane = CLIENT_WATCH });
	client_close(TAKE_PTR(rig->client));
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		assert_int_equal(calls[i].ends, 0);
}

/* Ten at once, and then five a second; watches pay nothing. */
static void rates(void **state)
{
	struct rig *rig = *state;
	struct call calls[13] = { 0 }, watches[13] = { 0 };
	uint64_t start = clock_ms();

	rig_begin(rig, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(watches); i++)
		call_start(rig, &watches[i], "/api", (struct client_request){ 0 });
	loop_run(rig->loop);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		call_get(rig, &calls[i], "/api");
	loop_run(rig->loop);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		assert_int_equal(calls[i].status, 200);
		assert_int_equal(watches[i].status, 200);
		str_fini(&calls[i].body);
		str_fini(&watches[i].body);
	}
	assert_true(clock_ms() - start >= 3 * 200 - 50);
}

/* The connection stands, and nobody is at its other end: what TCP alone finds after minutes. */
static void a_server_that_has_stopped(void **state)
{
	struct rig *rig = *state;
	struct call watch = { 0 };

	rig_begin(rig, NULL);
	client_close(rig->client);
	rig_open(rig, (struct client_times){ .silence_ms = 50, .answer_ms = 50 });
	call_expect(rig, "/api", 200, 0);
	/* Without a time-out of its own, as watches are. */
	call_get(rig, &watch, "/freeze");
	loop_run(rig->loop);
	assert_int_equal(watch.ends, 1);
	assert_int_equal(watch.error, -ETIMEDOUT);
	call_expect(rig, "/api", 200, 0);
	assert_int_equal(rig->server->conns, 2);
}

static void a_server_that_only_answers_pings(void **state)
{
	struct rig *rig = *state;
	struct call call = { 0 };

	rig_begin(rig, NULL);
	client_close(rig->client);
	rig_open(rig, (struct client_times){ .silence_ms = 30, .answer_ms = 30 });
	/* The server answers PINGs: nothing happens to who waits. */
	call_start(rig, &call, "/hang",
		   (struct client_request){ .lane = CLIENT_WATCH, .timeout_s = 1 });
	loop_run(rig->loop);
	assert_int_equal(call.error, -ETIMEDOUT);
	assert_int_equal(rig->server->conns, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer),
		TEST(a_body),
		TEST(gzip),
		TEST(retry_after),
		TEST(lanes_have_connections_of_their_own),
		TEST(more_calls_than_streams),
		TEST(single_objects_starve_nobody),
		TEST(failures_end_calls),
		TEST(a_lost_connection_is_made_again),
		TEST(goaway),
		TEST(cancelling_at_each_stage),
		TEST(closing_tells_nobody),
		TEST(rates),
		TEST(a_server_that_only_answers_pings),
		TEST(a_server_that_has_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
