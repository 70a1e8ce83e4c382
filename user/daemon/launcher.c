// SPDX-License-Identifier: Apache-2.0
/*
 * Both sides: narud's functions and the child's loop. daemon.c calls it. Invariants: the child has
 * nothing of narud's but standard error and its end of a socket pair; what it starts, nothing but
 * standard error.
 */
#include "daemon/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/privileges.h"

#define USER   "naru"
#define NOBODY 65534
#define PROXY  "naru-proxy"

/* What the child keeps beside the first three. */
#define NARUD_FD   3
#define PROGRAM_FD 4

struct launcher {
	int fd;
	pid_t pid;
	uid_t uid;
	bool warned;
};

/* From narud. */
struct command {
	pid_t pid; /* to be killed, 0: start one */
};

/* ---- the child ----------------------------------------------------------------------------- */

struct child {
	int fd;	     /* to narud */
	int program; /* opened while every folder could still be entered */
	int signals;
	char *path;
	const char *run_dir, *log_level;
	uid_t uid;
	gid_t gid;
};

static void tell(const struct child *child, pid_t pid, bool ended, int status)
{
	struct launcher_event event;

	memset(&event, 0, sizeof(event));
	event.pid = pid;
	event.ended = ended;
	event.status = status;
	/* Nobody is there to be told only when narud has ended. */
	(void)!send(child->fd, &event, sizeof(event), MSG_NOSIGNAL);
}

static void __attribute__((noreturn)) run_proxy(const struct child *child)
{
	char *argv[] = { child->path,		(char *)"--run-dir",	  (char *)child->run_dir,
			 (char *)"--log-level", (char *)child->log_level, NULL };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	execveat(child->program, "", argv, environ, AT_EMPTY_PATH);
	log_err(-errno, "%s, which uid %u must be able to execute", child->path,
		(unsigned)getuid());
	_exit(127);
}

static void start(const struct child *child)
{
	pid_t pid = fork();

	if (!pid)
		run_proxy(child);
	if (pid < 0)
		tell(child, 0, true, -errno);
	else
		tell(child, pid, false, 0);
}

static void reap(const struct child *child)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	(void)!read(child->signals, &info, sizeof(info));
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		tell(child, pid, true, status);
}

/* Returns false when narud has ended. */
static bool obey(const struct child *child)
{
	struct command command;
	ssize_t n = recv(child->fd, &command, sizeof(command), 0);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n != (ssize_t)sizeof(command))
		return false;
	if (command.pid)
		kill(command.pid, SIGKILL);
	else
		start(child);
	return true;
}

/* Another user where there is a choice; nobody's rights in any case. */
static int become_harmless(const struct child *child)
{
	if (child->uid != geteuid() &&
	    (setgroups(0, NULL) < 0 || setgid(child->gid) < 0 || setuid(child->uid) < 0))
		return log_err(-errno, "naru-proxy cannot have a user of its own");
	return privileges_drop_all();
}

/* Everything narud has open but the three that are needed. */
static int leave_behind(struct child *child)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return -errno;
	/* Out of the way first: either may have the other's place. */
	child->fd = fcntl(child->fd, F_DUPFD, PROGRAM_FD + 1);
	child->program = fcntl(child->program, F_DUPFD, PROGRAM_FD + 1);
	if (dup3(child->fd, NARUD_FD, O_CLOEXEC) < 0 ||
	    dup3(child->program, PROGRAM_FD, O_CLOEXEC) < 0 ||
	    close_range(PROGRAM_FD + 1, UINT_MAX, 0) < 0)
		return -errno;
	child->fd = NARUD_FD;
	child->program = PROGRAM_FD;
	return 0;
}

static int catch_ends(struct child *child)
{
	sigset_t ends;

	/* They are meant for narud, whose end is noticed. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	sigemptyset(&ends);
	sigaddset(&ends, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	child->signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
	return child->signals < 0 ? -errno : 0;
}

static int serve(struct child *child)
{
	struct pollfd fds[2];
	int r;

	/* A terminal's interrupt is for narud alone. */
	setsid();
	prctl(PR_SET_NAME, "naru-launcher");
	r = leave_behind(child);
	if (!r)
		r = become_harmless(child);
	if (!r)
		r = catch_ends(child);
	if (r < 0)
		return r;
	fds[0] = (struct pollfd){ .fd = child->fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = child->signals, .events = POLLIN };
	for (;;) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents)
			reap(child);
		if (fds[0].revents && !obey(child))
			return 0;
	}
}

/* ---- narud's side -------------------------------------------------------------------------- */

/* Beside narud itself. */
static char *find_proxy(void)
{
	char self[PATH_MAX] = "";
	char *slash;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return mem_strdup(PROXY);
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	return mem_printf("%s/" PROXY, self);
}

static void choose_user(struct child *child)
{
	const struct passwd *user = getpwnam(USER);

	child->uid = geteuid();
	if (geteuid() || !privileges_may_switch())
		return;
	child->uid = user ? user->pw_uid : NOBODY;
	child->gid = user ? user->pw_gid : NOBODY;
}

int launcher_open(const char *run_dir, const char *log_level, struct launcher **ret_launcher)
{
	struct child child = { .run_dir = run_dir, .log_level = log_level };
	_cleanup_(mem_freep) char *path = find_proxy();
	_cleanup_(mem_closep) int program = open(path, O_PATH | O_CLOEXEC);
	struct launcher *launcher;
	int pair[2];
	pid_t pid;

	if (program < 0)
		return log_err(-errno, "%s", path);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return log_err(-errno, "launcher");
	child.path = path;
	child.program = program;
	child.fd = pair[1];
	choose_user(&child);
	pid = fork();
	if (!pid) {
		close(pair[0]);
		_exit(serve(&child) < 0);
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return log_err(-errno, "launcher");
	}
	launcher = mem_new(sizeof(*launcher));
	*launcher = (struct launcher){ .fd = pair[0], .pid = pid, .uid = child.uid };
	*ret_launcher = launcher;
	return 0;
}

void launcher_close(struct launcher *launcher)
{
	if (!launcher)
		return;
	close(launcher->fd);
	while (waitpid(launcher->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(launcher);
}

uid_t launcher_uid(const struct launcher *launcher)
{
	return launcher->uid;
}

static void command(struct launcher *launcher, pid_t pid)
{
	const struct command command = { .pid = pid };

	/* When there is no launcher any more, launcher_next() says so. */
	(void)!send(launcher->fd, &command, sizeof(command), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void launcher_start(struct launcher *launcher)
{
	if (!launcher->uid && !launcher->warned)
		log_warn("naru-proxy runs as root, if without root's rights: narud may not change "
			 "the user (CAP_SETUID, CAP_SETGID)");
	if (launcher->uid == NOBODY && !launcher->warned)
		log_warn("naru-proxy runs as nobody, as others may who could then take its place: "
			 "a user " USER " would be better");
	launcher->warned = true;
	command(launcher, 0);
}

void launcher_kill(struct launcher *launcher, pid_t pid)
{
	if (pid > 0)
		command(launcher, pid);
}

int launcher_fd(const struct launcher *launcher)
{
	return launcher->fd;
}

int launcher_next(struct launcher *launcher, struct launcher_event *ret_event)
{
	ssize_t n = recv(launcher->fd, ret_event, sizeof(*ret_event), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n == (ssize_t)sizeof(*ret_event) ? 1 : -ECONNRESET;
}
