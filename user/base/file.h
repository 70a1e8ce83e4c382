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
