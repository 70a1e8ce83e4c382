// SPDX-License-Identifier: Apache-2.0
/* When a thread of the proxy counts as one that hangs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "proxy/state.h"
#include "proxy/worker.h"

static void signs_of_life(void **state)
{
	struct worker *worker = mem_aligned(CACHE_LINE, sizeof(*worker));

	(void)state;
	worker->beat_ms = 50000;
	assert_false(worker_is_stalled(worker, 50000));
	assert_false(worker_is_stalled(worker, 50000 + WORKER_STALLED_MS));
	assert_true(worker_is_stalled(worker, 50001 + WORKER_STALLED_MS));
	/* It has given one after the time was read. */
	assert_false(worker_is_stalled(worker, 49999));
	free(worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_of_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
