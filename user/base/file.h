/* SPDX-License-Identifier: Apache-2.0 */
/* Whole small files. */
#pragma once
#include <stddef.h>

/*
 * Reads a regular file of at most max bytes. *ret_text is new and has a NUL behind its *ret_len
 * bytes. -EFBIG when it is longer, -EINVAL when it is no regular file, -EAGAIN when it changed
 * while being read, or what the kernel says.
 */
int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len);

/*
 * Puts a file of these bytes in the place of what has the name, which is whole at any time, old or
 * new, and on the disk when this returns 0. "PATH.tmp" is used on the way. What the kernel says.
 */
int file_replace(const char *path, const char *data, size_t len);
