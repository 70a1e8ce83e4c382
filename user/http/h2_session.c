// SPDX-License-Identifier: Apache-2.0
/*
 * What nghttp2 asks for and tells, as calls of a stream's owner. h2.c calls it. Invariant: an owner
 * hears a head once, data after it only, and the end last.
 */
#include "http/h2_inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CONTINUATIONS_MAX 8

/* ---- requests ------------------------------------------------------------------------------- */

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

/* What is secret has no place in tables that last as long as the connection. */
static nghttp2_nv field(const char *name, const char *value)
{
	bool secret = !strcmp(name, "authorization") || !strcmp(name, "cookie");

	return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
			     secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE };
}

int32_t h2_session_submit(struct h2_stream *stream, const struct h2_request *request)
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

/* ---- what nghttp2 tells --------------------------------------------------------------------- */

static struct h2_stream *stream_of(nghttp2_session *session, int32_t id)
{
	struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, id);

	return stream && stream->ops ? stream : NULL;
}

void h2_session_give_up(struct h2_stream *stream, int error)
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
		h2_session_give_up(stream, -EMSGSIZE);
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
		h2_end_stream(stream, why(stream, code));
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
	h2_end_stream(stream, -EAGAIN);
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

nghttp2_session *h2_session_new(struct h2 *h2)
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
