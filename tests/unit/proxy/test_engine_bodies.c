// SPDX-License-Identifier: Apache-2.0
/* Bodies through the whole engine, in both framings and directions, fast and slow. */
#include "engine_bodies.h"

static const size_t sizes[] = { 0, 1, 5, 1000, 16383, 16384, 16385, 70000, 1 << 20, 5 << 20 };

struct rig {
	struct engine *engine;
	struct backend *backend;
};

static int setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));

	rig->backend = backend_start(serve_bodies, NULL);
	rig->engine = engine_start(1);
	engine_serve(rig->engine, rig->backend);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	engine_stop(rig->engine);
	backend_stop(rig->backend);
	free(rig);
	return 0;
}

/* ---- answers ---- */

static void download(int fd, const char *kind, size_t len, int minor)
{
	char request[256], head[20000];
	bool close_it = !strcmp(kind, "close");

	snprintf(request, sizeof(request),
		 "GET /%s/%zu HTTP/1.%d\r\nhost: a\r\nconnection: keep-alive\r\n\r\n", kind, len,
		 minor);
	put_text(fd, request);
	get_head(fd, head, sizeof(head));
	assert_contains(head, "HTTP/1.1 200 ");
	assert_int_equal(get_pattern(fd, head, len), len);
	if (!strcmp(kind, "length"))
		assert_int_equal(field_number(head, "content-length: "), len);
	else if (minor)
		assert_true(is_chunked(head));
	else
		assert_lacks(head, "chunked");
	if (!close_it || minor)
		assert_lacks(head, "connection: close");
}

static void passes_answers_of_all_framings(void **state)
{
	static const char *const kinds[] = { "length", "chunked", "close" };
	struct rig *rig = *state;
	int fd = dial(rig->engine->port);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
			download(fd, kinds[k], sizes[i], 1);
	close(fd);
}

static void ends_what_has_no_length_by_closing_to_http_1_0(void **state)
{
	static const char *const kinds[] = { "chunked", "close" };
	struct rig *rig = *state;
	char head[20000];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			char request[256];
			int fd = dial(rig->engine->port);

			snprintf(
				request, sizeof(request),
				"GET /%s/%zu HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n",
				kinds[k], sizes[i]);
			put_text(fd, request);
			get_head(fd, head, sizeof(head));
			assert_contains(head, "connection: close\r\n");
			assert_lacks(head, "transfer-encoding");
			assert_int_equal(get_pattern(fd, head, sizes[i]), sizes[i]);
			close(fd);
		}
	}
}

/* ---- requests ---- */

static void upload(int fd, size_t len, size_t chunk, const char *answer)
{
	char request[256], head[20000];

	if (chunk)
		snprintf(request, sizeof(request),
			 "POST %s HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
			 answer);
	else
		snprintf(request, sizeof(request),
			 "POST %s HTTP/1.1\r\nhost: a\r\ncontent-length: %zu\r\n\r\n", answer, len);
	put_text(fd, request);
	assert_true(put_pattern(fd, len, chunk));
	get_head(fd, head, sizeof(head));
	assert_contains(head, "HTTP/1.1 200 ");
	assert_int_equal(field_number(head, "x-got: "), len);
	assert_int_equal(field_number(head, "x-chunked: "), chunk > 0);
	assert_true(get_pattern(fd, head, BODY_MOST) >= 0);
}

static void passes_requests_of_both_framings(void **state)
{
	static const size_t chunks[] = { 0, 1000, 16384 };
	struct rig *rig = *state;
	int fd = dial(rig->engine->port);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t c = 0; c < ARRAY_SIZE(chunks); c++)
			upload(fd, sizes[i], chunks[c], "/length/100");
	upload(fd, 5000, 1, "/chunked/100000");
	close(fd);
	assert_int_equal(atomic_load(&rig->backend->connections), 1);
}

/* Requests with bodies, one behind the other without waiting. */
static void tells_bodies_from_the_next_request(void **state)
{
	struct rig *rig = *state;
	int fd = dial(rig->engine->port);
	char head[20000];

	for (int i = 0; i < 20; i++) {
		put_text(fd, "POST /length/3 HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n");
		put_pattern(fd, 4, 0);
		put_text(fd, "POST /chunked/3 HTTP/1.1\r\nhost: a\r\n");
		put_text(fd, "transfer-encoding: chunked\r\n\r\n");
		put_pattern(fd, 5, 2);
	}
	for (int i = 0; i < 40; i++) {
		get_head(fd, head, sizeof(head));
		assert_contains(head, "HTTP/1.1 200 ");
		assert_int_equal(field_number(head, "x-got: "), i % 2 ? 5 : 4);
		assert_int_equal(get_pattern(fd, head, 3), 3);
	}
	close(fd);
}

/* ---- back-pressure ---- */

static long resident_kb(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long total = 0, resident = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%ld %ld", &total, &resident), 2);
	fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Readers that do not read: what the engine holds for them is a buffer or two each. */
static void holds_little_for_slow_readers(void **state)
{
	enum {
		READERS = 16
	};
	struct rig *rig = *state;
	int fds[READERS];
	long before, after;

	before = resident_kb();
	for (int i = 0; i < READERS; i++) {
		fds[i] = dial(rig->engine->port);
		put_text(fds[i], "GET /length/4000000 HTTP/1.1\r\nhost: a\r\n\r\n");
	}
	/* One after the other, so that all others wait the longer. */
	for (int i = 0; i < READERS; i++) {
		char head[20000];

		get_head(fds[i], head, sizeof(head));
		if (!i) {
			after = resident_kb();
			/* 16 bodies are 64 MB. */
			assert_true(after - before < 32 * 1024);
		}
		assert_int_equal(get_pattern(fds[i], head, 4000000), 4000000);
		close(fds[i]);
	}
}

/* ---- F11: what does not wait for the request's end ---- */

static void serve_early(struct backend *backend, int fd, unsigned n)
{
	char head[20000], waste[65536];

	(void)n;
	while (*get_head(fd, head, sizeof(head))) {
		atomic_fetch_add(&backend->requests, 1);
		put_text(fd, "HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\n\r\nlong");
		/* Reads on for a while, as a server does that is polite. */
		for (int i = 0; i < 4 && recv(fd, waste, sizeof(waste), 0) > 0; i++)
			;
		return;
	}
}

static void f11_passes_early_answers(void **state)
{
	struct backend *backend = backend_start(serve_early, NULL);
	struct engine *engine = engine_start(1);
	struct answer answer;
	int fd;

	(void)state;
	engine_serve(engine, backend);
	for (int i = 0; i < 20; i++) {
		fd = dial(engine->port);
		put_text(fd, "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nabc");
		get_answer(fd, &answer);
		assert_int_equal(answer.status, 413);
		assert_int_equal(answer.len, 4);
		/* F10: the rest of the body is no request. */
		put_text(fd, GET_A);
		assert_true(at_end(fd));
		close(fd);
	}
	/* No connection was used twice. */
	assert_int_equal(atomic_load(&backend->connections), 20);
	engine_stop(engine);
	backend_stop(backend);
}

static void serve_continue(struct backend *backend, int fd, unsigned n)
{
	const char *interim = backend->arg;
	char head[20000], answer[128];

	(void)n;
	while (*get_head(fd, head, sizeof(head))) {
		long long len;

		atomic_fetch_add(&backend->requests, 1);
		assert_contains(head, "expect: 100-continue\r\n");
		put_text(fd, interim);
		if (!strncmp(interim, "HTTP/1.1 4", 10)) {
			/* Not a byte of the body comes. */
			assert_true(at_end(fd));
			return;
		}
		len = get_body(fd, head, NULL, 0);
		snprintf(answer, sizeof(answer),
			 "HTTP/1.1 200 OK\r\nx-got: %lld\r\ncontent-length: 0\r\n\r\n", len);
		put_text(fd, answer);
	}
}

#define EXPECT_10                                                                                  \
	"POST /a HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 10\r\n\r\n"

static void f11_passes_100_continue(void **state)
{
	struct backend *backend = backend_start(serve_continue, "HTTP/1.1 100 Continue\r\n\r\n");
	struct engine *engine = engine_start(1);
	struct answer answer;
	int fd;

	(void)state;
	engine_serve(engine, backend);
	fd = dial(engine->port);
	for (int i = 0; i < 3; i++) {
		put_text(fd, EXPECT_10);
		get_answer(fd, &answer);
		assert_int_equal(answer.status, 100);
		put_text(fd, "0123456789");
		get_answer(fd, &answer);
		assert_int_equal(answer.status, 200);
		assert_int_equal(field_number(answer.head, "x-got: "), 10);
	}
	close(fd);
	assert_int_equal(atomic_load(&backend->connections), 1);
	engine_stop(engine);
	backend_stop(backend);
}

/* An endpoint that says nothing: the client is told to go on all the same. */
static void f11_continues_after_a_while(void **state)
{
	struct backend *backend = backend_start(serve_continue, "");
	struct times times = times_default;
	struct engine *engine;
	struct answer answer;
	int fd;

	(void)state;
	times.continue_ms = 30;
	engine = engine_start_with(1, 2000, &times);
	engine_serve(engine, backend);
	fd = dial(engine->port);
	put_text(fd, EXPECT_10);
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 100);
	put_text(fd, "0123456789");
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	close(fd);
	engine_stop(engine);
	backend_stop(backend);
}

static void f11_sends_no_body_after_a_refusal(void **state)
{
	struct backend *backend =
		backend_start(serve_continue,
			      "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno");
	struct engine *engine = engine_start(1);
	struct answer answer;

	(void)state;
	engine_serve(engine, backend);
	for (int i = 0; i < 3; i++) {
		int fd = dial(engine->port);

		put_text(fd, EXPECT_10);
		get_answer(fd, &answer);
		assert_int_equal(answer.status, 403);
		assert_contains(answer.head, "connection: close\r\n");
		assert_int_equal(answer.len, 2);
		put_text(fd, "0123456789");
		assert_true(at_end(fd));
		close(fd);
	}
	assert_int_equal(atomic_load(&backend->connections), 3);
	engine_stop(engine);
	backend_stop(backend);
}

/* A client of HTTP/1.0 hears of no interim answer, one of HTTP/1.1 of each. */
static void f11_passes_interim_answers(void **state)
{
	struct backend *backend =
		backend_start(serve_text, "HTTP/1.1 102 Processing\r\n\r\n"
					  "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
					  "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
	struct engine *engine = engine_start(1);
	struct answer answer;
	int fd;

	(void)state;
	engine_serve(engine, backend);
	fd = dial(engine->port);
	put_text(fd, GET_A);
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 102);
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 103);
	assert_contains(answer.head, "link: </a>\r\n");
	get_answer(fd, &answer);
	assert_int_equal(answer.status, 200);
	close(fd);
	assert_int_equal(ask(engine, "GET /a HTTP/1.0\r\nhost: a\r\n\r\n", &answer), 200);
	engine_stop(engine);
	backend_stop(backend);
}

/* ---- F14 ---- */

static void f14_knows_answers_without_body(void **state)
{
	static const struct {
		const char *method, *answer;
		const char *field; /* NULL: no framing at all */
	} rows[] = {
		{ "HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n",
		  "content-length: 1234\r\n" },
		{ "HEAD", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", NULL },
		{ "GET", "HTTP/1.1 204 No Content\r\n\r\n", NULL },
		{ "GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 77\r\netag: \"a\"\r\n\r\n",
		  "content-length: 77\r\n" },
	};
	struct engine *engine = engine_start(1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct backend *backend = backend_start(serve_text, (void *)rows[i].answer);
		char request[128], head[20000];
		int fd = dial(engine->port);

		engine_serve(engine, backend);
		close(fd);
		fd = dial(engine->port);
		snprintf(request, sizeof(request), "%s /a HTTP/1.1\r\nhost: a\r\n\r\n",
			 rows[i].method);
		for (int n = 0; n < 3; n++) {
			put_text(fd, request);
			get_head(fd, head, sizeof(head));
			assert_memory_equal(head, rows[i].answer, 12);
			if (rows[i].field)
				assert_contains(head, rows[i].field);
			else
				assert_lacks(head, "content-length");
		}
		close(fd);
		assert_int_equal(atomic_load(&backend->connections), 1);
		backend_stop(backend);
	}
	engine_stop(engine);
}

static void f14_passes_trailers(void **state)
{
	struct backend *backend =
		backend_start(serve_text,
			      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
			      "2;ext=1\r\nhi\r\n0\r\nx-sum: 1\r\ncontent-length: 5\r\n\r\n");
	struct engine *engine = engine_start(1);
	char text[1000] = "", *at;
	int fd;

	(void)state;
	engine_serve(engine, backend);
	fd = dial(engine->port);
	put_text(fd, "GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
	get(fd, text, sizeof(text) - 1);
	at = strstr(text, "\r\n\r\n");
	assert_non_null(at);
	assert_string_equal(at, "\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 1\r\n\r\n");
	close(fd);
	engine_stop(engine);
	backend_stop(backend);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(passes_answers_of_all_framings, setup, teardown),
		cmocka_unit_test_setup_teardown(ends_what_has_no_length_by_closing_to_http_1_0,
						setup, teardown),
		cmocka_unit_test_setup_teardown(passes_requests_of_both_framings, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_bodies_from_the_next_request, setup,
						teardown),
		cmocka_unit_test_setup_teardown(holds_little_for_slow_readers, setup, teardown),
		cmocka_unit_test(f11_passes_early_answers),
		cmocka_unit_test(f11_passes_100_continue),
		cmocka_unit_test(f11_continues_after_a_while),
		cmocka_unit_test(f11_sends_no_body_after_a_refusal),
		cmocka_unit_test(f11_passes_interim_answers),
		cmocka_unit_test(f14_knows_answers_without_body),
		cmocka_unit_test(f14_passes_trailers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
