/* SPDX-License-Identifier: Apache-2.0 */
/* What is decided, and how often it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/loop.h"
#include "base/mem.h"
#include "daemon/fallback.h"

struct told {
	struct loop *loop;
	unsigned n;
};

static void on_changed(void *arg)
{
	struct told *told = arg;

	told->n++;
	loop_stop(told->loop);
}

static void on_time(void *arg)
{
	loop_stop(arg);
}

/* Longer than what is waited for. */
static void let_pass(struct loop *loop)
{
	struct loop_timer *timer = loop_timer_add(loop, 100, 0, on_time, loop);

	loop_run(loop);
	loop_timer_remove(timer);
}

static void there_and_back(void **state)
{
	struct told told = { .loop = loop_new() };
	struct fallback *fallback = fallback_new(told.loop, 10, on_changed, &told);

	(void)state;
	assert_false(fallback_active(fallback));
	fallback_note(fallback, true);
	fallback_note(fallback, true);
	assert_false(fallback_active(fallback));
	loop_run(told.loop);
	assert_true(fallback_active(fallback));
	fallback_note(fallback, false);
	assert_true(fallback_active(fallback));
	loop_run(told.loop);
	assert_false(fallback_active(fallback));
	assert_int_equal(told.n, 2);
	fallback_free(fallback);
	loop_free(told.loop);
}

/* None was there to begin with: the first one counts, and from then on all is as ever. */
static void presumed(void **state)
{
	struct told told = { .loop = loop_new() };
	struct fallback *fallback = fallback_new(told.loop, 3600000, on_changed, &told);

	(void)state;
	fallback_presume(fallback);
	assert_true(fallback_active(fallback));
	fallback_note(fallback, true);
	let_pass(told.loop);
	assert_int_equal(told.n, 0);
	fallback_note(fallback, false);
	loop_run(told.loop);
	assert_false(fallback_active(fallback));
	fallback_note(fallback, true);
	let_pass(told.loop);
	assert_false(fallback_active(fallback));
	assert_int_equal(told.n, 1);
	fallback_free(fallback);
	loop_free(told.loop);
}

/* A proxy that is replaced at once, and one that does not live for long. */
static void what_does_not_last_changes_nothing(void **state)
{
	struct told told = { .loop = loop_new() };
	struct fallback *fallback = fallback_new(told.loop, 50, on_changed, &told);

	(void)state;
	fallback_note(fallback, true);
	fallback_note(fallback, false);
	let_pass(told.loop);
	assert_false(fallback_active(fallback));
	fallback_note(fallback, true);
	loop_run(told.loop);
	fallback_note(fallback, false);
	fallback_note(fallback, true);
	let_pass(told.loop);
	assert_true(fallback_active(fallback));
	assert_int_equal(told.n, 1);
	fallback_free(fallback);
	loop_free(told.loop);
}

static void never(void **state)
{
	struct told told = { .loop = loop_new() };
	struct fallback *fallback = fallback_new(told.loop, 0, on_changed, &told);

	(void)state;
	fallback_note(fallback, true);
	let_pass(told.loop);
	assert_false(fallback_active(fallback));
	assert_false(fallback_active(NULL));
	assert_int_equal(told.n, 0);
	fallback_note(NULL, true);
	fallback_free(fallback);
	fallback_free(NULL);
	loop_free(told.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(presumed),
		cmocka_unit_test(what_does_not_last_changes_nothing),
		cmocka_unit_test(never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
