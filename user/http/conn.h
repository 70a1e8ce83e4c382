/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte stream between the proxy and a peer: TCP, or TLS over TCP, without a difference to who
 * uses it. Callbacks come from the loop, never from inside a call; none comes after conn_close().
 * One receive and one send may be under way at a time.
 */
#pragma once
#include "base/addr.h"
#include "base/io.h"

struct conn;
struct tls_client;
struct tls_server;

/* error: 0 or -errno. */
typedef void (*conn_fn)(void *arg, int error);
/* buf: bytes, now the callee's (io_buf_free()); NULL: end of the stream (error 0) or a failure. */
typedef void (*conn_recv_fn)(void *arg, struct io_buf *buf, int error);

/* Takes over a connected, or not yet connected, non-blocking socket. NULL: the caller keeps fd. */
struct conn *conn_new(struct io *io, int fd);
/* A new socket that connects. NULL and -errno when there is not even a socket. */
int conn_connect(struct io *io, const struct addr *addr, uint16_t port, conn_fn fn, void *arg,
		 struct conn **ret_conn);

/* The server's side of TLS. The context stays alive as long as the connection. */
void conn_handshake(struct conn *conn, struct tls_server *server, conn_fn fn, void *arg);
/* The client's side, towards a peer whose certificate has this host name or address. */
void conn_connect_tls(struct conn *conn, struct tls_client *client, const char *name, conn_fn fn,
		      void *arg);
/* Was this protocol agreed on? */
bool conn_has_alpn(const struct conn *conn, const char *protocol);
/* What was wrong with a handshake that failed, if it is known: static or NULL. */
const char *conn_tls_failure(const struct conn *conn);
/* The name the client asked for, lower case; "" if none or plain. */
const char *conn_sni(const struct conn *conn);
/* "TLSv1.3"; "" when plain. */
const char *conn_tls_version(const struct conn *conn);

void conn_recv(struct conn *conn, conn_recv_fn fn, void *arg);
/* All or an error; bytes stay the caller's and in place until the callback. At most IO_SEND_MAX
 * pieces. */
void conn_send(struct conn *conn, const struct iovec *iov, int n, conn_fn fn, void *arg);
/* Has the kernel nothing of the peer, neither bytes nor an end, right now? */
bool conn_is_quiet(const struct conn *conn);
/* Says that no more will be sent: close_notify, FIN. Not while a send is under way. */
void conn_shutdown(struct conn *conn);
/* NULL is legal. */
void conn_close(struct conn *conn);

/* The socket's. */
int conn_fd(const struct conn *conn);
/* Of the socket. -errno. */
int conn_local(const struct conn *conn, struct addr *ret_addr, uint16_t *ret_port);
