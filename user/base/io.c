// SPDX-License-Identifier: Apache-2.0
/*
 * Completions over libuv's readiness. The proxy's connections, its feed and its timers stand on it.
 * Invariants: an operation sits in its file's slot from its start until its callback, so that
 * closing finds it; the queue of completions is empty whenever libuv waits, so that nothing that is
 * done waits for the kernel; memory of a handle goes in libuv's close callback.
 *
 * Changing what is polled costs system calls (libuv 1.44 takes the descriptor out of the epoll set
 * and puts it back), hence interest is given up only when an event came that nobody waits for: a
 * connection that is read from and written to in turn costs epoll_wait, recv and sendmsg.
 */
#include "base/io.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io_loop.h"
#include "base/mem.h"

#define FREE_BUFS_MAX 64
/* Receives tried without asking the kernel first, before other connections have their turn. */
#define BURST_MAX 4
/* Of an attempt: the operation goes on waiting. No attempt fails with it. */
#define NOT_YET (-EINPROGRESS)

/* In the order in which an event serves them. */
enum kind {
	KIND_CONNECT,
	KIND_SEND,
	KIND_READY,
	KIND_RECV,
	KIND_MAX, /* of a file */
	KIND_DEFER = KIND_MAX,
};

struct io_file {
	uv_poll_t poll;
	struct io *io;
	int fd;
	int armed;   /* events that libuv polls for */
	bool closed; /* only the memory is left */
	bool more;   /* there was more to receive when last seen */
	int burst;   /* receives tried since the last event */
	struct io_op *ops[KIND_MAX];
};

/* ---- attempts: a result, or NOT_YET --------------------------------------------------------- */

static ssize_t attempt_connect(struct io_file *file, struct io_op *op)
{
	int error = 0;
	socklen_t len = sizeof(error);

	(void)op;
	if (getsockopt(file->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}

/* Steps over n bytes that were sent, and over empty pieces. */
static void advance(struct io_op *op, size_t n)
{
	op->done += n;
	while (op->at < op->n_iov && n >= op->iov[op->at].iov_len)
		n -= op->iov[op->at++].iov_len;
	if (op->at == op->n_iov)
		return;
	op->iov[op->at].iov_base = (char *)op->iov[op->at].iov_base + n;
	op->iov[op->at].iov_len -= n;
}

static ssize_t attempt_send(struct io_file *file, struct io_op *op)
{
	struct msghdr msg = { 0 };
	ssize_t n;

	advance(op, 0);
	if (op->at == op->n_iov)
		return (ssize_t)op->done;
	msg.msg_iov = op->iov + op->at;
	msg.msg_iovlen = (size_t)(op->n_iov - op->at);
	n = sendmsg(file->fd, &msg, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? NOT_YET : -errno;
	advance(op, (size_t)n);
	return op->at == op->n_iov ? (ssize_t)op->done : NOT_YET;
}

static ssize_t attempt_ready(struct io_file *file, struct io_op *op)
{
	(void)file;
	(void)op;
	return 0;
}

static ssize_t attempt_recv(struct io_file *file, struct io_op *op)
{
	struct io_buf *buf = io_buf_new(file->io);
	ssize_t n = recv(file->fd, buf->data, sizeof(buf->data), 0);

	if (n < 0)
		n = errno == EAGAIN || errno == EINTR ? NOT_YET : -errno;
	file->more = n == sizeof(buf->data);
	if (n > 0) {
		buf->len = (size_t)n;
		op->buf = buf;
	} else {
		io_buf_free(file->io, buf);
	}
	return n;
}

static const struct {
	int events; /* what it waits for */
	ssize_t (*attempt)(struct io_file *file, struct io_op *op);
} kinds[KIND_MAX] = {
	[KIND_CONNECT] = { UV_WRITABLE, attempt_connect },
	[KIND_SEND] = { UV_WRITABLE, attempt_send },
	[KIND_READY] = { UV_READABLE, attempt_ready },
	[KIND_RECV] = { UV_READABLE, attempt_recv },
};

/* ---- readiness ------------------------------------------------------------------------------ */

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct io_file *file, int events)
{
	file->armed = events;
	if (events)
		uv_poll_start(&file->poll, events, on_poll);
	else
		uv_poll_stop(&file->poll);
}

/* Events that operations wait for; one that is in the queue does not wait. */
static int wanted(const struct io_file *file)
{
	int events = 0;

	for (int kind = 0; kind < KIND_MAX; kind++)
		if (file->ops[kind] && !file->ops[kind]->queued)
			events |= kinds[kind].events;
	return events;
}

/* A socket is nearly always writable, so interest in that does not outlast a change. */
static void arm(struct io_file *file)
{
	int events = wanted(file);

	if (events & ~file->armed)
		watch(file, events | (file->armed & UV_READABLE));
}

/* ---- completions ---------------------------------------------------------------------------- */

static void on_prepare(uv_prepare_t *prepare)
{
	io_drain(prepare->data);
}

/* Callbacks of a loop that is shared do not drain the queue: it is done before libuv waits. */
static void enqueue(struct io *io, struct io_op *op, ssize_t result)
{
	if (io->shared)
		uv_prepare_start(&io->prepare, on_prepare);
	op->result = result;
	op->queued = true;
	op->next = NULL;
	if (io->last)
		io->last->next = op;
	else
		io->first = op;
	io->last = op;
}

static void finish(struct io_op *op, ssize_t result)
{
	if (op->file)
		op->file->ops[op->kind] = NULL;
	op->file = NULL;
	op->pending = false;
	op->fn(op, result);
}

static void deliver(struct io_op *op)
{
	struct io_file *file = op->file;
	ssize_t result = op->result;

	op->queued = false;
	if (result == NOT_YET)
		result = kinds[op->kind].attempt(file, op);
	if (result == NOT_YET)
		arm(file);
	else
		finish(op, result);
}

void io_drain(struct io *io)
{
	struct io_op *op;

	while ((op = io->first)) {
		io->first = op->next;
		if (!io->first)
			io->last = NULL;
		deliver(op);
	}
	if (io->shared)
		uv_prepare_stop(&io->prepare);
}

/*
 * On an error condition libuv stops polling and passes no events: the attempts find the error, and
 * those that do not go on waiting.
 */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct io_file *file = poll->data;
	int idle;

	if (status < 0) {
		file->armed = 0;
		events = UV_READABLE | UV_WRITABLE;
	}
	file->burst = 0;
	idle = events & ~wanted(file);
	if (idle & UV_READABLE)
		file->more = true;
	if (idle & file->armed)
		watch(file, file->armed & ~idle);
	for (int kind = 0; kind < KIND_MAX; kind++) {
		struct io_op *op = file->ops[kind];
		ssize_t result = NOT_YET;

		if (op && !op->queued && (events & kinds[kind].events))
			result = kinds[kind].attempt(file, op);
		if (result != NOT_YET)
			finish(op, result);
	}
	if (!file->closed)
		arm(file);
	io_drain(file->io);
}

/* ---- the loop ------------------------------------------------------------------------------- */

struct io *io_new(void)
{
	struct io *io = mem_new(sizeof(*io));

	io->uv = &io->own;
	if (uv_loop_init(io->uv)) {
		free(io);
		return NULL;
	}
	return io;
}

struct io *io_new_on(struct loop *loop)
{
	struct io *io = mem_new(sizeof(*io));

	io->uv = loop_uv(loop);
	io->shared = true;
	uv_prepare_init(io->uv, &io->prepare);
	io->prepare.data = io;
	return io;
}

static void free_bufs(struct io *io)
{
	while (io->bufs) {
		struct io_buf *buf = io->bufs;

		io->bufs = buf->next;
		free(buf);
	}
}

static void close_own(struct io *io)
{
	int r;

	/* A loop that was stopped runs one turn less: go on until every close callback has run. */
	while (uv_run(io->uv, UV_RUN_DEFAULT))
		;
	r = uv_loop_close(io->uv);
	assert(r == 0);
	(void)r;
	free(io);
}

static void on_prepare_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* With a loop that is shared the other close callbacks are to come, none of which needs io. */
void io_free(struct io *io)
{
	if (!io)
		return;
	io_drain(io);
	assert(!io->n_handles && !io->n_lent);
	free_bufs(io);
	if (io->shared)
		uv_close((uv_handle_t *)&io->prepare, on_prepare_closed);
	else
		close_own(io);
}

void io_run(struct io *io)
{
	assert(!io->shared);
	io_drain(io);
	uv_run(io->uv, UV_RUN_DEFAULT);
}

void io_stop(struct io *io)
{
	assert(!io->shared);
	uv_stop(io->uv);
}

uint64_t io_now(const struct io *io)
{
	return uv_now(io->uv);
}

/* ---- files ---------------------------------------------------------------------------------- */

struct io_file *io_open(struct io *io, int fd)
{
	struct io_file *file = mem_new(sizeof(*file));

	if (uv_poll_init(io->uv, &file->poll, fd)) {
		free(file);
		return NULL;
	}
	file->poll.data = file;
	file->io = io;
	file->fd = fd;
	io->n_handles++;
	return file;
}

int io_fd(const struct io_file *file)
{
	return file->fd;
}

static void on_file_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void io_close(struct io_file *file)
{
	if (!file)
		return;
	assert(!file->closed);
	file->closed = true;
	for (int kind = 0; kind < KIND_MAX; kind++)
		if (file->ops[kind])
			io_cancel(file->ops[kind]);
	uv_close((uv_handle_t *)&file->poll, on_file_closed);
	close(file->fd);
	file->io->n_handles--;
}

void io_shutdown(struct io_file *file)
{
	shutdown(file->fd, SHUT_WR);
}

/* ---- operations ----------------------------------------------------------------------------- */

static void begin(struct io_op *op, io_fn fn, struct io_file *file, enum kind kind)
{
	assert(!op->pending);
	op->pending = true;
	op->fn = fn;
	op->file = file;
	op->kind = (int)kind;
	op->buf = NULL;
	if (!file)
		return;
	assert(!file->closed && !file->ops[kind]);
	file->ops[kind] = op;
}

/* Nothing calls back from here: what is done already goes into the queue. */
static void wait_or_finish(struct io_op *op, ssize_t result)
{
	if (result == NOT_YET)
		arm(op->file);
	else
		enqueue(op->file->io, op, result);
}

void io_connect(struct io_file *file, struct io_op *op, io_fn fn, const struct sockaddr *addr,
		socklen_t len)
{
	ssize_t result = 0;

	begin(op, fn, file, KIND_CONNECT);
	if (connect(file->fd, addr, len) < 0)
		result = errno == EINPROGRESS || errno == EINTR ? NOT_YET : -errno;
	wait_or_finish(op, result);
}

/* Where more is known to be there it is tried in this turn, but from the queue. */
void io_recv(struct io_file *file, struct io_op *op, io_fn fn)
{
	begin(op, fn, file, KIND_RECV);
	if (file->more && file->burst < BURST_MAX) {
		file->burst++;
		enqueue(file->io, op, NOT_YET);
	} else {
		arm(file);
	}
}

void io_send(struct io_file *file, struct io_op *op, io_fn fn, const struct iovec *iov, int n)
{
	assert(n >= 0 && n <= IO_SEND_MAX);
	begin(op, fn, file, KIND_SEND);
	if (n)
		memcpy(op->iov, iov, (size_t)n * sizeof(*iov));
	op->n_iov = n;
	op->at = 0;
	op->done = 0;
	wait_or_finish(op, attempt_send(file, op));
}

void io_ready(struct io_file *file, struct io_op *op, io_fn fn)
{
	begin(op, fn, file, KIND_READY);
	arm(file);
}

void io_defer(struct io *io, struct io_op *op, io_fn fn)
{
	begin(op, fn, NULL, KIND_DEFER);
	enqueue(io, op, 0);
}

/* What waits in the queue with a result gets another one; an attempt that waits there never
 * happens. */
void io_cancel(struct io_op *op)
{
	if (!op->pending)
		return;
	if (op->queued)
		op->result = -ECANCELED;
	else
		enqueue(op->file->io, op, -ECANCELED);
}

/* ---- buffers -------------------------------------------------------------------------------- */

/* Not zeroed, unlike all else: 16 KB a time are felt. */
struct io_buf *io_buf_new(struct io *io)
{
	struct io_buf *buf = io->bufs;

	if (buf) {
		io->bufs = buf->next;
		io->n_bufs--;
	} else {
		buf = malloc(sizeof(*buf));
		if (!buf)
			abort();
	}
	buf->len = 0;
	buf->next = NULL;
	io->n_lent++;
	return buf;
}

void io_buf_free(struct io *io, struct io_buf *buf)
{
	if (!buf)
		return;
	io->n_lent--;
	if (io->n_bufs == FREE_BUFS_MAX) {
		free(buf);
		return;
	}
	buf->next = io->bufs;
	io->bufs = buf;
	io->n_bufs++;
}
