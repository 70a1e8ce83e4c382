/* SPDX-License-Identifier: Apache-2.0 */
/* In a child each: what can still be opened, made and removed, and what not. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/landlock.h>

#include "base/landlock.h"

static char root[] = "/tmp/test_landlock.XXXXXX";
static char ours[64], seen[64], other[64], file[80];

static int run(int (*inside)(void))
{
	const struct landlock_path paths[] = {
		{ .path = ours, .write = true },
		{ .path = seen },
		{ .path = file },
		{ .path = "/tmp/test_landlock/is/not/there", .write = true },
	};
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (landlock_restrict(paths, sizeof(paths) / sizeof(paths[0]), false) < 0)
			_exit(100);
		_exit(inside());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static const char *in(const char *folder, const char *name)
{
	static char path[2][128];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

static int make(const char *folder)
{
	int fd = open(in(folder, "made"), O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int look(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int use_ours(void)
{
	if (make(ours) || look(in(ours, "made")) || truncate(in(ours, "made"), 1))
		return 1;
	if (mkdir(in(ours, "folder"), 0700) || rename(in(ours, "made"), in(ours, "new")))
		return 2;
	if (mknod(in(ours, "socket"), S_IFSOCK | 0600, 0) || unlink(in(ours, "socket")))
		return 3;
	return unlink(in(ours, "new")) || rmdir(in(ours, "folder")) ? 4 : 0;
}

static int use_seen(void)
{
	if (look(in(seen, "text")) || look(seen))
		return 1;
	if (make(seen) != -EACCES || truncate(in(seen, "text"), 1) != -1 || errno != EACCES)
		return 2;
	return unlink(in(seen, "text")) < 0 && errno == EACCES ? 0 : 3;
}

static int use_other(void)
{
	if (look(file))
		return 1;
	if (look(in(other, "text")) != -EACCES || look(root) != -EACCES || make(other) != -EACCES)
		return 2;
	return look("/etc/passwd") == -EACCES ? 0 : 3;
}

static int start_program(void)
{
	return execl("/bin/true", "true", NULL) < 0 && errno == EACCES ? 0 : 1;
}

static int signal_parent(void)
{
	return kill(getppid(), 0) < 0 && errno == EPERM ? 0 : 1;
}

static long version(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static void files_are_those_that_were_named(void **state)
{
	(void)state;
	assert_int_equal(run(use_ours), 0);
	assert_int_equal(run(use_seen), version() < 3 ? 2 << 8 : 0);
	assert_int_equal(run(use_other), 0);
}

static void programs_cannot_be_started(void **state)
{
	(void)state;
	assert_int_equal(run(start_program), 0);
}

static void others_get_no_signals(void **state)
{
	(void)state;
	if (version() < 6)
		skip();
	assert_int_equal(run(signal_parent), 0);
}

static void write_text(const char *path)
{
	FILE *text = fopen(path, "w");

	assert_non_null(text);
	fputs("text", text);
	fclose(text);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(root))
		return -1;
	snprintf(ours, sizeof(ours), "%s/ours", root);
	snprintf(seen, sizeof(seen), "%s/seen", root);
	snprintf(other, sizeof(other), "%s/other", root);
	snprintf(file, sizeof(file), "%s/file", other);
	if (mkdir(ours, 0700) || mkdir(seen, 0700) || mkdir(other, 0700))
		return -1;
	write_text(in(seen, "text"));
	write_text(in(other, "text"));
	write_text(file);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(in(seen, "text"));
	unlink(in(other, "text"));
	unlink(file);
	rmdir(ours);
	rmdir(seen);
	rmdir(other);
	return rmdir(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_those_that_were_named),
		cmocka_unit_test(programs_cannot_be_started),
		cmocka_unit_test(others_get_no_signals),
	};

	if (version() < 1) {
		print_message("CONFIG_SECURITY_LANDLOCK is missing\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
