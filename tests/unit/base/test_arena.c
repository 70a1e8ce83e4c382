// SPDX-License-Identifier: Apache-2.0
/* Arenas: alignment, pieces that do not overlap, large ones, and what is left after a reset. */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"

static size_t blocks(const struct arena *arena)
{
	/* The list's link is the first member of a block. */
	size_t n = 0;

	for (const void *block = arena->blocks; block; block = *(const void *const *)block)
		n++;
	return n;
}

static void test_alloc(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 100, 5000, 9000, 3, 100000, 4000, 8192 };
	struct {
		uint8_t *at;
		size_t size;
	} pieces[300];
	struct arena arena = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		pieces[i].size = sizes[i % ARRAY_SIZE(sizes)];
		pieces[i].at = arena_alloc(&arena, pieces[i].size);
		assert_int_equal((uintptr_t)pieces[i].at % alignof(max_align_t), 0);
		memset(pieces[i].at, (int)i, pieces[i].size);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		for (size_t k = 0; k < pieces[i].size; k++)
			assert_int_equal(pieces[i].at[k], (uint8_t)i);
	assert_true(arena.total >= 300 / ARRAY_SIZE(sizes) * 126000);
	arena_fini(&arena);
	assert_null(arena.blocks);
	assert_int_equal(arena.total, 0);
}

/* Something large does not end the block that is being filled. */
static void test_large_ones_stand_apart(void **state)
{
	struct arena arena = { 0 };
	char *first = arena_alloc(&arena, 16), *second;

	(void)state;
	arena_alloc(&arena, 100000);
	second = arena_alloc(&arena, 16);
	assert_ptr_equal(second, first + 16);
	assert_int_equal(blocks(&arena), 2);
	arena_fini(&arena);
}

static void test_reset(void **state)
{
	struct arena arena = { 0 };
	void *first;

	(void)state;
	arena_reset(&arena);
	assert_null(arena.blocks);
	/* Large ones only: nothing is worth keeping. */
	arena_alloc(&arena, 100000);
	arena_reset(&arena);
	assert_int_equal(blocks(&arena), 0);
	for (size_t i = 0; i < 100; i++)
		arena_alloc(&arena, 1000);
	arena_alloc(&arena, 100000);
	arena_reset(&arena);
	assert_int_equal(blocks(&arena), 1);
	assert_int_equal(arena.total, 0);
	first = arena_alloc(&arena, 10);
	arena_reset(&arena);
	assert_ptr_equal(arena_alloc(&arena, 10), first);
	arena_fini(&arena);
}

static void test_texts(void **state)
{
	struct arena arena = { 0 };
	char *text;

	(void)state;
	assert_string_equal(arena_copy(&arena, "abcdef", 3), "abc");
	assert_string_equal(arena_copy(&arena, NULL, 0), "");
	assert_string_equal(arena_printf(&arena, "%s-%d", "a", 7), "a-7");
	text = arena_printf(&arena, "%0*d", 20000, 1);
	assert_int_equal(strlen(text), 20000);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alloc),
		cmocka_unit_test(test_large_ones_stand_apart),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
