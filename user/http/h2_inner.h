/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of HTTP/2 share: h2.c has the connection and the streams that run on it,
 * h2_session.c what nghttp2 does with them. */
#pragma once
#include <nghttp2/nghttp2.h>

#include "base/io.h"
#include "base/str.h"
#include "http/h2.h"
#include "http/h2_budget.h"

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

/* ---- h2.c ---- */

/* Tells it, unless nobody wants to hear; the stream is gone after. */
void h2_end_stream(struct h2_stream *stream, int error);

/* ---- h2_session.c ---- */

/* NULL: out of memory. */
nghttp2_session *h2_session_new(struct h2 *h2);
/* The stream's number, or an error of nghttp2. */
int32_t h2_session_submit(struct h2_stream *stream, const struct h2_request *request);
/* The callers get no more of it; nghttp2 will tell its end. */
void h2_session_give_up(struct h2_stream *stream, int error);
