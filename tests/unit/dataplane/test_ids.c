/* SPDX-License-Identifier: Apache-2.0 */
/* Ids: stable, restored, and in quarantine until a whole sweep has met nobody with them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/ids.h"

static uint32_t freed[16];
static size_t n_freed;

static bool on_freed(void *arg, uint32_t id)
{
	(void)arg;
	freed[n_freed++] = id;
	return true;
}

static bool refuse(void *arg, uint32_t id)
{
	(void)arg;
	(void)id;
	return false;
}

static uint32_t get(struct ids *ids, const char *key)
{
	uint32_t id = 0;

	assert_int_equal(ids_get(ids, key, strlen(key), &id), 0);
	return id;
}

/* A sweep that meets one id (0: none). Returns how many ids it freed. */
static size_t sweep(struct ids *ids, uint32_t met)
{
	n_freed = 0;
	ids_sweep_begin(ids);
	ids_seen(ids, met);
	ids_sweep_end(ids, on_freed, NULL);
	return n_freed;
}

static void same_key_same_id(void **state)
{
	struct ids *ids = ids_new(10);
	uint32_t a = get(ids, "a"), b = get(ids, "b");

	(void)state;
	assert_int_not_equal(a, b);
	assert_int_equal(get(ids, "a"), a);
	assert_int_equal(ids_find(ids, "b", 1), b);
	assert_int_equal(ids_find(ids, "c", 1), 0);
	assert_int_equal(ids_used(ids), 2);
	ids_put(ids, b);
	assert_false(ids_is_held(ids, "b", 1));
	assert_false(ids_is_held(ids, "c", 1));
	ids_put(ids, a);
	assert_true(ids_is_held(ids, "a", 1));
	ids_free(ids);
}

/* Whoever cannot clear up behind an id keeps its number from others. */
static void what_is_not_freed_rests_on(void **state)
{
	struct ids *ids = ids_new(10);
	uint32_t a = get(ids, "a");

	(void)state;
	ids_put(ids, a);
	ids_sweep_begin(ids);
	ids_sweep_end(ids, refuse, NULL);
	assert_int_equal(ids_find(ids, "a", 1), a);
	assert_int_equal(ids_resting(ids), 1);
	assert_int_equal(sweep(ids, 0), 1);
	assert_int_equal(ids_find(ids, "a", 1), 0);
	assert_int_equal(ids_resting(ids), 0);
	ids_free(ids);
}

static void quarantine_ends_with_a_later_sweep(void **state)
{
	struct ids *ids = ids_new(10);
	uint32_t a = get(ids, "a");

	(void)state;
	n_freed = 0;
	ids_sweep_begin(ids);
	ids_put(ids, a);
	/* This sweep began before the release: it proves nothing. */
	ids_sweep_end(ids, on_freed, NULL);
	assert_int_equal(n_freed, 0);
	assert_int_equal(ids_resting(ids), 1);
	assert_int_equal(sweep(ids, a), 0);
	assert_int_equal(sweep(ids, 0), 1);
	assert_int_equal(freed[0], a);
	assert_int_equal(ids_find(ids, "a", 1), 0);
	ids_free(ids);
}

static void who_comes_back_gets_the_old_id(void **state)
{
	struct ids *ids = ids_new(10);
	uint32_t a = get(ids, "a");

	(void)state;
	ids_put(ids, a);
	assert_int_equal(get(ids, "a"), a);
	assert_int_equal(sweep(ids, 0), 0);
	assert_int_equal(ids_resting(ids), 0);
	ids_free(ids);
}

static void references_count(void **state)
{
	struct ids *ids = ids_new(10);
	uint32_t a = get(ids, "a");

	(void)state;
	get(ids, "a");
	ids_put(ids, a);
	assert_int_equal(sweep(ids, 0), 0);
	ids_put(ids, a);
	assert_int_equal(sweep(ids, 0), 1);
	ids_free(ids);
}

static void full_means_full(void **state)
{
	struct ids *ids = ids_new(2);
	uint32_t a = get(ids, "a"), id = 77;

	(void)state;
	get(ids, "b");
	ids_put(ids, a);
	/* In quarantine is not free. */
	assert_int_equal(ids_get(ids, "c", 1, &id), -ENOSPC);
	assert_int_equal(id, 77);
	sweep(ids, 0);
	assert_int_equal(get(ids, "c"), a);
	ids_free(ids);
}

static void numbers_are_used_again_late(void **state)
{
	struct ids *ids = ids_new(4);
	uint32_t a = get(ids, "a");

	(void)state;
	ids_put(ids, a);
	sweep(ids, 0);
	assert_int_not_equal(get(ids, "b"), a);
	ids_free(ids);
}

static void restored_ids_wait_for_their_owner(void **state)
{
	struct ids *ids = ids_new(10);

	(void)state;
	assert_int_equal(ids_restore(ids, "a", 1, 7), 0);
	assert_int_equal(ids_restore(ids, "b", 1, 8), 0);
	assert_int_equal(ids_restore(ids, "c", 1, 7), -EEXIST);
	assert_int_equal(ids_restore(ids, "a", 1, 9), -EEXIST);
	assert_int_equal(ids_restore(ids, "c", 1, 11), -ERANGE);
	assert_int_equal(ids_restore(ids, "c", 1, 0), -ERANGE);
	assert_int_equal(get(ids, "a"), 7);
	assert_int_equal(sweep(ids, 0), 1);
	assert_int_equal(freed[0], 8);
	ids_free(ids);
}

static void restored_ids_are_held_by_number(void **state)
{
	struct ids *ids = ids_new(10);

	(void)state;
	assert_int_equal(ids_restore(ids, "a", 1, 3), 0);
	assert_int_equal(ids_hold(ids, 3), 0);
	assert_true(ids_is_held(ids, "a", 1));
	assert_int_equal(ids_resting(ids), 0);
	assert_int_equal(get(ids, "a"), 3);
	ids_put(ids, 3);
	assert_true(ids_is_held(ids, "a", 1));
	ids_put(ids, 3);
	assert_int_equal(ids_resting(ids), 1);
	assert_int_equal(ids_hold(ids, 0), -ENOENT);
	assert_int_equal(ids_hold(ids, 4), -ENOENT);
	assert_int_equal(ids_hold(ids, 11), -ENOENT);
	ids_free(ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_key_same_id),
		cmocka_unit_test(quarantine_ends_with_a_later_sweep),
		cmocka_unit_test(what_is_not_freed_rests_on),
		cmocka_unit_test(who_comes_back_gets_the_old_id),
		cmocka_unit_test(references_count),
		cmocka_unit_test(full_means_full),
		cmocka_unit_test(numbers_are_used_again_late),
		cmocka_unit_test(restored_ids_wait_for_their_owner),
		cmocka_unit_test(restored_ids_are_held_by_number),
	};

	return cmocka_run_group_tests_name("ids", tests, NULL, NULL);
}
