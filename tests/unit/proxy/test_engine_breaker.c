// SPDX-License-Identifier: Apache-2.0
/* Limits that hold over all workers, and ejection: who is refused, who waits, who comes back. */
#include "engine.h"

/* A backend that answers when it is told to, and knows how much was open at once. */
struct gate {
	_Atomic unsigned inside, most;
	_Atomic bool open;
	_Atomic unsigned held; /* connections */
	_Atomic unsigned most_held;
};

static void note_most(_Atomic unsigned *most, unsigned now)
{
	unsigned before = atomic_load(most);

	while (now > before && !atomic_compare_exchange_weak(most, &before, now))
		;
}

static void serve_gate(struct backend *backend, int fd, unsigned n)
{
	struct gate *gate = backend->arg;
	char head[20000];

	(void)n;
	note_most(&gate->most_held, atomic_fetch_add(&gate->held, 1) + 1);
	while (*get_head(fd, head, sizeof(head))) {
		note_most(&gate->most, atomic_fetch_add(&gate->inside, 1) + 1);
		atomic_fetch_add(&backend->requests, 1);
		while (!atomic_load(&gate->open) && !atomic_load(&backend->stop))
			usleep(500);
		atomic_fetch_sub(&gate->inside, 1);
		put_text(fd, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
	}
	atomic_fetch_sub(&gate->held, 1);
}

struct rig {
	struct engine *engine;
	struct backend *backend;
	struct gate gate;
};

static struct rig *rig_start(unsigned threads, struct plan_breaker breaker)
{
	struct rig *rig = mem_new(sizeof(*rig));
	struct plan_l7 l7;

	rig->backend = backend_start(serve_gate, &rig->gate);
	rig->engine = engine_start(threads);
	l7 = engine_plan(rig->engine, &rig->backend, 1);
	l7.clusters[0].breaker = breaker;
	engine_apply(rig->engine, &l7);
	return rig;
}

static void rig_stop(struct rig *rig)
{
	engine_stop(rig->engine);
	backend_stop(rig->backend);
	free(rig);
}

static struct report_cluster counts(const struct rig *rig)
{
	struct report_cluster cluster;
	struct report report;

	proxy_report(rig->engine->proxy, &report);
	cluster = report.clusters[0];
	cluster.name = NULL;
	cluster.endpoints = NULL;
	report_fini(&report);
	return cluster;
}

static void assert_refused(int fd, struct answer *answer)
{
	get_answer(fd, answer);
	assert_int_equal(answer->status, 503);
	assert_contains(answer->head, "x-envoy-overloaded: true\r\n");
}

static int send_get(const struct rig *rig)
{
	int fd = dial(rig->engine->port);

	put_text(fd, GET_A);
	return fd;
}

#define NO_LIMIT UINT32_MAX

static void refuses_requests_beyond_the_limit(void **state)
{
	struct rig *rig =
		rig_start(2, (struct plan_breaker){ NO_LIMIT, NO_LIMIT, 3, NO_LIMIT, NO_LIMIT });
	struct answer answer;
	char line[4096];
	int fds[3], fd;

	(void)state;
	for (int i = 0; i < 3; i++)
		fds[i] = send_get(rig);
	while (atomic_load(&rig->gate.inside) < 3)
		usleep(500);
	fd = send_get(rig);
	assert_refused(fd, &answer);
	close(fd);
	assert_contains(engine_log(rig->engine, line, sizeof(line)),
			"\"response_code\":503,\"response_flags\":\"UO\"");
	atomic_store(&rig->gate.open, true);
	for (int i = 0; i < 3; i++) {
		get_answer(fds[i], &answer);
		assert_int_equal(answer.status, 200);
		close(fds[i]);
	}
	/* Closed again: all are served. */
	assert_int_equal(ask(rig->engine, GET_A, &answer), 200);
	assert_int_equal(counts(rig).overflows, 1);
	/* A client has its answer a little before the exchange is over. */
	while (counts(rig).requests)
		usleep(500);
	rig_stop(rig);
}

static void lets_requests_wait_for_a_connection(void **state)
{
	struct rig *rig = rig_start(1, (struct plan_breaker){ 2, 3, NO_LIMIT, NO_LIMIT, NO_LIMIT });
	struct answer answer;
	int fds[5], fd;

	(void)state;
	for (int i = 0; i < 5; i++)
		fds[i] = send_get(rig);
	while (counts(rig).pending < 3)
		usleep(500);
	fd = send_get(rig);
	assert_refused(fd, &answer);
	close(fd);
	atomic_store(&rig->gate.open, true);
	for (int i = 0; i < 5; i++) {
		get_answer(fds[i], &answer);
		assert_int_equal(answer.status, 200);
		close(fds[i]);
	}
	assert_int_equal(counts(rig).pending, 0);
	assert_int_equal(counts(rig).overflows, 1);
	assert_int_equal(atomic_load(&rig->gate.most_held), 2);
	rig_stop(rig);
}

/* A client that gives up gives its place back. */
static void forgets_who_waits_no_longer(void **state)
{
	struct rig *rig = rig_start(1, (struct plan_breaker){ 1, 1, NO_LIMIT, NO_LIMIT, NO_LIMIT });
	struct linger linger = { 1, 0 };
	struct answer answer;
	int first = send_get(rig), second;

	(void)state;
	while (!atomic_load(&rig->gate.inside))
		usleep(500);
	second = send_get(rig);
	while (!counts(rig).pending)
		usleep(500);
	setsockopt(second, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(second);
	while (counts(rig).pending)
		usleep(500);
	second = send_get(rig);
	while (!counts(rig).pending)
		usleep(500);
	atomic_store(&rig->gate.open, true);
	get_answer(first, &answer);
	assert_int_equal(answer.status, 200);
	get_answer(second, &answer);
	assert_int_equal(answer.status, 200);
	close(first);
	close(second);
	rig_stop(rig);
}

struct client {
	pthread_t thread;
	const struct rig *rig;
	unsigned ok, other;
};

static void *run_client(void *arg)
{
	struct client *client = arg;
	struct answer answer;

	for (int i = 0; i < 50; i++) {
		int fd = send_get(client->rig);

		get_answer(fd, &answer);
		client->ok += answer.status == 200;
		client->other += answer.status != 200;
		close(fd);
	}
	return NULL;
}

/* Two connections for all workers, whoever has them: nobody is refused, nobody starves. */
static void shares_connections_among_workers(void **state)
{
	enum {
		CLIENTS = 8
	};
	struct rig *rig =
		rig_start(4, (struct plan_breaker){ 2, NO_LIMIT, NO_LIMIT, NO_LIMIT, NO_LIMIT });
	struct client clients[CLIENTS] = { 0 };

	(void)state;
	atomic_store(&rig->gate.open, true);
	for (int i = 0; i < CLIENTS; i++) {
		clients[i].rig = rig;
		assert_int_equal(pthread_create(&clients[i].thread, NULL, run_client, &clients[i]),
				 0);
	}
	for (int i = 0; i < CLIENTS; i++) {
		pthread_join(clients[i].thread, NULL);
		assert_int_equal(clients[i].ok, 50);
	}
	assert_true(counts(rig).connections <= 2);
	assert_int_equal(counts(rig).pending, 0);
	rig_stop(rig);
}

/* At the limit, with a connection to the one endpoint: a request that is for the other is not
 * stuck. */
static void moves_connections_between_endpoints(void **state)
{
	struct backend *a = backend_start(serve_ok, NULL), *b = backend_start(serve_ok, NULL);
	struct backend *both[] = { a, b };
	struct engine *engine = engine_start(1);
	struct plan_l7 l7 = engine_plan(engine, both, 2);
	struct answer answer;

	(void)state;
	l7.clusters[0].breaker.connections = 1;
	engine_apply(engine, &l7);
	for (int i = 0; i < 20; i++)
		assert_int_equal(ask(engine, GET_A, &answer), 200);
	engine_stop(engine);
	backend_stop(a);
	backend_stop(b);
}

/* ---- ejection ---- */

static void ejects_and_takes_back(void **state)
{
	struct backend *good = backend_start(serve_ok, NULL);
	struct backend *bad =
		backend_start(serve_text,
			      "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n");
	struct backend *both[] = { good, bad };
	struct engine *engine = engine_start(1);
	struct plan_l7 l7 = engine_plan(engine, both, 2);
	struct answer answer;
	unsigned before;
	int failed = 0;

	(void)state;
	l7.clusters[0].outlier = (struct plan_outlier){ .consecutive_5xx = 3,
							.interval_ms = 10,
							.base_ejection_ms = 1000,
							.max_ejection_ms = 10000,
							.max_percent = 10 };
	engine_apply(engine, &l7);
	for (int i = 0; i < 20; i++)
		failed += ask(engine, GET_A, &answer) != 200;
	assert_int_equal(failed, 3);
	assert_int_equal(atomic_load(&bad->requests), 3);
	/* It comes back, and is tried again. */
	before = atomic_load(&bad->requests);
	while (atomic_load(&bad->requests) == before) {
		ask(engine, GET_A, &answer);
		usleep(1000);
	}
	engine_stop(engine);
	backend_stop(good);
	backend_stop(bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_requests_beyond_the_limit),
		cmocka_unit_test(lets_requests_wait_for_a_connection),
		cmocka_unit_test(forgets_who_waits_no_longer),
		cmocka_unit_test(shares_connections_among_workers),
		cmocka_unit_test(moves_connections_between_endpoints),
		cmocka_unit_test(ejects_and_takes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
