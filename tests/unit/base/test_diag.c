// SPDX-License-Identifier: Apache-2.0
/* Diagnostics: text, order, counting, equality. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
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

static void fill(struct diag_list *list, unsigned seed, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char file[2] = { (char)('a' + rand_r(&seed) % 3) };
		char object[2] = { (char)('a' + rand_r(&seed) % 3) };
		char field[2] = { (char)('a' + rand_r(&seed) % 3) };

		diag_add(list, DIAG_ERROR, file, rand_r(&seed) % 2, object, field, "%u",
			 rand_r(&seed) % 5);
	}
}

/* As if all of them had been sorted together. */
static void merging_keeps_the_order(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 40; seed++) {
		struct diag_list all = { 0 }, list = { 0 }, more = { 0 };

		fill(&list, seed, seed * 3 / 2);
		diag_sort(&list);
		fill(&more, seed + 1000, seed % 7);
		diag_append(&all, &list);
		diag_append(&all, &more);
		diag_sort(&all);
		diag_merge(&list, &more);
		assert_int_equal(more.n, 0);
		assert_true(diag_equal(&list, &all));
		diag_fini(&list);
		diag_fini(&all);
	}
}

static bool is_at(const struct diag *diag, const struct diag_where *where)
{
	return !strcmp(diag->file, where->file) && diag->line == where->line &&
	       !strcmp(diag->object, where->object) &&
	       (!where->field || !strcmp(diag->field, where->field));
}

/* What is left is all the rest, and the list still grows. */
static void dropping_takes_one_place(void **state)
{
	static const struct diag_where wheres[] = {
		{ .file = "b", .line = 1, .object = "b" },
		{ .file = "a", .object = "a", .field = "b" },
		{ .file = "c", .line = 1, .object = "c" },
		{ .file = "d", .object = "d" },
	};

	(void)state;
	for (unsigned seed = 0; seed < 40; seed++) {
		const struct diag_where *where = &wheres[seed % ARRAY_SIZE(wheres)];
		struct diag_list list = { 0 }, rest = { 0 };

		fill(&list, seed, seed * 2);
		diag_sort(&list);
		for (size_t i = 0; i < list.n; i++) {
			const struct diag *d = &list.items[i];

			if (!is_at(d, where))
				diag_add(&rest, d->level, d->file, d->line, d->object, d->field,
					 "%s", d->reason);
		}
		diag_drop(&list, where);
		assert_true(diag_equal(&list, &rest));
		fill(&list, seed, 20);
		assert_int_equal(list.n, rest.n + 20);
		diag_fini(&list);
		diag_fini(&rest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_leave_empty_parts_out),
		cmocka_unit_test(sorting_goes_by_place),
		cmocka_unit_test(equality_looks_at_levels_and_lengths),
		cmocka_unit_test(merging_keeps_the_order),
		cmocka_unit_test(dropping_takes_one_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
