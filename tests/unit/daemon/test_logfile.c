// SPDX-License-Identifier: Apache-2.0
/* Where the access log may go, and where it may not. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/logfile.h"

struct place {
	char dir[32], path[48];
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->dir, "/tmp/naru-logfile-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->path, sizeof(place->path), "%s/log", place->dir);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	unlink(place->path);
	assert_int_equal(rmdir(place->dir), 0);
	free(place);
	return 0;
}

/* Opens it and writes a line. */
static void expect_written(const char *path)
{
	int fd = -1;

	assert_int_equal(logfile_open(path, &fd), 0);
	assert_int_equal(write(fd, "a\n", 2), 2);
	logfile_close(fd);
}

static void a_file_grows(void **state)
{
	const struct place *place = *state;
	struct stat st;

	expect_written(place->path);
	expect_written(place->path);
	assert_int_equal(stat(place->path, &st), 0);
	assert_int_equal(st.st_size, 4);
}

static void a_pipe_needs_a_reader(void **state)
{
	const struct place *place = *state;
	char text[8];
	int fd = -1, reader;

	assert_int_equal(mkfifo(place->path, 0600), 0);
	assert_int_equal(logfile_open(place->path, &fd), -ENXIO);
	assert_int_equal(fd, -1);
	reader = open(place->path, O_RDONLY | O_NONBLOCK);
	assert_true(reader >= 0);
	expect_written(place->path);
	assert_int_equal(read(reader, text, sizeof(text)), 2);
	close(reader);
}

static void nowhere_and_standard_output(void **state)
{
	int fd = 7;

	(void)state;
	assert_int_equal(logfile_open("off", &fd), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(logfile_open("-", &fd), 0);
	assert_int_equal(fd, STDOUT_FILENO);
	assert_int_equal(logfile_open("/nowhere/at/all", &fd), -ENOENT);
	assert_int_equal(fd, STDOUT_FILENO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_grows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_pipe_needs_a_reader, set_up, tear_down),
		cmocka_unit_test(nowhere_and_standard_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
