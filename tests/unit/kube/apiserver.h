/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server of HTTP/2 over TLS on a port of the loopback that the kernel chose: a thread that
 * accepts, and one for each connection. The path says what it does. Threads assert nothing; the
 * test looks at what they have counted when it has heard of the end.
 */
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <zlib.h>

#include "../http/authority.h"

#define SERVER_CONNS 32
#define SERVER_BODY  "hello from the server"

struct server {
	int fd;
	uint16_t port;
	pthread_t thread;
	SSL_CTX *ctx;
	const char *protocol;	     /* of ALPN, NULL: none */
	bool mute;		     /* never says a word */
	bool garbage;		     /* inside TLS */
	uint32_t streams;	     /* that a connection may have, 0: as many as it likes */
	_Atomic(const char *) token; /* that is believed, NULL: everybody is */
	atomic_int conns, requests, refused, clients_certs;
	atomic_int fds[SERVER_CONNS]; /* + 1, 0: none */
	pthread_t threads[SERVER_CONNS];
};

/* One connection. */
struct served {
	struct server *server;
	SSL *ssl;
	nghttp2_session *session;
	struct asked {
		char path[128], authorization[128], type[64];
		size_t body, left;
		const char *at;
		char zipped[256];
	} asked[64];
	size_t n;
	bool drop, freeze;
};

/* NOLINTNEXTLINE(readability-function-size): the parameters are nghttp2's. */
static inline ssize_t server_give(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len,
				  uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct asked *asked = source->ptr;
	size_t n = asked->left < len ? asked->left : len;

	(void)session;
	(void)id;
	(void)arg;
	memcpy(buf, asked->at, n);
	asked->at += n;
	asked->left -= n;
	if (!asked->left)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

#define SERVER_NV(n, v)                                                                            \
	(nghttp2_nv)                                                                               \
	{                                                                                          \
		(uint8_t *)(n), (uint8_t *)(v), strlen(n), strlen(v), NGHTTP2_NV_FLAG_NONE         \
	}

/* field may be NULL. */
static inline void server_answer(struct served *served, int32_t id, struct asked *asked,
				 const char *status, const char *field, const char *value)
{
	const nghttp2_nv head[] = { SERVER_NV(":status", status),
				    SERVER_NV(field ? field : "x", field ? value : "y") };
	nghttp2_data_provider body = { .source.ptr = asked, .read_callback = server_give };

	nghttp2_submit_response(served->session, id, head, 2, &body);
}

static inline size_t server_zip(const char *text, char *ret_zipped, size_t room)
{
	z_stream stream = { 0 };

	deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, 0);
	stream.next_in = (Bytef *)text;
	stream.avail_in = (uInt)strlen(text);
	stream.next_out = (Bytef *)ret_zipped;
	stream.avail_out = (uInt)room;
	deflate(&stream, Z_FINISH);
	deflateEnd(&stream);
	return stream.total_out;
}

static inline bool server_knows(const struct served *served, const struct asked *asked)
{
	const char *token = served->server->token;
	char want[160];

	snprintf(want, sizeof(want), "Bearer %s", token ? token : "");
	return !token || !strcmp(asked->authorization, want);
}

static inline void server_act(struct served *served, int32_t id, struct asked *asked)
{
	const char *path = asked->path;
	size_t zipped;

	served->server->requests++;
	asked->at = SERVER_BODY;
	asked->left = strlen(SERVER_BODY);
	if (!server_knows(served, asked)) {
		served->server->refused++;
		server_answer(served, id, asked, "401", NULL, NULL);
	} else if (!strcmp(path, "/hang")) {
		return;
	} else if (!strcmp(path, "/drop")) {
		served->drop = true;
	} else if (!strcmp(path, "/freeze")) {
		served->freeze = true;
	} else if (!strcmp(path, "/busy")) {
		server_answer(served, id, asked, "429", "retry-after", "7");
	} else if (!strcmp(path, "/reset")) {
		nghttp2_submit_rst_stream(served->session, 0, id, NGHTTP2_INTERNAL_ERROR);
	} else if (!strcmp(path, "/refuse")) {
		nghttp2_submit_rst_stream(served->session, 0, id, NGHTTP2_REFUSED_STREAM);
	} else if (!strcmp(path, "/odd")) {
		server_answer(served, id, asked, "200", "content-encoding", "br");
	} else if (!strncmp(path, "/zip", 4)) {
		zipped = server_zip(SERVER_BODY, asked->zipped, sizeof(asked->zipped));
		asked->at = asked->zipped;
		asked->left = !strcmp(path, "/zip/short") ? zipped - 4 : zipped;
		server_answer(served, id, asked, "200", "content-encoding", "gzip");
	} else {
		if (!strcmp(path, "/leave"))
			nghttp2_submit_goaway(served->session, 0, id, NGHTTP2_NO_ERROR, NULL, 0);
		if (asked->body)
			asked->left = (size_t)snprintf(asked->zipped, sizeof(asked->zipped),
						       "%zu %s", asked->body, asked->type);
		if (asked->body)
			asked->at = asked->zipped;
		server_answer(served, id, asked, "200", NULL, NULL);
	}
}

static inline int server_begin(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct served *served = arg;
	struct asked *asked = &served->asked[served->n++ % 64];

	memset(asked, 0, sizeof(*asked));
	return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, asked);
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are nghttp2's. */
static inline int server_header(nghttp2_session *session, const nghttp2_frame *frame,
				const uint8_t *name, size_t name_len, const uint8_t *value,
				size_t len, uint8_t flags, void *arg)
{
	struct asked *asked = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)name_len;
	(void)len;
	(void)flags;
	(void)arg;
	if (!strcmp((const char *)name, ":path"))
		snprintf(asked->path, sizeof(asked->path), "%s", (const char *)value);
	if (!strcmp((const char *)name, "authorization"))
		snprintf(asked->authorization, sizeof(asked->authorization), "%s",
			 (const char *)value);
	if (!strcmp((const char *)name, "content-type"))
		snprintf(asked->type, sizeof(asked->type), "%s", (const char *)value);
	return 0;
}

static inline int server_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct asked *asked = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	if (asked && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		server_act(arg, frame->hd.stream_id, asked);
	return 0;
}

static inline int server_data(nghttp2_session *session, uint8_t flags, int32_t id,
			      const uint8_t *data, size_t len, void *arg)
{
	struct asked *asked = nghttp2_session_get_stream_user_data(session, id);

	(void)flags;
	(void)data;
	(void)arg;
	asked->body += len;
	return 0;
}

static inline ssize_t server_send(nghttp2_session *session, const uint8_t *data, size_t len,
				  int flags, void *arg)
{
	int n = SSL_write(((struct served *)arg)->ssl, data, (int)len);

	(void)session;
	(void)flags;
	return n > 0 ? n : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static inline void server_session(struct served *served)
{
	const nghttp2_settings_entry streams = { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
						 served->server->streams };
	nghttp2_session_callbacks *callbacks;
	uint8_t buf[16384];
	int n;

	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, server_begin);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, server_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, server_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, server_data);
	nghttp2_session_callbacks_set_send_callback(callbacks, server_send);
	nghttp2_session_server_new(&served->session, callbacks, served);
	nghttp2_submit_settings(served->session, 0, &streams, served->server->streams ? 1 : 0);
	while (!nghttp2_session_send(served->session) && !served->drop && !served->freeze &&
	       (n = SSL_read(served->ssl, buf, sizeof(buf))) > 0)
		if (nghttp2_session_mem_recv(served->session, buf, (size_t)n) < 0)
			break;
	nghttp2_session_del(served->session);
	nghttp2_session_callbacks_del(callbacks);
}

struct server_slot {
	struct server *server;
	int i;
};

static inline void *server_serve(void *arg)
{
	struct server_slot *slot = arg;
	struct server *server = slot->server;
	struct served *served = calloc(1, sizeof(*served));
	int fd = server->fds[slot->i] - 1;
	char buf[4096];

	served->server = server;
	served->ssl = SSL_new(server->ctx);
	SSL_set_fd(served->ssl, fd);
	if (!server->mute && SSL_accept(served->ssl) == 1) {
		X509 *x509 = SSL_get0_peer_certificate(served->ssl);

		server->clients_certs += x509 != NULL;
		if (server->garbage)
			SSL_write(served->ssl, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
		else
			server_session(served);
	}
	while ((server->mute || served->freeze) && read(fd, buf, sizeof(buf)) > 0)
		;
	shutdown(fd, SHUT_RDWR);
	SSL_free(served->ssl);
	ERR_clear_error();
	free(served);
	free(slot);
	return NULL;
}

static inline void *server_accept(void *arg)
{
	struct server *server = arg;

	for (;;) {
		int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC), i = server->conns;
		struct server_slot *slot;

		if (fd < 0 || i == SERVER_CONNS) {
			if (fd >= 0)
				close(fd);
			return NULL;
		}
		slot = malloc(sizeof(*slot));
		*slot = (struct server_slot){ server, i };
		server->fds[i] = fd + 1;
		pthread_create(&server->threads[i], NULL, server_serve, slot);
		server->conns++;
	}
}

static inline int server_choose(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
				const unsigned char *offered, unsigned len, void *arg)
{
	struct server *server = arg;

	(void)ssl;
	if (!server->protocol)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_select_next_proto((unsigned char **)ret, ret_len,
				     (const unsigned char *)server->protocol,
				     (unsigned)strlen(server->protocol), offered,
				     len) == OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_NOACK;
}

static inline void server_use(struct server *server, const struct issued *issued)
{
	BIO *cert = BIO_new_mem_buf(issued->cert, -1), *key = BIO_new_mem_buf(issued->key, -1);
	X509 *x509 = PEM_read_bio_X509(cert, NULL, NULL, NULL);
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);

	assert_int_equal(SSL_CTX_use_certificate(server->ctx, x509), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(server->ctx, pkey), 1);
	X509_free(x509);
	EVP_PKEY_free(pkey);
	BIO_free(cert);
	BIO_free(key);
}

/* with: what it is to be. clients: whose certificates are believed, or NULL. */
static inline struct server *server_start(struct server with, const struct issued *issued,
					  const struct authority *clients)
{
	struct server *server = malloc(sizeof(*server));
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);

	signal(SIGPIPE, SIG_IGN);
	memset(server, 0, sizeof(*server));
	server->protocol = with.protocol;
	server->mute = with.mute;
	server->garbage = with.garbage;
	server->streams = with.streams;
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(server->fd, 16), 0);
	assert_int_equal(getsockname(server->fd, (struct sockaddr *)&addr, &len), 0);
	server->port = ntohs(addr.sin_port);
	server->ctx = SSL_CTX_new(TLS_server_method());
	server_use(server, issued);
	SSL_CTX_set_alpn_select_cb(server->ctx, server_choose, server);
	if (clients) {
		X509_STORE_add_cert(SSL_CTX_get_cert_store(server->ctx), clients->x509);
		SSL_CTX_set_verify(server->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
				   NULL);
	}
	assert_int_equal(pthread_create(&server->thread, NULL, server_accept, server), 0);
	return server;
}

/* Cuts all connections. */
static inline void server_cut(struct server *server)
{
	for (int i = 0; i < SERVER_CONNS; i++)
		if (server->fds[i])
			shutdown(server->fds[i] - 1, SHUT_RDWR);
}

static inline void server_stop(struct server *server)
{
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
	server_cut(server);
	for (int i = 0; i < server->conns; i++) {
		pthread_join(server->threads[i], NULL);
		close(server->fds[i] - 1);
	}
	SSL_CTX_free(server->ctx);
	free(server);
}
