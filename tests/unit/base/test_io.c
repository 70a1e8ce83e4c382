// SPDX-License-Identifier: Apache-2.0
/* The completion interface: receiving, sending, readiness, connecting. */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>

#include "iorig.h"

/* ---- receiving ---- */

static void bytes_are_received_now_or_later(void **state)
{
	struct fixture *f = *state;

	put(f->pair[1], "hello");
	io_recv(f->file, &f->op, on_text);
	assert_null(f->op.buf);
	assert_int_equal(f->calls, 0);
	io_run(f->io);
	assert_int_equal(f->calls, 1);

	io_recv(f->file, &f->op, on_text);
	put(f->pair[1], "hello");
	io_run(f->io);
	assert_int_equal(f->calls, 2);
}

static void the_end_of_a_stream_is_a_result(void **state)
{
	struct fixture *f = *state;

	io_recv(f->file, &f->op, on_done);
	shutdown(f->pair[1], SHUT_WR);
	io_run(f->io);
	assert_int_equal(f->calls, 1);
	assert_int_equal(f->result, 0);
	/* It stays the end. */
	io_recv(f->file, &f->op, on_done);
	io_run(f->io);
	assert_int_equal(f->calls, 2);
	assert_int_equal(f->result, 0);
}

static void on_much(struct io_op *op, ssize_t result)
{
	struct fixture *f = op->arg;

	f->calls++;
	f->result = result;
	if (result <= 0) {
		io_stop(f->io);
		return;
	}
	f->total += op->buf->len;
	io_buf_free(f->io, TAKE_PTR(op->buf));
	io_recv(f->file, op, on_much);
}

static void what_is_there_is_received_to_its_end(void **state)
{
	struct fixture *f = *state;
	size_t total = fill(f->pair[1]);

	close(TAKE_FD(f->pair[1]));
	io_recv(f->file, &f->op, on_much);
	io_run(f->io);
	assert_int_equal(f->total, total);
	assert_int_equal(f->result, 0);
	assert_true((size_t)f->calls > total / IO_BUF_SIZE);
}

static void on_slow(struct io_op *op, ssize_t result)
{
	struct fixture *f = op->arg;

	assert_int_equal(result, 1);
	f->order[f->calls++] = op->buf->data[0];
	io_buf_free(f->io, TAKE_PTR(op->buf));
	if (f->calls == 3) {
		io_stop(f->io);
		return;
	}
	/* Nothing is there when it is asked for; the peer goes on after that. */
	io_recv(f->file, op, on_slow);
	put(f->pair[1], f->calls == 1 ? "b" : "c");
}

static void a_peer_may_be_slow(void **state)
{
	struct fixture *f = *state;

	io_recv(f->file, &f->op, on_slow);
	put(f->pair[1], "a");
	io_run(f->io);
	assert_string_equal(f->order, "abc");
}

static void on_later(void *arg)
{
	struct fixture *f = arg;

	io_recv(f->file, &f->op, on_text);
}

/* Events without a receiver: nothing is lost, and the loop sleeps instead of spinning. */
static void bytes_wait_until_they_are_asked_for(void **state)
{
	struct fixture *f = *state;

	io_recv(f->file, &f->op, on_text);
	put(f->pair[1], "hello");
	io_run(f->io);
	put(f->pair[1], "hello");
	f->timer = io_timer_new(f->io, on_later, f);
	io_timer_start(f->timer, 10);
	io_run(f->io);
	assert_int_equal(f->calls, 2);
	io_timer_free(f->timer);
}

/* Always has more for the loop than one buffer. */
static void on_greedy(struct io_op *op, ssize_t result)
{
	struct fixture *f = op->arg;

	if (result == -ECANCELED)
		return;
	assert_true(result > 0);
	f->calls++;
	io_buf_free(f->io, TAKE_PTR(op->buf));
	fill(f->pair[1]);
	io_recv(f->file, op, on_greedy);
}

static void one_sender_does_not_keep_out_others(void **state)
{
	struct fixture *f = *state;
	struct io_file *other;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
	other = io_open(f->io, pair[0]);
	fill(f->pair[1]);
	put(pair[1], "hello");
	io_recv(f->file, &f->op, on_greedy);
	io_recv(other, &f->op2, on_text);
	io_run(f->io);
	assert_in_range(f->calls, 1, 10);
	io_close(other);
	close(pair[1]);
}

static void a_reset_is_an_error(void **state)
{
	struct fixture *f = *state;

	/* Closing on unread bytes resets. */
	put(f->pair[0], "x");
	io_recv(f->file, &f->op, on_done);
	close(TAKE_FD(f->pair[1]));
	io_run(f->io);
	assert_int_equal(f->result, -ECONNRESET);
}

/* ---- sending ---- */

static void pieces_are_sent_in_order(void **state)
{
	struct fixture *f = *state;
	struct iovec iov[] = { { "ab", 2 }, { NULL, 0 }, { "c", 1 }, { "", 0 } };
	char buf[8] = { 0 };

	io_send(f->file, &f->op, on_done, iov, ARRAY_SIZE(iov));
	/* The bytes went at once, the callback comes later. */
	assert_int_equal(read(f->pair[1], buf, sizeof(buf)), 3);
	assert_string_equal(buf, "abc");
	assert_int_equal(f->calls, 0);
	io_run(f->io);
	assert_int_equal(f->calls, 1);
	assert_int_equal(f->result, 3);

	io_send(f->file, &f->op, on_done, NULL, 0);
	io_run(f->io);
	assert_int_equal(f->result, 0);
}

static void *slow_reader(void *arg)
{
	struct fixture *f = arg;
	char buf[777];
	ssize_t n;
	unsigned char next = 0;

	fcntl(f->pair[1], F_SETFL, 0);
	while ((n = read(f->pair[1], buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			f->total += (unsigned char)buf[i] == next++;
	}
	return NULL;
}

static void a_slow_reader_gets_everything(void **state)
{
	enum {
		LEN = 1 << 20
	};
	struct fixture *f = *state;
	_cleanup_(mem_freep) char *bytes = mem_array(LEN, 1);
	struct iovec iov[IO_SEND_MAX];
	int small = 4096;
	pthread_t thread;

	for (size_t i = 0; i < LEN; i++)
		bytes[i] = (char)i;
	for (size_t i = 0; i < IO_SEND_MAX; i++)
		iov[i] = (struct iovec){ bytes + i * (LEN / IO_SEND_MAX), LEN / IO_SEND_MAX };
	setsockopt(f->pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	io_send(f->file, &f->op, on_done, iov, IO_SEND_MAX);
	/* The pieces were copied. */
	memset(iov, 0, sizeof(iov));
	assert_int_equal(pthread_create(&thread, NULL, slow_reader, f), 0);
	io_run(f->io);
	assert_int_equal(f->calls, 1);
	assert_int_equal(f->result, LEN);
	io_shutdown(f->file);
	pthread_join(thread, NULL);
	assert_int_equal(f->total, LEN);
}

static void a_send_to_nobody_fails(void **state)
{
	struct fixture *f = *state;
	struct iovec iov = { "x", 1 };

	close(TAKE_FD(f->pair[1]));
	io_send(f->file, &f->op, on_done, &iov, 1);
	assert_int_equal(f->calls, 0);
	io_run(f->io);
	assert_int_equal(f->result, -EPIPE);
}

static void on_sent(struct io_op *op, ssize_t result)
{
	assert_int_equal(result, -EPIPE);
	on_done(op, result);
}

/* A send that waits, and both directions at once. */
static void a_waiting_send_sees_the_peer_go(void **state)
{
	struct fixture *f = *state;
	struct iovec iov = { "x", 1 };

	fill(f->pair[0]);
	io_send(f->file, &f->op, on_sent, &iov, 1);
	close(TAKE_FD(f->pair[1]));
	io_run(f->io);
	assert_int_equal(f->calls, 1);
}

static void shutdown_ends_the_stream(void **state)
{
	struct fixture *f = *state;
	char c;

	io_shutdown(f->file);
	assert_int_equal(read(f->pair[1], &c, 1), 0);
	put(f->pair[1], "hello");
	io_recv(f->file, &f->op, on_text);
	io_run(f->io);
	assert_int_equal(f->calls, 1);
}

/* ---- readiness without a buffer ---- */

static void on_ready(struct io_op *op, ssize_t result)
{
	struct fixture *f = op->arg;

	assert_int_equal(result, 0);
	f->calls++;
	if (f->calls == 2)
		io_recv(f->file, &f->op2, on_text);
	else
		io_ready(f->file, op, on_ready);
}

static void readiness_stays_until_somebody_reads(void **state)
{
	struct fixture *f = *state;

	io_ready(f->file, &f->op, on_ready);
	put(f->pair[1], "hello");
	io_run(f->io);
	assert_int_equal(f->calls, 3);
}

/* ---- connecting ---- */

static int listener(int family, struct sockaddr_storage *ret_addr, socklen_t *ret_len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	memset(ret_addr, 0, sizeof(*ret_addr));
	if (family == AF_INET)
		memcpy(ret_addr, &v4, *ret_len = sizeof(v4));
	else
		memcpy(ret_addr, &v6, *ret_len = sizeof(v6));
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)ret_addr, *ret_len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret_addr, ret_len), 0);
	return fd;
}

static struct io_file *tcp(struct fixture *f, int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct io_file *file = io_open(f->io, fd);

	assert_non_null(file);
	return file;
}

static void on_half(struct io_op *op, ssize_t result)
{
	struct fixture *f = op->arg;

	assert_int_equal(result, 0);
	if (++f->calls == 2)
		io_stop(f->io);
}

static void connections_are_made_and_accepted(void **state)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct sockaddr_storage addr;
		socklen_t len;
		int fd = listener(families[i], &addr, &len);
		struct io_file *server = io_open(f->io, fd), *client = tcp(f, families[i]);

		assert_int_equal(listen(fd, 8), 0);
		f->calls = 0;
		io_ready(server, &f->op, on_half);
		io_connect(client, &f->op2, on_half, (struct sockaddr *)&addr, len);
		assert_int_equal(f->calls, 0);
		io_run(f->io);
		assert_int_equal(f->calls, 2);
		fd = accept(io_fd(server), NULL, NULL);
		assert_true(fd >= 0);
		close(fd);
		io_close(client);
		io_close(server);
	}
}

static void a_refused_connection_says_so(void **state)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct sockaddr_storage addr;
		socklen_t len;
		/* Bound and not listening: nobody else takes the port meanwhile. */
		int fd = listener(families[i], &addr, &len);
		struct io_file *client = tcp(f, families[i]);

		io_connect(client, &f->op, on_done, (struct sockaddr *)&addr, len);
		io_run(f->io);
		assert_int_equal(f->calls, i + 1);
		assert_int_equal(f->result, -ECONNREFUSED);
		io_close(client);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_are_received_now_or_later),
		TEST(the_end_of_a_stream_is_a_result),
		TEST(what_is_there_is_received_to_its_end),
		TEST(a_peer_may_be_slow),
		TEST(bytes_wait_until_they_are_asked_for),
		TEST(one_sender_does_not_keep_out_others),
		TEST(a_reset_is_an_error),
		TEST(pieces_are_sent_in_order),
		TEST(a_slow_reader_gets_everything),
		TEST(a_send_to_nobody_fails),
		TEST(a_waiting_send_sees_the_peer_go),
		TEST(shutdown_ends_the_stream),
		TEST(readiness_stays_until_somebody_reads),
		TEST(connections_are_made_and_accepted),
		TEST(a_refused_connection_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
