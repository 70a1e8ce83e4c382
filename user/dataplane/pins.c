/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock is flock() on the directory. It belongs to the open file, which a forked child shares:
 * without the handler below, a child that outlives us would keep the next narud out. exec is
 * covered by O_CLOEXEC, plain fork by the handler.
 *
 * A cleanup may remove the directory between our open() and flock(); the name is compared again
 * after the lock is held.
 */
#include "dataplane/pins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <linux/magic.h>

#include <naru/paths.h>

#include "base/log.h"
#include "base/mem.h"

#define TRIES	 8
#define PAUSE_MS 20u

static struct pins *locked;

static void in_child(void)
{
	for (struct pins *pins = locked; pins; pins = pins->next_locked)
		close(pins->lock);
	locked = NULL;
}

static void remember(struct pins *pins)
{
	static bool registered;

	if (!registered && !pthread_atfork(NULL, NULL, in_child))
		registered = true;
	pins->next_locked = locked;
	locked = pins;
}

static void forget(struct pins *pins)
{
	for (struct pins **at = &locked; *at; at = &(*at)->next_locked) {
		if (*at == pins) {
			*at = pins->next_locked;
			return;
		}
	}
}

/* One try. -EAGAIN: the directory was removed meanwhile. */
static int lock(struct pins *pins)
{
	_cleanup_(mem_closep) int fd = open(pins->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat ours, now;
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs))
		return -errno;
	if ((unsigned long)fs.f_type != BPF_FS_MAGIC)
		return -EINVAL;
	if (flock(fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (fstat(fd, &ours) || stat(pins->dir, &now))
		return errno == ENOENT ? -EAGAIN : -errno;
	if (ours.st_ino != now.st_ino || ours.st_dev != now.st_dev)
		return -EAGAIN;
	pins->lock = TAKE_FD(fd);
	remember(pins);
	return 0;
}

static void init(struct pins *pins, const char *bpffs_dir)
{
	*pins = (struct pins){
		.dir = mem_printf("%s/%s", bpffs_dir, NARU_PIN_SUBDIR),
		.lock = -1,
	};
	pins->links = mem_printf("%s/%s", pins->dir, NARU_LINK_SUBDIR);
}

static int make(const char *dir)
{
	return mkdir(dir, 0700) && errno != EEXIST ? -errno : 0;
}

/* Who holds the lock, 0: a process that this PID namespace does not show. */
static int holder(const char *dir)
{
	_cleanup_(mem_freep) char *line = NULL;
	FILE *locks = fopen("/proc/locks", "re");
	struct stat st;
	size_t cap = 0;
	int found = 0;

	while (locks && !stat(dir, &st) && !found && getline(&line, &cap, locks) > 0) {
		unsigned long inode;
		unsigned maj, min;
		int pid;

		if (sscanf(line, "%*s FLOCK %*s %*s %d %x:%x:%lu", &pid, &maj, &min, &inode) == 4 &&
		    inode == st.st_ino && makedev(maj, min) == st.st_dev && pid > 0)
			found = pid;
	}
	if (locks)
		fclose(locks);
	return found;
}

/* Another narud, or a cleanup. */
static void explain_busy(const char *dir)
{
	int pid = holder(dir);
	_cleanup_(mem_freep) char *who = pid ? mem_printf("process %d", pid)
					     : mem_strdup("a process in another PID namespace");

	log_error("%s is in use by %s: stop that, choose another --bpffs, or let this one take "
		  "over from it (--take-over on)",
		  dir, who);
}

static int explain(const struct pins *pins, const char *bpffs_dir, int r)
{
	if (r == -EBUSY)
		explain_busy(pins->dir);
	else if (r == -EINVAL)
		log_error("%s is not a BPF file system: mount -t bpf bpf %s", bpffs_dir, bpffs_dir);
	else
		return log_err(r, "pin directory %s", pins->dir);
	return r;
}

/* Makes the directory and locks it, again for as long as it is removed in between. */
static int make_and_lock(struct pins *pins)
{
	int r = -EAGAIN;

	for (int i = 0; i < TRIES && (r == -EAGAIN || r == -ENOENT); i++) {
		r = make(pins->dir);
		if (!r)
			r = lock(pins);
	}
	return r;
}

int pins_open(struct pins *pins, const char *bpffs_dir, unsigned wait_ms)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	int r = make(bpffs_dir);

	init(pins, bpffs_dir);
	if (!r)
		r = make_and_lock(pins);
	for (; r == -EBUSY && wait_ms >= PAUSE_MS; wait_ms -= PAUSE_MS) {
		nanosleep(&pause, NULL);
		r = make_and_lock(pins);
	}
	if (!r)
		r = make(pins->links);
	if (!r)
		return 0;
	explain(pins, bpffs_dir, r);
	if (r == -EINVAL)
		rmdir(pins->dir); /* made above, on an ordinary file system */
	pins_close(pins);
	return r;
}

int pins_open_existing(struct pins *pins, const char *bpffs_dir)
{
	int r;

	init(pins, bpffs_dir);
	r = lock(pins);
	if (!r)
		return 0;
	if (r == -EAGAIN)
		r = -ENOENT;
	if (r != -ENOENT)
		explain(pins, bpffs_dir, r);
	pins_close(pins);
	return r;
}

int pins_remove(struct pins *pins)
{
	DIR *dir = opendir(pins->dir);
	struct dirent *entry;

	if (!dir)
		return log_err(-errno, "read %s", pins->dir);
	while ((entry = readdir(dir))) {
		_cleanup_(mem_freep) char *path = mem_printf("%s/%s", pins->dir, entry->d_name);

		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, NARU_LINK_SUBDIR))
			continue;
		if (unlink(path))
			log_warn("remove %s: %s", path, strerror(errno));
	}
	closedir(dir);
	if (rmdir(pins->links) && errno != ENOENT)
		return log_err(-errno, "remove %s", pins->links);
	return rmdir(pins->dir) ? log_err(-errno, "remove %s", pins->dir) : 0;
}

void pins_close(struct pins *pins)
{
	if (pins->dir && pins->lock >= 0) {
		forget(pins);
		/* Said aloud: a child that has just been forked may still share the file. */
		flock(pins->lock, LOCK_UN);
		close(pins->lock);
	}
	free(pins->dir);
	free(pins->links);
	*pins = (struct pins){ .lock = -1 };
}
