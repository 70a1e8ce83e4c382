// SPDX-License-Identifier: Apache-2.0
/*
 * The server's context of OpenSSL: one per set of names and thread, whatever the number of names,
 * since contexts are large (22 KB). Certificates are put on the connection when the client has
 * said whom it wants; all types of a name together, and OpenSSL takes the one that the client can
 * verify. conn_tls.c drives the connections.
 */
#include "http/tls.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/mem.h"
#include "http/tls_cert.h"
#include "http/tls_ssl.h"

/* Mozilla's "intermediate" of 2024, without DHE; TLS 1.3 has OpenSSL's own list. */
#define CIPHERS                                                                                    \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                               \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                               \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define GROUPS "X25519:P-256:P-384"

/* RFC 6066: a name of the DNS. */
#define HOSTNAME_MAX 253

struct name {
	char *hostname;
	size_t order; /* as the caller gave them */
	struct tls_cert **certs;
	size_t n_certs;
};

struct tls_server {
	int refs;
	SSL_CTX *ctx;
	struct name *names; /* sorted by hostname; of equal ones the caller's first counts */
	size_t n;
	const struct name *nameless; /* for clients that name no host */
};

/* ---- names ---------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int r = strcmp(x->hostname, y->hostname);

	return r ? r : (x->order > y->order) - (x->order < y->order);
}

static const struct name *find(const struct tls_server *server, const char *hostname)
{
	size_t low = 0, high = server->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(server->names[middle].hostname, hostname) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == server->n || strcmp(server->names[low].hostname, hostname) != 0)
		return NULL;
	return &server->names[low];
}

/* "*.b.c" stands for one or more labels before ".b.c". */
static const struct name *look_up(const struct tls_server *server, const char *hostname)
{
	const struct name *name = find(server, hostname);
	char wildcard[HOSTNAME_MAX + 2] = "*";

	for (const char *dot = strchr(hostname, '.'); !name && dot; dot = strchr(dot + 1, '.')) {
		memcpy(wildcard + 1, dot, strlen(dot) + 1);
		name = find(server, wildcard);
	}
	return name ? name : find(server, "");
}

/* In lower case; false when it is no host name. */
static bool normalise(const char *text, char ret_hostname[static HOSTNAME_MAX + 1])
{
	size_t len = strlen(text);
	char last = '.';

	if (!len || len > HOSTNAME_MAX)
		return false;
	for (size_t i = 0; i <= len; i++) {
		char c = text[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((!c || c == '.') && last == '.')
			return false;
		if (c && !strchr("abcdefghijklmnopqrstuvwxyz0123456789-._", c))
			return false;
		ret_hostname[i] = last = c;
	}
	return true;
}

/* ---- OpenSSL's questions -------------------------------------------------------------------- */

static bool use_certs(SSL *ssl, const struct name *name)
{
	SSL_certs_clear(ssl);
	for (size_t i = 0; i < name->n_certs; i++) {
		const struct tls_cert *cert = name->certs[i];

		if (SSL_use_cert_and_key(ssl, cert->leaf, cert->key, cert->chain, 1) != 1)
			return false;
	}
	return true;
}

/* Comes for every client, also without a name, and again after a second hello. */
static int on_server_name(SSL *ssl, int *ret_alert, void *arg)
{
	const struct tls_server *server = arg;
	const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct name *name = asked ? NULL : server->nameless;
	char hostname[HOSTNAME_MAX + 1] = "";

	if (asked && normalise(asked, hostname))
		name = look_up(server, hostname);
	if (!name) {
		*ret_alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	if (!use_certs(ssl, name)) {
		*ret_alert = SSL_AD_INTERNAL_ERROR;
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	free(SSL_get_app_data(ssl));
	SSL_set_app_data(ssl, mem_strdup(hostname));
	return asked ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* The names of protocols stand behind their lengths (RFC 7301). */
static int on_alpn(SSL *ssl, const unsigned char **ret_protocol, unsigned char *ret_len,
		   const unsigned char *offered, unsigned len, void *arg)
{
	static const char protocol[] = "http/1.1";

	(void)ssl;
	(void)arg;
	for (unsigned at = 0; at < len && offered[at] < len - at; at += 1 + offered[at])
		if (offered[at] == sizeof(protocol) - 1 &&
		    !memcmp(offered + at + 1, protocol, sizeof(protocol) - 1)) {
			*ret_protocol = offered + at + 1;
			*ret_len = offered[at];
			return SSL_TLSEXT_ERR_OK;
		}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- servers -------------------------------------------------------------------------------- */

static SSL_CTX *make_context(struct tls_server *server)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx)
		return NULL;
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, CIPHERS) != 1 ||
	    SSL_CTX_set1_groups_list(ctx, GROUPS) != 1) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* Sessions are resumed by tickets alone, which cost no memory here. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ctx, server);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	return ctx;
}

static void take_name(struct name *name, const struct tls_name *from, size_t order)
{
	name->hostname = mem_strdup(from->hostname);
	name->order = order;
	name->certs = mem_array(from->n_certs, sizeof(struct tls_cert *));
	name->n_certs = from->n_certs;
	for (size_t i = 0; i < from->n_certs; i++)
		name->certs[i] = tls_cert_ref(from->certs[i]);
}

int tls_server_new(const struct tls_name *names, size_t n, struct tls_server **ret_server)
{
	struct tls_server *server = mem_new(sizeof(*server));

	server->refs = 1;
	server->names = mem_array(n, sizeof(struct name));
	server->n = n;
	for (size_t i = 0; i < n; i++)
		take_name(&server->names[i], &names[i], i);
	if (n)
		qsort(server->names, n, sizeof(*server->names), compare_names);
	server->nameless = n ? find(server, names[0].hostname) : NULL;
	server->ctx = make_context(server);
	if (!server->ctx) {
		ERR_clear_error();
		tls_server_unref(server);
		return -ENOMEM;
	}
	*ret_server = server;
	return 0;
}

struct tls_server *tls_server_ref(struct tls_server *server)
{
	server->refs++;
	return server;
}

static void free_server(struct tls_server *server)
{
	for (size_t i = 0; i < server->n; i++) {
		struct name *name = &server->names[i];

		for (size_t j = 0; j < name->n_certs; j++)
			tls_cert_unref(name->certs[j]);
		free(name->certs);
		free(name->hostname);
	}
	free(server->names);
	SSL_CTX_free(server->ctx);
	free(server);
}

void tls_server_unref(struct tls_server *server)
{
	if (server && !--server->refs)
		free_server(server);
}

/* ---- connections ---------------------------------------------------------------------------- */

SSL *tls_ssl_new(struct tls_server *server)
{
	SSL *ssl = SSL_new(server->ctx);

	if (ssl)
		SSL_set_accept_state(ssl);
	return ssl;
}

void tls_ssl_free(SSL *ssl)
{
	if (!ssl)
		return;
	free(SSL_get_app_data(ssl));
	SSL_free(ssl);
}

const char *tls_ssl_name(const SSL *ssl)
{
	const char *name = SSL_get_app_data(ssl);

	return name ? name : "";
}

/* ---- fingerprints --------------------------------------------------------------------------- */

/* Fails for want of memory only, which ends the process elsewhere too. */
void tls_fingerprint(const char *chain, const struct secret_bytes *key,
		     uint8_t ret_fingerprint[static 32])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	/* The NUL is the zero byte between the two. */
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		  EVP_DigestUpdate(ctx, chain, strlen(chain) + 1) == 1 &&
		  EVP_DigestUpdate(ctx, key->data, key->len) == 1 &&
		  EVP_DigestFinal_ex(ctx, ret_fingerprint, NULL) == 1;

	assert(ok);
	(void)ok;
	EVP_MD_CTX_free(ctx);
}
