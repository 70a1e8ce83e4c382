/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed memory is what it was; memory of a stranger is read, never trusted. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "feed/memory.h"

static void sealed_bytes_stay(void **state)
{
	const void *data;
	size_t len;
	int fd;

	(void)state;
	assert_int_equal(memory_seal("river", 5, &fd), 0);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 1), -1);
	assert_int_equal(memory_map(fd, &data, &len), 0);
	close(fd);
	assert_int_equal(len, 5);
	assert_memory_equal(data, "river", 5);
	memory_unmap(data, len);
}

static void nothing_is_something(void **state)
{
	_cleanup_(mem_freep) char *copy = NULL;
	const void *data;
	size_t len;
	int fd;

	(void)state;
	assert_int_equal(memory_seal(NULL, 0, &fd), 0);
	assert_int_equal(memory_map(fd, &data, &len), 0);
	assert_int_equal(len, 0);
	memory_unmap(data, len);
	assert_int_equal(memory_read(fd, 0, &copy, &len), 0);
	close(fd);
}

static void what_is_not_sealed_is_not_mapped(void **state)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const void *data;
	size_t len;

	(void)state;
	assert_int_equal(write(fd, "river", 5), 5);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_int_equal(memory_map(fd, &data, &len), -EPERM);
	close(fd);
}

static void a_copy_is_bounded(void **state)
{
	_cleanup_(mem_freep) char *copy = NULL;
	char *none = NULL;
	int fd = memfd_create("test", MFD_CLOEXEC), pipes[2];
	size_t len;

	(void)state;
	assert_int_equal(write(fd, "river", 5), 5);
	assert_int_equal(memory_read(fd, 5, &copy, &len), 0);
	assert_int_equal(len, 5);
	assert_memory_equal(copy, "river", 5);
	assert_int_equal(memory_read(fd, 4, &none, &len), -EFBIG);
	close(fd);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(memory_read(pipes[0], 4, &none, &len), -EINVAL);
	close(pipes[0]);
	close(pipes[1]);
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_int_equal(memory_read(fd, SIZE_MAX, &none, &len), -EINVAL);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sealed_bytes_stay),
		cmocka_unit_test(nothing_is_something),
		cmocka_unit_test(what_is_not_sealed_is_not_mapped),
		cmocka_unit_test(a_copy_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
