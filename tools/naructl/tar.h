/* SPDX-License-Identifier: Apache-2.0 */
/* Archives that every tar reads (POSIX ustar): regular files only, whole in memory. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* -ENAMETOOLONG: the name has 100 bytes or more; -EFBIG: 8 GiB or more. What cannot be written
 * shows in ferror(out). */
int tar_add(FILE *out, const char *name, const char *data, size_t len, int64_t mtime_s);
void tar_end(FILE *out);
