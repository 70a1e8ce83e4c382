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
	assert_string_equal(file_problem(-EINVAL), "no regular file");
	assert_string_equal(file_problem(-ENOENT), "No such file or directory");
	unlink(fifo);
	rmdir(path);
}

static void expect(const char *path, const char *bytes, size_t n)
{
	char *text = NULL;
	size_t len;

	assert_int_equal(file_read(path, 100, &text, &len), 0);
	assert_int_equal(len, n);
	assert_memory_equal(text, bytes, n);
	free(text);
}

static void a_file_is_replaced_or_stays(void **state)
{
	char dir[64], path[80], temporary[96];
	struct stat st;
	int fd;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/naru-test-%d", (int)getpid());
	snprintf(path, sizeof(path), "%s/f", dir);
	snprintf(temporary, sizeof(temporary), "%s.tmp", path);
	assert_int_equal(file_replace(path, "a", 1), -ENOENT);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(file_replace(path, "long\0er", 7), 0);
	expect(path, "long\0er", 7);
	assert_int_equal(file_replace(path, "b", 1), 0);
	expect(path, "b", 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* A link that somebody has put there is not written through. */
	assert_int_equal(symlink(path, temporary), 0);
	assert_int_equal(file_replace(path, "c", 1), -ELOOP);
	expect(path, "b", 1);
	assert_int_equal(unlink(temporary), 0);
	/* A pipe there keeps nobody waiting, with a reader or without. */
	assert_int_equal(mkfifo(temporary, 0600), 0);
	assert_int_equal(file_replace(path, "c", 1), -EINVAL);
	fd = open(temporary, O_RDONLY | O_NONBLOCK);
	assert_true(fd >= 0);
	assert_int_equal(file_replace(path, "c", 1), -EINVAL);
	close(fd);
	expect(path, "b", 1);
	assert_int_equal(unlink(temporary), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(file_replace(path, "d", 1), -EISDIR);
	assert_int_equal(access(temporary, F_OK), -1);
	rmdir(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_up_to_a_cap),
		cmocka_unit_test(pipes_and_directories_are_refused_at_once),
		cmocka_unit_test(a_file_is_replaced_or_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
