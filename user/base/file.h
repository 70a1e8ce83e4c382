/* SPDX-License-Identifier: Apache-2.0 */
/* Whole small files. */
#pragma once
#include <stddef.h>
#include <sys/types.h>

/*
 * Reads a regular file of at most max bytes. *ret_text is new and has a NUL behind its *ret_len
 * bytes. -EFBIG when it is longer, -EINVAL when it is no regular file, -EAGAIN when it changed
 * while being read, or what the kernel says.
 */
int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len);

/*
 * Opens a regular file for writing, empty, new or not: -ELOOP when a link has the name, -EINVAL
 * when something else has it, or what the kernel says. A pipe in its place keeps nobody waiting.
 */
int file_create(const char *path, mode_t mode, int *ret_fd);

/* What such an error means, in words. Constant, or as strerror(). */
const char *file_problem(int error);

/*
 * Puts a file of these bytes in the place of what has the name, which is whole at any time, old or
 * new, and on the disk when this returns 0. "PATH.tmp" is used on the way. What the kernel says.
 */
int file_replace(const char *path, const char *data, size_t len);
