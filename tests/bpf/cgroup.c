/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup.h"

#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Where the tree of cgroup2 is mounted, which differs between systems. */
static void find_root(char *ret_dir, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *m;

	while (mounts && (m = getmntent(mounts))) {
		if (!strcmp(m->mnt_type, "cgroup2")) {
			snprintf(ret_dir, size, "%s", m->mnt_dir);
			endmntent(mounts);
			return;
		}
	}
	fprintf(stderr, "no cgroup2 is mounted\n");
	exit(1);
}

static void end_child(int signal_number)
{
	kill(child, signal_number);
}

static int run_child(const char *dir, int (*fn)(int cgroup_fd))
{
	char path[512];
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die(path);
	close(fd);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die(dir);
	return fn(fd);
}

int cgroup_run(int (*fn)(int cgroup_fd))
{
	char root[256], dir[300];
	int status = 0;

	find_root(root, sizeof(root));
	snprintf(dir, sizeof(dir), "%s/naru-test-%d", root, (int)getpid());
	if (mkdir(dir, 0755))
		die(dir);
	child = fork();
	if (child < 0)
		die("fork");
	if (!child)
		exit(run_child(dir, fn));
	signal(SIGINT, end_child);
	signal(SIGTERM, end_child);
	while (waitpid(child, &status, 0) != child)
		;
	if (rmdir(dir))
		perror(dir);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
