/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launcher with a proxy that is this very program: it is found beside it under the proxy's
 * name, and what it is to do is said by its --run-dir.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/launcher.h"

static char proxy_path[PATH_MAX];

/* ---- the proxy ----------------------------------------------------------------------------- */

static int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* two dots and the folder itself */
}

static bool has_capabilities(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	unsigned long long value, any = 0;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "CapEff: %llx", &value) == 1 ||
		    sscanf(line, "CapPrm: %llx", &value) == 1)
			any |= value;
	if (file)
		fclose(file);
	return any;
}

/* 0: everything as it should be; otherwise what is not. */
static int look_around(void)
{
	sigset_t blocked;

	if (count_descriptors() != 3)
		return 10;
	if (has_capabilities())
		return 11;
	if (!prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0))
		return 12;
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	if (!sigisemptyset(&blocked) || signal(SIGTERM, SIG_DFL) != SIG_DFL)
		return 13;
	return getsid(0) == getsid(getppid()) ? 0 : 14;
}

static int play_proxy(int argc, char **argv)
{
	if (argc != 5 || strcmp(argv[1], "--run-dir") || strcmp(argv[3], "--log-level") ||
	    strcmp(argv[4], "warn"))
		return 99;
	if (!strcmp(argv[2], "look"))
		return look_around();
	if (!strcmp(argv[2], "three"))
		return 3;
	for (;;)
		pause();
}

/* ---- narud --------------------------------------------------------------------------------- */

static struct launcher *open_launcher(const char *what)
{
	struct launcher *launcher = NULL;

	assert_int_equal(launcher_open(what, "warn", &launcher), 0);
	return launcher;
}

static struct launcher_event next(struct launcher *launcher)
{
	struct launcher_event event = { 0 };
	int r;

	while (!(r = launcher_next(launcher, &event))) {
		struct pollfd fd = { .fd = launcher_fd(launcher), .events = POLLIN };

		assert_int_equal(poll(&fd, 1, 20000), 1);
	}
	assert_int_equal(r, 1);
	return event;
}

static pid_t start(struct launcher *launcher)
{
	struct launcher_event event;

	launcher_start(launcher);
	event = next(launcher);
	assert_true(event.pid > 0);
	assert_false(event.ended);
	return event.pid;
}

static int end_of(struct launcher *launcher, pid_t pid)
{
	const struct launcher_event event = next(launcher);

	assert_int_equal(event.pid, pid);
	assert_true(event.ended);
	return event.status;
}

static void a_proxy_has_nothing_of_narud(void **state)
{
	int fd = open("/dev/null", O_RDONLY); /* not close-on-exec */
	struct launcher *launcher = open_launcher("look");

	(void)state;
	assert_int_equal(end_of(launcher, start(launcher)), 0);
	launcher_close(launcher);
	close(fd);
}

static void ends_are_told(void **state)
{
	struct launcher *launcher = open_launcher("three");
	int status = end_of(launcher, start(launcher));

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
	/* As often as one likes. */
	end_of(launcher, start(launcher));
	launcher_close(launcher);
}

static void proxies_can_be_killed(void **state)
{
	struct launcher *launcher = open_launcher("sleep");
	pid_t pid = start(launcher);
	int status;

	(void)state;
	launcher_kill(launcher, pid);
	status = end_of(launcher, pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	launcher_close(launcher);
}

/* Closing is what the death of narud looks like to it. */
static void a_proxy_outlives_the_launcher(void **state)
{
	struct launcher *launcher = open_launcher("sleep");
	pid_t pid = start(launcher);

	(void)state;
	launcher_close(launcher);
	assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
}

/* Signals that mean narud do not end it. */
static void it_is_not_interrupted(void **state)
{
	struct launcher *launcher = open_launcher("three");
	char path[64];
	FILE *file;
	int child = 0;

	(void)state;
	end_of(launcher, start(launcher));
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "re");
	if (!file) {
		print_message("CONFIG_PROC_CHILDREN is missing\n");
		launcher_close(launcher);
		skip();
	}
	assert_int_equal(fscanf(file, "%d", &child), 1);
	fclose(file);
	assert_int_equal(kill(child, SIGINT), 0);
	assert_int_equal(kill(child, SIGTERM), 0);
	end_of(launcher, start(launcher));
	launcher_close(launcher);
}

static void without_a_program_there_is_no_launcher(void **state)
{
	struct launcher *launcher = NULL;

	(void)state;
	unlink(proxy_path);
	assert_int_equal(launcher_open("look", "warn", &launcher), -ENOENT);
	assert_null(launcher);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_proxy_has_nothing_of_narud),
		cmocka_unit_test(ends_are_told),
		cmocka_unit_test(proxies_can_be_killed),
		cmocka_unit_test(a_proxy_outlives_the_launcher),
		cmocka_unit_test(it_is_not_interrupted),
		cmocka_unit_test(without_a_program_there_is_no_launcher),
	};
	char self[PATH_MAX - 16] = "";
	int r;

	if (strstr(argv[0], "/naru-proxy"))
		return play_proxy(argc, argv);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	snprintf(proxy_path, sizeof(proxy_path), "%s", self);
	snprintf(strrchr(proxy_path, '/'), 16, "/naru-proxy");
	unlink(proxy_path);
	if (symlink(self, proxy_path) < 0)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(proxy_path);
	return r;
}
