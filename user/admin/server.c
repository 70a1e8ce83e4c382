/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection goes through three states: it reads one head, writes one answer, and waits until the
 * peer has closed, since closing on unread bytes would make the kernel throw the answer away. Each
 * state has a deadline, the number of connections is fixed, with who is slowest to ask giving way,
 * and nothing blocks. An answer that is a stream has a deadline for each of its pieces only: who
 * has read them all may wait for ever. Streams are few, so that who holds them all keeps out others
 * who want one, but nobody else.
 */
#include "admin/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/request.h"
#include "base/mem.h"
#include "base/sockaddr.h"

#define CONNECTIONS_MAX 64
#define STREAMS_MAX	16
#define REQUEST_MS	5000
#define ANSWER_MS	30000 /* for the whole answer: a reader of 20 MB may be slow, not asleep */
#define LINGER_MS	1000
#define LINGER_BYTES	(64 * 1024)
#define PAUSE_MS	100 /* of accepting, when the process is out of descriptors */

enum state {
	STATE_FREE,
	STATE_READ,
	STATE_WRITE,
	STATE_STREAM,
	STATE_LINGER,
};

/* What a connection in STATE_STREAM sends. */
struct server_stream {
	struct connection *c;
	const struct server_source *source;
	void *state;
	bool ended;
};

struct connection {
	struct server_listener *listener;
	enum state state;
	int fd;
	struct loop_fd *handle;
	struct loop_timer *deadline;
	char request[REQUEST_MAX];
	size_t n_request;
	struct str answer;
	size_t sent;
	struct server_stream stream;
	uint64_t number; /* connections are counted as they come */
	size_t lingered; /* bytes thrown away while waiting for the end */
};

struct server_listener {
	struct server *server;
	struct server_listener *next;
	struct server_handler handler;
	int fd;
	struct loop_fd *handle;
	struct loop_timer *pause;
};

struct server {
	struct loop *loop;
	uint64_t taken; /* connections so far */
	struct server_listener *listeners;
	struct connection connections[CONNECTIONS_MAX];
};

/* ---- answers ------------------------------------------------------------------------------- */

static const char *reason_phrase(int status)
{
	static const struct {
		int status;
		const char *text;
	} rows[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 431, "Request Header Fields Too Large" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "Error";
}

static void compose(const struct server_answer *answer, struct str *ret_bytes)
{
	str_addf(ret_bytes,
		 "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		 "Cache-Control: no-store\r\nConnection: close\r\n",
		 answer->status, reason_phrase(answer->status), answer->type, answer->body.len);
	if (answer->headers.len)
		str_add(ret_bytes, answer->headers.buf, answer->headers.len);
	str_add(ret_bytes, "\r\n", 2);
	if (answer->body.len)
		str_add(ret_bytes, answer->body.buf, answer->body.len);
}

static void answer_fini(struct server_answer *answer)
{
	str_fini(&answer->headers);
	str_fini(&answer->body);
}

void server_error(int status, struct server_answer *ret_answer)
{
	ret_answer->status = status;
	ret_answer->type = "text/plain; charset=utf-8";
	if (status == 405)
		str_addf(&ret_answer->headers, "Allow: GET\r\n");
	str_addf(&ret_answer->body, "%s\n", reason_phrase(status));
}

/* ---- connections --------------------------------------------------------------------------- */

static void close_source(struct connection *c)
{
	if (c->stream.source)
		c->stream.source->close(c->stream.state);
	c->stream.source = NULL;
}

static void connection_close(struct connection *c)
{
	loop_fd_remove(c->handle);
	loop_timer_remove(c->deadline);
	if (c->fd >= 0)
		close(c->fd);
	close_source(c);
	str_fini(&c->answer);
	memset(c, 0, sizeof(*c));
	c->fd = -1;
}

static void on_deadline(void *arg)
{
	connection_close(arg);
}

static unsigned awaits(enum state state)
{
	if (state == STATE_STREAM)
		return LOOP_READ | LOOP_WRITE;
	return state == STATE_WRITE ? LOOP_WRITE : LOOP_READ;
}

static void enter(struct connection *c, enum state state, uint64_t deadline_ms)
{
	c->state = state;
	loop_timer_remove(c->deadline);
	c->deadline = loop_timer_add(c->listener->server->loop, deadline_ms, 0, on_deadline, c);
	loop_fd_events(c->handle, awaits(state));
}

/* The answer has been sent: nothing of it is kept for who does not close. */
static void linger(struct connection *c)
{
	str_fini(&c->answer);
	close_source(c);
	shutdown(c->fd, SHUT_WR);
	enter(c, STATE_LINGER, LINGER_MS);
}

static bool may_stream(const struct server *server)
{
	size_t n = 0;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		n += server->connections[i].stream.source != NULL;
	return n < STREAMS_MAX;
}

static void begin_stream(struct connection *c, const struct server_answer *found)
{
	c->stream = (struct server_stream){ c, found->source, found->state, false };
	str_addf(&c->answer,
		 "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n"
		 "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
		 found->source->type);
	enter(c, STATE_STREAM, ANSWER_MS);
}

static void answer(struct connection *c)
{
	const struct server_handler *handler = &c->listener->handler;
	_cleanup_(answer_fini) struct server_answer found = { 0 };
	_cleanup_(mem_freep) char *path = NULL, *query = NULL;
	int status = request_parse(c->request, c->n_request, &path, &query);

	if (!status)
		return;
	c->stream.c = c;
	found.query = query;
	found.stream = may_stream(c->listener->server) ? &c->stream : NULL;
	if (status == 200)
		handler->answer(handler->arg, path, &found);
	else
		server_error(status, &found);
	if (found.source) {
		begin_stream(c, &found);
		return;
	}
	compose(&found, &c->answer);
	enter(c, STATE_WRITE, ANSWER_MS);
}

/* Errors that mean "later" for a descriptor that does not block. */
static bool is_later(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void on_readable(struct connection *c)
{
	ssize_t n = recv(c->fd, c->request + c->n_request, sizeof(c->request) - c->n_request, 0);

	if (n > 0) {
		c->n_request += (size_t)n;
		answer(c);
	} else if (!n || !is_later()) {
		connection_close(c);
	}
}

/* One piece a turn of the loop, so that one reader of much does not keep out the others. */
static void on_writable(struct connection *c)
{
	ssize_t n = send(c->fd, c->answer.buf + c->sent, c->answer.len - c->sent, MSG_NOSIGNAL);

	if (n < 0) {
		if (!is_later())
			connection_close(c);
		return;
	}
	c->sent += (size_t)n;
	if (c->sent == c->answer.len)
		linger(c);
}

/* The next piece as a chunk (RFC 9112, 7.1). False: there is none, and no end either. */
static bool fill(struct connection *c)
{
	struct server_stream *stream = &c->stream;
	struct str piece = { 0 };
	enum server_fill more = stream->source->fill(stream->state, &piece);

	str_fini(&c->answer);
	c->sent = 0;
	if (piece.len) {
		str_addf(&c->answer, "%zx\r\n", piece.len);
		str_add(&c->answer, piece.buf, piece.len);
		str_add(&c->answer, "\r\n", 2);
	}
	str_fini(&piece);
	stream->ended = more == SERVER_END;
	if (stream->ended)
		str_add(&c->answer, "0\r\n\r\n", 5);
	else if (more == SERVER_WAIT && !c->answer.len)
		loop_fd_events(c->handle, LOOP_READ);
	return more != SERVER_FAIL;
}

/* A piece has a deadline; who has read everything may wait for as long as it takes. */
static void renew_deadline(struct connection *c)
{
	loop_timer_remove(TAKE_PTR(c->deadline));
	if (c->sent < c->answer.len)
		c->deadline =
			loop_timer_add(c->listener->server->loop, ANSWER_MS, 0, on_deadline, c);
}

static void write_stream(struct connection *c)
{
	ssize_t n;

	if (c->sent == c->answer.len && c->stream.ended) {
		linger(c);
		return;
	}
	if (c->sent == c->answer.len && !fill(c)) {
		connection_close(c);
		return;
	}
	if (!c->answer.len)
		return;
	n = send(c->fd, c->answer.buf + c->sent, c->answer.len - c->sent, MSG_NOSIGNAL);
	if (n < 0) {
		if (!is_later())
			connection_close(c);
		return;
	}
	c->sent += (size_t)n;
	renew_deadline(c);
}

/* Nothing is expected from the client but its end. */
static void on_stream(struct connection *c, unsigned events)
{
	ssize_t n = -1;

	errno = EAGAIN;
	if (events & LOOP_READ)
		n = recv(c->fd, c->request, sizeof(c->request), 0);
	if (n >= 0 || !is_later())
		connection_close(c);
	else if (events & LOOP_WRITE)
		write_stream(c);
}

void server_wake(struct server_stream *stream)
{
	loop_fd_events(stream->c->handle, LOOP_READ | LOOP_WRITE);
}

static void on_lingering(struct connection *c)
{
	ssize_t n = recv(c->fd, c->request, sizeof(c->request), 0);

	if (n > 0)
		c->lingered += (size_t)n;
	if (!n || (n < 0 && !is_later()) || c->lingered > LINGER_BYTES)
		connection_close(c);
}

static void on_connection(void *arg, unsigned events)
{
	struct connection *c = arg;

	if (c->state == STATE_READ)
		on_readable(c);
	else if (c->state == STATE_WRITE)
		on_writable(c);
	else if (c->state == STATE_STREAM)
		on_stream(c, events);
	else if (c->state == STATE_LINGER)
		on_lingering(c);
}

/* Says so without waiting: who cannot be answered at once is not answered. */
static void refuse(int fd)
{
	_cleanup_(answer_fini) struct server_answer sorry = { 0 };
	struct str text = { 0 };

	server_error(503, &sorry);
	compose(&sorry, &text);
	(void)!send(fd, text.buf, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	str_fini(&text);
	close(fd);
}

static struct connection *find_free(struct server *server)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (server->connections[i].state == STATE_FREE)
			return &server->connections[i];
	return NULL;
}

/* The place of the oldest that is waited for: to ask, or to close after its answer. So who asks at
 * once is answered, however many do neither. */
static struct connection *take_from_idle(struct server *server)
{
	struct connection *oldest = NULL;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &server->connections[i];

		if ((c->state == STATE_READ || c->state == STATE_LINGER) &&
		    (!oldest || c->number < oldest->number))
			oldest = c;
	}
	if (oldest)
		connection_close(oldest);
	return oldest;
}

/* Was the address dialled one that is served? */
static bool takes(const struct server_listener *listener, int fd)
{
	const struct server_handler *handler = &listener->handler;
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	struct addr addr;
	uint16_t port;

	if (!handler->takes)
		return true;
	return !getsockname(fd, (struct sockaddr *)&name, &len) &&
	       !sockaddr_to_addr(&name, &addr, &port) && handler->takes(handler->arg, &addr);
}

static void take_in(struct server_listener *listener, int fd)
{
	struct connection *c = find_free(listener->server);

	if (!c)
		c = take_from_idle(listener->server);
	if (c)
		c->handle = loop_fd_add(listener->server->loop, fd, LOOP_READ, on_connection, c);
	if (!c || !c->handle) {
		refuse(fd);
		return;
	}
	c->listener = listener;
	c->fd = fd;
	c->number = ++listener->server->taken;
	enter(c, STATE_READ, REQUEST_MS);
}

/* ---- listeners ----------------------------------------------------------------------------- */

static void on_pause_over(void *arg)
{
	struct server_listener *listener = arg;

	loop_timer_remove(TAKE_PTR(listener->pause));
	loop_fd_events(listener->handle, LOOP_READ);
}

static void on_acceptable(void *arg, unsigned events)
{
	struct server_listener *listener = arg;
	int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd >= 0 && !takes(listener, fd)) {
		close(fd);
		return;
	}
	if (fd >= 0) {
		take_in(listener, fd);
		return;
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
		return;
	/* The connection stays in the queue, readable for ever: come back later. */
	loop_fd_events(listener->handle, 0);
	listener->pause =
		loop_timer_add(listener->server->loop, PAUSE_MS, 0, on_pause_over, listener);
}

static void listener_free(struct server_listener *listener)
{
	loop_timer_remove(listener->pause);
	loop_fd_remove(listener->handle);
	if (listener->fd >= 0)
		close(listener->fd);
	free(listener);
}

int server_listen(struct server *server, int fd, const struct server_handler *handler,
		  struct server_listener **ret_listener)
{
	struct server_listener *listener;

	if (listen(fd, 128) < 0)
		return -errno;
	listener = mem_new(sizeof(*listener));
	listener->fd = -1;
	listener->handle = loop_fd_add(server->loop, fd, LOOP_READ, on_acceptable, listener);
	if (!listener->handle) {
		listener_free(listener);
		return -EIO;
	}
	listener->server = server;
	listener->handler = *handler;
	listener->fd = fd;
	listener->next = server->listeners;
	server->listeners = listener;
	*ret_listener = listener;
	return 0;
}

void server_unlisten(struct server_listener *listener)
{
	struct server_listener **link;
	struct server *server;

	if (!listener)
		return;
	server = listener->server;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (server->connections[i].listener == listener)
			connection_close(&server->connections[i]);
	for (link = &server->listeners; *link != listener;)
		link = &(*link)->next;
	*link = listener->next;
	listener_free(listener);
}

struct server *server_new(struct loop *loop)
{
	struct server *server = mem_new(sizeof(*server));

	server->loop = loop;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		server->connections[i].fd = -1;
	return server;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	while (server->listeners)
		server_unlisten(server->listeners);
	free(server);
}
