// SPDX-License-Identifier: Apache-2.0
/* Tries beyond the first: which failures are hidden, and which are not. */
#include "engine_bodies.h"

/* Fails as often as the argument says, each in its way, then serves. */
struct flaky {
	const char *answer; /* of a failure; "": closes */
	_Atomic int failures;
	_Atomic unsigned tries;
};

static void serve_flaky(struct backend *backend, int fd, unsigned n)
{
	struct flaky *flaky = backend->arg;
	char head[20000], answer[128];

	(void)n;
	while (*get_head(fd, head, sizeof(head))) {
		long long got = get_pattern(fd, head, BODY_MOST);

		atomic_fetch_add(&flaky->tries, 1);
		if (atomic_fetch_sub(&flaky->failures, 1) > 0) {
			if (!*flaky->answer || !put_text(fd, flaky->answer))
				return;
			continue;
		}
		snprintf(answer, sizeof(answer),
			 "HTTP/1.1 200 OK\r\nx-got: %lld\r\ncontent-length: 2\r\n\r\nok", got);
		put_text(fd, answer);
	}
}

struct rig {
	struct engine *engine;
	struct backend *backend;
	struct flaky flaky;
};

static struct rig *rig_start(const char *answer, int failures, unsigned attempts, uint16_t code)
{
	struct rig *rig = mem_new(sizeof(*rig));
	struct plan_retry *retry;
	struct plan_l7 l7;

	rig->flaky.answer = answer;
	atomic_init(&rig->flaky.failures, failures);
	rig->backend = backend_start(serve_flaky, &rig->flaky);
	rig->engine = engine_start(1);
	l7 = engine_plan(rig->engine, &rig->backend, 1);
	retry = &l7.rules[0].retry;
	retry->attempts = attempts;
	retry->backoff_ms = 1;
	RIG_APPEND(retry->codes, retry->n_codes, code);
	engine_apply(rig->engine, &l7);
	return rig;
}

static void rig_stop(struct rig *rig)
{
	engine_stop(rig->engine);
	backend_stop(rig->backend);
	free(rig);
}

static void assert_logged(struct engine *engine, const char *want)
{
	char line[4096];

	assert_contains(engine_log(engine, line, sizeof(line)), want);
}

#define BAD  "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\n\r\nbad"
#define LONG "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 30000000\r\n\r\nbad"

#define MIDDLE 60000 /* of a body of 75000 bytes */
#define LATER  15000

static void hides_listed_answers(void **state)
{
	struct rig *rig = rig_start(BAD, 2, 2, 503);
	struct answer answer;

	(void)state;
	assert_int_equal(ask(rig->engine, GET_A, &answer), 200);
	assert_int_equal(atomic_load(&rig->flaky.tries), 3);
	assert_logged(rig->engine, "\"attempts\":3");
	rig_stop(rig);
}

/* A long one is not read to its end: its connection goes. */
static void hides_answers_with_long_bodies(void **state)
{
	struct rig *rig = rig_start(LONG, 1, 1, 503);
	struct answer answer;

	(void)state;
	assert_int_equal(ask(rig->engine, GET_A, &answer), 200);
	assert_int_equal(atomic_load(&rig->backend->connections), 2);
	rig_stop(rig);
}

static void passes_the_last_answer_on(void **state)
{
	struct rig *rig = rig_start(BAD, 100, 2, 503);
	struct answer answer;

	(void)state;
	assert_int_equal(ask(rig->engine, GET_A, &answer), 503);
	assert_string_equal(answer.body, "bad");
	assert_int_equal(atomic_load(&rig->flaky.tries), 3);
	assert_logged(rig->engine, "\"response_code\":503,\"response_flags\":\"URX\"");
	rig_stop(rig);
}

static void passes_other_answers_on(void **state)
{
	struct rig *rig = rig_start(BAD, 1, 2, 500);
	struct answer answer;

	(void)state;
	assert_int_equal(ask(rig->engine, GET_A, &answer), 503);
	assert_int_equal(atomic_load(&rig->flaky.tries), 1);
	rig_stop(rig);
}

static void hides_resets(void **state)
{
	struct rig *rig = rig_start("", 2, 2, 503);
	struct answer answer;

	(void)state;
	assert_int_equal(ask(rig->engine, GET_A, &answer), 200);
	assert_int_equal(atomic_load(&rig->flaky.tries), 3);
	rig_stop(rig);
}

static void does_not_hide_resets_of_posts(void **state)
{
	struct rig *rig = rig_start("", 1, 2, 503);
	struct answer answer;

	(void)state;
	assert_int_equal(ask(rig->engine,
			     "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n", &answer),
			 503);
	assert_int_equal(atomic_load(&rig->flaky.tries), 1);
	assert_logged(rig->engine, "\"response_flags\":\"UC\"");
	rig_stop(rig);
}

/* R2: a connection that cannot be made took nothing. */
static void hides_refused_connections_for_posts_too(void **state)
{
	struct rig *rig = rig_start("", 0, 1, 503);
	struct backend *deaf = backend_start(serve_ok, NULL);
	struct backend *both[] = { rig->backend, deaf };
	struct plan_l7 l7 = engine_plan(rig->engine, both, 2);
	struct answer answer;

	(void)state;
	l7.rules[0].retry.attempts = 1;
	engine_apply(rig->engine, &l7);
	backend_deafen(deaf);
	for (int i = 0; i < 10; i++)
		assert_int_equal(ask(rig->engine,
				     "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n!\"#",
				     &answer),
				 200);
	assert_int_equal(atomic_load(&rig->flaky.tries), 10);
	rig_stop(rig);
	backend_stop(deaf);
}

static int put_of(struct engine *engine, size_t len, size_t chunk, struct answer *answer)
{
	int fd = dial(engine->port);
	char head[128];

	if (chunk)
		snprintf(head, sizeof(head),
			 "PUT /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
	else
		snprintf(head, sizeof(head),
			 "PUT /a HTTP/1.1\r\nhost: a\r\ncontent-length: %zu\r\n\r\n", len);
	put_text(fd, head);
	put_pattern(fd, len, chunk);
	get_answer(fd, answer);
	close(fd);
	return answer->status;
}

static void sends_a_body_again(void **state)
{
	static const size_t sizes[] = { 1, 1000, 16384, 40000, 65536 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (size_t chunk = 0; chunk < 3000; chunk += 1000) {
			struct rig *rig = rig_start(BAD, 2, 2, 503);
			struct answer answer;

			assert_int_equal(put_of(rig->engine, sizes[i], chunk, &answer), 200);
			assert_int_equal(field_number(answer.head, "x-got: "), sizes[i]);
			assert_int_equal(atomic_load(&rig->flaky.tries), 3);
			rig_stop(rig);
		}
	}
}

/* R1: what is longer than what is kept is sent once. */
static void does_not_send_a_long_body_again(void **state)
{
	struct rig *rig = rig_start(BAD, 1, 2, 503);
	struct answer answer;

	(void)state;
	assert_int_equal(put_of(rig->engine, 200000, 0, &answer), 503);
	assert_int_equal(put_of(rig->engine, 200000, 0, &answer), 200);
	assert_int_equal(field_number(answer.head, "x-got: "), 200000);
	rig_stop(rig);
}

static void serve_silence_once(struct backend *backend, int fd, unsigned n)
{
	char head[20000], c;

	if (n) {
		serve_ok(backend, fd, n);
		return;
	}
	get_head(fd, head, sizeof(head));
	while (recv(fd, &c, 1, 0) == 1)
		;
}

/* Fails the first request in the middle of its body, and is told when the proxy has given that try
 * up. */
static void serve_in_the_middle(struct backend *backend, int fd, unsigned n)
{
	char *head = mem_new(20000), *body = mem_new(MIDDLE);

	if (n) {
		serve_flaky(backend, fd, n);
	} else if (*get_head(fd, head, 20000) && get(fd, body, MIDDLE) == MIDDLE) {
		put_text(fd, BAD);
		at_end(fd);
		atomic_fetch_add(&backend->requests, 1);
	}
	free(head);
	free(body);
}

/* More comes while no try is under way: it is sent behind what was kept, not instead of it. */
static void sends_a_body_that_comes_between_tries(void **state)
{
	struct flaky flaky = { .answer = BAD };
	struct backend *backend = backend_start(serve_in_the_middle, &flaky);
	struct engine *engine = engine_start(1);
	struct plan_l7 l7 = engine_plan(engine, &backend, 1);
	struct plan_retry *retry = &l7.rules[0].retry;
	char *body = mem_new(MIDDLE + LATER);
	struct answer answer;
	int fd = dial(engine->port);

	(void)state;
	retry->attempts = 1;
	retry->backoff_ms = 500;
	RIG_APPEND(retry->codes, retry->n_codes, 503);
	engine_apply(engine, &l7);
	fill_pattern(body, 0, MIDDLE + LATER);
	put_text(fd, "PUT /a HTTP/1.1\r\nhost: a\r\ncontent-length: 75000\r\n\r\n");
	put(fd, body, MIDDLE);
	while (!atomic_load(&backend->requests))
		usleep(1000);
	put(fd, body + MIDDLE, LATER);
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	assert_int_equal(field_number(answer.head, "\r\nx-got: "), MIDDLE + LATER);
	close(fd);
	free(body);
	engine_stop(engine);
	backend_stop(backend);
}

static void hides_tries_that_take_too_long(void **state)
{
	struct backend *backend = backend_start(serve_silence_once, NULL);
	struct engine *engine = engine_start(1);
	struct plan_l7 l7 = engine_plan(engine, &backend, 1);
	struct answer answer;

	(void)state;
	l7.rules[0].backend_timeout_ms = 300;
	l7.rules[0].retry.attempts = 1;
	engine_apply(engine, &l7);
	assert_int_equal(ask(engine, GET_A, &answer), 200);
	assert_logged(engine, "\"attempts\":2");
	engine_stop(engine);
	backend_stop(backend);
}

/* The time of a request spans its tries and the waits between them (R3). */
static void ends_tries_with_the_request(void **state)
{
	struct rig *rig = rig_start(BAD, 1000, 1000, 503);
	struct plan_l7 l7 = engine_plan(rig->engine, &rig->backend, 1);
	struct plan_retry *retry = &l7.rules[0].retry;
	struct answer answer;

	(void)state;
	l7.rules[0].request_timeout_ms = 50;
	retry->attempts = 1000;
	retry->backoff_ms = 10;
	RIG_APPEND(retry->codes, retry->n_codes, 503);
	engine_apply(rig->engine, &l7);
	assert_int_equal(ask(rig->engine, GET_A, &answer), 504);
	assert_logged(rig->engine, "\"response_code\":504,\"response_flags\":\"UT\"");
	rig_stop(rig);
}

static void refuses_retries_beyond_the_breaker(void **state)
{
	struct rig *rig = rig_start(BAD, 1, 1, 503);
	struct plan_l7 l7 = engine_plan(rig->engine, &rig->backend, 1);
	struct plan_retry *retry = &l7.rules[0].retry;
	struct answer answer;

	(void)state;
	retry->attempts = 1;
	RIG_APPEND(retry->codes, retry->n_codes, 503);
	l7.clusters[0].breaker.retries = 0;
	engine_apply(rig->engine, &l7);
	assert_int_equal(ask(rig->engine, GET_A, &answer), 503);
	assert_string_equal(answer.body, "bad");
	assert_int_equal(atomic_load(&rig->flaky.tries), 1);
	assert_logged(rig->engine, "\"response_flags\":\"UO\"");
	rig_stop(rig);
}

/* The demo's case: of two endpoints one is bad, and no client sees it. */
static void hides_a_bad_endpoint(void **state)
{
	struct backend *good = backend_start(serve_ok, NULL);
	struct backend *bad = backend_start(serve_text, BAD);
	struct backend *both[] = { good, bad };
	struct engine *engine = engine_start(2);
	struct plan_l7 l7 = engine_plan(engine, both, 2);
	struct plan_retry *retry = &l7.rules[0].retry;
	struct answer answer;

	(void)state;
	retry->attempts = 1;
	RIG_APPEND(retry->codes, retry->n_codes, 503);
	engine_apply(engine, &l7);
	for (int i = 0; i < 100; i++)
		assert_int_equal(ask(engine, GET_A, &answer), 200);
	assert_true(atomic_load(&bad->requests) >= 40);
	engine_stop(engine);
	backend_stop(good);
	backend_stop(bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hides_listed_answers),
		cmocka_unit_test(hides_answers_with_long_bodies),
		cmocka_unit_test(passes_the_last_answer_on),
		cmocka_unit_test(passes_other_answers_on),
		cmocka_unit_test(hides_resets),
		cmocka_unit_test(does_not_hide_resets_of_posts),
		cmocka_unit_test(hides_refused_connections_for_posts_too),
		cmocka_unit_test(sends_a_body_again),
		cmocka_unit_test(does_not_send_a_long_body_again),
		cmocka_unit_test(sends_a_body_that_comes_between_tries),
		cmocka_unit_test(hides_tries_that_take_too_long),
		cmocka_unit_test(ends_tries_with_the_request),
		cmocka_unit_test(refuses_retries_beyond_the_breaker),
		cmocka_unit_test(hides_a_bad_endpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
