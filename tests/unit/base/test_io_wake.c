// SPDX-License-Identifier: Apache-2.0
/* Attention from other threads. */
#include <pthread.h>

#include "iorig.h"

static void on_woken(void *arg)
{
	struct fixture *f = arg;

	/* What the sender wrote before is seen; several sends may have become one. */
	f->calls++;
	if (__atomic_load_n(&f->total, __ATOMIC_ACQUIRE) == 100)
		io_stop(f->io);
}

static void *waker(void *arg)
{
	struct fixture *f = arg;

	for (int i = 0; i < 100; i++) {
		__atomic_add_fetch(&f->total, 1, __ATOMIC_RELEASE);
		io_wake_send(f->wake);
	}
	return NULL;
}

static void other_threads_wake_the_loop(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	f->wake = io_wake_new(f->io, on_woken, f);
	assert_non_null(f->wake);
	assert_int_equal(pthread_create(&thread, NULL, waker, f), 0);
	io_run(f->io);
	pthread_join(thread, NULL);
	assert_in_range(f->calls, 1, 100);
	io_wake_free(f->wake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(other_threads_wake_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
