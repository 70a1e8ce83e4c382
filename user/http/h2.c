/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nghttp2 between a connection and streams. Clients of the API server use it. Invariants: nghttp2
 * is fed and drained from the loop only, so that no callback comes from inside a call; nothing of
 * it is freed while it runs; a stream is in its list until its end was told or nobody wants to
 * hear it.
 */
#include "http/h2.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/h2_inner.h"

/* Sent in one go; nghttp2 makes frames of 16 KB. */
#define OUT_MAX 65536

static void flush(struct h2 *h2);

/* ---- streams -------------------------------------------------------------------------------- */

static void drop_stream(struct h2_stream *stream)
{
	struct h2 *h2 = stream->h2;

	*stream->place = stream->next;
	if (stream->next)
		stream->next->place = stream->place;
	h2->n--;
	free(stream->body);
	free(stream);
}

/* Out of the list; it is still to be dropped. */
static struct h2_stream *take_first(struct h2 *h2)
{
	struct h2_stream *stream = h2->streams;

	h2->streams = stream->next;
	if (stream->next)
		stream->next->place = &h2->streams;
	stream->next = NULL;
	stream->place = &stream->next;
	return stream;
}

void h2_end_stream(struct h2_stream *stream, int error)
{
	const struct h2_ops *ops = stream->ops;
	void *arg = stream->arg;

	drop_stream(stream);
	if (ops)
		ops->end(arg, error);
}

/* ---- the end -------------------------------------------------------------------------------- */

static void free_now(struct h2 *h2)
{
	nghttp2_session_del(h2->session);
	while (h2->streams)
		drop_stream(take_first(h2));
	str_fini(&h2->out);
	free(h2);
}

static void maybe_free(struct h2 *h2)
{
	if (h2->freed && !h2->running && !h2->deferred)
		free_now(h2);
}

/* Everybody hears of it, and then the owner, who may free h2. */
static void fail(struct h2 *h2, int error)
{
	h2_ended_fn fn = h2->fn;

	h2->leaving = true;
	io_timer_free(TAKE_PTR(h2->timer));
	conn_close(TAKE_PTR(h2->conn));
	h2->running = true;
	while (h2->streams && !h2->freed)
		h2_end_stream(take_first(h2), error ? error : -ECONNRESET);
	h2->fn = NULL;
	if (fn && !h2->freed)
		fn(h2->arg, error);
	h2->running = false;
	maybe_free(h2);
}

void h2_free(struct h2 *h2)
{
	if (!h2)
		return;
	assert(!h2->freed);
	h2->freed = true;
	for (struct h2_stream *stream = h2->streams; stream; stream = stream->next)
		stream->ops = NULL;
	io_timer_free(TAKE_PTR(h2->timer));
	conn_close(TAKE_PTR(h2->conn));
	maybe_free(h2);
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static void on_sent(void *arg, int error)
{
	struct h2 *h2 = arg;

	/* A peer that does not listen any more may have said why: that is still to be received. */
	if (error == -EPIPE || error == -ECONNRESET) {
		h2->leaving = true;
		return;
	}
	h2->sending = false;
	if (error)
		fail(h2, error);
	else
		flush(h2);
}

/* False: h2 is gone or has failed. */
static bool run(struct h2 *h2, int error)
{
	h2->running = false;
	if (h2->freed) {
		maybe_free(h2);
		return false;
	}
	if (error)
		fail(h2, error);
	return !error;
}

static int collect(struct h2 *h2)
{
	const uint8_t *data;
	ssize_t n = 0;

	h2->out.len = 0;
	while (!h2->freed && h2->out.len < OUT_MAX &&
	       (n = nghttp2_session_mem_send(h2->session, &data)) > 0)
		str_add(&h2->out, (const char *)data, (size_t)n);
	return n < 0 ? -EPROTO : 0;
}

/* Sends what there is; the end of the connection is when both sides have nothing left. */
static void flush(struct h2 *h2)
{
	struct iovec iov;

	if (h2->sending)
		return;
	h2->running = true;
	if (!run(h2, collect(h2)))
		return;
	if (!h2->out.len) {
		if (h2->leaving && !h2->streams)
			fail(h2, 0);
		else if (!nghttp2_session_want_read(h2->session))
			fail(h2, -EPROTO);
		return;
	}
	h2->sending = true;
	iov = (struct iovec){ h2->out.buf, h2->out.len };
	conn_send(h2->conn, &iov, 1, on_sent, h2);
}

static void on_flush(struct io_op *op, ssize_t result)
{
	struct h2 *h2 = op->arg;

	(void)result;
	h2->deferred = false;
	if (h2->freed)
		maybe_free(h2);
	else if (h2->conn)
		flush(h2);
}

/* What a call has submitted goes out when the caller is done. */
static void flush_later(struct h2 *h2)
{
	if (h2->deferred || h2->running || !h2->conn)
		return;
	h2->deferred = true;
	io_defer(h2->io, &h2->flush_op, on_flush);
}

static void on_received(void *arg, struct io_buf *buf, int error)
{
	struct h2 *h2 = arg;
	ssize_t n;

	if (!buf) {
		h2->failure = conn_tls_failure(h2->conn);
		/* Who goes away without GOAWAY and leaves nothing undone does no harm. */
		fail(h2, error ? error : h2->streams ? -ECONNRESET : 0);
		return;
	}
	h2->asked = false;
	io_timer_start(h2->timer, h2->config.silence_ms);
	h2->running = true;
	n = nghttp2_session_mem_recv(h2->session, (const uint8_t *)buf->data, buf->len);
	io_buf_free(h2->io, buf);
	if (!run(h2, n < 0 ? -EPROTO : 0))
		return;
	conn_recv(h2->conn, on_received, h2);
	flush(h2);
}

static void on_silence(void *arg)
{
	struct h2 *h2 = arg;

	if (h2->asked) {
		h2->failure = "no answer to a PING";
		fail(h2, -ETIMEDOUT);
		return;
	}
	h2->asked = true;
	nghttp2_submit_ping(h2->session, NGHTTP2_FLAG_NONE, NULL);
	io_timer_start(h2->timer, h2->config.answer_ms);
	flush(h2);
}

/* ---- public --------------------------------------------------------------------------------- */

struct h2 *h2_new(struct io *io, struct conn *conn, const struct h2_config *config, h2_ended_fn fn,
		  void *arg)
{
	struct h2 *h2 = mem_new(sizeof(*h2));

	h2->session = h2_session_new(h2);
	if (!h2->session) {
		free_now(h2);
		return NULL;
	}
	h2->io = io;
	h2->conn = conn;
	h2->config = *config;
	h2->fn = fn;
	h2->arg = arg;
	h2->flush_op.arg = h2;
	h2_budget_init(&h2->budget, io_now(io));
	h2->timer = io_timer_new(io, on_silence, h2);
	io_timer_start(h2->timer, config->silence_ms);
	conn_recv(conn, on_received, h2);
	flush_later(h2);
	return h2;
}

bool h2_is_leaving(const struct h2 *h2)
{
	return !h2->conn || h2->leaving || !nghttp2_session_check_request_allowed(h2->session);
}

bool h2_is_open(const struct h2 *h2)
{
	return !h2_is_leaving(h2) &&
	       h2->n < nghttp2_session_get_remote_settings(h2->session,
							   NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

struct h2_stream *h2_start(struct h2 *h2, const struct h2_request *request,
			   const struct h2_ops *ops, void *arg)
{
	struct h2_stream *stream;

	if (!h2_is_open(h2))
		return NULL;
	stream = mem_new(sizeof(*stream));
	stream->h2 = h2;
	stream->ops = ops;
	stream->arg = arg;
	stream->len = request->len;
	if (request->len) {
		stream->body = mem_array(request->len, 1);
		memcpy(stream->body, request->body, request->len);
	}
	stream->id = h2_session_submit(stream, request);
	stream->next = h2->streams;
	stream->place = &h2->streams;
	if (stream->next)
		stream->next->place = &stream->next;
	h2->streams = stream;
	h2->n++;
	if (stream->id < 0) {
		drop_stream(stream);
		return NULL;
	}
	h2_budget_request(&h2->budget);
	flush_later(h2);
	return stream;
}

void h2_pause(struct h2_stream *stream)
{
	stream->paused = true;
}

void h2_resume(struct h2_stream *stream)
{
	stream->paused = false;
	(void)nghttp2_session_consume_stream(stream->h2->session, stream->id, stream->owed);
	stream->owed = 0;
	flush_later(stream->h2);
}

void h2_cancel(struct h2_stream *stream)
{
	if (!stream)
		return;
	stream->ops = NULL;
	if (stream->h2->conn)
		h2_session_give_up(stream, -ECANCELED);
	flush_later(stream->h2);
}

const char *h2_failure(const struct h2 *h2)
{
	return h2->failure;
}

size_t h2_streams(const struct h2 *h2)
{
	return h2->n;
}
