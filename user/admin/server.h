/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 GET over any number of listening sockets, each with a handler of its own. Requests are
 * served one after the other from the loop, each with a deadline and a size cap, and the connection
 * is closed after the answer. Listeners of one server share its connections: who shall not be kept
 * out by the clients of others has a server of his own.
 */
#pragma once
#include <stdbool.h>

#include "base/addr.h"
#include "base/loop.h"
#include "base/str.h"

struct server;
struct server_listener;

struct server_stream;

/* What a source has to say now. */
enum server_fill {
	SERVER_MORE, /* there is more at once */
	SERVER_WAIT, /* server_wake() tells when there is more */
	SERVER_END,
	SERVER_FAIL, /* this piece is void; the client sees that the end is missing */
};

/*
 * A body that is made piece by piece, as fast as the client reads it, and that may have no end.
 * close() is called once for each state, also when the client has gone.
 */
struct server_source {
	const char *type;
	enum server_fill (*fill)(void *state, struct str *ret_piece);
	void (*close)(void *state);
};

struct server_answer {
	const char *query;	      /* the client's, "" if there is none */
	struct server_stream *stream; /* to be woken later; NULL: there are too many */
	/* Set by the handler: what follows, or, with status 200, a source and its state. */
	const struct server_source *source;
	void *state;
	int status;
	const char *type;   /* of the body */
	struct str headers; /* further ones: whole lines with CR LF */
	struct str body;
};

struct server_handler {
	/* Answers a GET of that path, which is without query; *ret_answer has no answer yet. */
	void (*answer)(void *arg, const char *path, struct server_answer *ret_answer);
	/* Are connections to this address of the machine served? NULL: all are. */
	bool (*takes)(void *arg, const struct addr *local);
	void *arg;
};

struct server *server_new(struct loop *loop);
/* Closes its sockets. NULL is legal. */
void server_free(struct server *server);

/* Takes a bound socket over, on success only. */
int server_listen(struct server *server, int fd, const struct server_handler *handler,
		  struct server_listener **ret_listener);
/* Closes the socket and the connections that came by it. NULL is legal. */
void server_unlisten(struct server_listener *listener);

/* There is more from a source that wanted to wait. */
void server_wake(struct server_stream *stream);

/* For handlers: the plain answer of an error, such as 404. */
void server_error(int status, struct server_answer *ret_answer);
