// SPDX-License-Identifier: Apache-2.0
/* Diagnostics: text, order, counting, equality. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/diag.h"
#include "base/mem.h"

static void assert_text(const struct diag *diag, const char *expected)
{
	_cleanup_(mem_freep) char *text = diag_format(diag);

	assert_string_equal(text, expected);
}

static void texts_leave_empty_parts_out(void **state)
{
	struct diag_list list = { 0 };

	(void)state;
	diag_add(&list, DIAG_ERROR, "a.yaml", 3, "Service m/c", "spec.x", "expected %d", 5);
	diag_add(&list, DIAG_WARNING, "a.yaml", 0, "Service m/c", "", "odd");
	diag_add(&list, DIAG_ERROR, NULL, 0, NULL, NULL, "lost");
	assert_text(&list.items[0], "a.yaml:3: error: Service m/c: spec.x: expected 5");
	assert_text(&list.items[1], "a.yaml: warning: Service m/c: odd");
	assert_text(&list.items[2], "error: lost");
	assert_int_equal(diag_errors(&list), 2);
	diag_fini(&list);
	assert_int_equal(list.n, 0);
}

static void sorting_goes_by_place(void **state)
{
	static const struct {
		const char *file;
		int line;
		const char *object, *field, *reason;
	} sorted[] = {
		{ "a", 1, "o", "f", "r" },  { "a", 2, "o", "f", "r" },	{ "a", 10, "a", "f", "r" },
		{ "a", 10, "b", "a", "r" }, { "a", 10, "b", "b", "a" }, { "a", 10, "b", "b", "b" },
		{ "b", 1, "a", "a", "a" },
	};
	const size_t n = ARRAY_SIZE(sorted);
	struct diag_list list = { 0 }, copy = { 0 };

	(void)state;
	for (size_t i = n; i > 0; i--)
		diag_add(&list, DIAG_ERROR, sorted[i - 1].file, sorted[i - 1].line,
			 sorted[i - 1].object, sorted[i - 1].field, "%s", sorted[i - 1].reason);
	diag_append(&copy, &list);
	assert_true(diag_equal(&list, &copy));
	diag_sort(&list);
	assert_false(diag_equal(&list, &copy));
	diag_sort(&copy);
	assert_true(diag_equal(&list, &copy));
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(list.items[i].file, sorted[i].file);
		assert_int_equal(list.items[i].line, sorted[i].line);
		assert_string_equal(list.items[i].reason, sorted[i].reason);
	}
	diag_fini(&list);
	diag_fini(&copy);
}

static void equality_looks_at_levels_and_lengths(void **state)
{
	struct diag_list a = { 0 }, b = { 0 };

	(void)state;
	diag_sort(&a);
	assert_true(diag_equal(&a, &b));
	diag_add(&a, DIAG_ERROR, "f", 1, "", "", "x");
	assert_false(diag_equal(&a, &b));
	diag_add(&b, DIAG_WARNING, "f", 1, "", "", "x");
	assert_false(diag_equal(&a, &b));
	diag_fini(&a);
	diag_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_leave_empty_parts_out),
		cmocka_unit_test(sorting_goes_by_place),
		cmocka_unit_test(equality_looks_at_levels_and_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
