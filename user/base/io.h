/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All I/O of the proxy, in completion style: an operation is started, its callback comes once,
 * later, from io_run(), never from inside the call that started it, also after io_cancel() and
 * io_close() (then with -ECANCELED). The memory of an operation belongs to it until then, and so
 * do the bytes that it sends. The body stands on libuv; the interface is made so that io_uring can
 * be another.
 *
 * A loop belongs to the thread that runs it; io_wake_send() alone may be called from others.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct io;
struct loop;
struct io_file; /* a descriptor in a loop */
struct io_op;
struct io_timer;
struct io_wake;

#define IO_BUF_SIZE 16384
#define IO_SEND_MAX 16 /* pieces of one io_send() */

/* From the loop's pool. Whoever gets one gives it back with io_buf_free(). */
struct io_buf {
	size_t len;
	struct io_buf *next; /* free for the owner's use */
	char data[IO_BUF_SIZE];
};

/* result: see each operation; -errno on failure. */
typedef void (*io_fn)(struct io_op *op, ssize_t result);

/* Embedded by the caller; zeroed before first use; one operation at a time. */
struct io_op {
	void *arg;	    /* the caller's */
	struct io_buf *buf; /* of io_recv(): the bytes; the callback's owner takes it over */
	/* The rest is the loop's. */
	io_fn fn;
	struct io_file *file;
	struct io_op *next;
	ssize_t result;
	int kind;
	bool pending, queued;
	struct iovec iov[IO_SEND_MAX];
	int n_iov, at;
	size_t done;
};

/* NULL when the kernel gives no descriptor for it. */
struct io *io_new(void);
/* Rides on a loop, which runs it and outlives it: io_run(), io_stop() are not for this one. NULL as
 * above. */
struct io *io_new_on(struct loop *loop);
/* No file, timer, wake or buffer may be left but in operations that were cancelled: the last
 * completions are delivered here. NULL is legal. */
void io_free(struct io *io);
/* Until io_stop() (which may have come before), or until nothing is open that could call back. */
void io_run(struct io *io);
void io_stop(struct io *io);
/* Milliseconds of a monotonic clock, as of this turn of the loop. */
uint64_t io_now(const struct io *io);

/* Takes over a non-blocking descriptor that can be polled. NULL (and fd stays the caller's): -EPERM
 * and the like, as with a regular file. */
struct io_file *io_open(struct io *io, int fd);
int io_fd(const struct io_file *file);
/* Cancels what is pending, closes the descriptor, frees the file. NULL is legal, as in each of the
 * functions here that free. */
void io_close(struct io_file *file);
/* Ends the sending side at once. */
void io_shutdown(struct io_file *file);

/* One receive, one send (or connect), one ready may be pending per file at a time. */

/* result: 0. */
void io_connect(struct io_file *file, struct io_op *op, io_fn fn, const struct sockaddr *addr,
		socklen_t len);
/* result: bytes in op->buf, 0 at the end of the stream (no buffer). A pending receive holds no
 * buffer. */
void io_recv(struct io_file *file, struct io_op *op, io_fn fn);
/* Sends all of it or fails. The pieces are copied, the bytes are not. result: bytes. */
void io_send(struct io_file *file, struct io_op *op, io_fn fn, const struct iovec *iov, int n);
/* Waits until the descriptor is readable (a connection can be accepted), without a buffer. result:
 * 0. */
void io_ready(struct io_file *file, struct io_op *op, io_fn fn);
/* Calls back in this turn of the loop, after what runs now. */
void io_defer(struct io *io, struct io_op *op, io_fn fn);
/* A no-op when the operation is not pending; the callback comes with -ECANCELED. */
void io_cancel(struct io_op *op);

struct io_buf *io_buf_new(struct io *io);
void io_buf_free(struct io *io, struct io_buf *buf);

/* Timers fire once. fn is not called after stop or free; both are legal inside callbacks. */
struct io_timer *io_timer_new(struct io *io, void (*fn)(void *arg), void *arg);
void io_timer_start(struct io_timer *timer, uint64_t ms);
void io_timer_stop(struct io_timer *timer);
void io_timer_free(struct io_timer *timer);

/* Calls fn on the loop's thread after io_wake_send() from any thread; several become one. Who frees
 * it has seen to it that no thread sends any more. NULL when the kernel gives no descriptor. */
struct io_wake *io_wake_new(struct io *io, void (*fn)(void *arg), void *arg);
void io_wake_send(struct io_wake *wake);
void io_wake_free(struct io_wake *wake);
