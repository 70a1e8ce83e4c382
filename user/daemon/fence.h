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

/*
 * The same, before that one, for a narud that waits for another one's end and may have to bring it
 * about: it reads objects, in threads too, long before it has folders and pins of its own.
 */
int fence_waiting(const struct options *options);

/* When everything has started. -errno, logged. */
int fence_calls(void);
