// SPDX-License-Identifier: Apache-2.0
/*
 * feed.c and proxy/control.c call it. Invariant: what is mapped cannot shrink, or reading it would
 * kill the reader.
 */
#include "feed/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

int memory_seal(const void *data, size_t len, int *ret_fd)
{
	_cleanup_(mem_closep) int fd = memfd_create("naru", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, (const char *)data + done, len - done);

		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int memory_map(int fd, const void **ret_data, size_t *ret_len)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *data;

	if (seals < 0 || (seals & SEALS) != SEALS)
		return -EPERM;
	if (fstat(fd, &st) < 0)
		return -errno;
	data = mmap(NULL, (size_t)st.st_size + !st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return -errno;
	*ret_data = data;
	*ret_len = (size_t)st.st_size;
	return 0;
}

void memory_unmap(const void *data, size_t len)
{
	munmap((void *)data, len + !len);
}

int memory_read(int fd, size_t max, char **ret_data, size_t *ret_len)
{
	_cleanup_(mem_freep) char *data = NULL;
	size_t len = 0, want;
	struct stat st;

	/* Only memory has seals, if none are set: another file could keep its reader waiting. */
	if (fcntl(fd, F_GET_SEALS) < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < 0 || (size_t)st.st_size > max)
		return -EFBIG;
	want = (size_t)st.st_size;
	data = mem_new(want);
	while (len < want) {
		ssize_t n = pread(fd, data + len, want - len, (off_t)len);

		if (n <= 0)
			return n ? -errno : -EBADMSG;
		len += (size_t)n;
	}
	*ret_data = TAKE_PTR(data);
	*ret_len = len;
	return 0;
}
