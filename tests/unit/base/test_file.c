// SPDX-License-Identifier: Apache-2.0
/* Whole files, and what is refused as one. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"

static void files_are_read_up_to_a_cap(void **state)
{
	char path[64], *text = NULL;
	size_t len;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/naru-test-%d", (int)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "a\0b", 3), 3);
	assert_int_equal(file_read(path, 3, &text, &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(text, "a\0b", 4);
	free(TAKE_PTR(text));
	assert_int_equal(file_read(path, 2, &text, &len), -EFBIG);
	assert_null(text);
	close(fd);
	unlink(path);
	assert_int_equal(file_read(path, 3, &text, &len), -ENOENT);
}

static void pipes_and_directories_are_refused_at_once(void **state)
{
	char path[64], fifo[80], *text = NULL;
	size_t len;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/naru-test-%d", (int)getpid());
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(fifo, sizeof(fifo), "%s/f", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(file_read(fifo, 10, &text, &len), -EINVAL);
	assert_int_equal(file_read(path, 10, &text, &len), -EINVAL);
	assert_int_equal(file_read("/dev/null", 10, &text, &len), -EINVAL);
	unlink(fifo);
	rmdir(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_up_to_a_cap),
		cmocka_unit_test(pipes_and_directories_are_refused_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
