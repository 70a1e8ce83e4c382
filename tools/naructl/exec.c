// SPDX-License-Identifier: Apache-2.0
/* No shell: arguments are passed as they are. */
#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

extern char **environ;

/* All of the input, to be read from its beginning: a pipe would have to be fed meanwhile. */
static int open_input(const struct str *input)
{
	int fd = input ? memfd_create("input", MFD_CLOEXEC)
		       : open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (input && (write(fd, input->buf, input->len) != (ssize_t)input->len ||
		      lseek(fd, 0, SEEK_SET) < 0)) {
		close(fd);
		return -EIO;
	}
	return fd;
}

/* fds become the standard ones; -1: that of this process. */
static int spawn(const char *const *argv, const int fds[3], pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	int r;

	posix_spawn_file_actions_init(&actions);
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	r = posix_spawnp(ret_pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}

static void read_all(int fd, struct str *ret_output)
{
	char piece[8192];
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			str_add(ret_output, piece, (size_t)n);
}

int exec_read(const char *const *argv, struct str *ret_output)
{
	_cleanup_(mem_closep) int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_(mem_closep) int from = -1, to = -1;
	int pipes[2], r;
	pid_t pid;

	if (nothing < 0 || pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	from = pipes[0];
	to = pipes[1];
	r = spawn(argv, (const int[]){ nothing, to, nothing }, &pid);
	if (r < 0)
		return r;
	close(TAKE_FD(to));
	read_all(from, ret_output);
	return wait_for(pid);
}

int exec_run(const char *const *argv, const struct str *input)
{
	_cleanup_(mem_closep) int in = open_input(input);
	pid_t pid;
	int r;

	if (in < 0)
		return in;
	r = spawn(argv, (const int[]){ in, -1, -1 }, &pid);
	return r < 0 ? r : wait_for(pid);
}

const char *exec_problem(int r)
{
	return r == -ENOENT ? "is not installed" : "failed";
}

void exec_each_line(const struct str *text, void (*fn)(void *arg, const char *line), void *arg)
{
	for (const char *at = text->len ? text->buf : ""; *at;) {
		size_t len = strcspn(at, "\n");
		_cleanup_(mem_freep) char *line = mem_printf("%.*s", (int)len, at);

		fn(arg, line);
		at += len + (at[len] == '\n');
	}
}
