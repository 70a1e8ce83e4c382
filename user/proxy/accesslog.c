// SPDX-License-Identifier: Apache-2.0
/*
 * Writers and the thread behind them. A writer belongs to a worker and fills a chunk, which goes
 * into a queue when it is full or when the worker is idle; the thread takes the whole queue at once
 * and writes it. Invariants: a worker holds the lock for a few instructions, and never while
 * anybody writes; the queue is bounded in bytes; lines are whole or not there.
 */
#include "proxy/accesslog.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "proxy/logline.h"

#define CHUNK_BYTES ((size_t)32 * 1024)
#define QUEUE_BYTES ((size_t)4 * 1024 * 1024)
#define CLOSE_MS    1000
#define POLL_MS	    50 /* how soon the thread sees that it shall end while nobody reads */

struct chunk {
	struct str text;
	unsigned lines;
	struct chunk *next;
};

struct accesslog {
	int fd;
	bool stream; /* a pipe or socket: at most PIPE_BUF bytes are sure not to block */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct chunk *first, **last;
	size_t queued; /* bytes */
	bool closing;
	struct timespec deadline; /* when closing */
	_Atomic uint64_t dropped;
};

struct accesslog_writer {
	struct accesslog *log;
	struct chunk *chunk;
};

static void chunk_free(struct chunk *chunk)
{
	if (!chunk)
		return;
	str_fini(&chunk->text);
	free(chunk);
}

/* ---- the thread ---- */

static bool is_over(struct accesslog *log)
{
	struct timespec now;
	bool over;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&log->lock);
	over = log->closing &&
	       (now.tv_sec > log->deadline.tv_sec ||
		(now.tv_sec == log->deadline.tv_sec && now.tv_nsec >= log->deadline.tv_nsec));
	pthread_mutex_unlock(&log->lock);
	return over;
}

/* False: it cannot be written, or the time is up. Never blocks for longer than POLL_MS. */
static bool write_all(struct accesslog *log, const char *data, size_t len)
{
	while (len) {
		struct pollfd poller = { .fd = log->fd, .events = POLLOUT };
		size_t want = log->stream && len > PIPE_BUF ? PIPE_BUF : len;
		ssize_t n;

		if (is_over(log))
			return false;
		if (log->stream && poll(&poller, 1, POLL_MS) <= 0)
			continue;
		n = write(log->fd, data, want);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static void write_chunks(struct accesslog *log, struct chunk *chunk)
{
	while (chunk) {
		struct chunk *next = chunk->next;

		if (!write_all(log, chunk->text.buf, chunk->text.len))
			atomic_fetch_add(&log->dropped, chunk->lines);
		chunk_free(chunk);
		chunk = next;
	}
}

static void *run(void *arg)
{
	struct accesslog *log = arg;

	pthread_mutex_lock(&log->lock);
	for (;;) {
		struct chunk *chunk;

		while (!log->first && !log->closing)
			pthread_cond_wait(&log->filled, &log->lock);
		if (!log->first)
			break;
		chunk = TAKE_PTR(log->first);
		log->last = &log->first;
		log->queued = 0;
		pthread_mutex_unlock(&log->lock);
		write_chunks(log, chunk);
		pthread_mutex_lock(&log->lock);
	}
	pthread_mutex_unlock(&log->lock);
	return NULL;
}

/* ---- the log ---- */

int accesslog_open(int fd, struct accesslog **ret_log)
{
	struct accesslog *log = mem_new(sizeof(*log));
	struct stat st;
	int r;

	log->fd = fd;
	log->last = &log->first;
	log->stream = fd >= 0 && !fstat(fd, &st) && !S_ISREG(st.st_mode);
	pthread_mutex_init(&log->lock, NULL);
	pthread_cond_init(&log->filled, NULL);
	r = fd < 0 ? 0 : pthread_create(&log->thread, NULL, run, log);
	if (r) {
		close(TAKE_FD(log->fd));
		accesslog_close(log);
		return -r;
	}
	*ret_log = log;
	return 0;
}

void accesslog_close(struct accesslog *log)
{
	if (!log)
		return;
	if (log->fd >= 0) {
		pthread_mutex_lock(&log->lock);
		log->closing = true;
		clock_gettime(CLOCK_MONOTONIC, &log->deadline);
		log->deadline.tv_sec += CLOSE_MS / 1000;
		pthread_cond_signal(&log->filled);
		pthread_mutex_unlock(&log->lock);
		pthread_join(log->thread, NULL);
		close(log->fd);
	}
	pthread_cond_destroy(&log->filled);
	pthread_mutex_destroy(&log->lock);
	free(log);
}

uint64_t accesslog_dropped(const struct accesslog *log)
{
	return atomic_load(&log->dropped);
}

/* ---- writers ---- */

struct accesslog_writer *accesslog_writer_new(struct accesslog *log)
{
	struct accesslog_writer *writer = mem_new(sizeof(*writer));

	writer->log = log;
	return writer;
}

void accesslog_writer_free(struct accesslog_writer *writer)
{
	if (!writer)
		return;
	accesslog_flush(writer);
	free(writer);
}

void accesslog_write(struct accesslog_writer *writer, const struct accesslog_entry *entry)
{
	if (writer->log->fd < 0)
		return;
	if (!writer->chunk)
		writer->chunk = mem_new(sizeof(*writer->chunk));
	logline_format(entry, &writer->chunk->text);
	writer->chunk->lines++;
	if (writer->chunk->text.len >= CHUNK_BYTES)
		accesslog_flush(writer);
}

void accesslog_flush(struct accesslog_writer *writer)
{
	struct accesslog *log = writer->log;
	struct chunk *chunk = TAKE_PTR(writer->chunk);

	if (!chunk)
		return;
	pthread_mutex_lock(&log->lock);
	if (log->queued + chunk->text.len <= QUEUE_BYTES) {
		log->queued += chunk->text.len;
		*log->last = chunk;
		log->last = &chunk->next;
		chunk = NULL;
		pthread_cond_signal(&log->filled);
	}
	pthread_mutex_unlock(&log->lock);
	if (chunk)
		atomic_fetch_add(&log->dropped, chunk->lines);
	chunk_free(chunk);
}
