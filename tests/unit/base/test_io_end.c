// SPDX-License-Identifier: Apache-2.0
/* The completion interface: cancelling, closing, the queue, buffers. */
#include <stdio.h>

#include "iorig.h"

/* ---- cancelling and closing ---- */

static void a_cancelled_operation_calls_back_once(void **state)
{
	struct fixture *f = *state;
	struct iovec iov = { "x", 1 };

	io_recv(f->file, &f->op, on_done);
	io_cancel(&f->op);
	io_cancel(&f->op);
	assert_int_equal(f->calls, 0);
	io_run(f->io);
	assert_int_equal(f->calls, 1);
	assert_int_equal(f->result, -ECANCELED);
	/* Not pending: nothing happens. */
	io_cancel(&f->op);

	/* Done already, though not told yet. */
	io_send(f->file, &f->op, on_done, &iov, 1);
	io_cancel(&f->op);
	io_run(f->io);
	assert_int_equal(f->calls, 2);
	assert_int_equal(f->result, -ECANCELED);

	io_defer(f->io, &f->op, on_done);
	io_cancel(&f->op);
	io_run(f->io);
	assert_int_equal(f->calls, 3);
	assert_int_equal(f->result, -ECANCELED);
}

/* The bytes are the next receive's. */
static void a_cancelled_receive_loses_nothing(void **state)
{
	struct fixture *f = *state;

	io_recv(f->file, &f->op, on_done);
	put(f->pair[1], "hello");
	io_cancel(&f->op);
	io_run(f->io);
	assert_int_equal(f->result, -ECANCELED);
	io_recv(f->file, &f->op, on_text);
	io_run(f->io);
	assert_int_equal(f->calls, 2);
}

static void on_canceled(struct io_op *op, ssize_t result)
{
	struct fixture *f = op->arg;

	assert_int_equal(result, -ECANCELED);
	f->calls++;
}

static void closing_cancels_what_is_pending(void **state)
{
	struct fixture *f = *state;
	struct io_op ready = { .arg = f };
	struct iovec iov = { "x", 1 };
	char c;

	fill(f->pair[0]);
	io_recv(f->file, &f->op, on_canceled);
	io_send(f->file, &f->op2, on_canceled, &iov, 1);
	io_ready(f->file, &ready, on_canceled);
	io_close(TAKE_PTR(f->file));
	assert_int_equal(f->calls, 0);
	while (read(f->pair[1], &c, 1) == 1)
		;
	assert_int_equal(read(f->pair[1], &c, 1), 0);
	io_run(f->io);
	assert_int_equal(f->calls, 3);
}

static void on_last(struct io_op *op, ssize_t result)
{
	struct fixture *f = op->arg;

	assert_int_equal(result, 0);
	f->calls++;
	io_close(TAKE_PTR(f->file));
}

/* From inside a callback of the same event that would serve the other operation too. */
static void a_file_may_be_closed_in_its_callback(void **state)
{
	struct fixture *f = *state;

	io_ready(f->file, &f->op, on_last);
	io_recv(f->file, &f->op2, on_canceled);
	put(f->pair[1], "hello");
	io_run(f->io);
	assert_int_equal(f->calls, 2);
}

static void io_free_delivers_the_last_completions(void **state)
{
	struct fixture f = { .io = io_new() };
	int pair[2];
	struct io_file *file;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	file = io_open(f.io, pair[0]);
	f.op.arg = &f;
	io_recv(file, &f.op, on_canceled);
	io_close(file);
	assert_int_equal(f.calls, 0);
	io_free(f.io);
	assert_int_equal(f.calls, 1);
	close(pair[1]);
	io_free(NULL);
	io_close(NULL);
	io_timer_free(NULL);
	io_wake_free(NULL);
}

static void what_cannot_be_polled_is_refused(void **state)
{
	struct fixture *f = *state;
	FILE *file = tmpfile();

	assert_non_null(file);
	assert_null(io_open(f->io, fileno(file)));
	fclose(file);
}

/* ---- the queue ---- */

static void note(struct fixture *f, char c)
{
	f->order[strlen(f->order)] = c;
}

static void on_second(struct io_op *op, ssize_t result)
{
	struct fixture *f = op->arg;

	assert_int_equal(result, 0);
	note(f, '2');
	io_stop(f->io);
}

static void on_first(struct io_op *op, ssize_t result)
{
	struct fixture *f = op->arg;

	assert_int_equal(result, 0);
	note(f, '1');
	io_defer(f->io, op, on_second);
	note(f, 'a');
}

static void deferred_calls_come_after_what_runs_now(void **state)
{
	struct fixture *f = *state;

	io_defer(f->io, &f->op, on_first);
	assert_string_equal(f->order, "");
	io_run(f->io);
	assert_string_equal(f->order, "1a2");
}

static void on_defer_now(void *arg)
{
	struct fixture *f = arg;

	io_defer(f->io, &f->op, on_first);
	note(f, 't');
}

/* There is nothing else that could wake the loop. */
static void deferred_calls_need_no_other_event(void **state)
{
	struct fixture *f = *state;

	f->timer = io_timer_new(f->io, on_defer_now, f);
	io_timer_start(f->timer, 0);
	io_run(f->io);
	assert_string_equal(f->order, "t1a2");
	io_timer_free(f->timer);
}

static void buffers_come_back_from_the_pool(void **state)
{
	struct fixture *f = *state;
	struct io_buf *bufs[200], *again;

	for (size_t i = 0; i < ARRAY_SIZE(bufs); i++) {
		bufs[i] = io_buf_new(f->io);
		assert_int_equal(bufs[i]->len, 0);
		bufs[i]->len = 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(bufs); i++)
		io_buf_free(f->io, bufs[i]);
	again = io_buf_new(f->io);
	assert_int_equal(again->len, 0);
	assert_null(again->next);
	io_buf_free(f->io, again);
	io_buf_free(f->io, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_cancelled_operation_calls_back_once),
		TEST(a_cancelled_receive_loses_nothing),
		TEST(closing_cancels_what_is_pending),
		TEST(a_file_may_be_closed_in_its_callback),
		cmocka_unit_test(io_free_delivers_the_last_completions),
		TEST(what_cannot_be_polled_is_refused),
		TEST(deferred_calls_come_after_what_runs_now),
		TEST(deferred_calls_need_no_other_event),
		TEST(buffers_come_back_from_the_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
