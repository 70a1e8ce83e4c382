// SPDX-License-Identifier: Apache-2.0
/* Endpoints and clients that fail, one way each: what the client gets, and what the log says. */
#include "engine.h"

struct rig {
	struct engine *engine;
	struct backend *backend;
};

static struct rig rig_start(backend_fn fn, void *arg)
{
	struct rig rig = { engine_start(1), backend_start(fn, arg) };

	engine_serve(rig.engine, rig.backend);
	return rig;
}

static void rig_stop(struct rig *rig)
{
	engine_stop(rig->engine);
	backend_stop(rig->backend);
}

static void assert_logged(struct engine *engine, int status, const char *flags)
{
	char line[4096], want[128];

	engine_log(engine, line, sizeof(line));
	snprintf(want, sizeof(want), "\"response_code\":%d,\"response_flags\":\"%s\"", status,
		 flags);
	assert_contains(line, want);
}

/* ---- no answer ---- */

static void uf_when_refused(void **state)
{
	struct rig rig = rig_start(serve_ok, NULL);
	struct answer answer;

	(void)state;
	backend_deafen(rig.backend);
	assert_int_equal(ask(rig.engine, GET_A, &answer), 503);
	assert_logged(rig.engine, 503, "UF");
	rig_stop(&rig);
}

static void uh_without_endpoints(void **state)
{
	struct engine *engine = engine_start(1);
	struct plan_l7 l7 = engine_plan(engine, NULL, 0);
	struct answer answer;

	(void)state;
	engine_apply(engine, &l7);
	assert_int_equal(ask(engine, GET_A, &answer), 503);
	assert_logged(engine, 503, "UH");
	engine_stop(engine);
}

static void nc_without_backends(void **state)
{
	struct rig rig = rig_start(serve_ok, NULL);
	struct plan_l7 l7 = engine_plan(rig.engine, &rig.backend, 1);
	struct answer answer;

	(void)state;
	l7.rules[0].backends[0].cluster = PLAN_NO_CLUSTER;
	engine_apply(rig.engine, &l7);
	assert_int_equal(ask(rig.engine, GET_A, &answer), 500);
	assert_logged(rig.engine, 500, "NC");
	l7 = engine_plan(rig.engine, &rig.backend, 1);
	l7.rules[0].backends[0].weight = 0;
	engine_apply(rig.engine, &l7);
	assert_int_equal(ask(rig.engine, GET_A, &answer), 500);
	assert_logged(rig.engine, 500, "NC");
	l7 = engine_plan(rig.engine, &rig.backend, 1);
	l7.rules[0].answer = 500;
	engine_apply(rig.engine, &l7);
	assert_int_equal(ask(rig.engine, GET_A, &answer), 500);
	assert_logged(rig.engine, 500, "-");
	rig_stop(&rig);
}

static void rlx_at_the_limit_of_an_expression(void **state)
{
	struct rig rig = rig_start(serve_ok, NULL);
	struct plan_l7 l7 = engine_plan(rig.engine, &rig.backend, 1);
	struct answer answer;

	(void)state;
	l7.matches[0].path_type = PLAN_REGEX;
	free(l7.matches[0].path);
	l7.matches[0].path = mem_strdup("/(a+)+$");
	engine_apply(rig.engine, &l7);
	assert_int_equal(ask(rig.engine,
			     "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab HTTP/1.1\r\n"
			     "host: a\r\n\r\n",
			     &answer),
			 500);
	assert_logged(rig.engine, 500, "RLX");
	rig_stop(&rig);
}

static void serve_reset(struct backend *backend, int fd, unsigned n)
{
	char head[20000];

	(void)backend;
	(void)n;
	get_head(fd, head, sizeof(head));
}

static void uc_when_closed_before_an_answer(void **state)
{
	struct rig rig = rig_start(serve_reset, NULL);
	struct answer answer;

	(void)state;
	assert_int_equal(ask(rig.engine, GET_A, &answer), 503);
	assert_logged(rig.engine, 503, "UC");
	rig_stop(&rig);
}

static void upe_when_it_is_no_http(void **state)
{
	static const char *const answers[] = {
		"SSH-2.0-OpenSSH_9.2\r\n\r\n",
		"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
		"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct rig rig = rig_start(serve_once, (void *)answers[i]);
		struct answer answer;

		/* The one with a NUL is cut there and never whole. */
		if (i + 1 < ARRAY_SIZE(answers)) {
			assert_int_equal(ask(rig.engine, GET_A, &answer), 502);
			assert_logged(rig.engine, 502, "UPE");
		} else {
			assert_int_equal(ask(rig.engine, GET_A, &answer), 503);
			assert_logged(rig.engine, 503, "UC");
		}
		rig_stop(&rig);
	}
}

/* ---- half an answer ---- */

static void cuts_what_is_cut(void **state)
{
	static const struct {
		const char *answer, *flags;
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", "UC" },
		{ "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", "UC" },
		{ "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc", "UC" },
		{ "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", "UC" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rig rig = rig_start(serve_once, (void *)rows[i].answer);
		struct answer answer;

		ask(rig.engine, GET_A, &answer);
		assert_int_equal(answer.status, 200);
		assert_int_equal(answer.len, -1);
		assert_logged(rig.engine, 200, rows[i].flags);
		rig_stop(&rig);
	}
}

/* ---- times ---- */

static void serve_silence(struct backend *backend, int fd, unsigned n)
{
	char c;

	(void)n;
	atomic_fetch_add(&backend->requests, 1);
	while (recv(fd, &c, 1, 0) == 1)
		;
}

static void ut_when_a_request_takes_too_long(void **state)
{
	struct rig rig = rig_start(serve_silence, NULL);
	struct plan_l7 l7 = engine_plan(rig.engine, &rig.backend, 1);
	struct answer answer;

	(void)state;
	l7.rules[0].request_timeout_ms = 30;
	engine_apply(rig.engine, &l7);
	assert_int_equal(ask(rig.engine, GET_A, &answer), 504);
	assert_logged(rig.engine, 504, "UT");
	rig_stop(&rig);
}

static void ut_when_a_try_takes_too_long(void **state)
{
	struct rig rig = rig_start(serve_silence, NULL);
	struct plan_l7 l7 = engine_plan(rig.engine, &rig.backend, 1);
	struct answer answer;

	(void)state;
	l7.rules[0].backend_timeout_ms = 30;
	engine_apply(rig.engine, &l7);
	assert_int_equal(ask(rig.engine, GET_A, &answer), 504);
	assert_logged(rig.engine, 504, "UT");
	rig_stop(&rig);
}

static void serve_half(struct backend *backend, int fd, unsigned n)
{
	char head[20000], c;

	(void)backend;
	(void)n;
	get_head(fd, head, sizeof(head));
	put_text(fd, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
	while (recv(fd, &c, 1, 0) == 1)
		;
}

static void cuts_when_an_answer_stands_still(void **state)
{
	struct backend *backend = backend_start(serve_half, NULL);
	struct times times = times_default;
	struct engine *engine;
	struct answer answer;

	(void)state;
	times.stream_ms = 50;
	engine = engine_start_with(1, 2000, &times);
	engine_serve(engine, backend);
	ask(engine, GET_A, &answer);
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.len, -1);
	assert_logged(engine, 200, "UT");
	engine_stop(engine);
	backend_stop(backend);
}

static void says_408_when_a_body_stands_still(void **state)
{
	struct backend *backend = backend_start(serve_silence, NULL);
	struct times times = times_default;
	struct engine *engine;
	struct answer answer;

	(void)state;
	times.body_ms = 50;
	engine = engine_start_with(1, 2000, &times);
	engine_serve(engine, backend);
	assert_int_equal(ask(engine, "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc",
			     &answer),
			 408);
	assert_logged(engine, 408, "DT");
	engine_stop(engine);
	backend_stop(backend);
}

/* ---- clients ---- */

static void dc_when_the_client_resets(void **state)
{
	struct rig rig = rig_start(serve_silence, NULL);
	struct linger linger = { 1, 0 };
	int fd = dial(rig.engine->port);

	(void)state;
	put_text(fd, GET_A);
	while (!atomic_load(&rig.backend->requests))
		usleep(1000);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
	assert_logged(rig.engine, 0, "DC");
	rig_stop(&rig);
}

static void dc_when_a_body_is_cut_short(void **state)
{
	struct rig rig = rig_start(serve_silence, NULL);
	int fd = dial(rig.engine->port);

	(void)state;
	put_text(fd, "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc");
	shutdown(fd, SHUT_WR);
	assert_true(at_end(fd));
	close(fd);
	assert_logged(rig.engine, 0, "DC");
	rig_stop(&rig);
}

static void dpe_when_a_body_is_broken(void **state)
{
	struct rig rig = rig_start(serve_silence, NULL);
	struct answer answer;
	int fd = dial(rig.engine->port);

	(void)state;
	put_text(fd,
		 "POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
	while (!atomic_load(&rig.backend->requests))
		usleep(1000);
	put_text(fd, "nonsense\r\n");
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 400);
	assert_true(at_end(fd));
	close(fd);
	assert_logged(rig.engine, 400, "DPE");
	rig_stop(&rig);
}

/* ---- the pool ---- */

/* Answers one request of each connection and closes it after it has lain in the pool. */
static void serve_and_leave(struct backend *backend, int fd, unsigned n)
{
	char head[20000];

	(void)n;
	get_head(fd, head, sizeof(head));
	get_body(fd, head, NULL, 0);
	atomic_fetch_add(&backend->requests, 1);
	put_text(fd, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
	usleep((n * 7919) % 400);
}

/* The race that pools have: all of many requests must go well. */
static void replays_what_an_idle_close_lost(void **state)
{
	struct rig rig = rig_start(serve_and_leave, NULL);
	struct answer answer;
	int fd = dial(rig.engine->port);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		put_text(fd, GET_A);
		get_answer(fd, &answer);
		assert_int_equal(answer.status, 200);
		usleep((unsigned)(i * 104729) % 400);
	}
	close(fd);
	rig_stop(&rig);
}

/* What cannot be sent twice is not sent on a connection that was closed before. */
static void sends_posts_where_somebody_listens(void **state)
{
	struct rig rig =
		rig_start(serve_once, (void *)"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
	struct answer answer;
	int fd = dial(rig.engine->port);

	(void)state;
	for (int i = 0; i < 300; i++) {
		put_text(fd, "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc");
		get_answer(fd, &answer);
		/* The close has arrived. */
		while (atomic_load(&rig.backend->closed) <= (unsigned)i)
			usleep(100);
		assert_int_equal(answer.status, 200);
	}
	close(fd);
	assert_int_equal(atomic_load(&rig.backend->requests), 300);
	rig_stop(&rig);
}

/* F10: bytes behind an answer, at once or later, are no answer to the next request. */
#define SURPLUS_OK   "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
#define SURPLUS_EVIL "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"

static void serve_surplus(struct backend *backend, int fd, unsigned n)
{
	char head[20000];

	(void)n;
	while (*get_head(fd, head, sizeof(head))) {
		atomic_fetch_add(&backend->requests, 1);
		if (!backend->arg) {
			put_text(fd, SURPLUS_OK SURPLUS_EVIL);
			continue;
		}
		put_text(fd, SURPLUS_OK);
		usleep(2000);
		put_text(fd, SURPLUS_EVIL);
	}
}

static void f10_drops_connections_with_surplus_bytes(void **state)
{
	(void)state;
	for (int late = 0; late < 2; late++) {
		struct rig rig = rig_start(serve_surplus, late ? "late" : NULL);
		struct answer answer;

		for (int i = 0; i < 20; i++) {
			assert_int_equal(ask(rig.engine, GET_A, &answer), 200);
			assert_string_equal(answer.body, "ok");
			if (late)
				usleep(10000);
		}
		assert_int_equal(atomic_load(&rig.backend->connections), 20);
		rig_stop(&rig);
	}
}

static void closes_pooled_connections_in_time(void **state)
{
	struct rig rig = rig_start(serve_ok, NULL);
	struct plan_l7 l7 = engine_plan(rig.engine, &rig.backend, 1);
	struct answer answer;

	(void)state;
	l7.clusters[0].idle_timeout_ms = 20;
	l7.clusters[0].breaker.requests_per_connection = 3;
	engine_apply(rig.engine, &l7);
	for (int i = 0; i < 6; i++)
		assert_int_equal(ask(rig.engine, GET_A, &answer), 200);
	assert_true(atomic_load(&rig.backend->connections) >= 2);
	/* The count falls to nothing when all are closed. */
	for (;;) {
		struct report report;
		unsigned left;

		proxy_report(rig.engine->proxy, &report);
		left = report.clusters[0].connections;
		report_fini(&report);
		if (!left)
			break;
		usleep(1000);
	}
	rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uf_when_refused),
		cmocka_unit_test(uh_without_endpoints),
		cmocka_unit_test(nc_without_backends),
		cmocka_unit_test(rlx_at_the_limit_of_an_expression),
		cmocka_unit_test(uc_when_closed_before_an_answer),
		cmocka_unit_test(upe_when_it_is_no_http),
		cmocka_unit_test(cuts_what_is_cut),
		cmocka_unit_test(ut_when_a_request_takes_too_long),
		cmocka_unit_test(ut_when_a_try_takes_too_long),
		cmocka_unit_test(cuts_when_an_answer_stands_still),
		cmocka_unit_test(says_408_when_a_body_stands_still),
		cmocka_unit_test(dc_when_the_client_resets),
		cmocka_unit_test(dc_when_a_body_is_cut_short),
		cmocka_unit_test(dpe_when_a_body_is_broken),
		cmocka_unit_test(replays_what_an_idle_close_lost),
		cmocka_unit_test(sends_posts_where_somebody_listens),
		cmocka_unit_test(f10_drops_connections_with_surplus_bytes),
		cmocka_unit_test(closes_pooled_connections_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
