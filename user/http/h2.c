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
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "http/h2_budget.h"

/* Sent in one go; nghttp2 makes frames of 16 KB. */
#define OUT_MAX		  65536
#define CONTINUATIONS_MAX 8

struct h2_stream {
	struct h2 *h2;
	struct h2_stream *next, **place;
	int32_t id;
	const struct h2_ops *ops; /* NULL: cancelled */
	void *arg;
	int status;	  /* of the answer, 0 unknown */
	bool has_head;	  /* the final one was told */
	bool ended;	  /* the peer has said all */
	int error;	  /* why we gave up, or 0 */
	size_t head_size; /* of its fields so far */
	bool paused;
	size_t owed; /* bytes of window that are to be given back */
	char *body;
	size_t len, at;
};

struct h2 {
	struct io *io;
	struct conn *conn;
	struct h2_config config;
	nghttp2_session *session;
	struct h2_stream *streams;
	size_t n;
	struct io_timer *timer;
	bool asked;    /* PING is out */
	bool leaving;  /* GOAWAY has come */
	bool running;  /* nghttp2 is */
	bool sending;  /* out is under way */
	bool deferred; /* flush_op is */
	bool freed;    /* as soon as nothing is under way */
	struct io_op flush_op;
	struct str out;
	const char *failure; /* or NULL */
	struct h2_budget budget;
	h2_ended_fn fn;
	void *arg;
};

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

static void end_stream(struct h2_stream *stream, int error)
{
	const struct h2_ops *ops = stream->ops;
	void *arg = stream->arg;

	drop_stream(stream);
	if (ops)
		ops->end(arg, error);
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are nghttp2's. */
static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len,
			 uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct h2_stream *stream = source->ptr;
	size_t n = stream->len - stream->at;

	(void)session;
	(void)id;
	(void)arg;
	n = n < len ? n : len;
	memcpy(buf, stream->body + stream->at, n);
	stream->at += n;
	if (stream->at == stream->len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* ---- what nghttp2 tells --------------------------------------------------------------------- */

static struct h2_stream *stream_of(nghttp2_session *session, int32_t id)
{
	struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, id);

	return stream && stream->ops ? stream : NULL;
}

/* The callers get no more of it; nghttp2 will tell its end. */
static void give_up(struct h2_stream *stream, int error)
{
	stream->error = error;
	nghttp2_submit_rst_stream(stream->h2->session, NGHTTP2_FLAG_NONE, stream->id,
				  NGHTTP2_CANCEL);
}

static bool is_answer(const nghttp2_frame *frame)
{
	return frame->hd.type == NGHTTP2_HEADERS && (frame->headers.cat == NGHTTP2_HCAT_RESPONSE ||
						     frame->headers.cat == NGHTTP2_HCAT_HEADERS);
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are nghttp2's. */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *arg)
{
	struct h2_stream *stream = stream_of(session, frame->hd.stream_id);

	(void)flags;
	(void)arg;
	if (!stream || stream->error || stream->has_head || !is_answer(frame))
		return 0;
	stream->head_size += name_len + value_len + 32; /* as RFC 9113 counts, 6.5.2 */
	if (stream->head_size > H2_HEAD_MAX) {
		give_up(stream, -EMSGSIZE);
		return 0;
	}
	/* nghttp2 ends both with a NUL, and lets none pass inside. */
	if (name_len == 7 && !memcmp(name, ":status", 7))
		stream->status = (int)strtoul((const char *)value, NULL, 10);
	else if (stream->status >= 200 && stream->ops->field)
		stream->ops->field(stream->arg, (const char *)name, (const char *)value);
	return 0;
}

static void take_frame(struct h2 *h2, const nghttp2_frame *frame)
{
	struct h2_stream *stream = stream_of(h2->session, frame->hd.stream_id);

	if (frame->hd.type == NGHTTP2_GOAWAY)
		h2->leaving = true;
	if (!stream || stream->error)
		return;
	if (is_answer(frame) && !stream->has_head && stream->status >= 200) {
		stream->has_head = true;
		stream->ops->head(stream->arg, stream->status);
	}
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct h2_stream *stream;

	take_frame(arg, frame);
	/* head() may have cancelled it. */
	stream = stream_of(session, frame->hd.stream_id);
	if (stream && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) &&
	    (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA))
		stream->ended = true;
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t len, void *arg)
{
	struct h2_stream *stream = stream_of(session, id);

	(void)flags;
	(void)arg;
	(void)nghttp2_session_consume_connection(session, len);
	if (stream && !stream->error && stream->has_head)
		stream->ops->data(stream->arg, (const char *)data, len);
	/* data() may have paused or cancelled it. */
	stream = stream_of(session, id);
	if (stream && stream->paused)
		stream->owed += len;
	else
		(void)nghttp2_session_consume_stream(session, id, len);
	return 0;
}

static int why(const struct h2_stream *stream, uint32_t code)
{
	if (stream->error)
		return stream->error;
	if (stream->ended && stream->has_head)
		return 0;
	if (code == NGHTTP2_REFUSED_STREAM)
		return -EAGAIN;
	return code == NGHTTP2_PROTOCOL_ERROR ? -EPROTO : -ECONNRESET;
}

static int on_closed(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, id);

	(void)arg;
	if (stream)
		end_stream(stream, why(stream, code));
	return 0;
}

/* A request that GOAWAY or h2_cancel() was faster than: nghttp2 tells it so. */
static int on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error, void *arg)
{
	struct h2 *h2 = arg;
	struct h2_stream *stream = h2->streams;

	(void)session;
	(void)error;
	while (stream && stream->id != frame->hd.stream_id)
		stream = stream->next;
	if (!stream || frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	/* Or its end, of a stream that never was. */
	(void)nghttp2_session_set_stream_user_data(session, stream->id, NULL);
	end_stream(stream, -EAGAIN);
	return 0;
}

static int on_begin(nghttp2_session *session, const nghttp2_frame_hd *hd, void *arg)
{
	struct h2 *h2 = arg;

	(void)session;
	if (hd->type == NGHTTP2_DATA && hd->length) {
		h2_budget_data(&h2->budget);
		return 0;
	}
	if (h2_budget_spend(&h2->budget, io_now(h2->io)))
		return 0;
	h2->failure = "too many frames that bring nothing";
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static nghttp2_session *make_session(struct h2 *h2)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEAD_MAX },
	};
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_session *session = NULL;
	nghttp2_option *option = NULL;

	if (nghttp2_option_new(&option) || nghttp2_session_callbacks_new(&callbacks))
		goto out;
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_max_continuations(option, CONTINUATIONS_MAX);
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_not_sent);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_closed);
	if (!nghttp2_session_client_new2(&session, callbacks, h2, option) &&
	    (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings)) ||
	     nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
						   4 * (int32_t)H2_WINDOW))) {
		nghttp2_session_del(session);
		session = NULL;
	}
out:
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	return session;
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
		end_stream(take_first(h2), error ? error : -ECONNRESET);
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

	h2->session = make_session(h2);
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

/* What is secret has no place in tables that last as long as the connection. */
static nghttp2_nv field(const char *name, const char *value)
{
	bool secret = !strcmp(name, "authorization") || !strcmp(name, "cookie");

	return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
			     secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE };
}

static int32_t submit(struct h2_stream *stream, const struct h2_request *request)
{
	size_t n = 4 + request->n_fields;
	_cleanup_(mem_freep) nghttp2_nv *fields = mem_array(n, sizeof(*fields));
	const nghttp2_data_provider body = { .source.ptr = stream, .read_callback = read_body };

	fields[0] = field(":method", request->method);
	fields[1] = field(":scheme", request->scheme);
	fields[2] = field(":authority", request->authority);
	fields[3] = field(":path", request->path);
	for (size_t i = 4; i < n; i++)
		fields[i] = field(request->fields[i - 4].name, request->fields[i - 4].value);
	return nghttp2_submit_request(stream->h2->session, NULL, fields, n,
				      stream->len ? &body : NULL, stream);
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
	stream->id = submit(stream, request);
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
		give_up(stream, -ECANCELED);
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
