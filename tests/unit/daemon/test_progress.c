/* SPDX-License-Identifier: Apache-2.0 */
/* What waits, for how long, and what becomes of it once it is in force. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "daemon/progress.h"
#include "model/model.h"

static void put(struct model *model, enum object_kind kind, const char *name)
{
	struct object *object = object_new(kind);

	object->namespace = mem_strdup("shop");
	object->name = mem_strdup(name);
	model_put(model, object);
}

static void put_slice(struct model *model, const char *name, int family, int64_t trigger_us)
{
	struct endpoint_slice *slice = (struct endpoint_slice *)object_new(OBJECT_ENDPOINT_SLICE);

	slice->object.namespace = mem_strdup("shop");
	slice->object.name = mem_strdup(name);
	slice->service = mem_strdup("web");
	slice->family = family;
	slice->trigger_us = trigger_us;
	model_put(model, &slice->object);
}

static uint64_t observed(const struct histogram *histogram)
{
	uint64_t n = 0;

	for (size_t i = 0; i <= histogram->n_bounds; i++)
		n += histogram->counts[i];
	return n;
}

static void test_changes(void **state)
{
	struct model *model = model_new();
	struct progress p;

	(void)state;
	progress_init(&p);
	put(model, OBJECT_NODE, "n");
	put_slice(model, "a", 4, 0);
	put_slice(model, "b", 6, 0);
	progress_queue(&p, model);
	put_slice(model, "c", 6, 0);
	progress_queue(&p, model);
	assert_int_equal(p.slices, 3);
	assert_int_equal(p.services, 0);
	assert_int_equal(p.slices - p.synced_slices, 3);
	assert_true(p.queued_ms && p.last_queued_us >= p.begun_us && !p.last_synced_us);
	progress_sync(&p, 1500);
	assert_int_equal(p.synced_slices, 3);
	assert_true(!p.queued_ms && p.last_synced_us >= p.last_queued_us);
	assert_int_equal(p.sync.counts[1], 1);
	progress_fini(&p);
	model_free(model);
}

/* Each trigger is measured once, when its change is in force; none from before the start, and none
 * from a clock that is ahead. */
static void test_triggers(void **state)
{
	struct model *model = model_new();
	struct progress p;

	(void)state;
	progress_init(&p);
	p.begun_us -= 100 * 1000000LL;
	put_slice(model, "four", 4, p.begun_us + 1);
	put_slice(model, "six", 6, p.begun_us + 99 * 1000000LL + 800000);
	put_slice(model, "old", 6, p.begun_us - 1);
	put_slice(model, "ahead", 6, p.begun_us + 1000 * 1000000LL);
	put_slice(model, "names", 0, p.begun_us + 1);
	progress_queue(&p, model);
	assert_int_equal(observed(&p.network[PROGRESS_V4]), 0);
	progress_sync(&p, 1);
	assert_int_equal(observed(&p.network[PROGRESS_V4]), 1);
	assert_int_equal(observed(&p.network[PROGRESS_V6]), 1);
	assert_true(p.network[PROGRESS_V4].sum > 99);
	put(model, OBJECT_NODE, "n");
	progress_queue(&p, model);
	progress_sync(&p, 1);
	assert_int_equal(observed(&p.network[PROGRESS_V4]), 1);
	put_slice(model, "four", 4, p.begun_us + 2);
	progress_queue(&p, model);
	progress_sync(&p, 1);
	assert_int_equal(observed(&p.network[PROGRESS_V4]), 2);
	assert_int_equal(observed(&p.network[PROGRESS_V6]), 1);
	progress_fini(&p);
	model_free(model);
}

static void test_late(void **state)
{
	struct model *model = model_new();
	struct progress p;

	(void)state;
	progress_init(&p);
	assert_false(progress_is_late(&p));
	progress_queue(&p, model);
	assert_false(progress_is_late(&p));
	p.queued_ms = clock_ms() - 2 * PROGRESS_SYNC_MS - 1;
	assert_true(progress_is_late(&p));
	/* Later changes do not make the first one younger. */
	progress_queue(&p, model);
	assert_true(progress_is_late(&p));
	progress_sync(&p, 1);
	assert_false(progress_is_late(&p));
	progress_fini(&p);
	model_free(model);
}

static void test_histogram(void **state)
{
	static const double bounds[] = { 0.25, 1, 60 };
	struct histogram h = { .bounds = bounds, .n_bounds = ARRAY_SIZE(bounds) };
	struct str out = { 0 };

	(void)state;
	histogram_observe(&h, 0.25);
	histogram_observe(&h, 0.5);
	histogram_observe(&h, 61);
	histogram_write(&h, "x", "f=\"4\"", &out);
	assert_string_equal(out.buf, "x_bucket{f=\"4\",le=\"0.25\"} 1\n"
				     "x_bucket{f=\"4\",le=\"1\"} 2\n"
				     "x_bucket{f=\"4\",le=\"60\"} 2\n"
				     "x_bucket{f=\"4\",le=\"+Inf\"} 3\n"
				     "x_sum{f=\"4\"} 61.750000\n"
				     "x_count{f=\"4\"} 3\n");
	str_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_triggers),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_histogram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
