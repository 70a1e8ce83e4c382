// SPDX-License-Identifier: Apache-2.0
/* Requests without bodies through the whole engine: heads, keep-alive, pipelining, refusals. */
#include "engine.h"

/* ---- what a backend saw ---- */

struct seen {
	pthread_mutex_t lock;
	char head[20000]; /* of the last request */
};

static void serve_seen(struct backend *backend, int fd, unsigned n)
{
	struct seen *seen = backend->arg;
	char head[20000];

	(void)n;
	while (*get_head(fd, head, sizeof(head))) {
		pthread_mutex_lock(&seen->lock);
		memcpy(seen->head, head, sizeof(head));
		pthread_mutex_unlock(&seen->lock);
		atomic_fetch_add(&backend->requests, 1);
		put_text(fd, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: b\r\n\r\nhi");
	}
}

struct pair {
	struct engine *engine;
	struct backend *backend;
	struct seen seen;
};

static struct pair *pair_start(backend_fn fn, void *arg, const struct times *times)
{
	struct pair *pair = mem_new(sizeof(*pair));

	pthread_mutex_init(&pair->seen.lock, NULL);
	pair->backend = backend_start(fn, arg ? arg : &pair->seen);
	pair->engine = engine_start_with(1, 2000, times ? times : &times_default);
	engine_serve(pair->engine, pair->backend);
	return pair;
}

static void pair_stop(struct pair *pair)
{
	engine_stop(pair->engine);
	backend_stop(pair->backend);
	pthread_mutex_destroy(&pair->seen.lock);
	free(pair);
}

/* ---- tests ---- */

static void forwards_a_request(void **state)
{
	struct pair *pair = pair_start(serve_seen, NULL, NULL);
	struct answer answer;
	char line[4096];

	(void)state;
	assert_int_equal(
		ask(pair->engine,
		    "GET /a/../b?c=d HTTP/1.1\r\nHost: A.example\r\nx-forwarded-for: 1.2.3.4\r\n"
		    "Connection: x-hop\r\nX-Hop: 1\r\nUser-Agent: me\r\n\r\n",
		    &answer),
		200);
	assert_int_equal(answer.len, 2);
	assert_string_equal(answer.body, "hi");
	assert_contains(answer.head, "x-a: b\r\n");
	assert_contains(pair->seen.head, "GET /b?c=d HTTP/1.1\r\n");
	assert_contains(pair->seen.head, "host: a.example\r\n");
	assert_contains(pair->seen.head, "x-forwarded-for: 1.2.3.4, 127.0.0.1\r\n");
	assert_lacks(pair->seen.head, "x-hop");
	engine_log(pair->engine, line, sizeof(line));
	assert_contains(line, "\"method\":\"GET\",\"path\":\"/b?c=d\",\"protocol\":\"HTTP/1.1\"");
	assert_contains(line, "\"response_code\":200,\"response_flags\":\"-\"");
	assert_contains(line, "\"user_agent\":\"me\"");
	assert_contains(line, "\"upstream_cluster\":\"d/s:80\",\"route_name\":\"d/r/0\"");
	assert_contains(line, "\"bytes_sent\":2,");
	pair_stop(pair);
}

static void serves_both_families(void **state)
{
	struct pair *pair = pair_start(serve_seen, NULL, NULL);
	struct answer answer;
	int fd = dial_addr("::1", pair->engine->port);

	(void)state;
	assert_true(fd >= 0);
	put_text(fd, GET_A);
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	assert_contains(pair->seen.head, "x-forwarded-for: ::1\r\n");
	close(fd);
	pair_stop(pair);
}

static void keeps_both_sides(void **state)
{
	struct pair *pair = pair_start(serve_seen, NULL, NULL);
	struct answer answer;
	int fd = dial(pair->engine->port);

	(void)state;
	for (int i = 0; i < 100; i++) {
		put_text(fd, GET_A);
		get_answer(fd, &answer);
		assert_int_equal(answer.status, 200);
		assert_lacks(answer.head, "connection:");
	}
	close(fd);
	assert_int_equal(atomic_load(&pair->backend->connections), 1);
	assert_int_equal(atomic_load(&pair->backend->requests), 100);
	pair_stop(pair);
}

static void answers_pipelined_requests_in_order(void **state)
{
	struct pair *pair = pair_start(serve_ok, NULL, NULL);
	struct answer answer;
	int fd = dial(pair->engine->port);

	(void)state;
	put_text(fd,
		 GET_A GET_A "HEAD /b HTTP/1.1\r\nhost: a\r\n\r\n"
			     "POST /c HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc" GET_A);
	for (int i = 0; i < 5; i++) {
		memset(&answer, 0, sizeof(answer));
		get_head(fd, answer.head, sizeof(answer.head));
		assert_contains(answer.head, "HTTP/1.1 200 OK\r\n");
		assert_int_equal(field_number(answer.head, "content-length: "), 5);
		if (i != 2)
			assert_int_equal(get_body(fd, answer.head, NULL, 0), 5);
	}
	close(fd);
	pair_stop(pair);
}

/* Requests that straddle the buffers of the engine, and one that comes byte by byte. */
static void gathers_heads(void **state)
{
	struct pair *pair = pair_start(serve_ok, NULL, NULL);
	char request[6000];
	struct answer answer;
	int fd = dial(pair->engine->port);

	(void)state;
	snprintf(request, sizeof(request), "GET /a HTTP/1.1\r\nhost: a\r\nx-pad: %05000d\r\n\r\n",
		 0);
	for (int i = 0; i < 10; i++)
		put_text(fd, request);
	for (int i = 0; i < 10; i++) {
		get_answer(fd, &answer);
		assert_int_equal(answer.status, 200);
	}
	for (const char *at = GET_A; *at; at++)
		put(fd, at, 1);
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	close(fd);
	pair_stop(pair);
}

static void serves_http_1_0(void **state)
{
	struct pair *pair = pair_start(serve_ok, NULL, NULL);
	struct answer answer;
	int fd = dial(pair->engine->port);

	(void)state;
	put_text(fd, "GET /a HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n");
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	assert_contains(answer.head, "connection: keep-alive\r\n");
	put_text(fd, "GET /a HTTP/1.0\r\nhost: a\r\n\r\n");
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	assert_contains(answer.head, "connection: close\r\n");
	assert_true(at_end(fd));
	close(fd);
	pair_stop(pair);
}

static void closes_when_asked_to(void **state)
{
	struct pair *pair = pair_start(serve_ok, NULL, NULL);
	struct answer answer;
	int fd = dial(pair->engine->port);

	(void)state;
	put_text(fd, "GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	assert_contains(answer.head, "connection: close\r\n");
	assert_true(at_end(fd));
	close(fd);
	/* That was about the client's connection. */
	assert_int_equal(ask(pair->engine, GET_A, &answer), 200);
	assert_int_equal(atomic_load(&pair->backend->connections), 1);
	pair_stop(pair);
}

/* A client that has sent all it will may still read. */
static void answers_after_half_a_close(void **state)
{
	struct pair *pair = pair_start(serve_ok, NULL, NULL);
	struct answer answer;
	int fd = dial(pair->engine->port);

	(void)state;
	put_text(fd, GET_A GET_A);
	shutdown(fd, SHUT_WR);
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	assert_true(at_end(fd));
	close(fd);
	pair_stop(pair);
}

static void refuses_what_can_be_read_in_two_ways(void **state)
{
	static const struct {
		const char *request;
		int status;
	} rows[] = {
		{ "GET /a HTTP/1.1\r\n\r\n", 400 },
		{ "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n"
		  "transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
		  400 },
		{ "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\nabc", 400 },
		{ "POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", 400 },
		{ "GET /a HTTP/1.1\nhost: a\n\n", 400 },
		{ "\x16\x03\x01\x02\x00\x01", 400 },
		{ "GET /../../a HTTP/1.1\r\nhost: a\r\n\r\n", 400 },
		{ "POST /a HTTP/1.1\r\nhost: a\r\nexpect: tea\r\ncontent-length: 1\r\n\r\n", 417 },
	};
	struct pair *pair = pair_start(serve_ok, NULL, NULL);
	struct answer answer;
	char line[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int fd = dial(pair->engine->port);

		put_text(fd, rows[i].request);
		/* It must not be taken for a second request. */
		put_text(fd, GET_A);
		get_answer(fd, &answer);
		assert_int_equal(answer.status, rows[i].status);
		assert_contains(answer.head, "connection: close\r\n");
		assert_true(at_end(fd));
		close(fd);
		engine_log(pair->engine, line, sizeof(line));
		assert_contains(line, "\"response_flags\":\"DPE\"");
	}
	assert_int_equal(atomic_load(&pair->backend->requests), 0);
	pair_stop(pair);
}

static void refuses_heads_without_end(void **state)
{
	struct pair *pair = pair_start(serve_ok, NULL, NULL);
	static char pad[40000];
	struct answer answer;
	int fd = dial(pair->engine->port);

	(void)state;
	put_text(fd, "GET /a HTTP/1.1\r\nhost: a\r\nx-pad: ");
	memset(pad, 'a', sizeof(pad));
	put(fd, pad, sizeof(pad));
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 431);
	close(fd);
	pair_stop(pair);
}

static void says_404_without_a_route(void **state)
{
	struct pair *pair = pair_start(serve_ok, NULL, NULL);
	struct plan_l7 l7 = engine_plan(pair->engine, &pair->backend, 1);
	struct answer answer;
	char line[4096];
	int fd;

	(void)state;
	free(l7.matches[0].path);
	l7.matches[0].path = mem_strdup("/only");
	engine_apply(pair->engine, &l7);
	fd = dial(pair->engine->port);
	put_text(fd, GET_A "GET /only/b HTTP/1.1\r\nhost: a\r\n\r\n");
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 404);
	assert_contains(answer.head, " GMT\r\n");
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	close(fd);
	engine_log(pair->engine, line, sizeof(line));
	assert_contains(line, "\"response_code\":404,\"response_flags\":\"NR\"");
	pair_stop(pair);
}

static void redirects(void **state)
{
	struct pair *pair = pair_start(serve_ok, NULL, NULL);
	struct plan_l7 l7 = engine_plan(pair->engine, &pair->backend, 1);
	struct answer answer;

	(void)state;
	l7.rules[0].redirect.status = 301;
	free(l7.rules[0].redirect.scheme);
	l7.rules[0].redirect.scheme = mem_strdup("https");
	engine_apply(pair->engine, &l7);
	assert_int_equal(ask(pair->engine, GET_A, &answer), 301);
	assert_contains(answer.head, "location: https://a.example/a\r\n");
	assert_int_equal(atomic_load(&pair->backend->requests), 0);
	pair_stop(pair);
}

static void closes_what_has_no_bind(void **state)
{
	struct backend *backend = backend_start(serve_ok, NULL);
	struct engine *engine = engine_start(1);
	struct plan_l7 l7 = engine_plan(engine, &backend, 1);
	int fd;

	(void)state;
	l7.binds[0].port = 1;
	engine_apply(engine, &l7);
	fd = dial(engine->port);
	assert_true(at_end(fd));
	close(fd);
	engine_stop(engine);
	backend_stop(backend);
}

/* A proxy that starts serves who came before its first table. */
static void leaves_clients_waiting_before_the_first_table(void **state)
{
	struct backend *backend = backend_start(serve_ok, NULL);
	struct engine *engine = engine_start(2);
	struct answer answer;
	int fds[10];

	(void)state;
	for (int i = 0; i < 10; i++) {
		fds[i] = dial(engine->port);
		put_text(fds[i], GET_A);
	}
	engine_serve(engine, backend);
	for (int i = 0; i < 10; i++) {
		get_answer(fds[i], &answer);
		assert_int_equal(answer.status, 200);
		close(fds[i]);
	}
	engine_stop(engine);
	backend_stop(backend);
}

static void gives_up_on_slow_heads(void **state)
{
	struct times times = times_default;
	struct answer answer;
	struct pair *pair;
	int fd;

	(void)state;
	times.head_ms = 50;
	pair = pair_start(serve_ok, NULL, &times);
	fd = dial(pair->engine->port);
	put_text(fd, "GET /a HTT");
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 408);
	assert_true(at_end(fd));
	close(fd);
	pair_stop(pair);
}

static void closes_idle_connections_silently(void **state)
{
	struct times times = times_default;
	struct answer answer;
	struct pair *pair;
	int fd;

	(void)state;
	times.keep_alive_ms = 50;
	pair = pair_start(serve_ok, NULL, &times);
	fd = dial(pair->engine->port);
	put_text(fd, GET_A);
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	assert_true(at_end(fd));
	close(fd);
	pair_stop(pair);
}

static void reports(void **state)
{
	struct pair *pair = pair_start(serve_ok, NULL, NULL);
	struct report report;
	struct answer answer;

	(void)state;
	ask(pair->engine, GET_A, &answer);
	ask(pair->engine, "GET\r\n\r\n", &answer);
	proxy_report(pair->engine->proxy, &report);
	assert_int_equal(report.generation, 1);
	assert_int_equal(report.accepted, 2);
	assert_int_equal(report.refused, 1);
	assert_int_equal(report.threads, 1);
	assert_int_equal(report.n_rules, 1);
	assert_int_equal(report.rules[0].requests, 1);
	assert_int_equal(report.rules[0].by_class[2], 1);
	assert_int_equal(report.clusters[0].connections, 1);
	assert_int_equal(report.clusters[0].requests, 0);
	assert_int_equal(report.clusters[0].endpoints[0].ok, 1);
	assert_int_equal(report.clusters[0].endpoints[0].idle, 1);
	assert_int_equal(report.clusters[0].endpoints[0].requests, 0);
	report_fini(&report);
	pair_stop(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forwards_a_request),
		cmocka_unit_test(serves_both_families),
		cmocka_unit_test(keeps_both_sides),
		cmocka_unit_test(answers_pipelined_requests_in_order),
		cmocka_unit_test(gathers_heads),
		cmocka_unit_test(serves_http_1_0),
		cmocka_unit_test(closes_when_asked_to),
		cmocka_unit_test(answers_after_half_a_close),
		cmocka_unit_test(refuses_what_can_be_read_in_two_ways),
		cmocka_unit_test(refuses_heads_without_end),
		cmocka_unit_test(says_404_without_a_route),
		cmocka_unit_test(redirects),
		cmocka_unit_test(closes_what_has_no_bind),
		cmocka_unit_test(leaves_clients_waiting_before_the_first_table),
		cmocka_unit_test(gives_up_on_slow_heads),
		cmocka_unit_test(closes_idle_connections_silently),
		cmocka_unit_test(reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
