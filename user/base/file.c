// SPDX-License-Identifier: Apache-2.0
/*
 * Reads files for kube/. Invariant: what is returned was in the file at one time, all of it; a
 * path that leads to a pipe or a device does not stop the process.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
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
