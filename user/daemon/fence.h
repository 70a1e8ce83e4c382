/* SPDX-License-Identifier: Apache-2.0 */
/* What narud leaves itself of files and system calls, beside capabilities (privileges.h). */
#pragma once
#include <stdbool.h>

struct options;

/*
 * Before any thread is started, and when its own folders are there: what is below --run-dir and its
 * pins, and beside the state file, can be changed, what the source of objects and the kernel have
 * can be read, nothing else. Where the kernel has no Landlock, that is said. -errno, logged.
 */
int fence_files(const struct options *options, bool pinned);

/* When everything has started. -errno, logged. */
int fence_calls(void);
