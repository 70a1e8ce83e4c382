// SPDX-License-Identifier: Apache-2.0
/*
 * The request's way from the client to the endpoint, one piece at a time: the next one is asked for
 * when the one before is with the kernel. What another try would need is kept as long as it is
 * small enough. Invariant: content is either in the piece or in what is kept, never in both.
 */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "proxy/exchange_inner.h"

/* ---- what is kept ---- */

static void free_kept(struct exchange *exchange)
{
	struct exchange_request *request = &exchange->request;
	struct io_buf *buf = TAKE_PTR(request->kept);

	while (buf) {
		struct io_buf *next = buf->next;

		io_buf_free(exchange->worker->io, buf);
		buf = next;
	}
	request->last = NULL;
	request->n_kept = 0;
}

static void append(struct exchange *exchange, const char *at, size_t len)
{
	struct exchange_request *request = &exchange->request;

	request->n_kept += len;
	while (len) {
		struct io_buf *last = request->last;
		size_t n;

		if (!last || last->len == sizeof(last->data)) {
			last = io_buf_new(exchange->worker->io);
			last->len = 0;
			last->next = NULL;
			*(request->last ? &request->last->next : &request->kept) = last;
			request->last = last;
		}
		n = sizeof(last->data) - last->len;
		n = n < len ? n : len;
		memcpy(last->data + last->len, at, n);
		last->len += n;
		at += n;
		len -= n;
	}
}

/* What came: to be kept, if this and all before it may be. All before it is sent by now. */
static void store(struct exchange *exchange, struct piece piece)
{
	struct exchange_request *request = &exchange->request;

	assert(!request->piece.len);
	if (request->keep && request->n_kept + piece.len > EXCHANGE_KEEP_MAX &&
	    request->n_sent == request->n_kept) {
		request->keep = false;
		request->lost = request->n_kept > 0;
		free_kept(exchange);
	}
	if (request->keep) {
		append(exchange, piece.at, piece.len);
		inbuf_piece_free(&piece, exchange->worker->io);
	} else {
		request->piece = piece;
	}
}

void exchange_request_init(struct exchange *exchange, struct piece piece, bool all)
{
	struct exchange_request *request = &exchange->request;

	request->all = all;
	request->keep = exchange->hit.rule && exchange->hit.rule->plan->retry.attempts;
	exchange->received += piece.len;
	if (piece.len)
		store(exchange, piece);
}

void exchange_request_fini(struct exchange *exchange)
{
	inbuf_piece_free(&exchange->request.piece, exchange->worker->io);
	free_kept(exchange);
}

void exchange_request_rewind(struct exchange *exchange)
{
	struct exchange_request *request = &exchange->request;

	request->ready = request->begun = request->sending = false;
	request->carried = request->arrived = request->ended = request->broken = false;
	request->n_sent = 0;
	/* The client was told to go on: it is not asked to wait a second time. */
	if (exchange->answer.told)
		exchange_request_release(exchange);
}

/* ---- sending ---- */

/* What is kept and not sent in this try. */
static int push_kept(const struct exchange_request *request, struct iovec *iov)
{
	size_t skip = request->n_sent;
	int n = 0;

	for (struct io_buf *buf = request->kept; buf; buf = buf->next) {
		if (skip >= buf->len) {
			skip -= buf->len;
			continue;
		}
		assert(n < UPSTREAM_CONTENT_MAX);
		iov[n++] = (struct iovec){ buf->data + skip, buf->len - skip };
		skip = 0;
	}
	return n;
}

static void send_next(struct exchange *exchange)
{
	struct exchange_request *request = &exchange->request;
	struct iovec iov[UPSTREAM_CONTENT_MAX];
	struct upstream_part part = { .content = iov };

	if (!request->begun)
		part.head = &exchange->outgoing;
	request->carried = !request->held && request->piece.len;
	if (request->carried)
		iov[part.n_content++] =
			(struct iovec){ (void *)request->piece.at, request->piece.len };
	else if (!request->held)
		part.n_content = push_kept(request, iov);
	part.end = request->all && !request->held;
	part.trailers = request->trailers;
	request->n_sent = request->n_kept;
	request->begun = request->sending = true;
	request->ended = part.end;
	upstream_send(exchange->upstream, &part);
}

static bool has_something(const struct exchange_request *request)
{
	return !request->begun || request->piece.len || request->n_sent < request->n_kept ||
	       (request->all && !request->ended);
}

static void ask(struct exchange *exchange)
{
	exchange->request.reading = true;
	exchange_set(exchange, EXCHANGE_BODY, exchange->worker->times->body_ms);
	exchange->ops->read(exchange->client);
}

void exchange_request_pump(struct exchange *exchange)
{
	struct exchange_request *request = &exchange->request;

	if (!request->ready || request->sending || request->broken ||
	    (request->begun && request->held))
		return;
	if (has_something(request))
		send_next(exchange);
	else if (!request->all && !request->reading)
		ask(exchange);
}

void exchange_request_sent(struct exchange *exchange, int error)
{
	struct exchange_request *request = &exchange->request;

	request->sending = false;
	/* The endpoint may have answered before it closed: what is to be read says what became. */
	if (error) {
		request->broken = true;
		return;
	}
	exchange_progress(exchange);
	request->arrived = true;
	/* A piece that came meanwhile is for the next send. */
	if (request->carried) {
		inbuf_piece_free(&request->piece, exchange->worker->io);
		request->lost = true;
	}
	if (request->held && !exchange->at[EXCHANGE_CONTINUE])
		exchange_set(exchange, EXCHANGE_CONTINUE, exchange->worker->times->continue_ms);
	exchange_request_pump(exchange);
}

void exchange_request_release(struct exchange *exchange)
{
	struct exchange_request *request = &exchange->request;

	exchange_clear(exchange, EXCHANGE_CONTINUE);
	if (!request->held)
		return;
	request->held = false;
	/* Of a later try. */
	http_fields_remove(&exchange->outgoing.fields, HTTP_TEXT("expect"));
}

/* ---- from the client ---- */

void exchange_request_body(struct exchange *exchange, struct piece piece, bool end,
			   const struct http_fields *trailers)
{
	exchange_clear(exchange, EXCHANGE_BODY);
	exchange->request.reading = false;
	exchange->request.all = end;
	exchange->request.trailers = trailers;
	exchange->received += piece.len;
	exchange_progress(exchange);
	if (exchange->request.broken || exchange->answer.local)
		inbuf_piece_free(&piece, exchange->worker->io);
	else if (piece.len)
		store(exchange, piece);
	exchange_request_pump(exchange);
}
