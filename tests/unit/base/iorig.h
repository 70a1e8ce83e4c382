/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop with one end of a socket pair in it, made for each test of io.h; the other end is the
 * peer.
 */
#pragma once
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/mem.h"

struct fixture {
	struct io *io;
	struct io_file *file; /* pair[0], the loop's */
	int pair[2];	      /* pair[1] is the peer's */
	struct io_op op, op2;
	int calls;	/* of callbacks */
	ssize_t result; /* of the last one */
	size_t total;
	struct io_timer *timer;
	struct io_wake *wake;
	char order[16];
};

static inline int setup(void **state)
{
	struct fixture *f = mem_new(sizeof(*f));

	f->io = io_new();
	assert_non_null(f->io);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, f->pair), 0);
	f->file = io_open(f->io, f->pair[0]);
	assert_non_null(f->file);
	assert_int_equal(io_fd(f->file), f->pair[0]);
	f->op.arg = f;
	f->op2.arg = f;
	*state = f;
	return 0;
}

/* io_free() asserts that all is closed and all buffers are back. */
static inline int teardown(void **state)
{
	struct fixture *f = *state;

	io_close(f->file);
	io_free(f->io);
	close(f->pair[1]);
	free(f);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static inline void on_done(struct io_op *op, ssize_t result)
{
	struct fixture *f = op->arg;

	f->calls++;
	f->result = result;
	io_buf_free(f->io, TAKE_PTR(op->buf));
	io_stop(f->io);
}

static inline void put(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static inline void on_text(struct io_op *op, ssize_t result)
{
	assert_int_equal(result, 5);
	assert_int_equal(op->buf->len, 5);
	assert_memory_equal(op->buf->data, "hello", 5);
	on_done(op, result);
}

/* Fills the socket; returns how much went in. */
static inline size_t fill(int fd)
{
	static const char bytes[4096];
	size_t total = 0;
	ssize_t n;

	while ((n = write(fd, bytes, sizeof(bytes))) > 0)
		total += (size_t)n;
	assert_int_equal(errno, EAGAIN);
	return total;
}
