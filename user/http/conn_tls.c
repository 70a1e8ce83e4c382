// SPDX-License-Identifier: Apache-2.0
/*
 * The TLS layer. OpenSSL reads ciphertext from the buffer that was just received and writes into a
 * chain of buffers on its way to the socket, both through a BIO of our own; an idle connection
 * holds no buffer at all. Invariants: OpenSSL is never entered while the chain is beyond bounds;
 * at most SEND_AHEAD bytes of a send are encrypted ahead of the socket; an end of the stream
 * without the peer's close_notify is an error, since anybody on the way can make one.
 */
#include "http/conn_tls.h"

#include <assert.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "http/tls_ssl.h"

#define RECORD_MAX 16384 /* of plaintext */
#define SEND_AHEAD 65536
/* Answers that a peer provokes (key updates, alerts) come on top; one that does not read them
 * while it goes on provoking loses the connection. */
#define OUT_MAX (2 * SEND_AHEAD)

_Static_assert(OUT_MAX / IO_BUF_SIZE + 1 <= IO_SEND_MAX, "the chain fits into one send");

struct chain {
	struct io_buf *first, *last;
	size_t bytes;
};

struct conn_tls {
	SSL *ssl;
	struct tls_server *server; /* NULL: the client's side */
	const char *reason;	   /* OpenSSL's, for the last failure, or NULL */
	bool handshaking;	   /* until its end is told */
	bool agreed;		   /* or failed: its end is to be told */
	bool sending;		   /* the operation out is under way, with flight */
	bool shut;		   /* FIN is to follow what is in out */
	/* Received ciphertext, and how far it was read. */
	struct io_buf *in;
	size_t in_at;
	int recv_end;  /* 0: the stream goes on; 1: it has ended; -errno */
	int raw_end;   /* the same of the socket */
	int send_fail; /* -errno of the sending side */
	struct chain out, flight;
	/* Plaintext of the send under way that is still to be encrypted. */
	struct iovec iov[IO_SEND_MAX];
	int n_iov, at;
};

static void chain_clear(struct io *io, struct chain *chain)
{
	while (chain->first) {
		struct io_buf *buf = chain->first;

		chain->first = buf->next;
		io_buf_free(io, buf);
	}
	*chain = (struct chain){ 0 };
}

static void chain_add(struct io *io, struct chain *chain, const char *data, size_t len)
{
	while (len) {
		struct io_buf *last = chain->last;
		size_t room = last ? sizeof(last->data) - last->len : 0;
		size_t n = len < room ? len : room;

		if (!room) {
			struct io_buf *buf = io_buf_new(io);

			if (last)
				last->next = buf;
			else
				chain->first = buf;
			chain->last = buf;
			continue;
		}
		memcpy(last->data + last->len, data, n);
		last->len += n;
		chain->bytes += n;
		data += n;
		len -= n;
	}
}

/* ---- the BIO -------------------------------------------------------------------------------- */

static void drop_in(struct conn *conn)
{
	io_buf_free(conn->io, TAKE_PTR(conn->tls->in));
}

/* Never says that the stream has ended: OpenSSL has no word for a truncated one. */
static int bio_read(BIO *bio, char *data, int len)
{
	struct conn *conn = BIO_get_data(bio);
	struct conn_tls *tls = conn->tls;
	size_t n;

	BIO_clear_retry_flags(bio);
	if (!tls->in) {
		BIO_set_retry_read(bio);
		return -1;
	}
	n = tls->in->len - tls->in_at;
	n = n < (size_t)len ? n : (size_t)len;
	memcpy(data, tls->in->data + tls->in_at, n);
	tls->in_at += n;
	if (tls->in_at == tls->in->len)
		drop_in(conn);
	return (int)n;
}

static int bio_write(BIO *bio, const char *data, int len)
{
	struct conn *conn = BIO_get_data(bio);
	struct conn_tls *tls = conn->tls;

	BIO_clear_retry_flags(bio);
	if (tls->out.bytes + (size_t)len > OUT_MAX)
		return -1;
	chain_add(conn->io, &tls->out, data, (size_t)len);
	return len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method;

static void make_bio_method(void)
{
	bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "naru");
	if (!bio_method)
		return;
	BIO_meth_set_read(bio_method, bio_read);
	BIO_meth_set_write(bio_method, bio_write);
	BIO_meth_set_ctrl(bio_method, bio_ctrl);
}

static BIO *make_bio(struct conn *conn)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	BIO *bio;

	pthread_once(&once, make_bio_method);
	bio = bio_method ? BIO_new(bio_method) : NULL;
	if (!bio)
		return NULL;
	BIO_set_data(bio, conn);
	BIO_set_init(bio, 1);
	return bio;
}

/* ---- sending -------------------------------------------------------------------------------- */

static void on_sent(struct io_op *op, ssize_t result);

/* Plaintext for one record: a large piece from where it lies, small ones collected in stage. */
static size_t next_record(struct conn_tls *tls, char stage[static RECORD_MAX],
			  const char **ret_data)
{
	size_t len = 0;

	*ret_data = stage;
	while (tls->at < tls->n_iov && len < RECORD_MAX) {
		struct iovec *iov = &tls->iov[tls->at];
		bool direct = !len && (iov->iov_len >= RECORD_MAX || tls->at + 1 == tls->n_iov);
		size_t n = iov->iov_len < RECORD_MAX - len ? iov->iov_len : RECORD_MAX - len;

		if (direct)
			*ret_data = iov->iov_base;
		else if (n)
			memcpy(stage + len, iov->iov_base, n);
		len += n;
		iov->iov_base = (char *)iov->iov_base + n;
		iov->iov_len -= n;
		if (!iov->iov_len)
			tls->at++;
		if (direct && len)
			break;
	}
	return len;
}

/* The chain takes all that OpenSSL writes, so a record is written whole or not at all. */
static void encrypt(struct conn *conn)
{
	struct conn_tls *tls = conn->tls;
	struct io_buf *stage;

	if (tls->send_fail || tls->at == tls->n_iov)
		return;
	stage = io_buf_new(conn->io);
	while (!tls->send_fail && tls->out.bytes < SEND_AHEAD) {
		const char *data;
		size_t len = next_record(tls, stage->data, &data), written;

		if (!len)
			break;
		ERR_clear_error();
		if (SSL_write_ex(tls->ssl, data, len, &written) != 1 || written != len)
			tls->send_fail = -EPROTO;
	}
	ERR_clear_error();
	io_buf_free(conn->io, stage);
}

/* Sends what there is to send unless a send is under way, which will do it when it is done. */
static void flush(struct conn *conn)
{
	struct conn_tls *tls = conn->tls;
	struct iovec iov[IO_SEND_MAX];
	int n = 0;

	if (tls->sending)
		return;
	encrypt(conn);
	if (!tls->out.first)
		return;
	for (struct io_buf *buf = tls->out.first; buf; buf = buf->next)
		iov[n++] = (struct iovec){ buf->data, buf->len };
	tls->flight = tls->out;
	tls->out = (struct chain){ 0 };
	tls->sending = true;
	conn->refs++;
	io_send(conn->file, &conn->out, on_sent, iov, n);
}

/* Not before our last words, an alert perhaps, are on their way: the user may close. A peer that
 * does not listen to them any more may still have said something. */
static void end_handshake(struct conn *conn)
{
	struct conn_tls *tls = conn->tls;

	if (!tls->agreed || tls->sending)
		return;
	tls->handshaking = false;
	conn_done(conn, tls->recv_end);
}

static void on_sent(struct io_op *op, ssize_t result)
{
	struct conn *conn = op->arg;
	struct conn_tls *tls = conn->tls;

	chain_clear(conn->io, &tls->flight);
	tls->sending = false;
	if (result < 0) {
		tls->send_fail = tls->send_fail ? tls->send_fail : (int)result;
		chain_clear(conn->io, &tls->out);
	}
	if (!conn->closed)
		flush(conn);
	if (!conn->closed && !tls->sending) {
		if (tls->shut)
			io_shutdown(conn->file);
		if (tls->handshaking)
			end_handshake(conn);
		else if (conn->done_fn)
			conn_done(conn, tls->send_fail);
	}
	conn_unref(conn);
}

static void tls_send(struct conn *conn, const struct iovec *iov, int n)
{
	struct conn_tls *tls = conn->tls;

	assert(!tls->handshaking && n >= 0 && n <= IO_SEND_MAX);
	if (n)
		memcpy(tls->iov, iov, (size_t)n * sizeof(*iov));
	tls->n_iov = n;
	tls->at = 0;
	flush(conn);
	if (tls->sending)
		return;
	/* Nothing to send, or nothing to be sent any more. */
	tls->sending = true;
	conn->refs++;
	io_defer(conn->io, &conn->out, on_sent);
}

static void tls_shutdown(struct conn *conn)
{
	struct conn_tls *tls = conn->tls;

	ERR_clear_error();
	if (!tls->send_fail)
		SSL_shutdown(tls->ssl);
	ERR_clear_error();
	tls->shut = true;
	flush(conn);
	if (!tls->sending)
		io_shutdown(conn->file);
}

/* ---- receiving ------------------------------------------------------------------------------ */

static void on_in(struct io_op *op, ssize_t result);

/* After a call of OpenSSL that did not do what was asked of it: 0 to wait for more, 1 at the end of
 * the stream, or -errno. */
static int why(struct conn_tls *tls, int result)
{
	int error = SSL_get_error(tls->ssl, result);

	if (error == SSL_ERROR_SSL)
		tls->reason = ERR_reason_error_string(ERR_peek_last_error());
	ERR_clear_error();
	if (error == SSL_ERROR_WANT_READ)
		return tls->raw_end == 1 ? -ECONNRESET : tls->raw_end;
	return error == SSL_ERROR_ZERO_RETURN ? 1 : -EPROTO;
}

/* Is there anything to say without another byte from the socket? */
static bool is_readable(const struct conn_tls *tls)
{
	return tls->in || tls->recv_end || tls->raw_end || SSL_pending(tls->ssl);
}

static void decrypt(struct conn_tls *tls, struct io_buf *buf)
{
	while (!tls->recv_end && buf->len < sizeof(buf->data) && (!buf->len || is_readable(tls))) {
		size_t n = 0;
		int r;

		ERR_clear_error();
		r = SSL_read_ex(tls->ssl, buf->data + buf->len, sizeof(buf->data) - buf->len, &n);
		buf->len += n;
		if (r == 1)
			continue;
		tls->recv_end = why(tls, r);
		if (!tls->recv_end)
			return;
	}
}

static void read_on(struct conn *conn)
{
	struct conn_tls *tls = conn->tls;
	struct io_buf *buf = io_buf_new(conn->io);

	decrypt(tls, buf);
	flush(conn);
	if (buf->len) {
		conn_received(conn, buf, 0);
		return;
	}
	io_buf_free(conn->io, buf);
	if (tls->recv_end)
		conn_received(conn, NULL, tls->recv_end < 0 ? tls->recv_end : 0);
	else
		conn_start_in(conn, on_in, true);
}

static void handshake_on(struct conn *conn)
{
	struct conn_tls *tls = conn->tls;
	int r, end = 0;

	ERR_clear_error();
	r = SSL_do_handshake(tls->ssl);
	if (r != 1)
		end = why(tls, r);
	flush(conn);
	if (r != 1 && !end) {
		conn_start_in(conn, on_in, true);
		return;
	}
	if (r != 1)
		tls->recv_end = tls->send_fail = end < 0 ? end : -ECONNRESET;
	tls->agreed = true;
	end_handshake(conn);
}

/* Comes with ciphertext, or without a receive when there was something to say already. */
static void on_in(struct io_op *op, ssize_t result)
{
	struct conn *conn = op->arg;
	struct conn_tls *tls = conn->tls;
	struct io_buf *buf = TAKE_PTR(op->buf);

	if (!conn_end_in(conn))
		return;
	if (buf) {
		tls->in = buf;
		tls->in_at = 0;
	} else {
		tls->raw_end = result < 0 ? (int)result : 1;
	}
	if (tls->handshaking)
		handshake_on(conn);
	else
		read_on(conn);
	conn_unref(conn);
}

static void on_deferred(struct io_op *op, ssize_t result)
{
	struct conn *conn = op->arg;

	(void)result;
	if (!conn_end_in(conn))
		return;
	read_on(conn);
	conn_unref(conn);
}

static void tls_recv(struct conn *conn)
{
	bool wait = !is_readable(conn->tls);

	conn_start_in(conn, wait ? on_in : on_deferred, wait);
}

/* ---- beginning and end ---------------------------------------------------------------------- */

static void tls_free(struct conn *conn)
{
	struct conn_tls *tls = conn->tls;

	tls_ssl_free(tls->ssl);
	tls_server_unref(tls->server);
	drop_in(conn);
	chain_clear(conn->io, &tls->out);
	chain_clear(conn->io, &tls->flight);
	free(tls);
}

static const struct conn_layer layer = { tls_recv, tls_send, tls_shutdown, tls_free };

/* The client begins. */
static void on_first(struct io_op *op, ssize_t result)
{
	struct conn *conn = op->arg;

	(void)result;
	if (!conn_end_in(conn))
		return;
	handshake_on(conn);
	conn_unref(conn);
}

static void on_no_memory(struct io_op *op, ssize_t result)
{
	struct conn *conn = op->arg;

	(void)result;
	if (!conn_end_in(conn))
		return;
	conn_done(conn, -ENOMEM);
	conn_unref(conn);
}

static struct conn_tls *make_tls(struct conn *conn)
{
	struct conn_tls *tls = mem_new(sizeof(*tls));

	conn->tls = tls;
	conn->layer = &layer;
	tls->handshaking = true;
	return tls;
}

static void start(struct conn *conn, bool speak_first)
{
	struct conn_tls *tls = conn->tls;
	BIO *bio = tls->ssl ? make_bio(conn) : NULL;
	if (!bio) {
		tls->handshaking = false;
		tls->recv_end = tls->send_fail = -ENOMEM;
		conn_start_in(conn, on_no_memory, false);
		return;
	}
	SSL_set_bio(tls->ssl, bio, bio);
	conn_start_in(conn, speak_first ? on_first : on_in, !speak_first);
}

void conn_tls_start(struct conn *conn, struct tls_server *server)
{
	struct conn_tls *tls = make_tls(conn);

	tls->server = tls_server_ref(server);
	tls->ssl = tls_ssl_new(server);
	start(conn, false);
}

void conn_tls_connect(struct conn *conn, struct tls_client *client, const char *name)
{
	/* OpenSSL's own reference keeps the context. */
	make_tls(conn)->ssl = tls_client_ssl(client, name);
	start(conn, true);
}

const char *conn_tls_alpn(const struct conn *conn, size_t *ret_len)
{
	const unsigned char *name = NULL;
	unsigned len = 0;

	if (conn->tls->ssl)
		SSL_get0_alpn_selected(conn->tls->ssl, &name, &len);
	*ret_len = len;
	return (const char *)name;
}

const char *conn_tls_reason(const struct conn *conn)
{
	const struct conn_tls *tls = conn->tls;
	long result = tls->ssl ? SSL_get_verify_result(tls->ssl) : X509_V_OK;

	return result == X509_V_OK ? tls->reason : X509_verify_cert_error_string(result);
}

const char *conn_tls_name(const struct conn *conn)
{
	return conn->tls->ssl ? tls_ssl_name(conn->tls->ssl) : "";
}

const char *conn_tls_protocol(const struct conn *conn)
{
	SSL *ssl = conn->tls->ssl;

	return ssl && SSL_is_init_finished(ssl) ? SSL_get_version(ssl) : "";
}
