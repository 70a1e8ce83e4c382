// SPDX-License-Identifier: Apache-2.0
/*
 * A worker's thread: what the main thread asks of it, what is to be done now and then, and the
 * drain. Invariants: the table changes between two callbacks, never inside one; everything but the
 * inbox and the atomics is touched by the worker's thread alone.
 */
#include "proxy/worker.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proxy/acceptor.h"
#include "proxy/downstream.h"
#include "proxy/exchange.h"
#include "proxy/pool.h"

#define TICK_MS	      200
#define DRAIN_TICK_MS 20

/* ---- for all files of a worker ---- */

uint64_t worker_now(const struct worker *worker)
{
	return io_now(worker->io);
}

struct http_text worker_date(struct worker *worker)
{
	time_t now = (time_t)(clock_wall_us() / 1000000);
	struct tm tm;

	if (now != worker->date_of) {
		worker->date_of = now;
		gmtime_r(&now, &tm);
		strftime(worker->date, sizeof(worker->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	}
	return (struct http_text){ worker->date, strlen(worker->date) };
}

static void notify(const struct worker *worker)
{
	eventfd_write(worker->group->notify_fd, 1);
}

void worker_release(struct worker *worker, struct view *view)
{
	if (view_unref(view))
		notify(worker);
}

void worker_wake_others(const struct worker *worker, bool all)
{
	for (unsigned i = 0; i < worker->group->n; i++) {
		struct worker *other = &worker->group->workers[i];

		if (other != worker && (all || atomic_load(&other->waiting)))
			io_wake_send(other->wake);
	}
}

/* ---- the drain ---- */

void worker_check_drained(struct worker *worker)
{
	if (!worker->draining_since || worker->acceptors || worker->downstreams ||
	    atomic_load(&worker->drained))
		return;
	atomic_store(&worker->drained, true);
	notify(worker);
}

static void drain(struct worker *worker)
{
	uint64_t now = worker_now(worker), since = worker->draining_since;
	uint64_t last = worker->last_accept > since ? worker->last_accept : since;
	uint32_t limit = worker->group->drain_ms;
	uint32_t quiet = worker->times->quiet_ms < limit / 5 ? worker->times->quiet_ms : limit / 5;

	if (now - last >= quiet || now - since >= (uint64_t)limit * 4 / 5)
		acceptor_close_all(worker);
	/* A client that keeps its connection busy is told so; closing under its hands would cost it
	 * the request that is on its way. */
	downstream_close_idle(worker, quiet);
	if (now - since >= limit) {
		acceptor_cut(worker);
		downstream_cut(worker);
	}
	worker_check_drained(worker);
}

/* ---- orders ---- */

static void apply(struct worker *worker, struct table_use *use)
{
	struct view *previous = worker->view;

	worker->view = view_new(use, previous);
	pool_prune(worker);
	if (previous) {
		downstream_outlive(worker, previous);
		worker_release(worker, previous);
	} else {
		acceptor_resume(worker);
	}
	atomic_store(&worker->applied, use->serial);
	notify(worker);
}

static void obey(struct worker *worker, const struct worker_message *message)
{
	switch (message->order) {
	case WORKER_LISTEN:
		acceptor_open(worker, message->id, message->fd);
		break;
	case WORKER_UNLISTEN:
		acceptor_close(worker, message->id);
		break;
	case WORKER_APPLY:
		apply(worker, message->use);
		break;
	case WORKER_DRAIN:
		if (worker->draining_since)
			break;
		worker->draining_since = worker_now(worker);
		io_timer_start(worker->tick, DRAIN_TICK_MS);
		break;
	case WORKER_STOP:
		io_stop(worker->io);
		break;
	}
}

static void on_wake(void *arg)
{
	struct worker *worker = arg;
	struct worker_message *messages;

	pthread_mutex_lock(&worker->lock);
	messages = TAKE_PTR(worker->inbox);
	worker->last_message = &worker->inbox;
	pthread_mutex_unlock(&worker->lock);
	while (messages) {
		_cleanup_(mem_freep) struct worker_message *message = messages;

		messages = message->next;
		obey(worker, message);
	}
	pool_serve(worker);
}

void worker_post(struct worker *worker, const struct worker_message *message)
{
	struct worker_message *copy = mem_new(sizeof(*copy));

	*copy = *message;
	copy->next = NULL;
	pthread_mutex_lock(&worker->lock);
	*worker->last_message = copy;
	worker->last_message = &copy->next;
	pthread_mutex_unlock(&worker->lock);
	io_wake_send(worker->wake);
}

/* ---- the thread ---- */

static void on_tick(void *arg)
{
	struct worker *worker = arg;

	atomic_store(&worker->beat_ms, clock_ms());
	accesslog_flush(worker->log);
	pool_sweep(worker);
	if (worker->draining_since)
		drain(worker);
	io_timer_start(worker->tick, worker->draining_since ? DRAIN_TICK_MS : TICK_MS);
}

static void stop(struct worker *worker)
{
	acceptor_cut(worker);
	downstream_cut(worker);
	pool_cut(worker);
	exchange_free_spare(worker);
	worker_release(worker, TAKE_PTR(worker->view));
	io_timer_free(TAKE_PTR(worker->tick));
	accesslog_writer_free(TAKE_PTR(worker->log));
}

static void *run(void *arg)
{
	struct worker *worker = arg;

	io_run(worker->io);
	stop(worker);
	return NULL;
}

static void free_loop(struct worker *worker)
{
	regex_scratch_free(worker->scratch);
	if (worker->wake)
		io_wake_free(worker->wake);
	if (worker->tick)
		io_timer_free(worker->tick);
	io_free(worker->io);
	accesslog_writer_free(worker->log);
	pthread_mutex_destroy(&worker->lock);
}

/* Signals are the main thread's. */
static int start_thread(struct worker *worker)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

int worker_start(struct worker_group *group, unsigned index)
{
	struct worker *worker = &group->workers[index];
	int r;

	worker->group = group;
	worker->index = index;
	worker->times = group->times;
	atomic_store(&worker->beat_ms, clock_ms());
	worker->last_message = &worker->inbox;
	pthread_mutex_init(&worker->lock, NULL);
	worker->log = accesslog_writer_new(group->log);
	worker->scratch = regex_scratch_new();
	worker->io = io_new();
	worker->wake = worker->io ? io_wake_new(worker->io, on_wake, worker) : NULL;
	worker->tick = worker->wake ? io_timer_new(worker->io, on_tick, worker) : NULL;
	if (!worker->tick) {
		free_loop(worker);
		return -EMFILE;
	}
	io_timer_start(worker->tick, TICK_MS);
	r = start_thread(worker);
	if (r)
		free_loop(worker);
	return r;
}

void worker_join(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
}

void worker_free(struct worker *worker)
{
	struct worker_message *message = worker->inbox;

	free_loop(worker);
	while (message) {
		_cleanup_(mem_freep) struct worker_message *gone = message;

		message = gone->next;
		if (gone->order == WORKER_LISTEN)
			close(gone->fd);
	}
}
