/* SPDX-License-Identifier: Apache-2.0 */
/* What the files behind io.h share with each other and with loop.c: libuv's loop, and the queue of
 * completions. */
#pragma once
#include <uv.h>

#include "base/io.h"

struct io {
	uv_loop_t *uv; /* own, or that of a struct loop */
	uv_loop_t own;
	uv_prepare_t
		prepare; /* drains what others' callbacks have put into the queue; not with own */
	bool shared;
	struct io_op *first, *last; /* completions to deliver */
	struct io_buf *bufs;	    /* free ones */
	size_t n_bufs;
	size_t n_lent;	  /* buffers in others' hands */
	size_t n_handles; /* files, timers and wakes not yet closed */
};

/* Delivers the queue of completions: the last thing in every callback that libuv makes. */
void io_drain(struct io *io);

uv_loop_t *loop_uv(struct loop *loop);
