// SPDX-License-Identifier: Apache-2.0
/* The loop: readiness, timers, signals, removal from inside callbacks. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/loop.h"
#include "base/mem.h"

struct fixture {
	struct loop *loop;
	struct loop_fd *fd;
	struct loop_timer *timer;
	int pair[2];
	int calls;
	unsigned events;
};

static struct fixture make(void)
{
	struct fixture f = { .loop = loop_new() };

	assert_non_null(f.loop);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, f.pair),
			 0);
	return f;
}

static void unmake(struct fixture *f)
{
	loop_free(f->loop);
	close(f->pair[0]);
	close(f->pair[1]);
}

static void on_ready(void *arg, unsigned events)
{
	struct fixture *f = arg;
	char c;

	f->calls++;
	f->events |= events;
	if (read(f->pair[0], &c, 1) == 1 && c == 'q') {
		loop_fd_remove(f->fd);
		loop_stop(f->loop);
	}
}

static void descriptors_call_while_they_are_ready(void **state)
{
	struct fixture f = make();

	(void)state;
	f.fd = loop_fd_add(f.loop, f.pair[0], LOOP_READ, on_ready, &f);
	assert_non_null(f.fd);
	assert_null(loop_fd_add(f.loop, -1, LOOP_READ, on_ready, &f));
	assert_int_equal(write(f.pair[1], "abq", 3), 3);
	loop_run(f.loop);
	assert_int_equal(f.calls, 3);
	assert_int_equal(f.events, LOOP_READ);
	unmake(&f);
}

static void on_writable(void *arg, unsigned events)
{
	struct fixture *f = arg;

	f->calls++;
	f->events |= events;
	if (f->calls == 1)
		loop_fd_events(f->fd, LOOP_READ | LOOP_WRITE);
	else if (f->calls == 2)
		loop_fd_events(f->fd, 0);
	else
		fail();
}

static void on_end(void *arg)
{
	struct fixture *f = arg;

	loop_stop(f->loop);
}

static void events_can_be_changed_and_paused(void **state)
{
	struct fixture f = make();

	(void)state;
	f.fd = loop_fd_add(f.loop, f.pair[0], LOOP_WRITE, on_writable, &f);
	loop_timer_add(f.loop, 30, 0, on_end, &f);
	loop_run(f.loop);
	assert_int_equal(f.calls, 2);
	unmake(&f);
}

static void on_tick(void *arg)
{
	struct fixture *f = arg;

	if (++f->calls < 3)
		return;
	loop_timer_remove(f->timer);
	loop_timer_remove(NULL);
	loop_timer_add(f->loop, 20, 0, on_end, f);
}

static void timers_repeat_until_removed(void **state)
{
	struct fixture f = make();

	(void)state;
	f.timer = loop_timer_add(f.loop, 0, 1, on_tick, &f);
	loop_run(f.loop);
	assert_int_equal(f.calls, 3);
	unmake(&f);
}

static void on_stop(void *arg)
{
	struct fixture *f = arg;

	f->calls++;
	loop_stop(f->loop);
}

static void signals_stop(void **state)
{
	static const int numbers[] = { SIGTERM, SIGINT };
	struct fixture f = make();

	(void)state;
	loop_on_stop(f.loop, on_stop, &f);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		kill(getpid(), numbers[i]);
		loop_run(f.loop);
		assert_int_equal(f.calls, i + 1);
	}
	unmake(&f);
}

/* Sanitizers and an assertion in loop_free() see whether anything is left. */
static void a_loop_frees_what_is_registered(void **state)
{
	struct fixture f = make();

	(void)state;
	assert_non_null(loop_fd_add(f.loop, f.pair[0], LOOP_READ, on_ready, &f));
	assert_non_null(loop_fd_add(f.loop, f.pair[1], LOOP_WRITE, on_ready, &f));
	assert_non_null(loop_timer_add(f.loop, 0, 1, on_end, &f));
	loop_on_stop(f.loop, on_stop, &f);
	loop_run(f.loop);
	loop_stop(f.loop);
	unmake(&f);
	loop_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_call_while_they_are_ready),
		cmocka_unit_test(events_can_be_changed_and_paused),
		cmocka_unit_test(timers_repeat_until_removed),
		cmocka_unit_test(signals_stop),
		cmocka_unit_test(a_loop_frees_what_is_registered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
