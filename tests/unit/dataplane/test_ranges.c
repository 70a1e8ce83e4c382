/* SPDX-License-Identifier: Apache-2.0 */
/* What a service has left and the kernel does not delete. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dataplane/encode.h"
#include "dataplane/ranges.h"

/* No map: every call to the kernel fails. */
static const struct ranges empty = { .map = -1 };

static struct naru_range_key key_of(uint32_t service, const char *text)
{
	struct naru_range_key key;
	struct cidr range;

	assert_int_equal(cidr_parse(text, &range), 0);
	encode_range_key(service, &range, &key);
	return key;
}

static void what_cannot_be_deleted_stays_known(void **state)
{
	struct ranges ranges = empty;
	struct naru_range_key a = key_of(1, "10.0.0.0/8"), b = key_of(2, "10.0.0.0/8");

	(void)state;
	ranges_restore(&ranges, &a, NULL);
	ranges_restore(&ranges, &b, NULL);
	assert_int_equal(ranges.n, 2);
	assert_true(ranges_forget(&ranges, 1) < 0);
	assert_true(ranges_forget(&ranges, 1) < 0);
	assert_int_equal(ranges_forget(&ranges, 3), 0);
	assert_int_equal(ranges.n, 2);
	ranges_fini(&ranges);
}

static bool is_second(void *arg, uint32_t service)
{
	(void)arg;
	return service == 2;
}

static void what_is_held_is_not_tried(void **state)
{
	struct ranges ranges = empty;
	struct naru_range_key a = key_of(1, "10.0.0.0/8"), b = key_of(2, "fd00::/64");

	(void)state;
	ranges_restore(&ranges, &b, NULL);
	assert_int_equal(ranges_clear(&ranges, is_second, NULL), 0);
	assert_int_equal(ranges.writes, 0);
	ranges_restore(&ranges, &a, NULL);
	assert_true(ranges_clear(&ranges, is_second, NULL) < 0);
	assert_int_equal(ranges.writes, 1);
	ranges_fini(&ranges);
}

/* The kernel hands entries out in an order of its own. */
static void restored_in_any_order(void **state)
{
	static const char *const texts[] = { "192.0.2.0/24", "10.0.0.0/8", "10.0.0.0/16",
					     "0.0.0.0/0" };
	static const char *const sorted[] = { "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16",
					      "192.0.2.0/24" };
	struct ranges ranges = empty;
	struct ranges_list list = {};
	struct cidr items[ARRAY_SIZE(sorted)];
	struct plan_service plan = { .ranges = items, .n_ranges = ARRAY_SIZE(sorted) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct naru_range_key key = key_of(1, texts[i]);

		ranges_restore(&ranges, &key, &list);
		assert_int_equal(cidr_parse(sorted[i], &items[i]), 0);
	}
	ranges_restored(&list);
	assert_true(ranges_equal(&list, &plan));
	assert_int_equal(ranges_missing(&list, &plan), 0);
	list.n--;
	assert_int_equal(ranges_missing(&list, &plan), 1);
	free(list.items);
	ranges_fini(&ranges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_deleted_stays_known),
		cmocka_unit_test(what_is_held_is_not_tried),
		cmocka_unit_test(restored_in_any_order),
	};

	return cmocka_run_group_tests_name("ranges", tests, NULL, NULL);
}
