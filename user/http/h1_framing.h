/* SPDX-License-Identifier: Apache-2.0 */
/* The values that decide where a message ends and whether its connection goes on. Pure. */
#pragma once
#include "http/h1.h"

/* Content-Length: digits without a zero before them, below 2^63. -EINVAL. */
int h1_framing_length(struct http_text value, uint64_t *ret_length);

/* Transfer-Encoding: 0 for "chunked" and nothing else; -ENOTSUP: other codings; -EINVAL: no list of
 * codings that ends in one "chunked". */
int h1_framing_coding(struct http_text value);

/* Connection: sets what its tokens say, leaves the rest. -EINVAL: no list of tokens. */
int h1_framing_connection(struct http_text value, bool *close, bool *keep_alive);
