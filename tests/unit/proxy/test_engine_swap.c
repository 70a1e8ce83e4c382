// SPDX-License-Identifier: Apache-2.0
/* Tables that change under load, and the end: no request is lost. */
#include "engine.h"

/* ---- load ---- */

struct load {
	const struct engine *engine;
	pthread_t thread;
	_Atomic bool stop;
	bool fresh; /* a connection for each request */
	_Atomic unsigned ok, failed, lost;
};

static const char *request_of(unsigned n)
{
	return n % 4 ? GET_A : "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nabcde";
}

/* As a client does that knows HTTP: "Connection: close" is obeyed, and an idle connection that was
 * closed before a byte of an answer came makes a new one, which counts as lost. */
static void *run_load(void *arg)
{
	struct load *load = arg;
	struct answer *answer = mem_new(sizeof(*answer));
	int fd = -1;

	for (unsigned n = 0; !atomic_load(&load->stop); n++) {
		bool reused = fd >= 0;

		if (!reused)
			fd = dial_addr("::ffff:127.0.0.1", load->engine->port);
		if (fd < 0)
			break;
		put_text(fd, request_of(n));
		get_answer(fd, answer);
		if (answer->status == 200 && answer->len == 5)
			atomic_fetch_add(&load->ok, 1);
		else
			atomic_fetch_add(reused && !answer->status ? &load->lost : &load->failed,
					 1);
		if (load->fresh || answer->status != 200 ||
		    strstr(answer->head, "connection: close")) {
			close(fd);
			fd = -1;
		}
	}
	if (fd >= 0)
		close(fd);
	free(answer);
	return NULL;
}

static void load_start(struct load *load, const struct engine *engine, bool fresh)
{
	load->engine = engine;
	load->fresh = fresh;
	assert_int_equal(pthread_create(&load->thread, NULL, run_load, load), 0);
}

static void load_stop(struct load *load)
{
	atomic_store(&load->stop, true);
	pthread_join(load->thread, NULL);
}

/* ---- swaps ---- */

static void loses_nothing_over_swaps(void **state)
{
	struct backend *backends[] = { backend_start(serve_ok, NULL), backend_start(serve_ok, NULL),
				       backend_start(serve_ok, NULL) };
	struct engine *engine = engine_start(2);
	struct load loads[4] = { 0 };
	struct plan_l7 l7 = engine_plan(engine, backends, 1);

	(void)state;
	engine_apply(engine, &l7);
	for (int i = 0; i < 4; i++)
		load_start(&loads[i], engine, i % 2);
	for (int i = 0; i < 200; i++) {
		/* One after the other alone, then all, then in another cluster. */
		l7 = engine_plan(engine, backends + i % 3, i % 4 ? 1 : (size_t)(3 - i % 3));
		if (i % 5 == 0) {
			free(l7.clusters[0].name);
			l7.clusters[0].name = mem_strdup("d/other:80");
		}
		engine_apply(engine, &l7);
		usleep(2000);
	}
	for (int i = 0; i < 4; i++) {
		load_stop(&loads[i]);
		assert_int_equal(atomic_load(&loads[i].failed), 0);
		assert_int_equal(atomic_load(&loads[i].lost), 0);
		assert_true(atomic_load(&loads[i].ok) > 0);
	}
	for (int i = 0; i < 3; i++)
		assert_true(atomic_load(&backends[i]->requests) > 0);
	engine_stop(engine);
	for (int i = 0; i < 3; i++)
		backend_stop(backends[i]);
}

static void serve_last_words(struct backend *backend, int fd, unsigned n)
{
	serve_ok(backend, fd, n);
	/* The pool let go of it. */
	atomic_store((_Atomic bool *)backend->arg, true);
}

static void lets_go_of_endpoints_that_went(void **state)
{
	_Atomic bool gone = false;
	struct backend *old = backend_start(serve_last_words, &gone);
	struct backend *new = backend_start(serve_ok, NULL);
	struct engine *engine = engine_start(1);
	struct answer answer;

	(void)state;
	engine_serve(engine, old);
	assert_int_equal(ask(engine, GET_A, &answer), 200);
	assert_false(atomic_load(&gone));
	engine_serve(engine, new);
	while (!atomic_load(&gone))
		usleep(1000);
	assert_int_equal(ask(engine, GET_A, &answer), 200);
	assert_int_equal(atomic_load(&old->requests), 1);
	engine_stop(engine);
	backend_stop(old);
	backend_stop(new);
}

static void serve_slow(struct backend *backend, int fd, unsigned n)
{
	char head[20000];

	(void)n;
	while (*get_head(fd, head, sizeof(head))) {
		atomic_fetch_add(&backend->requests, 1);
		while (!atomic_load((_Atomic bool *)backend->arg) && !atomic_load(&backend->stop))
			usleep(500);
		put_text(fd, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12345");
	}
}

/* A request goes on with the table it began with, and its connection is not kept. */
static void finishes_what_began_before(void **state)
{
	_Atomic bool open = false;
	struct backend *old = backend_start(serve_slow, &open);
	struct backend *new = backend_start(serve_ok, NULL);
	struct engine *engine = engine_start(1);
	struct answer answer;
	struct report report;
	int fd;

	(void)state;
	engine_serve(engine, old);
	fd = dial(engine->port);
	put_text(fd, GET_A);
	while (!atomic_load(&old->requests))
		usleep(500);
	for (int i = 0; i < 5; i++)
		engine_serve(engine, new);
	assert_int_equal(ask(engine, GET_A, &answer), 200);
	atomic_store(&open, true);
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.body, "12345");
	/* The same client's next request goes elsewhere. */
	put_text(fd, GET_A);
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	assert_int_equal(strtol(answer.body, NULL, 10), new->port);
	close(fd);
	proxy_report(engine->proxy, &report);
	assert_int_equal(report.clusters[0].connections, 1);
	report_fini(&report);
	engine_stop(engine);
	backend_stop(old);
	backend_stop(new);
}

static void refuses_a_bad_table_and_goes_on(void **state)
{
	struct backend *backend = backend_start(serve_ok, NULL);
	struct engine *engine = engine_start(1);
	struct plan_l7 l7;
	struct answer answer;
	char *error = NULL;

	(void)state;
	engine_serve(engine, backend);
	l7 = engine_plan(engine, &backend, 1);
	l7.matches[0].path_type = PLAN_REGEX;
	free(l7.matches[0].path);
	l7.matches[0].path = mem_strdup("/(");
	assert_int_equal(proxy_apply(engine->proxy, &l7, 99, no_cert, NULL, &error), -EINVAL);
	assert_contains(error, "d/r/0");
	free(error);
	assert_int_equal(proxy_generation(engine->proxy), 1);
	assert_int_equal(ask(engine, GET_A, &answer), 200);
	engine_stop(engine);
	backend_stop(backend);
}

/* ---- listeners ---- */

static bool is_open(const struct engine *engine)
{
	int fd = dial_addr("::ffff:127.0.0.1", engine->port);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void serves_what_waits_when_a_listener_goes(void **state)
{
	enum {
		QUEUE = 30
	};
	struct backend *backend = backend_start(serve_ok, NULL);
	struct engine *engine = engine_start(2);
	struct answer answer;
	int fds[QUEUE];

	(void)state;
	engine_serve(engine, backend);
	for (int i = 0; i < QUEUE; i++) {
		fds[i] = dial(engine->port);
		put_text(fds[i], GET_A);
	}
	proxy_unlisten(engine->proxy, 12345);
	proxy_unlisten(engine->proxy, ENGINE_LISTEN_ID);
	for (int i = 0; i < QUEUE; i++) {
		get_answer(fds[i], &answer);
		assert_int_equal(answer.status, 200);
		close(fds[i]);
	}
	while (is_open(engine))
		usleep(1000);
	engine_stop(engine);
	backend_stop(backend);
}

/* Asks once more on a connection; its status, and whether it is to be closed. */
static int ask_again(int fd, bool *ret_closes)
{
	struct answer answer;

	put_text(fd, GET_A);
	get_answer(fd, &answer);
	*ret_closes = strstr(answer.head, "connection: close");
	return answer.status;
}

static void connections_outlive_their_listener_by_one_answer(void **state)
{
	struct backend *backend = backend_start(serve_ok, NULL);
	struct engine *engine = engine_start(1);
	struct plan_l7 l7;
	bool closes;
	int spoke, silent, stays;

	(void)state;
	engine_serve(engine, backend);
	spoke = dial(engine->port);
	stays = dial(engine->port);
	assert_int_equal(ask_again(spoke, &closes), 200);
	assert_false(closes);
	assert_int_equal(ask_again(stays, &closes), 200);
	silent = dial(engine->port);
	assert_int_equal(ask_again(stays, &closes), 200);
	/* More than one table without it. */
	for (int i = 0; i < 3; i++) {
		l7 = engine_plan(engine, &backend, 1);
		l7.binds[0].port ^= 1;
		engine_apply(engine, &l7);
	}
	assert_int_equal(ask_again(spoke, &closes), 200);
	assert_true(closes && at_end(spoke));
	assert_int_equal(ask_again(silent, &closes), 200);
	assert_true(closes && at_end(silent));
	/* It has come back before the next request. */
	engine_serve(engine, backend);
	assert_int_equal(ask_again(stays, &closes), 200);
	assert_false(closes);
	close(spoke);
	close(silent);
	close(stays);
	engine_stop(engine);
	backend_stop(backend);
}

/* ---- drain ---- */

static void wait_drained(struct engine *engine)
{
	while (!proxy_drained(engine->proxy))
		engine_process(engine);
}

static void drains_under_load(void **state)
{
	struct backend *backend = backend_start(serve_ok, NULL);
	struct engine *engine = engine_start_with(2, 10000, &times_default);
	struct load loads[4] = { 0 };
	int idle;

	(void)state;
	engine_serve(engine, backend);
	idle = dial(engine->port);
	for (int i = 0; i < 4; i++)
		load_start(&loads[i], engine, i % 2);
	while (!atomic_load(&loads[3].ok))
		usleep(500);
	proxy_drain(engine->proxy);
	/* New connections come in, and each answer says that it is the last. */
	for (int i = 0; i < 20; i++) {
		struct answer answer;

		if (ask(engine, GET_A, &answer) == 200 && strstr(answer.head, "connection: close"))
			break;
		usleep(1000);
	}
	for (int i = 0; i < 4; i++) {
		load_stop(&loads[i]);
		assert_int_equal(atomic_load(&loads[i].failed), 0);
		assert_int_equal(atomic_load(&loads[i].lost), 0);
	}
	assert_true(at_end(idle));
	close(idle);
	wait_drained(engine);
	assert_false(is_open(engine));
	engine_stop(engine);
	backend_stop(backend);
}

static void lets_a_request_finish_while_draining(void **state)
{
	_Atomic bool open = false;
	struct backend *backend = backend_start(serve_slow, &open);
	struct times times = times_default;
	struct engine *engine;
	struct answer answer;
	int fd;

	(void)state;
	times.quiet_ms = 20;
	engine = engine_start_with(1, 60000, &times);
	engine_serve(engine, backend);
	fd = dial(engine->port);
	put_text(fd, GET_A);
	while (!atomic_load(&backend->requests))
		usleep(500);
	proxy_drain(engine->proxy);
	while (is_open(engine))
		usleep(100000);
	assert_false(proxy_drained(engine->proxy));
	atomic_store(&open, true);
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	assert_contains(answer.head, "connection: close\r\n");
	close(fd);
	wait_drained(engine);
	engine_stop(engine);
	backend_stop(backend);
}

static void cuts_what_is_left_at_the_end(void **state)
{
	_Atomic bool open = false;
	struct backend *backend = backend_start(serve_slow, &open);
	struct engine *engine = engine_start_with(1, 100, &times_default);
	int fd;

	(void)state;
	engine_serve(engine, backend);
	fd = dial(engine->port);
	put_text(fd, GET_A);
	while (!atomic_load(&backend->requests))
		usleep(500);
	proxy_drain(engine->proxy);
	wait_drained(engine);
	assert_true(at_end(fd));
	close(fd);
	engine_stop(engine);
	backend_stop(backend);
}

/* Whatever is under way. */
static void stops_at_once(void **state)
{
	_Atomic bool open = false;
	struct backend *backend = backend_start(serve_slow, &open);
	struct engine *engine = engine_start(2);
	int fds[10];

	(void)state;
	engine_serve(engine, backend);
	for (int i = 0; i < 10; i++) {
		fds[i] = dial(engine->port);
		put_text(fds[i], GET_A);
	}
	while (atomic_load(&backend->requests) < 10)
		usleep(500);
	engine_stop(engine);
	for (int i = 0; i < 10; i++) {
		assert_true(at_end(fds[i]));
		close(fds[i]);
	}
	backend_stop(backend);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loses_nothing_over_swaps),
		cmocka_unit_test(lets_go_of_endpoints_that_went),
		cmocka_unit_test(finishes_what_began_before),
		cmocka_unit_test(refuses_a_bad_table_and_goes_on),
		cmocka_unit_test(serves_what_waits_when_a_listener_goes),
		cmocka_unit_test(connections_outlive_their_listener_by_one_answer),
		cmocka_unit_test(drains_under_load),
		cmocka_unit_test(lets_a_request_finish_while_draining),
		cmocka_unit_test(cuts_what_is_left_at_the_end),
		cmocka_unit_test(stops_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
