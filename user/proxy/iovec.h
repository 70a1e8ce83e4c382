/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of one send, put together one behind the other. */
#pragma once
#include <sys/uio.h>

#include "http/http.h"

static inline void iovec_push(struct iovec *iov, int *n, const void *data, size_t len)
{
	iov[(*n)++] = (struct iovec){ .iov_base = (void *)data, .iov_len = len };
}

static inline void iovec_push_text(struct iovec *iov, int *n, struct http_text text)
{
	iovec_push(iov, n, text.at, text.len);
}
