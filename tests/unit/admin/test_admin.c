/* SPDX-License-Identifier: Apache-2.0 */
/* The admin server against clients that are fine, slow, greedy, many, or gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/log.h"
#include "base/mem.h"

#define BIG (20u << 20)

struct server {
	char dir[32], path[64], listen[32];
	struct loop *loop;
	struct loop_fd *stop_handle;
	struct admin *admin;
	int stop[2];
	pthread_t thread;
	uint16_t port;
};

static int show_hello(void *arg, struct str *ret_body)
{
	str_addf(ret_body, "hello %s\n", (const char *)arg);
	return 200;
}

static int show_sick(void *arg, struct str *ret_body)
{
	(void)arg;
	str_addf(ret_body, "sick\n");
	return 503;
}

static int show_big(void *arg, struct str *ret_body)
{
	char *bytes = mem_array(1, BIG);

	(void)arg;
	memset(bytes, 'x', BIG);
	str_add(ret_body, bytes, BIG);
	free(bytes);
	return 200;
}

/* Streams: /count?N says so many lines, /cut?N, too, and then fails, /wait says one each time that
 * /poke wakes it. */

static _Atomic int open_streams, woken;
static struct server_stream *_Atomic waiting;

static int open_stream(void *arg, const char *query, struct server_stream *stream, void **ret_state,
		       struct str *ret_text)
{
	int *left = mem_new(sizeof(*left));

	(void)arg;
	*left = atoi(query);
	if (*left < 0) {
		free(left);
		str_addf(ret_text, "no\n");
		return 400;
	}
	waiting = stream;
	open_streams++;
	*ret_state = left;
	return 200;
}

static enum server_fill fill_count(void *state, struct str *ret_piece)
{
	int *left = state;

	if (*left)
		str_addf(ret_piece, "line %d\n", (*left)--);
	return *left ? SERVER_MORE : SERVER_END;
}

static enum server_fill fill_cut(void *state, struct str *ret_piece)
{
	int *left = state;

	str_addf(ret_piece, "line %d\n", *left);
	return (*left)-- ? SERVER_MORE : SERVER_FAIL;
}

/* Says something each time it is woken. */
static enum server_fill fill_wait(void *state, struct str *ret_piece)
{
	(void)state;
	if (woken) {
		woken = 0;
		str_addf(ret_piece, "woken\n");
	}
	return SERVER_WAIT;
}

static void close_stream(void *state)
{
	open_streams--;
	free(state);
}

static const struct admin_source sources[] = {
	{ "/count", { "text/plain", fill_count, close_stream }, open_stream },
	{ "/cut", { "text/plain", fill_cut, close_stream }, open_stream },
	{ "/wait", { "text/plain", fill_wait, close_stream }, open_stream },
	{ NULL, { NULL, NULL, NULL }, NULL },
};

/* On the server's thread. */
static int poke(void *arg, struct str *ret_body)
{
	(void)arg;
	(void)ret_body;
	woken = 1;
	server_wake(waiting);
	return 200;
}

static const struct admin_route routes[] = {
	{ "/hello", "text/plain", show_hello },
	{ "/sick", "text/plain", show_sick },
	{ "/big", "text/plain", show_big },
	{ "/poke", "text/plain", poke },
	{ NULL, NULL, NULL },
};

static void on_stop(void *arg, unsigned events)
{
	(void)events;
	loop_stop(arg);
}

static void *run(void *arg)
{
	loop_run(arg);
	return NULL;
}

/* A port that nobody has at this moment. */
static uint16_t free_port(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&name, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	close(fd);
	return ntohs(name.sin_port);
}

static int setup(void **state)
{
	struct server *s = mem_new(sizeof(*s));

	snprintf(s->dir, sizeof(s->dir), "/tmp/test_admin.%d", getpid());
	assert_int_equal(mkdir(s->dir, 0700), 0);
	snprintf(s->path, sizeof(s->path), "%s/sock", s->dir);
	s->port = free_port();
	snprintf(s->listen, sizeof(s->listen), "127.0.0.1:%u", s->port);
	s->loop = loop_new();
	assert_int_equal(pipe(s->stop), 0);
	s->stop_handle = loop_fd_add(s->loop, s->stop[0], LOOP_READ, on_stop, s->loop);
	assert_int_equal(admin_open(s->loop, s->path, s->listen, routes, "you", &s->admin), 0);
	admin_set_sources(s->admin, sources);
	assert_int_equal(pthread_create(&s->thread, NULL, run, s->loop), 0);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct server *s = *state;
	struct stat st;

	assert_int_equal(write(s->stop[1], "", 1), 1);
	pthread_join(s->thread, NULL);
	admin_close(s->admin);
	loop_fd_remove(s->stop_handle);
	loop_free(s->loop);
	close(s->stop[0]);
	close(s->stop[1]);
	assert_int_equal(stat(s->path, &st), -1);
	assert_int_equal(rmdir(s->dir), 0);
	free(s);
	return 0;
}

static int dial(const struct server *s)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	const struct timeval timeout = { .tv_sec = 10 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(name.sun_path, s->path, strlen(s->path));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static int dial_tcp(const struct server *s)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_port = htons(s->port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Everything up to the end, which must be a clean one; closes. */
static char *hear(int fd)
{
	struct str s = { 0 };
	char piece[4096];
	ssize_t n;

	while ((n = recv(fd, piece, sizeof(piece), 0)) > 0)
		str_add(&s, piece, (size_t)n);
	assert_int_equal(n, 0);
	close(fd);
	return s.buf ? s.buf : mem_strdup("");
}

static void assert_answer(int fd, const char *head, const char *body)
{
	_cleanup_(mem_freep) char *answer = hear(fd);
	const char *end = strstr(answer, "\r\n\r\n");

	assert_memory_equal(answer, head, strlen(head));
	assert_non_null(end);
	assert_string_equal(end + 4, body);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static void test_answers(void **state)
{
	static const struct {
		const char *request, *head, *body;
	} rows[] = {
		{ GET("/hello"), "HTTP/1.1 200 OK\r\n", "hello you\n" },
		{ GET("/hello?x"), "HTTP/1.1 200 OK\r\n", "hello you\n" },
		{ GET("/sick"), "HTTP/1.1 503 Service Unavailable\r\n", "sick\n" },
		{ GET("/none"), "HTTP/1.1 404 Not Found\r\n", "Not Found\n" },
		{ GET("/hello/"), "HTTP/1.1 404 Not Found\r\n", "Not Found\n" },
		{ "PUT /hello HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n",
		  "Method Not Allowed\n" },
		{ "nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "Bad Request\n" },
		/* The second one is not answered, and does not destroy the first answer. */
		{ GET("/hello") GET("/sick"), "HTTP/1.1 200 OK\r\n", "hello you\n" },
	};
	const struct server *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int fds[] = { dial(s), dial_tcp(s) };

		for (size_t j = 0; j < 2; j++) {
			say(fds[j], rows[i].request);
			assert_answer(fds[j], rows[i].head, rows[i].body);
		}
	}
}

static void test_byte_by_byte(void **state)
{
	static const char request[] = GET("/hello");
	int fd = dial(*state);

	for (size_t i = 0; i < sizeof(request) - 1; i++)
		assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
	assert_answer(fd, "HTTP/1.1 200 OK\r\n", "hello you\n");
}

static void test_endless_head(void **state)
{
	_cleanup_(mem_freep) char *bytes = mem_array(1, 30001);
	int fd = dial(*state);

	memset(bytes, 'a', 30000);
	say(fd, bytes);
	assert_answer(fd, "HTTP/1.1 431 ", "Request Header Fields Too Large\n");
}

static void test_big_body(void **state)
{
	int fd = dial(*state), other = dial(*state);
	_cleanup_(mem_freep) char *answer = NULL;

	say(fd, GET("/big"));
	/* While nobody reads it, others are served. */
	say(other, GET("/hello"));
	assert_answer(other, "HTTP/1.1 200 OK\r\n", "hello you\n");
	answer = hear(fd);
	assert_int_equal(strlen(strstr(answer, "\r\n\r\n") + 4), BIG);
	assert_non_null(strstr(answer, "Content-Length: 20971520\r\n"));
}

/* Neither a broken pipe nor what it leaves behind harms the server. */
/* In batches below the size of the table: a slow server accepts them all before it sees one go. */
static void test_peer_goes(void **state)
{
	for (int i = 0; i < 100; i++) {
		int fd = dial(*state);

		if (i % 2)
			say(fd, GET("/big"));
		close(fd);
		if (i % 20 == 19) {
			fd = dial(*state);
			say(fd, GET("/hello"));
			assert_answer(fd, "HTTP/1.1 200 OK\r\n", "hello you\n");
		}
	}
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* 64 who do not ask, or do not close, keep nobody out: the oldest gives way. The others end by
 * their deadlines. */
static void test_full_table(void **state)
{
	static const char *const said[] = { "GET /hel", GET("/hello") };

	for (size_t turn = 0; turn < ARRAY_SIZE(said); turn++) {
		double start = now_s();
		int silent[64], fd;

		for (size_t i = 0; i < ARRAY_SIZE(silent); i++) {
			silent[i] = dial(*state);
			say(silent[i], said[turn]);
		}
		fd = dial(*state);
		say(fd, GET("/hello"));
		assert_answer(fd, "HTTP/1.1 200 OK\r\n", "hello you\n");
		for (size_t i = 0; i < ARRAY_SIZE(silent); i++) {
			_cleanup_(mem_freep) char *answer = hear(silent[i]);

			if (!turn)
				assert_string_equal(answer, "");
		}
		assert_true(turn || now_s() - start > 4);
	}
}

/* An answer under way does not give way: then there is no room. */
static void test_no_room(void **state)
{
	int busy[64];
	char byte;

	for (size_t i = 0; i < ARRAY_SIZE(busy); i++) {
		busy[i] = dial(*state);
		say(busy[i], GET("/big"));
		assert_int_equal(recv(busy[i], &byte, 1, 0), 1);
	}
	assert_answer(dial(*state), "HTTP/1.1 503 ", "Service Unavailable\n");
	for (size_t i = 0; i < ARRAY_SIZE(busy); i++)
		close(busy[i]);
}

/* What chunks hold, and that the last one is there; frees. */
static char *join(char *answer)
{
	char *at = strstr(answer, "\r\n\r\n");
	struct str body = { 0 };
	unsigned long len = 1;

	assert_non_null(at);
	assert_non_null(strstr(answer, "Transfer-Encoding: chunked\r\n"));
	for (at += 4; len; at += len + 2) {
		len = strtoul(at, &at, 16);
		assert_memory_equal(at, "\r\n", 2);
		at += 2;
		str_add(&body, at, len);
		assert_memory_equal(at + len, "\r\n", 2);
	}
	assert_int_equal(*at, 0);
	free(answer);
	return body.buf ? body.buf : mem_strdup("");
}

static void wait_for_streams(int n)
{
	for (int i = 0; i < 1000 && open_streams != n; i++)
		usleep(10000);
	assert_int_equal(open_streams, n);
}

static void test_stream(void **state)
{
	int fd = dial(*state);
	_cleanup_(mem_freep) char *body = NULL, *none = NULL;

	say(fd, GET("/count?3"));
	body = join(hear(fd));
	assert_string_equal(body, "line 3\nline 2\nline 1\n");
	fd = dial(*state);
	say(fd, GET("/count?0"));
	none = join(hear(fd));
	assert_string_equal(none, "");
	fd = dial(*state);
	say(fd, GET("/count?-1"));
	assert_answer(fd, "HTTP/1.1 400 ", "no\n");
	wait_for_streams(0);
}

/* Who has said all keeps nothing while the client is waited for, so that nobody can wake him. */
static void test_ended_stream(void **state)
{
	int fd = dial(*state);
	char piece[4096];
	ssize_t n;

	say(fd, GET("/count?3"));
	while ((n = recv(fd, piece, sizeof(piece), 0)) > 0)
		;
	assert_int_equal(n, 0);
	assert_int_equal(open_streams, 0);
	close(fd);
}

/* What was cut by an error does not look whole: the last chunk is missing. */
static void test_cut_stream(void **state)
{
	int fd = dial(*state);
	_cleanup_(mem_freep) char *answer = NULL;
	const char *body;

	say(fd, GET("/cut?2"));
	answer = hear(fd);
	body = strstr(answer, "\r\n\r\n");
	assert_non_null(body);
	assert_string_equal(body + 4, "7\r\nline 2\n\r\n7\r\nline 1\n\r\n");
	wait_for_streams(0);
}

/* A stream that waits says what there is when it is woken, and ends with its client. */
static void test_woken_stream(void **state)
{
	int fd = dial(*state), other;
	char piece[4096];
	size_t n = 0;

	say(fd, GET("/wait"));
	wait_for_streams(1);
	for (int i = 1; i <= 3; i++) {
		const char *at;
		int heard = 0;

		other = dial(*state);
		say(other, GET("/poke"));
		assert_answer(other, "HTTP/1.1 200 OK\r\n", "");
		do {
			ssize_t got = recv(fd, piece + n, sizeof(piece) - 1 - n, 0);

			assert_true(got > 0);
			n += (size_t)got;
			piece[n] = 0;
			for (at = piece, heard = 0; (at = strstr(at, "woken\n")); at++)
				heard++;
		} while (heard < i);
		assert_int_equal(heard, i);
	}
	close(fd);
	wait_for_streams(0);
}

/* Streams have no deadline, hence few places; their clients' going gives them back, and however
 * many there are, others are served. */
static void test_many_streams(void **state)
{
	int fds[16], fd;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = dial(*state);
		say(fds[i], i % 2 ? GET("/wait") : GET("/count?100000000"));
	}
	wait_for_streams(16);
	fd = dial(*state);
	say(fd, GET("/wait"));
	assert_answer(fd, "HTTP/1.1 503 ", "too many streams are open\n");
	fd = dial(*state);
	say(fd, GET("/hello"));
	assert_answer(fd, "HTTP/1.1 200 OK\r\n", "hello you\n");
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	wait_for_streams(0);
}

static void test_socket_mode(void **state)
{
	const struct server *s = *state;
	struct stat st;

	assert_int_equal(stat(s->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* A living socket is left alone, a dead one is replaced, another file is not touched. */
static void test_taken_path(void **state)
{
	const struct server *s = *state;
	struct loop *loop = loop_new();
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct admin *admin = NULL;
	char path[64];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(admin_open(loop, s->path, NULL, routes, NULL, &admin), -EADDRINUSE);
	assert_null(admin);
	test_answers(state);

	snprintf(path, sizeof(path), "%s/dead", s->dir);
	memcpy(name.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	close(fd);
	assert_int_equal(admin_open(loop, path, NULL, routes, NULL, &admin), 0);
	admin_close(admin);

	fclose(fopen(path, "w"));
	assert_int_equal(admin_open(loop, path, NULL, routes, NULL, &admin), -EEXIST);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(admin_open(loop, path, s->listen, routes, NULL, &admin), -EADDRINUSE);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_byte_by_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(test_endless_head, setup, teardown),
		cmocka_unit_test_setup_teardown(test_big_body, setup, teardown),
		cmocka_unit_test_setup_teardown(test_peer_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_table, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(test_woken_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_streams, setup, teardown),
		cmocka_unit_test_setup_teardown(test_socket_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(test_taken_path, setup, teardown),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
