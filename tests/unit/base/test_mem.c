// SPDX-License-Identifier: Apache-2.0
/* Memory: zeroed, growing by doubling, owners. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

static void new_memory_is_zero(void **state)
{
	_cleanup_(mem_freep) char *text = mem_new(100);
	_cleanup_(mem_freep) int *numbers = mem_array(0, sizeof(int));

	(void)state;
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(text[i], 0);
	assert_non_null(numbers);
}

static void aligned_memory_is_aligned_and_zero(void **state)
{
	static const size_t sizes[] = { 0, 1, 63, 64, 1000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_(mem_freep) char *bytes = mem_aligned(64, sizes[i]);

		assert_int_equal((uintptr_t)bytes % 64, 0);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(bytes[k], 0);
	}
}

static void arrays_grow_and_keep_what_they_have(void **state)
{
	size_t cap = 0, changes = 0;
	int *array = NULL;

	(void)state;
	for (size_t i = 0; i < 10000; i++) {
		size_t before = cap;

		array = mem_grow(array, i, &cap, sizeof(*array));
		changes += cap != before;
		assert_true(cap > i);
		assert_int_equal(array[i], 0);
		array[i] = (int)i;
	}
	for (size_t i = 0; i < 10000; i++)
		assert_int_equal(array[i], i);
	assert_true(changes < 16);
	free(array);
}

static void taking_leaves_nothing_behind(void **state)
{
	char *text = mem_printf("%s-%d", "a", 5), *copy = mem_strdup(text), *taken;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), other = TAKE_FD(fd);

	(void)state;
	taken = TAKE_PTR(text);
	assert_null(text);
	assert_string_equal(taken, "a-5");
	assert_string_equal(copy, taken);
	assert_int_equal(fd, -1);
	mem_closep(&fd);
	assert_true(fcntl(other, F_GETFD) >= 0);
	errno = ENOENT;
	mem_closep(&other);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(fcntl(other, F_GETFD), -1);
	free(taken);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_memory_is_zero),
		cmocka_unit_test(aligned_memory_is_aligned_and_zero),
		cmocka_unit_test(arrays_grow_and_keep_what_they_have),
		cmocka_unit_test(taking_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
