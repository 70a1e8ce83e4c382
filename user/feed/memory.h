/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes too many for a packet, handed over as a descriptor of anonymous memory. */
#pragma once
#include <stddef.h>

/* A copy that nobody can change any more, to be closed. -errno. */
int memory_seal(const void *data, size_t len, int *ret_fd);

/* For who trusts the writer: the bytes in place, for memory_unmap(). -EPERM: not sealed. */
int memory_map(int fd, const void **ret_data, size_t *ret_len);
void memory_unmap(const void *data, size_t len);

/* For who does not: a copy, to be freed. -EFBIG: more than max. */
int memory_read(int fd, size_t max, char **ret_data, size_t *ret_len);
