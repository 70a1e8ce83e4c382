/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's context for connections that naru makes. conn_tls.c drives them. Invariant: without
 * `insecure` a connection is only good when the peer's chain ends at an authority and its
 * certificate has the name, or the address, that was asked for.
 */
#include "http/tls_client.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/addr.h"
#include "base/mem.h"
#include "http/tls_cert.h"
#include "http/tls_ssl.h"

#define PROTOCOL_MAX 32
#define PEM_MAX	     1048576

struct tls_client {
	int refs;
	SSL_CTX *ctx;
	bool insecure;
};

/* Every certificate of the text. Returns what is wrong, or NULL. */
static const char *trust(SSL_CTX *ctx, const char *text)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	size_t len = strlen(text);
	BIO *bio = len <= PEM_MAX ? BIO_new_mem_buf(text, (int)len) : NULL;
	unsigned n = 0;
	bool ended;
	X509 *x509;

	if (!bio)
		return "longer than 1 MB";
	while ((x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		/* Twice the same is no mistake. */
		n += X509_STORE_add_cert(store, x509) == 1;
		X509_free(x509);
	}
	ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	BIO_free(bio);
	if (!ended)
		return "a certificate in it cannot be read";
	return n ? NULL : "no certificate in it";
}

static bool offer(SSL_CTX *ctx, const char *protocol)
{
	size_t len = strlen(protocol);
	/* On the wire a name stands behind its length. */
	_cleanup_(mem_freep) char *list = mem_printf("%c%s", (int)len, protocol);

	return len <= PROTOCOL_MAX &&
	       !SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)list, (unsigned)len + 1);
}

static const char *set_up(SSL_CTX *ctx, const struct tls_client_config *config)
{
	const struct tls_cert *cert = config->cert;

	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(ctx, config->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    (config->protocol && !offer(ctx, config->protocol)))
		return "OpenSSL refuses its settings";
	if (cert && SSL_CTX_use_cert_and_key(ctx, cert->leaf, cert->key, cert->chain, 1) != 1)
		return "OpenSSL refuses the client's certificate";
	if (config->authorities)
		return trust(ctx, config->authorities);
	return SSL_CTX_set_default_verify_paths(ctx) == 1 ? NULL : "the system has no authorities";
}

int tls_client_new(const struct tls_client_config *config, struct tls_client **ret_client,
		   const char **ret_reason)
{
	struct tls_client *client = mem_new(sizeof(*client));

	client->refs = 1;
	client->insecure = config->insecure;
	client->ctx = SSL_CTX_new(TLS_client_method());
	*ret_reason = client->ctx ? set_up(client->ctx, config) : "OpenSSL gives no context";
	ERR_clear_error();
	if (*ret_reason) {
		tls_client_unref(client);
		return -EINVAL;
	}
	*ret_client = client;
	return 0;
}

struct tls_client *tls_client_ref(struct tls_client *client)
{
	client->refs++;
	return client;
}

static void free_client(struct tls_client *client)
{
	SSL_CTX_free(client->ctx);
	free(client);
}

void tls_client_unref(struct tls_client *client)
{
	if (client && !--client->refs)
		free_client(client);
}

/* ---- connections ---------------------------------------------------------------------------- */

/* RFC 6066 has no place for addresses in the name that the client tells. */
static bool expect(SSL *ssl, const char *name)
{
	struct addr addr;

	if (!addr_parse(name, &addr))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

SSL *tls_client_ssl(struct tls_client *client, const char *name)
{
	SSL *ssl = SSL_new(client->ctx);

	if (!ssl)
		return NULL;
	SSL_set_connect_state(ssl);
	if (*name && !expect(ssl, name)) {
		ERR_clear_error();
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}
