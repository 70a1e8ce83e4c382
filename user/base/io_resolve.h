/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of a host name, asked for by libc's resolver in a thread beside the loop. Callbacks
 * come from the loop, never from inside a call.
 */
#pragma once
#include "base/addr.h"
#include "base/io.h"

struct io_resolve;

#define IO_RESOLVE_MAX 16 /* addresses that are kept */

/* addrs: in the order in which they should be tried, borrowed. error: 0, or -ENOENT (no such name),
 * -EAGAIN, -EIO; then n is 0. */
typedef void (*io_resolve_fn)(void *arg, const struct addr *addrs, size_t n, int error);

/* Called back once. NULL: not even the question could be asked, and no callback comes. */
struct io_resolve *io_resolve_start(struct io *io, const char *name, io_resolve_fn fn, void *arg);
/* No callback after; not after the callback. NULL is legal. */
void io_resolve_cancel(struct io_resolve *resolve);
