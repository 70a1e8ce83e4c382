/* SPDX-License-Identifier: Apache-2.0 */
/* narud's own fence, in a child each: what it lives on is left, what it does not need fails. */
#include <errno.h>
#include <fcntl.h>
#include <net/ethernet.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/landlock.h>

#include "base/loop.h"
#include "base/mem.h"
#include "daemon/fence.h"
#include "daemon/options.h"

static char root[] = "/tmp/test_fence.XXXXXX";
static char run_dir[64], access_dir[64], state_dir[64], kubeconfig[96], last_state[96];

static int fence_before_serving(const struct options *options)
{
	int r = fence_files(options, false);

	return r < 0 ? r : fence_calls();
}

static int inside(int (*fence)(const struct options *options), int (*fn)(void))
{
	char *argv[] = { (char *)"narud", (char *)"--kubeconfig", kubeconfig, (char *)"--run-dir",
			 run_dir,	  (char *)"--last-state", last_state, NULL };
	struct options options;
	_cleanup_(mem_freep) char *error = NULL;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (options_parse(7, argv, &options, &error) < 0 || fence(&options) < 0)
		return 100;
	options_fini(&options);
	return fn();
}

static int run_in(int (*fence)(const struct options *options), int (*fn)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (!pid)
		_exit(inside(fence, fn));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int run(int (*fn)(void))
{
	return run_in(fence_before_serving, fn);
}

static char *in(const char *folder, const char *name)
{
	return mem_printf("%s/%s", folder, name);
}

static int open_at(const char *folder, const char *name, int flags)
{
	_cleanup_(mem_freep) char *path = in(folder, name);
	_cleanup_(mem_closep) int fd = open(path, flags | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : 0;
}

/* ---- what is left -------------------------------------------------------------------------- */

static int keep_state(void)
{
	_cleanup_(mem_freep) char *new = in(state_dir, "state.tmp");

	if (open_at(state_dir, "state.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW))
		return 1;
	return rename(new, last_state) || unlink(last_state) ? 2 : 0;
}

/* As the kubelet renews them: all under other names. */
static int read_token(void)
{
	_cleanup_(mem_closep) int fd = inotify_init1(IN_CLOEXEC);

	if (open_at(access_dir, "token", O_RDONLY) || open_at(access_dir, "kubeconfig", O_RDONLY))
		return 1;
	return fd < 0 || inotify_add_watch(fd, access_dir, IN_MOVED_TO) < 0 ? 2 : 0;
}

static int open_socket(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s/socket", run_dir);
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) || listen(fd, 1))
		return 1;
	return unlink(name.sun_path) ? 2 : 0;
}

static int look_up(void)
{
	struct addrinfo *found = NULL;

	if (getaddrinfo("localhost", NULL, NULL, &found))
		return 1;
	freeaddrinfo(found);
	return 0;
}

static void *do_nothing(void *arg)
{
	return arg;
}

static int start_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, do_nothing, NULL) || pthread_join(thread, NULL);
}

static int open_loop(void)
{
	struct loop *loop = loop_new();

	if (!loop)
		return 1;
	loop_free(loop);
	return open_at("/proc/self", "mountinfo", O_RDONLY);
}

static void what_narud_needs_is_left(void **state)
{
	(void)state;
	assert_int_equal(run(keep_state), 0);
	assert_int_equal(run(read_token), 0);
	assert_int_equal(run(open_socket), 0);
	assert_int_equal(run(look_up), 0);
	assert_int_equal(run(start_thread), 0);
	assert_int_equal(run(open_loop), 0);
}

/* Under sanitizers, which trace their own process, there is no fence. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

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

static int mount_something(void)
{
	mount("none", run_dir, "tmpfs", 0, NULL);
	return 0;
}

static int fork_again(void)
{
	return fork() < 0 && errno == EPERM ? 0 : 1;
}

static int send_signal(void)
{
	return kill(getppid(), 0) < 0 && errno == EPERM ? 0 : 1;
}

static int see_packets(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EPERM ? 0 : 1;
}

static int become_another(void)
{
	return setuid(65534) < 0 && errno == EPERM ? 0 : 1;
}

static void ended_by_sigsys(int (*fn)(void))
{
	int status = run(fn);

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void other_calls_fail(void **state)
{
	(void)state;
	ended_by_sigsys(start_program);
	ended_by_sigsys(trace);
	ended_by_sigsys(mount_something);
	assert_int_equal(run(fork_again), 0);
	assert_int_equal(run(send_signal), 0);
	assert_int_equal(run(see_packets), 0);
	assert_int_equal(run(become_another), 0);
}

static int read_others(void)
{
	return open_at(root, "other", O_RDONLY) == -EACCES ? 0 : 1;
}

static int write_access(void)
{
	return open_at(access_dir, "token", O_WRONLY) == -EACCES ? 0 : 1;
}

static void *read_in_thread(void *arg)
{
	*(int *)arg = open_at(root, "other", O_RDONLY);
	return NULL;
}

/* A thread that looks up names lives on when narud serves. */
static int read_others_while_waiting(void)
{
	pthread_t thread;
	int result = 0;

	if (pthread_create(&thread, NULL, read_in_thread, &result) || pthread_join(thread, NULL))
		return 2;
	return result == -EACCES && open_at(access_dir, "token", O_RDONLY) == 0 ? 0 : 1;
}

static int list_root(void)
{
	return open("/", O_RDONLY) < 0 ? 1 : 0;
}

/* The narud that serves may hang. */
static int signal_others_while_waiting(void)
{
	return kill(getppid(), 0) ? 1 : 0;
}

static int write_kernel(void)
{
	return open_at("/proc/sys/kernel", "core_pattern", O_WRONLY) == -EACCES ? 0 : 1;
}

static void other_files_are_shut(void **state)
{
	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1) {
		print_message("CONFIG_SECURITY_LANDLOCK is missing\n");
		skip();
	}
	assert_int_equal(run(read_others), 0);
	assert_int_equal(run(write_access), 0);
	assert_int_equal(run(write_kernel), 0);
	assert_int_equal(run_in(fence_waiting, read_others_while_waiting), 0);
	/* libbpf wants it. */
	assert_int_equal(run_in(fence_waiting, list_root), 0);
	assert_int_equal(WEXITSTATUS(run(list_root)), 1);
	assert_int_equal(run_in(fence_waiting, signal_others_while_waiting), 0);
}

#endif

static const char config[] = "{\"current-context\":\"a\",\"contexts\":[{\"name\":\"a\","
			     "\"context\":{\"cluster\":\"a\",\"user\":\"a\"}}],\"clusters\":[{"
			     "\"name\":\"a\",\"cluster\":{\"server\":\"https://127.0.0.1:1\"}}],"
			     "\"users\":[{\"name\":\"a\",\"user\":{\"tokenFile\":\"token\"}}]}";

static void write_file(const char *folder, const char *name, const char *text)
{
	_cleanup_(mem_freep) char *path = in(folder, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(root))
		return -1;
	snprintf(run_dir, sizeof(run_dir), "%s/run", root);
	snprintf(access_dir, sizeof(access_dir), "%s/access", root);
	snprintf(state_dir, sizeof(state_dir), "%s/state", root);
	snprintf(kubeconfig, sizeof(kubeconfig), "%s/kubeconfig", access_dir);
	snprintf(last_state, sizeof(last_state), "%s/state", state_dir);
	if (mkdir(run_dir, 0700) || mkdir(access_dir, 0700) || mkdir(state_dir, 0700))
		return -1;
	write_file(access_dir, "kubeconfig", config);
	write_file(access_dir, "token", "t0ken");
	write_file(root, "other", "not for narud");
	return 0;
}

static void remove_file(const char *folder, const char *name)
{
	_cleanup_(mem_freep) char *path = in(folder, name);

	unlink(path);
}

static int teardown(void **state)
{
	(void)state;
	remove_file(access_dir, "kubeconfig");
	remove_file(access_dir, "token");
	remove_file(root, "other");
	return rmdir(run_dir) || rmdir(access_dir) || rmdir(state_dir) || rmdir(root) ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_narud_needs_is_left),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		cmocka_unit_test(other_calls_fail),
		cmocka_unit_test(other_files_are_shut),
#endif
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
