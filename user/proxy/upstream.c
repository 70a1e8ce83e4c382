// SPDX-License-Identifier: Apache-2.0
/*
 * The client's side of HTTP/1.1. Exchanges use it, the pool keeps it in between. Invariants: a
 * receive is under way whenever nothing is left unread and somebody waits for bytes or for the end
 * of the stream, so a connection that an idle endpoint closes is gone at once; what comes behind an
 * answer makes it unfit for another (F10).
 */
#include "proxy/upstream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "proxy/iovec.h"
#include "proxy/pool.h"
#include "proxy/worker.h"

static void on_recv(void *arg, struct io_buf *buf, int error);

/* ---- life ---- */

static struct endpoint_slot *slot_of(const struct upstream *upstream)
{
	return &upstream->endpoint->slots[upstream->worker->index];
}

static void on_connected(void *arg, int error)
{
	struct upstream *upstream = arg;

	upstream->ops->connected(upstream->arg, error);
}

int upstream_open(struct worker *worker, const struct cluster_view *view, struct endpoint *endpoint,
		  struct upstream **ret_upstream)
{
	struct upstream *upstream = mem_new(sizeof(*upstream));
	int r;

	upstream->worker = worker;
	upstream->cluster = cluster_ref(view->cluster);
	upstream->endpoint = endpoint_ref(endpoint);
	counter_add(&slot_of(upstream)->connections, 1);
	r = conn_connect(worker->io, &endpoint->addr, endpoint->port, on_connected, upstream,
			 &upstream->conn);
	if (!r && conn_fd(upstream->conn) >= (int)worker->group->shares.endpoints)
		r = -EMFILE;
	if (r) {
		upstream_close(upstream);
		return r;
	}
	*ret_upstream = upstream;
	return 0;
}

void upstream_close(struct upstream *upstream)
{
	struct worker *worker;

	if (!upstream)
		return;
	worker = upstream->worker;
	pool_remove(upstream);
	conn_close(upstream->conn);
	inbuf_fini(&upstream->in, worker->io);
	counter_add(&slot_of(upstream)->connections, -1);
	cluster_end(upstream->cluster, CLUSTER_CONNECTIONS);
	pool_freed(worker, upstream->cluster);
	endpoint_unref(upstream->endpoint);
	cluster_unref(upstream->cluster);
	free(upstream);
}

static void receive(struct upstream *upstream)
{
	if (upstream->receiving)
		return;
	upstream->receiving = true;
	conn_recv(upstream->conn, on_recv, upstream);
}

void upstream_begin(struct upstream *upstream, const struct upstream_ops *ops, void *arg,
		    struct arena *arena, bool to_head)
{
	upstream->ops = ops;
	upstream->arg = arg;
	upstream->arena = arena;
	upstream->to_head = to_head;
	upstream->reused = upstream->served > 0;
	upstream->heard = upstream->in_head = upstream->reading = false;
	upstream->request_done = upstream->keep_alive = false;
	upstream->body = (struct h1_body){ 0 };
	upstream->served++;
}

void upstream_end(struct upstream *upstream)
{
	upstream->ops = NULL;
	upstream->arg = upstream->arena = NULL;
	receive(upstream);
}

bool upstream_answered(const struct upstream *upstream)
{
	return upstream->body.done;
}

bool upstream_is_quiet(const struct upstream *upstream)
{
	return conn_is_quiet(upstream->conn);
}

bool upstream_reusable(const struct upstream *upstream)
{
	return upstream->body.done && upstream->request_done && upstream->keep_alive &&
	       inbuf_empty(&upstream->in);
}

/* ---- requests ---- */

static void on_sent(void *arg, int error)
{
	struct upstream *upstream = arg;

	upstream->ops->sent(upstream->arg, error);
}

static void push_chunk_line(struct upstream *upstream, struct iovec *iov, int *n,
			    const struct upstream_part *part)
{
	size_t len = 0;

	for (int i = 0; i < part->n_content; i++)
		len += part->content[i].iov_len;
	iovec_push(iov, n, upstream->chunk_line,
		   h1_format_chunk(upstream->chunk_line, upstream->first_chunk, len));
	upstream->first_chunk = false;
}

void upstream_send(struct upstream *upstream, const struct upstream_part *part)
{
	struct iovec iov[IO_SEND_MAX];
	int n = 0;

	assert(part->n_content <= UPSTREAM_CONTENT_MAX);
	if (part->head) {
		upstream->chunked = part->head->framing == HTTP_CHUNKED;
		upstream->first_chunk = true;
		iovec_push_text(iov, &n, h1_format_request(upstream->arena, part->head));
	}
	if (part->n_content && upstream->chunked)
		push_chunk_line(upstream, iov, &n, part);
	for (int i = 0; i < part->n_content; i++)
		iov[n++] = part->content[i];
	if (part->end && upstream->chunked)
		iovec_push_text(iov, &n,
				h1_format_last_chunk(upstream->arena, upstream->first_chunk,
						     part->trailers));
	upstream->request_done |= part->end;
	assert(n);
	conn_send(upstream->conn, iov, n, on_sent, upstream);
}

/* ---- answers ---- */

static void fail(struct upstream *upstream, int error, const char *reason)
{
	upstream->ops->failed(upstream->arg, error, reason);
}

static void take_head(struct upstream *upstream, struct http_response *response)
{
	upstream->in_head = false;
	if (response->status < 200) {
		upstream->ops->head(upstream->arg, response);
		return;
	}
	upstream->keep_alive = response->keep_alive && response->framing != HTTP_UNTIL_CLOSE;
	h1_body_init(&upstream->body, response->framing, response->length, upstream->arena);
	upstream->ops->head(upstream->arg, response);
}

static void parse_head(struct upstream *upstream)
{
	struct h1_input input = { .limits = &h1_default_limits, .arena = upstream->arena };
	struct http_response response;
	struct h1_error error;
	size_t len = inbuf_find_head(&upstream->in, upstream->worker->io);
	ssize_t r;

	if (len)
		inbuf_take_head(&upstream->in, upstream->worker->io, len, &input);
	else
		inbuf_partial(&upstream->in, &input);
	r = h1_parse_response(&input, upstream->to_head, &response, &error);
	if (!len)
		inbuf_checked(&upstream->in, &input);
	if (r > 0)
		take_head(upstream, &response);
	else if (r == -EAGAIN && !len && !inbuf_full(&upstream->in))
		receive(upstream);
	else
		fail(upstream, -EBADMSG, r == -EAGAIN ? "the head is too long" : error.reason);
}

int upstream_take(struct upstream *upstream, struct piece *ret_piece)
{
	if (upstream->body.done || inbuf_empty(&upstream->in))
		return 0;
	return inbuf_body(&upstream->in, upstream->worker->io, &upstream->body, ret_piece);
}

static void read_body(struct upstream *upstream)
{
	struct piece piece = { 0 };
	int r = upstream_take(upstream, &piece);

	if (r < 0) {
		fail(upstream, r, "broken framing of the body");
	} else if (r || upstream->body.done) {
		upstream->reading = false;
		upstream->ops->body(upstream->arg, piece, upstream->body.done);
	} else {
		receive(upstream);
	}
}

/* The endpoint has ended the stream, or it broke. */
static void end_stream(struct upstream *upstream, int error)
{
	struct piece none = { 0 };

	upstream->keep_alive = false;
	if (!upstream->ops)
		upstream_close(upstream);
	else if (!error && upstream->reading && !h1_body_end(&upstream->body))
		upstream->ops->body(upstream->arg, none, true);
	else
		fail(upstream, error ? error : -ECONNRESET, "the connection was closed");
}

static void on_recv(void *arg, struct io_buf *buf, int error)
{
	struct upstream *upstream = arg;

	upstream->receiving = false;
	if (!buf) {
		end_stream(upstream, error);
		return;
	}
	inbuf_add(&upstream->in, upstream->worker->io, buf);
	upstream->heard = true;
	if (!upstream->ops)
		upstream_close(upstream);
	else if (upstream->in_head)
		parse_head(upstream);
	else if (upstream->reading)
		read_body(upstream);
}

void upstream_read_head(struct upstream *upstream)
{
	upstream->in_head = true;
	if (inbuf_empty(&upstream->in))
		receive(upstream);
	else
		parse_head(upstream);
}

void upstream_read(struct upstream *upstream)
{
	upstream->reading = true;
	if (inbuf_empty(&upstream->in) && !upstream->body.done)
		receive(upstream);
	else
		read_body(upstream);
}
