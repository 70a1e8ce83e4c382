// SPDX-License-Identifier: Apache-2.0
/*
 * The server's side of HTTP/1. acceptor.c makes connections; each reads a head, starts an exchange,
 * and is its struct exchange_ops. Invariants: the next request is looked at when the answer before
 * it is sent; a receive is under way whenever nothing is left unread, so that a client that goes is
 * noticed; a connection whose request was not read to its end is never read as requests again
 * (F10); a connection that outlives its listener gets one more answer, by the last table that had
 * it, and is closed with that: the next one may be served by somebody else; an idle connection
 * holds no buffer and no exchange.
 */
#include "proxy/downstream.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sockaddr.h"
#include "http/conn.h"
#include "proxy/deadline.h"
#include "proxy/exchange.h"
#include "proxy/iovec.h"
#include "proxy/worker.h"

enum phase {
	HANDSHAKE,
	IDLE,	/* no byte of a request yet */
	HEAD,	/* a part of one */
	BUSY,	/* an exchange is under way */
	LINGER, /* our last words are said: what comes is thrown away until the client closes */
};

struct downstream {
	struct worker *worker;
	struct conn *conn;
	struct downstream *next, *prev;
	struct exchange_origin origin;
	struct addr local;
	const struct bind *bind; /* as the table of that serial has it */
	uint64_t serial;
	struct view *last; /* the one with the bind, if the current one has it no more */
	enum phase phase;
	struct deadline deadline;
	uint64_t until, since; /* the loop's time: of the phase */
	struct inbuf in;
	struct exchange *exchange;
	bool receiving;
	bool ended; /* the client sends no more */
	size_t lingered;
	/* The request. */
	struct h1_body body;
	bool reading; /* the exchange wants content */
	bool keep_alive;
	uint8_t minor;
	/* The answer. */
	bool keep; /* the connection goes on */
	bool chunked, first_chunk;
	char chunk_line[H1_CHUNK_LEN];
};

static void on_recv(void *arg, struct io_buf *buf, int error);
static void take_head(struct downstream *downstream);

/* ---- life ---- */

static void close_connection(struct downstream *downstream)
{
	struct worker *worker = downstream->worker;

	if (downstream->exchange)
		exchange_gone(TAKE_PTR(downstream->exchange));
	*(downstream->prev ? &downstream->prev->next : &worker->downstreams) = downstream->next;
	if (downstream->next)
		downstream->next->prev = downstream->prev;
	conn_close(downstream->conn);
	worker_release(worker, TAKE_PTR(downstream->last));
	inbuf_fini(&downstream->in, worker->io);
	deadline_fini(&downstream->deadline);
	free(downstream);
	counter_add(&worker->counters.connections, -1);
	worker_check_drained(worker);
}

static void enter(struct downstream *downstream, enum phase phase, uint32_t ms)
{
	downstream->phase = phase;
	downstream->since = worker_now(downstream->worker);
	downstream->until = ms ? downstream->since + ms : 0;
	if (ms)
		deadline_by(&downstream->deadline, downstream->until);
}

static void receive(struct downstream *downstream)
{
	if (downstream->receiving || downstream->ended)
		return;
	downstream->receiving = true;
	conn_recv(downstream->conn, on_recv, downstream);
}

/* Closing on unread bytes would make the kernel throw away what the client has not read yet. */
static void linger(struct downstream *downstream)
{
	conn_shutdown(downstream->conn);
	inbuf_fini(&downstream->in, downstream->worker->io);
	if (downstream->ended) {
		close_connection(downstream);
		return;
	}
	enter(downstream, LINGER, downstream->worker->times->linger_ms);
	receive(downstream);
}

static void idle(struct downstream *downstream)
{
	enter(downstream, IDLE, downstream->worker->times->keep_alive_ms);
	receive(downstream);
}

/* ---- the exchange's wishes ---- */

static void on_sent(void *arg, int error)
{
	struct downstream *downstream = arg;

	exchange_on_sent(downstream->exchange, error);
}

/* What the client's version makes of framing and connection. */
static void decide(struct downstream *downstream, struct http_response *head)
{
	if (head->framing == HTTP_UNTIL_CLOSE && downstream->minor)
		head->framing = HTTP_CHUNKED;
	else if (head->framing == HTTP_CHUNKED && !downstream->minor)
		head->framing = HTTP_UNTIL_CLOSE;
	downstream->keep = head->keep_alive && downstream->keep_alive &&
			   !downstream->worker->draining_since && !downstream->last &&
			   head->framing != HTTP_UNTIL_CLOSE;
	downstream->chunked = head->framing == HTTP_CHUNKED;
	downstream->first_chunk = true;
	head->keep_alive = downstream->keep;
}

static void send_part(void *client, const struct exchange_part *part)
{
	struct downstream *downstream = client;
	struct arena *arena = exchange_arena(downstream->exchange);
	struct iovec iov[4];
	int n = 0;

	if (part->head) {
		struct http_response head = *part->head;

		head.minor = downstream->minor;
		if (head.status >= 200)
			decide(downstream, &head);
		iovec_push_text(iov, &n, h1_format_response(arena, &head));
	}
	if (part->content && part->content->len) {
		if (downstream->chunked)
			iovec_push(iov, &n, downstream->chunk_line,
				   h1_format_chunk(downstream->chunk_line, downstream->first_chunk,
						   part->content->len));
		downstream->first_chunk = false;
		iovec_push(iov, &n, part->content->at, part->content->len);
	}
	if (part->end && downstream->chunked)
		iovec_push_text(iov, &n,
				h1_format_last_chunk(arena, downstream->first_chunk,
						     part->trailers));
	if (n)
		conn_send(downstream->conn, iov, n, on_sent, downstream);
	else
		exchange_on_sent(downstream->exchange, 0);
}

static void read_body(struct downstream *downstream)
{
	struct worker *worker = downstream->worker;
	struct piece piece = { 0 };
	int r = inbuf_body(&downstream->in, worker->io, &downstream->body, &piece);

	if (r < 0) {
		downstream->reading = false;
		exchange_on_bad_body(downstream->exchange);
	} else if (r || downstream->body.done) {
		downstream->reading = false;
		if (inbuf_empty(&downstream->in) && downstream->body.done)
			receive(downstream);
		exchange_on_body(downstream->exchange, piece, downstream->body.done,
				 downstream->body.done ? &downstream->body.trailers : NULL);
	} else if (downstream->ended) {
		close_connection(downstream);
	} else {
		receive(downstream);
	}
}

static void want_body(void *client)
{
	struct downstream *downstream = client;

	downstream->reading = true;
	if (!inbuf_empty(&downstream->in))
		read_body(downstream);
	else if (downstream->ended)
		close_connection(downstream);
	else
		receive(downstream);
}

static void over(void *client, enum exchange_end end)
{
	struct downstream *downstream = client;
	bool more = !inbuf_empty(&downstream->in);

	downstream->exchange = NULL;
	downstream->reading = false;
	if (end == EXCHANGE_UNREAD || (end == EXCHANGE_WHOLE && !downstream->keep)) {
		linger(downstream);
	} else if (end == EXCHANGE_CUT || (downstream->ended && !more)) {
		close_connection(downstream);
	} else if (more) {
		enter(downstream, HEAD, downstream->worker->times->head_ms);
		take_head(downstream);
	} else {
		idle(downstream);
	}
}

static const struct exchange_ops exchange_ops = {
	.read = want_body,
	.send = send_part,
	.over = over,
};

/* ---- requests ---- */

/* NULL also when the port has changed sides. */
static const struct bind *bind_in(const struct view *view, const struct downstream *downstream)
{
	const struct bind *bind =
		table_bind(view->table, &downstream->local, downstream->origin.local_port);

	return bind && bind->plan->tls == downstream->origin.tls ? bind : NULL;
}

/* Finds the bind for the next request, and returns the view that has it. */
static struct view *look_up(struct downstream *downstream)
{
	struct worker *worker = downstream->worker;

	if (downstream->serial != worker->view->use->serial) {
		downstream->serial = worker->view->use->serial;
		downstream->bind = bind_in(worker->view, downstream);
		if (downstream->bind)
			worker_release(worker, TAKE_PTR(downstream->last));
		else if (downstream->last)
			downstream->bind = bind_in(downstream->last, downstream);
	}
	return downstream->last ? downstream->last : worker->view;
}

static void begin(struct downstream *downstream)
{
	enter(downstream, BUSY, 0);
	downstream->exchange = exchange_new(downstream->worker, look_up(downstream), &exchange_ops,
					    downstream, &downstream->origin);
	downstream->keep_alive = downstream->chunked = downstream->reading = false;
	downstream->minor = 1;
}

static void start(struct downstream *downstream, const struct http_request *request)
{
	static const struct h1_error broken = { 400, "broken framing of the body" };
	struct arena *arena = exchange_arena(downstream->exchange);
	struct piece piece = { 0 };
	int r = 0;

	downstream->keep_alive = request->keep_alive;
	downstream->minor = request->minor;
	h1_body_init(&downstream->body, request->framing, request->length, arena);
	if (!downstream->body.done && !inbuf_empty(&downstream->in))
		r = inbuf_body(&downstream->in, downstream->worker->io, &downstream->body, &piece);
	if (downstream->body.done && inbuf_empty(&downstream->in))
		receive(downstream);
	if (r < 0)
		exchange_refuse(downstream->exchange, request, &broken);
	else
		exchange_start(downstream->exchange, downstream->bind, request, piece,
			       downstream->body.done);
}

static void refuse(struct downstream *downstream, const struct h1_error *error)
{
	begin(downstream);
	exchange_refuse(downstream->exchange, NULL, error);
}

static void parse_head(struct downstream *downstream, size_t len)
{
	struct h1_input input = { .limits = &h1_default_limits };
	struct h1_error error = { 400, "no request" };
	struct http_request request;

	begin(downstream);
	input.arena = exchange_arena(downstream->exchange);
	inbuf_take_head(&downstream->in, downstream->worker->io, len, &input);
	if (h1_parse_request(&input, downstream->origin.tls, &request, &error) > 0)
		start(downstream, &request);
	else
		exchange_refuse(downstream->exchange, NULL, &error);
}

/* Is there a head, or is there none to come? */
static void take_head(struct downstream *downstream)
{
	struct h1_input input = { .limits = &h1_default_limits };
	struct h1_error error = { 431, "the head is too long" };
	size_t len = inbuf_find_head(&downstream->in, downstream->worker->io);
	struct http_request request;

	if (len) {
		parse_head(downstream, len);
		return;
	}
	inbuf_partial(&downstream->in, &input);
	if (h1_parse_request(&input, downstream->origin.tls, &request, &error) != -EAGAIN ||
	    inbuf_full(&downstream->in)) {
		refuse(downstream, &error);
		return;
	}
	inbuf_checked(&downstream->in, &input);
	if (downstream->ended)
		close_connection(downstream);
	else
		receive(downstream);
}

/* ---- the connection's news ---- */

static void end_stream(struct downstream *downstream, int error)
{
	downstream->ended = true;
	/* A client that has said all may still want the answer. */
	if (downstream->phase != BUSY || error || downstream->reading)
		close_connection(downstream);
}

static void drop(struct downstream *downstream, struct io_buf *buf)
{
	downstream->lingered += buf->len;
	io_buf_free(downstream->worker->io, buf);
	if (downstream->lingered > TIMES_LINGER_BYTES)
		close_connection(downstream);
	else
		receive(downstream);
}

static void on_recv(void *arg, struct io_buf *buf, int error)
{
	struct downstream *downstream = arg;

	downstream->receiving = false;
	if (!buf) {
		end_stream(downstream, error);
		return;
	}
	if (downstream->phase == LINGER) {
		drop(downstream, buf);
		return;
	}
	inbuf_add(&downstream->in, downstream->worker->io, buf);
	if (downstream->phase == IDLE)
		enter(downstream, HEAD, downstream->worker->times->head_ms);
	if (downstream->phase == HEAD)
		take_head(downstream);
	else if (downstream->reading)
		read_body(downstream);
}

static void on_deadline(void *arg)
{
	static const struct h1_error late = { 408, "the head did not come in time" };
	struct downstream *downstream = arg;

	if (!downstream->until)
		return;
	if (downstream->until > worker_now(downstream->worker)) {
		deadline_by(&downstream->deadline, downstream->until);
		return;
	}
	if (downstream->phase == HANDSHAKE)
		counter_add(&downstream->worker->counters.handshake_failures, 1);
	if (downstream->phase == HEAD)
		refuse(downstream, &late);
	else
		close_connection(downstream);
}

static void on_handshake(void *arg, int error)
{
	struct downstream *downstream = arg;

	if (!error) {
		idle(downstream);
		return;
	}
	counter_add(&downstream->worker->counters.handshake_failures, 1);
	close_connection(downstream);
}

static void greet(struct downstream *downstream)
{
	struct worker *worker = downstream->worker;
	const struct bind *bind;
	struct tls_server *server;

	bind = worker->view ? table_bind(worker->view->table, &downstream->local,
					 downstream->origin.local_port)
			    : NULL;
	if (!bind) {
		close_connection(downstream);
		return;
	}
	downstream->origin.tls = bind->plan->tls;
	if (!bind->plan->tls) {
		idle(downstream);
		return;
	}
	server = view_tls(worker->view, bind);
	if (!server) {
		counter_add(&worker->counters.handshake_failures, 1);
		close_connection(downstream);
		return;
	}
	enter(downstream, HANDSHAKE, worker->times->handshake_ms);
	conn_handshake(downstream->conn, server, on_handshake, downstream);
}

void downstream_accept(struct worker *worker, int fd, const struct sockaddr_storage *peer)
{
	struct conn *conn = conn_new(worker->io, fd);
	struct downstream *downstream;

	if (!conn) {
		close(fd);
		return;
	}
	downstream = mem_new(sizeof(*downstream));
	downstream->worker = worker;
	downstream->conn = conn;
	deadline_init(&downstream->deadline, worker->io, on_deadline, downstream);
	downstream->next = worker->downstreams;
	if (worker->downstreams)
		worker->downstreams->prev = downstream;
	worker->downstreams = downstream;
	counter_add(&worker->counters.connections, 1);
	if (conn_local(conn, &downstream->local, &downstream->origin.local_port) ||
	    sockaddr_to_addr(peer, &downstream->origin.addr, &downstream->origin.port))
		close_connection(downstream);
	else
		greet(downstream);
}

/* Does the worker's view lack anything that this one has? */
static bool is_smaller(const struct view *now, const struct view *before)
{
	const struct plan_l7 *plan = table_plan(before->table);

	for (size_t i = 0; i < plan->n_binds; i++) {
		const struct bind *bind =
			table_bind(now->table, &plan->binds[i].addr, plan->binds[i].port);

		if (!bind || bind->plan->tls != plan->binds[i].tls)
			return true;
	}
	return false;
}

void downstream_outlive(struct worker *worker, struct view *before)
{
	if (!is_smaller(worker->view, before))
		return;
	for (struct downstream *downstream = worker->downstreams; downstream;
	     downstream = downstream->next)
		if (!downstream->last && bind_in(before, downstream) &&
		    !bind_in(worker->view, downstream))
			downstream->last = view_ref(before);
}

static void close_all(struct worker *worker, bool idle_only, uint64_t ms)
{
	struct downstream *downstream = worker->downstreams;

	while (downstream) {
		struct downstream *next = downstream->next;

		if (!idle_only ||
		    (downstream->phase == IDLE && worker_now(worker) - downstream->since >= ms))
			close_connection(downstream);
		downstream = next;
	}
}

void downstream_close_idle(struct worker *worker, uint64_t ms)
{
	close_all(worker, true, ms);
}

void downstream_cut(struct worker *worker)
{
	close_all(worker, false, 0);
}
