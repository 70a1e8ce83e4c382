/* SPDX-License-Identifier: Apache-2.0 */
/* Which system calls a program keeps once it runs (seccomp(2)). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Beside what every loop, thread and connection needs. */
struct syscalls {
	const char *const *names;
	size_t n_names;
	const int *families; /* of sockets */
	size_t n_families;
	bool threads; /* new ones may be started */
};

/*
 * For all threads: other calls fail with EPERM; those that start programs, reach into other
 * processes or change what the file system is end the process. Needs PR_SET_NO_NEW_PRIVS. Does
 * nothing in a program with a sanitizer, which traces its own process. -errno.
 */
int syscalls_restrict(const struct syscalls *keep);
