// SPDX-License-Identifier: Apache-2.0
/*
 * Reads and writes files for kube/. Invariants: what is returned was in the file at one time, all
 * of it; a path that leads to a pipe or a device does not stop the process; a file that is replaced
 * is never seen half.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static int read_all(int fd, char *text, size_t want, size_t *ret_len)
{
	size_t len = 0;

	while (len < want) {
		ssize_t n = read(fd, text + len, want - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

static bool same_state(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len)
{
	_cleanup_(mem_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_(mem_freep) char *text = NULL;
	struct stat before, after;
	size_t len = 0;
	int err;

	if (fd < 0 || fstat(fd, &before))
		return -errno;
	if (!S_ISREG(before.st_mode))
		return -EINVAL;
	if ((size_t)before.st_size > max)
		return -EFBIG;
	text = mem_new((size_t)before.st_size + 1);
	err = read_all(fd, text, (size_t)before.st_size, &len);
	if (err)
		return err;
	if (fstat(fd, &after))
		return -errno;
	if (len != (size_t)before.st_size || !same_state(&before, &after))
		return -EAGAIN;
	*ret_text = TAKE_PTR(text);
	*ret_len = len;
	return 0;
}

int file_create(const char *path, mode_t mode, int *ret_fd)
{
	_cleanup_(mem_closep) int fd =
		open(path,
		     O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		     mode);
	struct stat st;

	/* ENXIO: a pipe without a reader, or a socket. */
	if (fd < 0)
		return errno == ENXIO ? -EINVAL : -errno;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

const char *file_problem(int error)
{
	return error == -EINVAL ? "no regular file" : strerror(-error);
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return fsync(fd) ? -errno : 0;
}

/* So that the new name itself is on the disk. */
static int sync_folder(const char *path)
{
	_cleanup_(mem_freep) char *copy = mem_strdup(path);
	_cleanup_(mem_closep) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? -errno : 0;
}

int file_replace(const char *path, const char *data, size_t len)
{
	_cleanup_(mem_freep) char *temporary = mem_printf("%s.tmp", path);
	_cleanup_(mem_closep) int fd = -1;
	int r = file_create(temporary, 0600, &fd);

	if (!r)
		r = write_all(fd, data, len);
	if (!r && rename(temporary, path))
		r = -errno;
	if (r && fd >= 0)
		unlink(temporary);
	return r ? r : sync_folder(path);
}
