/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/2, the client's side of one connection, by nghttp2: many requests at once, each a stream.
 * The peer is asked for a sign of life when it has been silent for a while, and given up when it
 * gives none. Callbacks come from the loop, never from inside a call.
 *
 * What a peer can cost is bounded: fields, bytes under way, and frames that bring nothing, of which
 * there is a budget. The body of an answer is handed over as it comes, and its window is given back
 * when data() returns, unless the stream pauses: then no more than H2_WINDOW comes, and nobody
 * else is held up.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/conn.h"

/* Of all fields of one answer, names and values; more is an error of that stream. */
#define H2_HEAD_MAX 65536
#define H2_WINDOW   (1u << 20) /* of a stream; a connection has four times that */

struct h2;
struct h2_stream;

struct h2_config {
	uint32_t silence_ms; /* without a byte of the peer, then a PING */
	uint32_t answer_ms;  /* for an answer to it, or the connection has failed (-ETIMEDOUT) */
};

struct h2_field {
	const char *name; /* lower case */
	const char *value;
};

/* Copied by h2_start(). */
struct h2_request {
	const char *method;
	const char *scheme;
	const char *authority;
	const char *path;
	const struct h2_field *fields;
	size_t n_fields;
	const char *body;
	size_t len;
};

struct h2_ops {
	/* A field of the answer's head; its status has come before. Optional. */
	void (*field)(void *arg, const char *name, const char *value);
	/* The head is complete. Interim answers (1xx) and trailers are left out. */
	void (*head)(void *arg, int status);
	void (*data)(void *arg, const char *data, size_t len);
	/*
	 * Last, and once: 0 after a whole answer. -EAGAIN: the peer has not looked at the request,
	 * which may be sent again elsewhere; -EPROTO, -EMSGSIZE: its answer is none; -ECONNRESET,
	 * -ETIMEDOUT…: what happened to the connection. The stream is gone.
	 */
	void (*end)(void *arg, int error);
};

/*
 * The connection has ended, after the end() of all streams; h2_free() is legal inside. 0: the peer
 * went away in good order and nothing was left.
 */
typedef void (*h2_ended_fn)(void *arg, int error);

/* Takes over a connection that is ready for HTTP/2. NULL: no memory; conn stays the caller's. */
struct h2 *h2_new(struct io *io, struct conn *conn, const struct h2_config *config, h2_ended_fn fn,
		  void *arg);
/* Without a word to anybody: no callback comes any more. NULL is legal. */
void h2_free(struct h2 *h2);

/* Takes no more requests when the peer has said that it goes away, or has reached its limit. */
bool h2_is_open(const struct h2 *h2);
/* The first of both: no request is ever taken any more. */
bool h2_is_leaving(const struct h2 *h2);
/* ops and arg are borrowed until end(). NULL: see h2_is_open(). */
struct h2_stream *h2_start(struct h2 *h2, const struct h2_request *request,
			   const struct h2_ops *ops, void *arg);
/* Who cannot take more pauses: up to H2_WINDOW bytes that are on their way still come. */
void h2_pause(struct h2_stream *stream);
void h2_resume(struct h2_stream *stream);
/* No callback of it comes any more. NULL is legal. */
void h2_cancel(struct h2_stream *stream);
/* Why the connection ended, in words (static); NULL if there is no more to it than the error. */
const char *h2_failure(const struct h2 *h2);
/* Streams under way. */
size_t h2_streams(const struct h2 *h2);
