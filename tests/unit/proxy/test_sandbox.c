/* SPDX-License-Identifier: Apache-2.0 */
/* In a child each: what is left, what fails, what ends the process, and that all threads are in. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/landlock.h>

#include "proxy/sandbox.h"

static int run(int (*inside)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (!pid)
		_exit(sandbox_enter() < 0 ? 100 : inside());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int serve(void)
{
	int pair[2], memory = memfd_create("test", MFD_CLOEXEC);
	char byte = 0;
	void *big = malloc(1 << 20);

	free(big);
	if (memory < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
	    send(pair[0], "x", 1, 0) != 1 || recv(pair[1], &byte, 1, 0) != 1)
		return 1;
	return 0;
}

static void what_serving_needs_is_left(void **state)
{
	(void)state;
	assert_int_equal(run(serve), 0);
}

/* Under sanitizers, which trace their own process, there is no sandbox. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

static int open_file(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 && errno == EPERM ? 0 : 1;
}

static int start_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, (void *(*)(void *))abort, NULL) ? 0 : 1;
}

static int open_door(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd >= 0 && listen(fd, 1) < 0 && errno == EPERM ? 0 : 1;
}

static int speak_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) < 0 && errno == EPERM ? 0 : 1;
}

static int signal_parent(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), SIGTERM) < 0 && errno == EPERM ? 0 : 1;
}

static int give_up(void)
{
	abort();
}

static int start_program(void)
{
	execl("/bin/true", "true", NULL);
	return 0;
}

static int trace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	return 0;
}

static void other_calls_fail(void **state)
{
	(void)state;
	assert_int_equal(run(open_file), 0);
	assert_int_equal(run(start_thread), 0);
	assert_int_equal(run(open_door), 0);
	assert_int_equal(run(speak_netlink), 0);
	assert_int_equal(run(signal_parent), 0);
}

static void a_bug_can_end_it(void **state)
{
	int status = run(give_up);

	(void)state;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* Another way to the same: this holds where a library opens files by a call that is left. */
static int leave_files(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES ? 0 : 1;
}

static void files_are_left_behind(void **state)
{
	pid_t pid = fork();
	int status = 0;

	(void)state;
	if (!pid) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(sandbox_leave_files() < 0 ? 100 : leave_files());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1) {
		print_message("CONFIG_SECURITY_LANDLOCK is missing\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void programs_end_it(void **state)
{
	int status;

	(void)state;
	status = run(start_program);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	status = run(trace);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static int go[2], tell[2];

static void *wait_and_open(void *arg)
{
	char byte;

	(void)arg;
	if (read(go[0], &byte, 1) != 1)
		return NULL;
	byte = (char)open_file();
	(void)!write(tell[1], &byte, 1);
	return NULL;
}

/* A thread that runs already is not left out. */
static void all_threads_are_in(void **state)
{
	pid_t pid;
	int status = 0;

	(void)state;
	pid = fork();
	if (!pid) {
		pthread_t thread;
		char byte = 1;

		if (pipe(go) < 0 || pipe(tell) < 0 ||
		    pthread_create(&thread, NULL, wait_and_open, NULL))
			_exit(101);
		if (sandbox_enter() < 0 || write(go[1], &byte, 1) != 1 ||
		    read(tell[0], &byte, 1) != 1)
			_exit(102);
		_exit(byte);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_serving_needs_is_left),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		cmocka_unit_test(other_calls_fail),
		cmocka_unit_test(a_bug_can_end_it),
		cmocka_unit_test(files_are_left_behind),
		cmocka_unit_test(programs_end_it),
		cmocka_unit_test(all_threads_are_in),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
