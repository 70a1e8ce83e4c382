// SPDX-License-Identifier: Apache-2.0
/* HTTP/2 towards a peer of nghttp2's in a thread of its own, that behaves as the path says. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include "base/mem.h"
#include "http/h2.h"

#define BIG   (9u << 20) /* more than all windows */
#define FIELD 60000

/* ---- the peer ---- */

struct answer {
	char path[64];
	size_t left;
};

struct peer {
	int fd;
	pthread_t thread;
	const char *instead; /* bytes to say instead of HTTP/2 */
	size_t len;
	bool mute; /* reads and says nothing */
	nghttp2_session *session;
	unsigned pings;
	size_t taken; /* of request bodies */
	struct answer answers[8];
	size_t n_answers;
};

/* NOLINTNEXTLINE(readability-function-size): the parameters are nghttp2's. */
static ssize_t give_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len,
			 uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct answer *answer = source->ptr;
	size_t n = answer->left < len ? answer->left : len;

	(void)session;
	(void)id;
	(void)arg;
	memset(buf, 'x', n);
	answer->left -= n;
	if (!answer->left)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

#define NV(n, v)                                                                                   \
	{                                                                                          \
		(uint8_t *)(n), (uint8_t *)(v), strlen(n), strlen(v), NGHTTP2_NV_FLAG_NONE         \
	}

static void answer(struct peer *peer, int32_t id, struct answer *answer)
{
	nghttp2_data_provider body = { .source.ptr = answer, .read_callback = give_body };
	static char large[FIELD];
	const nghttp2_nv interim[] = { NV(":status", "103"), NV("link", "early") };
	const nghttp2_nv head[] = { NV(":status", "200"), NV("x-first", "one"),
				    NV("x-next", "two") };
	const nghttp2_nv huge[] = { NV(":status", "200"), NV("a", large), NV("b", large) };

	memset(large, 'y', sizeof(large) - 1);
	if (!strcmp(answer->path, "/hang"))
		return;
	if (!strcmp(answer->path, "/reset")) {
		nghttp2_submit_rst_stream(peer->session, 0, id, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	if (!strcmp(answer->path, "/refuse")) {
		nghttp2_submit_rst_stream(peer->session, 0, id, NGHTTP2_REFUSED_STREAM);
		return;
	}
	if (!strcmp(answer->path, "/huge")) {
		nghttp2_submit_response(peer->session, id, huge, ARRAY_SIZE(huge), NULL);
		return;
	}
	if (!strcmp(answer->path, "/leave"))
		nghttp2_submit_goaway(peer->session, 0, id, NGHTTP2_NO_ERROR, NULL, 0);
	if (!strcmp(answer->path, "/early"))
		nghttp2_submit_headers(peer->session, 0, id, NULL, interim, ARRAY_SIZE(interim),
				       NULL);
	answer->left = !strcmp(answer->path, "/big") ? BIG : 5;
	nghttp2_submit_response(peer->session, id, head, ARRAY_SIZE(head), &body);
}

static int on_peer_begin(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct peer *p = arg;

	assert(p->n_answers < ARRAY_SIZE(p->answers));
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id,
					     &p->answers[p->n_answers++]);
	return 0;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are nghttp2's. */
static int on_peer_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
			  size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
			  void *arg)
{
	struct answer *a = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)flags;
	(void)value_len;
	(void)arg;
	if (a && name_len == 5 && !memcmp(name, ":path", 5))
		snprintf(a->path, sizeof(a->path), "%s", (const char *)value);
	return 0;
}

static int on_peer_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct peer *peer = arg;
	struct answer *a = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	peer->pings += frame->hd.type == NGHTTP2_PING && !(frame->hd.flags & NGHTTP2_FLAG_ACK);
	if (a && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		answer(peer, frame->hd.stream_id, a);
	return 0;
}

static int on_peer_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
			size_t len, void *arg)
{
	(void)session;
	(void)flags;
	(void)id;
	(void)data;
	((struct peer *)arg)->taken += len;
	return 0;
}

static ssize_t peer_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags,
			 void *arg)
{
	ssize_t n = send(((struct peer *)arg)->fd, data, len, MSG_NOSIGNAL);

	(void)session;
	(void)flags;
	return n < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : n;
}

static void serve(struct peer *peer)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	uint8_t buf[16384];
	ssize_t n;

	nghttp2_option_new(&option);
	nghttp2_option_set_max_send_header_block_length(option, 4 * FIELD);
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_peer_begin);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_peer_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_peer_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_peer_data);
	nghttp2_session_callbacks_set_send_callback(callbacks, peer_send);
	nghttp2_session_server_new2(&peer->session, callbacks, peer, option);
	nghttp2_submit_settings(peer->session, 0, NULL, 0);
	while (!nghttp2_session_send(peer->session) &&
	       (n = recv(peer->fd, buf, sizeof(buf), 0)) > 0)
		if (nghttp2_session_mem_recv(peer->session, buf, (size_t)n) < 0)
			break;
	nghttp2_session_del(peer->session);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
}

static void *run_peer(void *arg)
{
	struct peer *peer = arg;
	char buf[16384];

	if (peer->instead)
		(void)send(peer->fd, peer->instead, peer->len, MSG_NOSIGNAL);
	if (!peer->instead && !peer->mute)
		serve(peer);
	while (recv(peer->fd, buf, sizeof(buf), 0) > 0)
		;
	close(peer->fd);
	return NULL;
}

/* ---- the client ---- */

struct ask {
	struct h2 *h2;
	struct h2_stream *stream;
	struct io *io;
	int status, error;
	unsigned ends, fields;
	size_t bytes;
	bool cancel_at_head, pause_at_head, free_at_end, stop_at_end;
	struct ask *next; /* asked at the head of this one */
};

static struct peer peer;
static struct io *io;
static struct h2 *h2;
static int over = 1; /* the connection's end, 1: it goes on */

static void on_field(void *arg, const char *name, const char *value)
{
	struct ask *a = arg;

	a->fields++;
	assert_string_not_equal(name, "link");
	assert_true(*value);
}

static void ask(struct ask *a, const char *path);

static void on_head(void *arg, int status)
{
	struct ask *a = arg;

	assert_int_equal(a->status, 0);
	a->status = status;
	if (a->cancel_at_head) {
		h2_cancel(a->stream);
		io_stop(io);
	}
	if (a->pause_at_head)
		h2_pause(a->stream);
	if (a->next)
		ask(a->next, "/");
}

static void on_data(void *arg, const char *data, size_t len)
{
	struct ask *a = arg;

	assert_int_equal(data[0], 'x');
	a->bytes += len;
}

static void on_end(void *arg, int error)
{
	struct ask *a = arg;

	a->ends++;
	a->error = error;
	if (a->free_at_end)
		h2_free(TAKE_PTR(h2));
	if (a->stop_at_end || a->free_at_end)
		io_stop(io);
}

static const struct h2_ops ops = { on_field, on_head, on_data, on_end };

static void on_over(void *arg, int error)
{
	(void)arg;
	over = error;
	io_stop(io);
}

static void ask_body(struct ask *a, const char *path, const char *body, size_t len)
{
	const struct h2_field fields[] = { { "accept", "text/plain" } };
	const struct h2_request request = {
		.method = body ? "POST" : "GET",
		.scheme = "https",
		.authority = "peer",
		.path = path,
		.fields = fields,
		.n_fields = 1,
		.body = body,
		.len = len,
	};

	a->stream = h2_start(h2, &request, &ops, a);
	assert_non_null(a->stream);
	/* Nothing comes from inside a call. */
	assert_int_equal(a->ends, 0);
}

static void ask(struct ask *a, const char *path)
{
	ask_body(a, path, NULL, 0);
}

static void open_with(struct peer with, struct h2_config config)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	peer = with;
	peer.fd = fds[1];
	over = 1;
	assert_int_equal(pthread_create(&peer.thread, NULL, run_peer, &peer), 0);
	io = io_new();
	h2 = h2_new(io, conn_new(io, fds[0]), &config, on_over, NULL);
	assert_non_null(h2);
}

static void open_peer(void)
{
	open_with((struct peer){ 0 }, (struct h2_config){ 30000, 15000 });
}

static void close_peer(void)
{
	h2_free(TAKE_PTR(h2));
	io_free(io);
	assert_int_equal(pthread_join(peer.thread, NULL), 0);
}

/* ---- tests ---- */

static void test_answers(void **state)
{
	struct ask first = { 0 }, second = { .stop_at_end = true };

	(void)state;
	open_peer();
	ask(&first, "/");
	ask(&second, "/early");
	assert_int_equal(h2_streams(h2), 2);
	io_run(io);
	assert_int_equal(first.error, 0);
	assert_int_equal(first.status, 200);
	assert_int_equal(first.bytes, 5);
	assert_int_equal(first.fields, 2);
	assert_int_equal(second.status, 200);
	assert_int_equal(second.fields, 2);
	assert_int_equal(h2_streams(h2), 0);
	assert_true(h2_is_open(h2));
	close_peer();
}

static void test_more_than_the_windows(void **state)
{
	struct ask a = { .stop_at_end = true };

	(void)state;
	open_peer();
	ask(&a, "/big");
	io_run(io);
	assert_int_equal(a.error, 0);
	assert_int_equal(a.bytes, BIG);
	close_peer();
}

/* One that pauses keeps nobody waiting, and gets no more than its window. */
static void test_pause(void **state)
{
	struct ask slow = { .pause_at_head = true }, other = { .stop_at_end = true };

	(void)state;
	open_peer();
	ask(&slow, "/big");
	ask(&other, "/big");
	io_run(io);
	assert_int_equal(other.error, 0);
	assert_int_equal(other.bytes, BIG);
	assert_int_equal(slow.ends, 0);
	assert_true(slow.bytes <= H2_WINDOW);
	slow.stop_at_end = true;
	h2_resume(slow.stream);
	io_run(io);
	assert_int_equal(slow.error, 0);
	assert_int_equal(slow.bytes, BIG);
	close_peer();
}

static void test_request_body(void **state)
{
	struct ask a = { .stop_at_end = true };
	static char body[300000];

	(void)state;
	open_peer();
	ask_body(&a, "/", body, sizeof(body));
	io_run(io);
	assert_int_equal(a.error, 0);
	assert_int_equal(a.status, 200);
	close_peer();
	assert_int_equal(peer.taken, sizeof(body));
}

static void check_end(const char *path, int error)
{
	struct ask a = { .stop_at_end = true }, after = { .stop_at_end = true };

	open_peer();
	ask(&a, path);
	io_run(io);
	assert_int_equal(a.ends, 1);
	assert_int_equal(a.error, error);
	assert_int_equal(a.status, 0);
	/* The others are none the worse. */
	ask(&after, "/");
	io_run(io);
	assert_int_equal(after.error, 0);
	assert_int_equal(after.status, 200);
	close_peer();
}

static void test_streams_that_fail(void **state)
{
	(void)state;
	check_end("/reset", -ECONNRESET);
	check_end("/refuse", -EAGAIN);
	check_end("/huge", -EMSGSIZE);
}

static void test_cancel(void **state)
{
	struct ask hangs = { 0 }, big = { .cancel_at_head = true }, last = { .stop_at_end = true };

	(void)state;
	open_peer();
	ask(&hangs, "/hang");
	h2_cancel(hangs.stream);
	ask(&big, "/big");
	io_run(io);
	ask(&last, "/");
	io_run(io);
	assert_int_equal(last.status, 200);
	assert_int_equal(hangs.ends + big.ends, 0);
	assert_int_equal(big.bytes, 0);
	close_peer();
}

/* What is under way is finished, nothing new begins, and then the connection ends. */
static void test_goaway(void **state)
{
	struct ask a = { 0 };

	(void)state;
	open_peer();
	ask(&a, "/leave");
	io_run(io);
	assert_int_equal(over, 0);
	assert_int_equal(a.error, 0);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.bytes, 5);
	assert_false(h2_is_open(h2));
	close_peer();
}

static void test_free_inside(void **state)
{
	struct ask a = { .free_at_end = true }, other = { 0 };

	(void)state;
	open_peer();
	ask(&other, "/hang");
	ask(&a, "/");
	io_run(io);
	assert_int_equal(a.ends, 1);
	assert_int_equal(other.ends, 0);
	assert_int_equal(over, 1);
	close_peer();
}

static void test_silent_peer(void **state)
{
	struct ask a = { 0 };

	(void)state;
	open_with((struct peer){ .mute = true }, (struct h2_config){ 20, 20 });
	ask(&a, "/");
	io_run(io);
	assert_int_equal(a.error, -ETIMEDOUT);
	assert_int_equal(over, -ETIMEDOUT);
	close_peer();
}

/* A peer that has nothing to say, but lives, is kept. */
static void test_idle_peer(void **state)
{
	struct ask a = { 0 };
	struct io_timer *timer;

	(void)state;
	open_with((struct peer){ 0 }, (struct h2_config){ 10, 5000 });
	timer = io_timer_new(io, (void (*)(void *))io_stop, io);
	ask(&a, "/hang");
	io_timer_start(timer, 200);
	io_run(io);
	assert_int_equal(over, 1);
	assert_int_equal(a.ends, 0);
	io_timer_free(timer);
	close_peer();
	assert_true(peer.pings >= 2);
}

static void check_nonsense(const char *bytes, size_t len)
{
	struct ask a = { 0 };

	open_with((struct peer){ .instead = bytes, .len = len }, (struct h2_config){ 2000, 2000 });
	ask(&a, "/");
	io_run(io);
	assert_int_equal(a.ends, 1);
	assert_int_equal(a.status, 0);
	assert_true(a.error == -EPROTO || a.error == -ECONNRESET);
	assert_int_equal(over, a.error);
	close_peer();
}

static void test_nonsense(void **state)
{
	static const char http1[] = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
	static const char frame[] = "\xff\xff\xff\x00\x00\x00\x00\x00\x01zzzzzzzzzzzz";
	/* SETTINGS with a length that no entry has. */
	static const char settings[] = "\x00\x00\x05\x04\x00\x00\x00\x00\x00zzzzz";
	static const char zeros[64];

	(void)state;
	check_nonsense(http1, sizeof(http1) - 1);
	check_nonsense(frame, sizeof(frame) - 1);
	check_nonsense(settings, sizeof(settings) - 1);
	check_nonsense(zeros, sizeof(zeros));
}

/* Each is as it should be; all of them are nothing but work. */
static void test_flood(void **state)
{
	static const char settings[9] = { 0, 0, 0, 4 };
	static const char update[13] = { 0, 0, 4, 8, [12] = 1 };
	static char bytes[sizeof(settings) + 5000 * sizeof(update)];

	(void)state;
	memcpy(bytes, settings, sizeof(settings));
	for (size_t i = sizeof(settings); i < sizeof(bytes); i += sizeof(update))
		memcpy(bytes + i, update, sizeof(update));
	check_nonsense(bytes, sizeof(bytes));
}

/* What is asked for in the moment in which GOAWAY comes was never sent. */
static void test_goaway_too_early(void **state)
{
	static const char bytes[] = "\0\0\0\4\0\0\0\0\0"     /* SETTINGS */
				    "\0\0\1\1\5\0\0\0\1\x88" /* HEADERS, the last ones: 200 */
				    "\0\0\10\7\0\0\0\0\0\0\0\0\1\0\0\0\0";
	struct ask second = { 0 }, first = { .next = &second };

	(void)state;
	open_with((struct peer){ .instead = bytes, .len = sizeof(bytes) - 1 },
		  (struct h2_config){ 2000, 2000 });
	ask(&first, "/");
	io_run(io);
	assert_int_equal(over, 0);
	assert_true(h2_is_leaving(h2));
	assert_int_equal(first.ends, 1);
	assert_int_equal(first.status, 200);
	assert_int_equal(first.error, 0);
	assert_int_equal(second.ends, 1);
	assert_int_equal(second.error, -EAGAIN);
	close_peer();
}

/* The peer's end before an answer. */
static void test_end_of_stream(void **state)
{
	struct ask a = { 0 };

	(void)state;
	open_peer();
	ask(&a, "/hang");
	shutdown(peer.fd, SHUT_RDWR);
	io_run(io);
	assert_int_equal(a.ends, 1);
	assert_true(a.error == -ECONNRESET || a.error == -EPIPE);
	close_peer();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),	      cmocka_unit_test(test_more_than_the_windows),
		cmocka_unit_test(test_request_body),  cmocka_unit_test(test_streams_that_fail),
		cmocka_unit_test(test_cancel),	      cmocka_unit_test(test_goaway),
		cmocka_unit_test(test_free_inside),   cmocka_unit_test(test_silent_peer),
		cmocka_unit_test(test_idle_peer),     cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_end_of_stream), cmocka_unit_test(test_flood),
		cmocka_unit_test(test_pause),	      cmocka_unit_test(test_goaway_too_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
