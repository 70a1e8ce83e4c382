/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread of the proxy: its loop and everything that it alone touches. The main thread speaks to
 * it by messages, and reads its counters.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/io.h"
#include "http/http.h"
#include "http/regex.h"
#include "proxy/accesslog.h"
#include "proxy/counter.h"
#include "proxy/descriptors.h"
#include "proxy/times.h"
#include "proxy/view.h"

struct acceptor;
struct downstream;
struct exchange;
struct pool_wait;
struct upstream;

/* Written by the worker alone. */
struct worker_counters {
	_Atomic uint64_t connections; /* of clients, open */
	_Atomic uint64_t accepted, refused, handshake_failures;
};

/* What the workers of a proxy have in common. */
struct worker_group {
	struct worker *workers;
	unsigned n;
	const struct times *times;
	struct descriptors_shares shares;
	struct accesslog *log;
	uint32_t drain_ms;
	int notify_fd; /* an eventfd: the main thread has something to look at */
};

struct worker {
	struct worker_group *group;
	unsigned index;
	const struct times *times;
	struct io *io;
	struct io_wake *wake;
	struct io_timer *tick;
	struct regex_scratch *scratch;
	struct accesslog_writer *log;
	struct view *view; /* current; NULL before the first table */
	struct acceptor *acceptors;
	struct downstream *downstreams;
	struct upstream *idle; /* pooled connections, over all endpoints */
	struct pool_wait *waits, *last_wait;
	struct exchange *spare; /* exchanges for the next requests */
	unsigned n_spare;
	time_t date_of; /* what date says */
	char date[32];
	uint64_t draining_since; /* 0: no */
	uint64_t last_accept;	 /* the loop's time */
	/* Others touch only these. */
	pthread_t thread;
	pthread_mutex_t lock;
	struct worker_message *inbox, **last_message;
	_Atomic uint64_t applied; /* serial of the table in force */
	_Atomic uint64_t beat_ms; /* clock_ms() at the last tick: a sign of life */
	_Atomic bool drained;
	_Atomic bool waiting; /* requests wait for connections */
	struct worker_counters counters;
} __attribute__((aligned(CACHE_LINE)));

/* A worker that has not ticked for so long stands still. */
#define WORKER_STALLED_MS 1000

static inline bool worker_is_stalled(const struct worker *worker, uint64_t now_ms)
{
	/* It may have ticked since the time was read. */
	return now_ms > atomic_load(&worker->beat_ms) + WORKER_STALLED_MS;
}

enum worker_order {
	WORKER_LISTEN,
	WORKER_UNLISTEN,
	WORKER_APPLY,
	WORKER_DRAIN,
	WORKER_STOP,
};

struct worker_message {
	enum worker_order order;
	uint32_t id;
	int fd;
	struct table_use *use;
	struct worker_message *next;
};

/* Starts the thread of group->workers[index]. -errno. */
int worker_start(struct worker_group *group, unsigned index);
/* After WORKER_STOP: waits for the thread. Others may wake this worker until they are gone too. */
void worker_join(struct worker *worker);
/* When all threads of the group are gone. */
void worker_free(struct worker *worker);
/* From the main thread. What the message holds is the worker's. */
void worker_post(struct worker *worker, const struct worker_message *message);

/* ---- for the worker's own thread ---- */

uint64_t worker_now(const struct worker *worker);
/* The value of a Date field, until the next second. */
struct http_text worker_date(struct worker *worker);
/* A view whose last user went: the main thread is told when the table is free. */
void worker_release(struct worker *worker, struct view *view);
/* Wakes other workers: those that wait for connections, or all of them. */
void worker_wake_others(const struct worker *worker, bool all);
/* A client's connection or a listener went: is the drain over? */
void worker_check_drained(struct worker *worker);
