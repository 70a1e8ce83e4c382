/* SPDX-License-Identifier: Apache-2.0 */
/* Base 64 (RFC 4648, section 4). */
#pragma once
#include <stddef.h>

/* Room that the bytes behind so many characters need at most. */
#define BASE64_DECODED_MAX(len) ((len) / 4 * 3 + 3)

/*
 * Line ends are skipped, padding must be right and unused bits zero. ret_data has room for
 * BASE64_DECODED_MAX(len) bytes and may hold some also after -EINVAL.
 */
int base64_decode(const char *text, size_t len, void *ret_data, size_t *ret_len);
