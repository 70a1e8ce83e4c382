/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of the file system a process keeps (landlock(7)). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct landlock_path {
	const char *path; /* of a folder with all below it, or of a file; need not be there */
	bool write;	  /* and make, and remove */
	bool list;	  /* of a folder: see the names in it and below, and read nothing */
};

/*
 * From here on files are opened, made and removed at these paths alone, and, where the kernel knows
 * how and unless signals is true, no signals are sent to who is not restricted so. For this thread
 * and those that it starts. What is open stays open. Needs PR_SET_NO_NEW_PRIVS. May be called again
 * to leave less. -EOPNOTSUPP: not with this kernel; -errno.
 */
int landlock_restrict(const struct landlock_path *paths, size_t n, bool signals);
