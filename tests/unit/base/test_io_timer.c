// SPDX-License-Identifier: Apache-2.0
/* Timers of the completion interface. */

#include "iorig.h"

static void on_never(void *arg)
{
	(void)arg;
	fail();
}

static void on_tick(void *arg)
{
	struct fixture *f = arg;

	if (++f->calls < 3) {
		io_timer_start(f->timer, 1);
		return;
	}
	io_timer_free(f->timer);
	io_stop(f->io);
}

static void timers_fire_once_a_start(void **state)
{
	struct fixture *f = *state;
	struct io_timer *stopped = io_timer_new(f->io, on_never, f);
	struct io_timer *freed = io_timer_new(f->io, on_never, f);
	uint64_t start = io_now(f->io);

	f->timer = io_timer_new(f->io, on_tick, f);
	io_timer_start(stopped, 0);
	io_timer_stop(stopped);
	io_timer_start(freed, 0);
	io_timer_free(freed);
	io_timer_start(f->timer, 1);
	io_run(f->io);
	assert_int_equal(f->calls, 3);
	assert_true(io_now(f->io) >= start + 2);
	io_timer_free(stopped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(timers_fire_once_a_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
