/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection in a loop, and a client at the other end of its socket pair: a thread that blocks.
 * The thread asserts nothing, since cmocka may fail a test on the main thread only: CHECK() notes
 * the line.
 */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/mem.h"
#include "http/conn.h"
#include "http/tls.h"

struct rig;
typedef void (*client_fn)(struct rig *rig);

struct rig {
	struct io *io;
	int pair[2];	   /* pair[0] is the connection's */
	struct conn *conn; /* NULL once it is closed */
	struct tls_server *server;

	/* What the test has the client do. */
	client_fn client;
	pthread_t thread;
	int version; /* TLS1_2_VERSION and so on; 0: plain */
	const char *sni, *ciphers, *sigalgs;
	const char *alpn; /* each name behind its length */
	SSL_SESSION *session;

	/* What the client finds. */
	SSL_CTX *ctx;
	SSL *ssl;
	int failed; /* line of a CHECK() that was not true */
	int reason; /* of OpenSSL, after a handshake that failed */
	char name[64];
	int key_type;

	/* What the server's side finds. */
	int calls, error;
	bool ended;
	size_t total;
	uint8_t next; /* byte of the pattern */
	struct io_buf *buf;
	char text[64]; /* what it received */
};

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			rig->failed = __LINE__;                                                    \
			return;                                                                    \
		}                                                                                  \
	} while (0)

/* ---- the client's side ---- */

static inline void client_tls(struct rig *rig)
{
	rig->ctx = SSL_CTX_new(TLS_client_method());
	/* What is too old for the server must not fail here. */
	SSL_CTX_set_security_level(rig->ctx, 0);
	SSL_CTX_set_min_proto_version(rig->ctx, rig->version);
	SSL_CTX_set_max_proto_version(rig->ctx, rig->version);
	if (rig->ciphers)
		SSL_CTX_set_cipher_list(rig->ctx, rig->ciphers);
	if (rig->sigalgs)
		SSL_CTX_set1_sigalgs_list(rig->ctx, rig->sigalgs);
	if (rig->alpn)
		SSL_CTX_set_alpn_protos(rig->ctx, (const unsigned char *)rig->alpn,
					(unsigned)strlen(rig->alpn));
	rig->ssl = SSL_new(rig->ctx);
	SSL_set_fd(rig->ssl, rig->pair[1]);
	if (rig->sni)
		SSL_set_tlsext_host_name(rig->ssl, rig->sni);
	if (rig->session)
		SSL_set_session(rig->ssl, rig->session);
}

static inline void client_note_cert(struct rig *rig)
{
	X509 *x509 = SSL_get0_peer_certificate(rig->ssl);

	if (!x509)
		return;
	X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, rig->name,
				  sizeof(rig->name));
	rig->key_type = EVP_PKEY_get_base_id(X509_get0_pubkey(x509));
}

static inline bool client_handshake(struct rig *rig)
{
	client_tls(rig);
	ERR_clear_error();
	if (SSL_connect(rig->ssl) != 1) {
		rig->reason = ERR_GET_REASON(ERR_peek_error());
		return false;
	}
	client_note_cert(rig);
	return true;
}

static inline ssize_t client_read(struct rig *rig, void *data, size_t len)
{
	if (!rig->ssl)
		return read(rig->pair[1], data, len);
	return SSL_read(rig->ssl, data, (int)len);
}

static inline bool client_read_all(struct rig *rig, char *data, size_t len)
{
	while (len) {
		ssize_t n = client_read(rig, data, len);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static inline bool client_write_all(struct rig *rig, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n =
			rig->ssl ? SSL_write(rig->ssl, at, (int)len) : write(rig->pair[1], at, len);

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static inline void *client_main(void *arg)
{
	struct rig *rig = arg;

	if (rig->version && !client_handshake(rig))
		rig->failed = __LINE__;
	else
		rig->client(rig);
	SSL_free(rig->ssl);
	SSL_CTX_free(rig->ctx);
	rig->ssl = NULL;
	rig->ctx = NULL;
	close(rig->pair[1]);
	return NULL;
}

/* ---- the server's side ---- */

static inline void rig_close(struct rig *rig)
{
	conn_close(TAKE_PTR(rig->conn));
	io_stop(rig->io);
}

static inline void rig_open(struct rig *rig)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, rig->pair), 0);
	assert_int_equal(fcntl(rig->pair[0], F_SETFL, O_NONBLOCK), 0);
	rig->conn = conn_new(rig->io, rig->pair[0]);
	assert_non_null(rig->conn);
}

static inline void rig_start_client(struct rig *rig, client_fn client)
{
	rig->client = client;
	assert_int_equal(pthread_create(&rig->thread, NULL, client_main, rig), 0);
}

/* Runs until the connection is closed and the client is done. */
static inline void rig_finish(struct rig *rig)
{
	io_run(rig->io);
	assert_null(rig->conn);
	pthread_join(rig->thread, NULL);
}

static inline int rig_setup(void **state)
{
	struct rig *rig = mem_new(sizeof(*rig));

	signal(SIGPIPE, SIG_IGN);
	rig->io = io_new();
	assert_non_null(rig->io);
	*state = rig;
	return 0;
}

static inline int rig_teardown(void **state)
{
	struct rig *rig = *state;

	conn_close(rig->conn);
	io_free(rig->io);
	tls_server_unref(rig->server);
	SSL_SESSION_free(rig->session);
	free(rig);
	return 0;
}
