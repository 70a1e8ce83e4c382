// SPDX-License-Identifier: Apache-2.0
/*
 * System calls, as Debian 12 has no library for it, and its headers know the first two versions
 * only. proxy/sandbox.c and daemon/fence.c call it.
 */
#include "base/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>

#include "base/mem.h"

#define READING	  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define TRUNCATE  (1ull << 14) /* LANDLOCK_ACCESS_FS_TRUNCATE, Linux 6.2 */
#define LISTING	  LANDLOCK_ACCESS_FS_READ_DIR
#define FOR_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE)
/* Not to start programs; sockets and folders, but no devices. */
#define WRITING                                                                                    \
	(READING | TRUNCATE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |      \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                            \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK)

/* To sockets and processes that are not restricted so, Linux 6.12. */
#define SCOPE_ABSTRACT 1
#define SCOPE_SIGNAL   2

/* As far as the kernel has told its version, it takes the first members. */
struct ruleset {
	uint64_t files;
	uint64_t ports;	 /* version 4: not restricted */
	uint64_t scoped; /* version 6: as below */
};

static uint64_t handled(long version)
{
	const unsigned bits = version >= 5 ? 16 : version >= 3 ? 15 : version == 2 ? 14 : 13;

	return (1ull << bits) - 1;
}

static size_t size_of(long version)
{
	if (version >= 6)
		return sizeof(struct ruleset);
	return version >= 4 ? offsetof(struct ruleset, scoped) : offsetof(struct ruleset, ports);
}

static uint64_t rights(const struct landlock_path *path)
{
	if (path->list)
		return LISTING;
	return path->write ? WRITING : READING;
}

static int add(int ruleset, const struct landlock_path *path, uint64_t all)
{
	_cleanup_(mem_closep) int fd = open(path->path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {
		.allowed_access = rights(path) & all,
		.parent_fd = fd,
	};
	struct stat st;

	/* Nobody can open there what is not there, nor make it. */
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= FOR_FILES;
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0
		       ? -errno
		       : 0;
}

int landlock_restrict(const struct landlock_path *paths, size_t n, bool signals)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset attr = { .files = handled(version),
				.scoped = SCOPE_ABSTRACT | (signals ? 0 : SCOPE_SIGNAL) };
	_cleanup_(mem_closep) int ruleset = -1;
	int r = 0;

	if (version < 1)
		return -EOPNOTSUPP;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size_of(version), 0);
	if (ruleset < 0)
		return -errno;
	for (size_t i = 0; !r && i < n; i++)
		r = add(ruleset, &paths[i], attr.files);
	if (!r && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		r = -errno;
	return r;
}
