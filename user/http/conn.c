// SPDX-License-Identifier: Apache-2.0
/*
 * Connections: what both layers have in common, and the plain one. The proxy's two sides use them.
 * Invariant: memory stays until the last completion has come in, but the user hears nothing after
 * conn_close(), nor of a receive that was taken back.
 */
#include "http/conn.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sockaddr.h"
#include "http/conn_layer.h"
#include "http/conn_tls.h"

/* ---- for the layers ------------------------------------------------------------------------- */

static void free_conn(struct conn *conn)
{
	conn->layer->free(conn);
	free(conn);
}

void conn_unref(struct conn *conn)
{
	if (!--conn->refs)
		free_conn(conn);
}

void conn_start_in(struct conn *conn, io_fn fn, bool wait)
{
	conn->refs++;
	conn->receiving = true;
	if (wait)
		io_recv(conn->file, &conn->in, fn);
	else
		io_defer(conn->io, &conn->in, fn);
}

bool conn_end_in(struct conn *conn)
{
	conn->receiving = false;
	if (!conn->closed)
		return true;
	conn_unref(conn);
	return false;
}

void conn_received(struct conn *conn, struct io_buf *buf, int error)
{
	TAKE_PTR(conn->recv_fn)(conn->recv_arg, buf, error);
}

void conn_done(struct conn *conn, int error)
{
	TAKE_PTR(conn->done_fn)(conn->done_arg, error);
}

/* ---- plain ---------------------------------------------------------------------------------- */

static void on_received(struct io_op *op, ssize_t result)
{
	struct conn *conn = op->arg;
	struct io_buf *buf = TAKE_PTR(op->buf);

	if (!conn_end_in(conn))
		return;
	conn_received(conn, buf, result < 0 ? (int)result : 0);
	conn_unref(conn);
}

static void plain_recv(struct conn *conn)
{
	conn_start_in(conn, on_received, true);
}

static void on_out(struct io_op *op, ssize_t result)
{
	struct conn *conn = op->arg;

	if (!conn->closed)
		conn_done(conn, result < 0 ? (int)result : 0);
	conn_unref(conn);
}

static void plain_send(struct conn *conn, const struct iovec *iov, int n)
{
	conn->refs++;
	io_send(conn->file, &conn->out, on_out, iov, n);
}

static void plain_shutdown(struct conn *conn)
{
	io_shutdown(conn->file);
}

static void plain_free(struct conn *conn)
{
	(void)conn;
}

static const struct conn_layer plain = { plain_recv, plain_send, plain_shutdown, plain_free };

/* ---- making --------------------------------------------------------------------------------- */

struct conn *conn_new(struct io *io, int fd)
{
	struct io_file *file = io_open(io, fd);
	struct conn *conn;
	int one = 1;

	if (!file)
		return NULL;
	/* Whole messages are sent in one piece: nothing is won by waiting. Sockets that are not of
	 * TCP do not wait anyway. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	conn = mem_new(sizeof(*conn));
	conn->io = io;
	conn->file = file;
	conn->layer = &plain;
	conn->refs = 1;
	conn->in.arg = conn;
	conn->out.arg = conn;
	return conn;
}

int conn_connect(struct io *io, const struct addr *addr, uint16_t port, conn_fn fn, void *arg,
		 struct conn **ret_conn)
{
	struct sockaddr_storage sockaddr;
	socklen_t len = sockaddr_from_addr(addr, port, &sockaddr);
	_cleanup_(mem_closep) int fd =
		socket(sockaddr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct conn *conn;

	if (fd < 0)
		return -errno;
	conn = conn_new(io, fd);
	if (!conn)
		return -EIO;
	TAKE_FD(fd);
	conn->done_fn = fn;
	conn->done_arg = arg;
	conn->refs++;
	io_connect(conn->file, &conn->out, on_out, (struct sockaddr *)&sockaddr, len);
	*ret_conn = conn;
	return 0;
}

/* ---- using ---------------------------------------------------------------------------------- */

void conn_handshake(struct conn *conn, struct tls_server *server, conn_fn fn, void *arg)
{
	assert(!conn->tls && !conn->recv_fn && !conn->done_fn && !conn->receiving);
	conn->done_fn = fn;
	conn->done_arg = arg;
	conn_tls_start(conn, server);
}

void conn_connect_tls(struct conn *conn, struct tls_client *client, const char *name, conn_fn fn,
		      void *arg)
{
	assert(!conn->tls && !conn->recv_fn && !conn->done_fn && !conn->receiving);
	conn->done_fn = fn;
	conn->done_arg = arg;
	conn_tls_connect(conn, client, name);
}

bool conn_has_alpn(const struct conn *conn, const char *protocol)
{
	size_t len = 0;
	const char *agreed = conn->tls ? conn_tls_alpn(conn, &len) : NULL;

	return agreed && len == strlen(protocol) && !memcmp(agreed, protocol, len);
}

const char *conn_tls_failure(const struct conn *conn)
{
	return conn->tls ? conn_tls_reason(conn) : NULL;
}

const char *conn_sni(const struct conn *conn)
{
	return conn->tls ? conn_tls_name(conn) : "";
}

const char *conn_tls_version(const struct conn *conn)
{
	return conn->tls ? conn_tls_protocol(conn) : "";
}

void conn_recv(struct conn *conn, conn_recv_fn fn, void *arg)
{
	assert(!conn->recv_fn && !conn->receiving);
	conn->recv_fn = fn;
	conn->recv_arg = arg;
	conn->layer->recv(conn);
}

void conn_send(struct conn *conn, const struct iovec *iov, int n, conn_fn fn, void *arg)
{
	assert(!conn->done_fn);
	conn->done_fn = fn;
	conn->done_arg = arg;
	conn->layer->send(conn, iov, n);
}

bool conn_is_quiet(const struct conn *conn)
{
	char byte;

	return recv(io_fd(conn->file), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

void conn_shutdown(struct conn *conn)
{
	assert(!conn->done_fn);
	conn->layer->shutdown(conn);
}

void conn_close(struct conn *conn)
{
	if (!conn)
		return;
	assert(!conn->closed);
	conn->closed = true;
	io_close(TAKE_PTR(conn->file));
	conn_unref(conn);
}

/* ---- addresses ------------------------------------------------------------------------------ */

int conn_fd(const struct conn *conn)
{
	return io_fd(conn->file);
}

int conn_local(const struct conn *conn, struct addr *ret_addr, uint16_t *ret_port)
{
	struct sockaddr_storage sockaddr;
	socklen_t len = sizeof(sockaddr);

	if (getsockname(io_fd(conn->file), (struct sockaddr *)&sockaddr, &len) < 0)
		return -errno;
	return sockaddr_to_addr(&sockaddr, ret_addr, ret_port);
}
