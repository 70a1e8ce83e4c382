// SPDX-License-Identifier: Apache-2.0
/*
 * Accepting. Readiness comes from the loop one socket at a time, so that no connection is taken
 * from the kernel's queue that this process would not answer if it died; then a few more are taken
 * in the same turn. When clients have their share of descriptors, a listener pauses instead of
 * spinning, and idle connections are closed.
 */
#include "proxy/acceptor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "proxy/downstream.h"
#include "proxy/worker.h"

#define TURN_MAX  16
#define EMPTY_MAX 1024 /* turns until a queue that fills as fast is given up */

struct acceptor {
	struct worker *worker;
	uint32_t id;
	struct io_file *file;
	struct io_op op;
	struct io_timer *pause;
	bool exhausted;
	bool closed; /* freed when the operation has come back */
	struct acceptor *next;
};

static void on_ready(struct io_op *op, ssize_t result);

static void free_acceptor(struct acceptor *acceptor)
{
	if (acceptor->pause)
		io_timer_free(acceptor->pause);
	free(acceptor);
}

static void rearm(void *arg)
{
	struct acceptor *acceptor = arg;

	io_ready(acceptor->file, &acceptor->op, on_ready);
}

static bool is_exhausted(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Takes up to max connections. 0: more may wait; -EAGAIN: none does; -EMFILE and the like, also
 * when clients have their share. */
static int take(struct acceptor *acceptor, unsigned max)
{
	struct worker *worker = acceptor->worker;

	for (unsigned i = 0; i < max; i++) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		int fd;

		if (counter_read(&worker->counters.connections) >= worker->group->shares.clients)
			return -EMFILE;
		fd = accept4(io_fd(acceptor->file), (struct sockaddr *)&peer, &len,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			worker->last_accept = worker_now(worker);
			counter_add(&worker->counters.accepted, 1);
			downstream_accept(worker, fd, &peer);
			continue;
		}
		if (errno == EAGAIN || is_exhausted(errno))
			return -errno;
		/* ECONNABORTED and the network's errors are of one connection. */
		if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK || errno == EOPNOTSUPP)
			return -errno;
	}
	return 0;
}

static void on_ready(struct io_op *op, ssize_t result)
{
	struct acceptor *acceptor = op->arg;
	int r;

	if (acceptor->closed) {
		free_acceptor(acceptor);
		return;
	}
	r = result < 0 ? (int)result : take(acceptor, TURN_MAX);
	if (!r || r == -EAGAIN) {
		acceptor->exhausted = false;
		rearm(acceptor);
		return;
	}
	if (!acceptor->exhausted)
		log_err(r, "accepting on listener %u pauses", acceptor->id);
	acceptor->exhausted = true;
	/* Who says nothing makes room for who does. */
	if (is_exhausted(-r))
		downstream_close_idle(acceptor->worker, acceptor->worker->times->shed_ms);
	if (!acceptor->pause)
		acceptor->pause = io_timer_new(acceptor->worker->io, rearm, acceptor);
	io_timer_start(acceptor->pause, acceptor->worker->times->pause_ms);
}

void acceptor_open(struct worker *worker, uint32_t id, int fd)
{
	struct acceptor *acceptor = mem_new(sizeof(*acceptor));

	acceptor->worker = worker;
	acceptor->id = id;
	acceptor->op.arg = acceptor;
	acceptor->file = io_open(worker->io, fd);
	if (!acceptor->file) {
		log_err(-EPERM, "cannot poll listener %u", id);
		close(fd);
		free_acceptor(acceptor);
		return;
	}
	acceptor->next = worker->acceptors;
	worker->acceptors = acceptor;
	if (worker->view)
		rearm(acceptor);
}

void acceptor_resume(struct worker *worker)
{
	for (struct acceptor *acceptor = worker->acceptors; acceptor; acceptor = acceptor->next)
		rearm(acceptor);
}

static void close_acceptor(struct acceptor *acceptor)
{
	bool pending = acceptor->op.pending;

	acceptor->closed = true;
	if (acceptor->pause)
		io_timer_stop(acceptor->pause);
	io_close(acceptor->file);
	if (!pending)
		free_acceptor(acceptor);
}

static void close_matching(struct worker *worker, bool all, uint32_t id, bool empty)
{
	struct acceptor **at = &worker->acceptors;

	while (*at) {
		struct acceptor *acceptor = *at;

		if (!all && acceptor->id != id) {
			at = &acceptor->next;
			continue;
		}
		for (int i = 0; empty && i < EMPTY_MAX && !take(acceptor, TURN_MAX); i++)
			;
		*at = acceptor->next;
		close_acceptor(acceptor);
	}
}

void acceptor_close(struct worker *worker, uint32_t id)
{
	close_matching(worker, false, id, true);
}

void acceptor_close_all(struct worker *worker)
{
	close_matching(worker, true, 0, true);
}

void acceptor_cut(struct worker *worker)
{
	close_matching(worker, true, 0, false);
}
