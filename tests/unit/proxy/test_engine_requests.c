// SPDX-License-Identifier: Apache-2.0
/* Requests without bodies through the whole engine: heads, keep-alive, pipelining, refusals. */
#include "engine.h"

static void forwards_a_request(void **state)
{
	struct backend *backend = backend_start(serve_ok, NULL);
	struct engine *engine = engine_start(1);
	struct answer answer;

	(void)state;
	engine_serve(engine, backend);
	assert_int_equal(ask(engine, GET_A, &answer), 200);
	assert_int_equal(answer.len, 5);
	assert_int_equal(strtol(answer.body, NULL, 10), backend->port);
	engine_stop(engine);
	backend_stop(backend);
}

static void keeps_both_sides(void **state)
{
	struct backend *backend = backend_start(serve_ok, NULL);
	struct engine *engine = engine_start(1);
	struct answer answer;
	int fd;

	(void)state;
	engine_serve(engine, backend);
	fd = dial(engine->port);
	for (int i = 0; i < 100; i++) {
		put_text(fd, GET_A);
		get_answer(fd, &answer);
		assert_int_equal(answer.status, 200);
		assert_lacks(answer.head, "connection:");
	}
	close(fd);
	assert_int_equal(atomic_load(&backend->connections), 1);
	assert_int_equal(atomic_load(&backend->requests), 100);
	engine_stop(engine);
	backend_stop(backend);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forwards_a_request),
		cmocka_unit_test(keeps_both_sides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
