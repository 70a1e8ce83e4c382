/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What conn.c and its layers share. A layer turns what the user of a connection asks for into
 * operations on the socket; plain TCP is one, TLS the other.
 */
#pragma once
#include "http/conn.h"

struct conn_tls;

struct conn_layer {
	void (*recv)(struct conn *conn); /* ends in conn_received() */
	void (*send)(struct conn *conn, const struct iovec *iov, int n); /* in conn_done() */
	void (*shutdown)(struct conn *conn);
	void (*free)(struct conn *conn); /* what the layer has in conn */
};

struct conn {
	struct io *io;
	struct io_file *file;
	const struct conn_layer *layer;
	struct conn_tls *tls; /* NULL: plain */
	int refs;	      /* the user's, and one for each operation of in and out */
	bool closed;
	bool receiving; /* in is under way */
	struct io_op in, out;
	conn_recv_fn recv_fn; /* NULL: no receive is asked for */
	void *recv_arg;
	conn_fn done_fn; /* of the connect, handshake or send under way */
	void *done_arg;
};

/* Starts the operation in: a receive, or (wait is false) a mere call back. */
void conn_start_in(struct conn *conn, io_fn fn, bool wait);
/*
 * The first thing in the callback of in: false when the connection is closed, then conn may be
 * gone. Otherwise conn stays until conn_unref().
 */
bool conn_end_in(struct conn *conn);
void conn_unref(struct conn *conn);

/* Tell the user; the last thing that is done with conn before conn_unref(). */
void conn_received(struct conn *conn, struct io_buf *buf, int error);
void conn_done(struct conn *conn, int error);
