/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP/1.1 request without body, strictly read. Pure: bytes in, verdict out. */
#pragma once
#include <stddef.h>

#define REQUEST_MAX 8192 /* bytes of a head, with the empty line */

/* 0: more bytes are needed. 200: *ret_path and *ret_query, what stands behind the first question
 * mark, are new strings, to be freed. 400, 405 or 431: what to refuse it with. */
int request_parse(const char *bytes, size_t len, char **ret_path, char **ret_query);
