// SPDX-License-Identifier: Apache-2.0
/* I/O on a loop that is others', too: what their callbacks start is done without more events. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/loop.h"
#include "base/mem.h"

struct fixture {
	struct loop *loop;
	struct io *io;
	struct io_file *file;
	int pair[2];
	struct io_op recv, send, defer;
	struct io_timer *timer;
	char order[8];
};

static void note(struct fixture *f, char what)
{
	size_t len = strlen(f->order);

	assert_true(len + 1 < sizeof(f->order));
	f->order[len] = what;
}

static int setup(void **state)
{
	struct fixture *f = mem_new(sizeof(*f));

	f->loop = loop_new();
	f->io = io_new_on(f->loop);
	assert_non_null(f->io);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, f->pair), 0);
	f->file = io_open(f->io, f->pair[0]);
	assert_non_null(f->file);
	f->recv.arg = f->send.arg = f->defer.arg = f;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	io_close(f->file);
	io_free(f->io);
	loop_free(f->loop);
	close(f->pair[1]);
	free(f);
	return 0;
}

static void on_deferred(struct io_op *op, ssize_t result)
{
	assert_int_equal(result, 0);
	note(op->arg, 'd');
}

static void on_sent(struct io_op *op, ssize_t result)
{
	assert_int_equal(result, 2);
	note(op->arg, 's');
}

static void begin(void *arg)
{
	static const struct iovec iov = { "hi", 2 };
	struct fixture *f = arg;

	note(f, 'b');
	io_defer(f->io, &f->defer, on_deferred);
	io_send(f->file, &f->send, on_sent, &iov, 1);
	note(f, 'e');
}

/* The timer is the last event there is: the loop ends only when the queue is empty. */
static void what_a_callback_of_the_loop_starts_is_done_in_its_turn(void **state)
{
	struct fixture *f = *state;
	char text[4] = "";

	loop_timer_add(f->loop, 0, 0, begin, f);
	loop_run(f->loop);
	assert_string_equal(f->order, "beds");
	assert_int_equal(read(f->pair[1], text, sizeof(text)), 2);
	assert_string_equal(text, "hi");
}

static void on_received(struct io_op *op, ssize_t result)
{
	struct fixture *f = op->arg;

	assert_int_equal(result, 2);
	io_buf_free(f->io, TAKE_PTR(op->buf));
	note(f, 'r');
	loop_stop(f->loop);
}

static void on_timer(void *arg)
{
	struct fixture *f = arg;

	note(f, 't');
	assert_int_equal(write(f->pair[1], "hi", 2), 2);
}

static void events_and_timers_come_from_the_loop(void **state)
{
	struct fixture *f = *state;

	f->timer = io_timer_new(f->io, on_timer, f);
	io_recv(f->file, &f->recv, on_received);
	io_timer_start(f->timer, 0);
	loop_run(f->loop);
	io_timer_free(f->timer);
	assert_string_equal(f->order, "tr");
}

static void on_cancelled(struct io_op *op, ssize_t result)
{
	assert_int_equal(result, -ECANCELED);
	note(op->arg, 'c');
}

static void freeing_delivers_what_was_cancelled(void **state)
{
	struct fixture *f = *state;

	io_recv(f->file, &f->recv, on_cancelled);
	io_close(TAKE_PTR(f->file));
	assert_string_equal(f->order, "");
	io_free(TAKE_PTR(f->io));
	assert_string_equal(f->order, "c");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_callback_of_the_loop_starts_is_done_in_its_turn),
		TEST(events_and_timers_come_from_the_loop),
		TEST(freeing_delivers_what_was_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
