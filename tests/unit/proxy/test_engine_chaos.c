// SPDX-License-Identifier: Apache-2.0
/*
 * Clients and endpoints that do anything at any time, with every limit and timeout short and tables
 * that change: whatever happens, nothing that is counted stays counted, and what a client takes for
 * a whole answer is one.
 */
#include "engine_bodies.h"

#define CLIENTS	 8
#define REQUESTS 150

/* A generator of its own for each thread: the same row of numbers each time. */
static unsigned next(unsigned *seed, unsigned below)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % below;
}

/* ---- endpoints ---- */

static bool answer_somehow(int fd, unsigned *seed)
{
	char head[128];
	size_t len = next(seed, 3) ? next(seed, 3000) : next(seed, 100000);

	switch (next(seed, 12)) {
	case 0:
		return false;
	case 1:
		put_text(fd, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n!\"#");
		return false;
	case 2:
		put_text(fd,
			 "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n!HTTP/1.1 200 OK\r\n\r\n");
		return true;
	case 3:
		put_text(fd, "nonsense\r\n\r\n");
		return false;
	case 4:
		usleep(next(seed, 30000));
		return put_text(fd, "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
	case 5:
		put_text(fd, "HTTP/1.1 200 OK\r\n\r\n");
		put_pattern(fd, len, 0);
		return false;
	case 6:
		put_text(fd, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n\r\n");
		/* fallthrough */
	case 7:
	case 8:
		put_text(fd, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
		return put_pattern(fd, len, 1 + next(seed, 5000));
	default:
		snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\ncontent-length: %zu\r\n\r\n", len);
		return put_text(fd, head) && put_pattern(fd, len, 0);
	}
}

static void serve_chaos(struct backend *backend, int fd, unsigned n)
{
	unsigned seed = n * 7919 + backend->port;
	char head[20000];

	while (*get_head(fd, head, sizeof(head))) {
		/* Often before the body is there, or without it. */
		if (next(&seed, 6) && get_body(fd, head, NULL, 0) < 0)
			return;
		if (!answer_somehow(fd, &seed))
			return;
	}
}

/* ---- clients ---- */

struct client {
	pthread_t thread;
	const struct engine *engine;
	unsigned seed;
	_Atomic unsigned good, bad; /* answers: whole ones, and whole ones that are wrong */
};

static bool send_somehow(int fd, unsigned *seed)
{
	size_t len = next(seed, 4) ? next(seed, 3000) : next(seed, 150000);
	unsigned chunk = next(seed, 2) ? 1 + next(seed, 5000) : 0;
	char head[256];

	switch (next(seed, 10)) {
	case 0:
		put_text(fd, "GET /a HT");
		return false;
	case 1:
		put_text(fd, "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 99999\r\n\r\nabc");
		return false;
	case 2:
		put_text(fd,
			 "POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n");
		return true;
	case 3:
	case 4:
		snprintf(head, sizeof(head), "PUT /a HTTP/1.1\r\nhost: a\r\n%s%s%zu\r\n\r\n",
			 next(seed, 2) ? "expect: 100-continue\r\n" : "",
			 chunk ? "transfer-encoding: chunked\r\nx-len: " : "content-length: ", len);
		return put_text(fd, head) && put_pattern(fd, len, chunk);
	default:
		return put_text(fd, GET_A);
	}
}

/* 1: whole, 0: broken off, -1: whole and wrong. */
static int read_answer(int fd)
{
	char head[20000];
	int status;

	do {
		get_head(fd, head, sizeof(head));
		status = *head ? (int)strtol(head + 9, NULL, 10) : 0;
	} while (status >= 100 && status < 200);
	if (status == 200) {
		char *buf = mem_new(BODY_MOST);
		long long len = get_body(fd, head, buf, BODY_MOST);
		bool same = len < 0 || is_pattern(buf, 0, (size_t)len);

		free(buf);
		return same ? len >= 0 : -1;
	}
	return status && get_body(fd, head, NULL, 0) >= 0;
}

static void *run_client(void *arg)
{
	struct client *client = arg;
	int fd = -1;

	for (int i = 0; i < REQUESTS; i++) {
		struct linger linger = { 1, 0 };
		int got;

		if (fd < 0)
			fd = dial(client->engine->port);
		if (!send_somehow(fd, &client->seed) && next(&client->seed, 2))
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		else if (next(&client->seed, 2))
			shutdown(fd, SHUT_WR);
		got = next(&client->seed, 5) ? read_answer(fd) : 0;
		if (got)
			atomic_fetch_add(got > 0 ? &client->good : &client->bad, 1);
		if (got <= 0 || !next(&client->seed, 3)) {
			close(fd);
			fd = -1;
		}
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* ---- the test ---- */

static void make_strict(struct plan_l7 *l7)
{
	struct plan_retry *retry = &l7->rules[0].retry;

	l7->rules[0].request_timeout_ms = 200;
	l7->rules[0].backend_timeout_ms = 50;
	retry->attempts = 2;
	retry->backoff_ms = 1;
	RIG_APPEND(retry->codes, retry->n_codes, 503);
	l7->clusters[0].connect_timeout_ms = 50;
	l7->clusters[0].idle_timeout_ms = 30;
	l7->clusters[0].breaker = (struct plan_breaker){ 4, 3, 7, 2, 20 };
	l7->clusters[0].outlier = (struct plan_outlier){ .consecutive_5xx = 5,
							 .interval_ms = 10,
							 .base_ejection_ms = 20,
							 .max_ejection_ms = 100,
							 .max_percent = 50 };
}

static unsigned count_left(const struct engine *engine)
{
	struct report report;
	unsigned left;

	proxy_report(engine->proxy, &report);
	left = report.connections + report.clusters[0].connections + report.clusters[0].pending +
	       report.clusters[0].requests + report.clusters[0].retries;
	for (size_t i = 0; i < report.clusters[0].n_endpoints; i++) {
		const struct report_endpoint *endpoint = &report.clusters[0].endpoints[i];

		left += endpoint->connections + endpoint->idle + endpoint->requests;
	}
	report_fini(&report);
	return left;
}

static void counts_to_nothing(void **state)
{
	struct backend *backends[] = { backend_start(serve_chaos, NULL),
				       backend_start(serve_chaos, NULL),
				       backend_start(serve_chaos, NULL) };
	struct times times = times_default;
	struct client clients[CLIENTS] = { 0 };
	struct engine *engine;
	unsigned good = 0;

	(void)state;
	times.body_ms = times.head_ms = 40;
	times.keep_alive_ms = times.linger_ms = 100;
	times.continue_ms = 5;
	times.stream_ms = 150;
	engine = engine_start_with(2, 2000, &times);
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i].engine = engine;
		clients[i].seed = i;
		assert_int_equal(pthread_create(&clients[i].thread, NULL, run_client, &clients[i]),
				 0);
	}
	for (int i = 0; i < 100; i++) {
		struct plan_l7 l7 = engine_plan(engine, backends + i % 2, 2);

		if (i % 10)
			make_strict(&l7);
		engine_apply(engine, &l7);
		usleep(10000);
	}
	for (int i = 0; i < CLIENTS; i++) {
		pthread_join(clients[i].thread, NULL);
		assert_int_equal(atomic_load(&clients[i].bad), 0);
		good += atomic_load(&clients[i].good);
	}
	assert_true(good > 0);
	while (count_left(engine))
		usleep(1000);
	engine_stop(engine);
	for (int i = 0; i < 3; i++)
		backend_stop(backends[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
