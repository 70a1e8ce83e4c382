/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in order, whatever the kernel's queue holds; descriptors; every kind of end. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/loop.h"
#include "base/mem.h"
#include "feed/channel.h"

struct end {
	struct loop *loop;
	struct channel *channel;
	uint64_t got[600];
	size_t n, stop_after;
	int fd; /* the last that came */
	bool close_on_message;
	int closed;
};

static void on_message(void *arg, struct message *message)
{
	struct end *end = arg;

	end->got[end->n++] = message->generation;
	if (message->fd >= 0)
		end->fd = TAKE_FD(message->fd);
	if (end->close_on_message)
		channel_close(TAKE_PTR(end->channel));
	if (end->n == end->stop_after)
		loop_stop(end->loop);
}

static void on_closed(void *arg)
{
	struct end *end = arg;

	end->closed++;
	channel_close(TAKE_PTR(end->channel));
	loop_stop(end->loop);
}

static void open_end(struct end *end, struct loop *loop, int fd)
{
	const struct channel_handlers handlers = { on_message, on_closed, end };

	*end = (struct end){ .loop = loop, .fd = -1 };
	assert_int_equal(channel_open(loop, fd, &handlers, &end->channel), 0);
}

/* a sends, b receives; with raw, b is a bare descriptor. */
struct fixture {
	struct loop *loop;
	struct end a, b;
	int raw;
};

static struct fixture *make(bool raw)
{
	struct fixture *f = mem_new(sizeof(*f));
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	f->loop = loop_new();
	f->raw = raw ? pair[1] : -1;
	open_end(&f->a, f->loop, pair[0]);
	if (!raw)
		open_end(&f->b, f->loop, pair[1]);
	return f;
}

static void unmake(struct fixture *f)
{
	channel_close(f->a.channel);
	channel_close(f->b.channel);
	mem_closep(&f->raw);
	loop_free(f->loop);
	mem_freep(&f);
}

static void send_ack(struct end *end, uint64_t generation)
{
	static char text[4096];
	const struct message message = {
		.type = MESSAGE_ACK, .generation = generation, .text = text, .fd = -1
	};

	memset(text, 'x', sizeof(text) - 1);

	assert_int_equal(channel_send(end->channel, &message), 0);
}

static void many_arrive_in_order(void **state)
{
	struct fixture *f = make(false);

	(void)state;
	for (uint64_t i = 0; i < 500; i++)
		send_ack(&f->a, i);
	assert_false(channel_idle(f->a.channel));
	f->b.stop_after = 500;
	loop_run(f->loop);
	for (uint64_t i = 0; i < 500; i++)
		assert_true(f->b.got[i] == i);
	assert_true(channel_idle(f->a.channel));
	unmake(f);
}

static void a_descriptor_travels(void **state)
{
	struct fixture *f = make(false);
	struct message message = { .type = MESSAGE_LISTEN,
				   .fd = open("/dev/null", O_RDONLY | O_CLOEXEC) };
	struct stat sent, got;

	(void)state;
	fstat(message.fd, &sent);
	assert_int_equal(channel_send(f->a.channel, &message), 0);
	/* It was duplicated: the sender's may go. */
	close(message.fd);
	f->b.stop_after = 1;
	loop_run(f->loop);
	assert_int_equal(fstat(f->b.fd, &got), 0);
	assert_true(sent.st_rdev == got.st_rdev);
	assert_int_equal(fcntl(f->b.fd, F_GETFD), FD_CLOEXEC);
	close(f->b.fd);
	unmake(f);
}

static void a_peer_that_ends_is_told_after_its_messages(void **state)
{
	struct fixture *f = make(false);

	(void)state;
	send_ack(&f->a, 1);
	send_ack(&f->a, 2);
	channel_close(TAKE_PTR(f->a.channel));
	loop_run(f->loop);
	assert_int_equal(f->b.n, 2);
	assert_int_equal(f->b.closed, 1);
	unmake(f);
}

/* Sending to one that has gone is no error of the call, and ends once. */
static void sending_to_nobody_ends(void **state)
{
	struct fixture *f = make(true);

	(void)state;
	close(TAKE_FD(f->raw));
	send_ack(&f->a, 1);
	assert_int_equal(f->a.closed, 0);
	loop_run(f->loop);
	assert_int_equal(f->a.closed, 1);
	unmake(f);
}

static void broken_messages_end(void **state)
{
	static const char garbage[] = "no message at all";
	struct fixture *f = make(true);

	(void)state;
	assert_int_equal(send(f->raw, garbage, sizeof(garbage), 0), sizeof(garbage));
	loop_run(f->loop);
	assert_int_equal(f->a.closed, 1);
	assert_int_equal(f->a.n, 0);
	unmake(f);
}

/* Two descriptors where one is the rule: both are closed. */
static void a_descriptor_too_many_ends(void **state)
{
	struct fixture *f = make(true);
	int pipes[2];
	union {
		char bytes[CMSG_SPACE(sizeof(pipes))];
		struct cmsghdr align;
	} control = { { 0 } };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(pipes));
	memcpy(CMSG_DATA(header), (int[]){ pipes[1], pipes[1] }, sizeof(pipes));
	assert_int_equal(sendmsg(f->raw, &msg, 0), 1);
	close(pipes[1]);
	loop_run(f->loop);
	assert_int_equal(f->a.closed, 1);
	/* The writing end is gone everywhere, or this would be EAGAIN. */
	assert_int_equal(read(pipes[0], &byte, 1), 0);
	close(pipes[0]);
	unmake(f);
}

static void a_handler_may_close(void **state)
{
	struct fixture *f = make(false);

	(void)state;
	f->b.close_on_message = true;
	f->b.stop_after = 1;
	send_ack(&f->a, 1);
	send_ack(&f->a, 2);
	loop_run(f->loop);
	assert_int_equal(f->b.n, 1);
	assert_int_equal(f->b.closed, 0);
	loop_run(f->loop);
	assert_int_equal(f->a.closed, 1);
	unmake(f);
}

/* A peer that never reads costs memory up to a limit only. */
static void a_peer_that_sleeps_is_given_up(void **state)
{
	struct fixture *f = make(true);
	_cleanup_(mem_freep) char *text = mem_new(128 * 1024);
	const struct message message = { .type = MESSAGE_ACK, .text = text, .fd = -1 };

	(void)state;
	memset(text, 'x', 128 * 1024 - 1);
	for (int i = 0; i < 520; i++)
		assert_int_equal(channel_send(f->a.channel, &message), 0);
	loop_run(f->loop);
	assert_int_equal(f->a.closed, 1);
	unmake(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_arrive_in_order),
		cmocka_unit_test(a_descriptor_travels),
		cmocka_unit_test(a_peer_that_ends_is_told_after_its_messages),
		cmocka_unit_test(sending_to_nobody_ends),
		cmocka_unit_test(broken_messages_end),
		cmocka_unit_test(a_descriptor_too_many_ends),
		cmocka_unit_test(a_handler_may_close),
		cmocka_unit_test(a_peer_that_sleeps_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
