// SPDX-License-Identifier: Apache-2.0
/*
 * A certificate chain and its key, from PEM. Decoders of Secrets call it to judge, the proxy to
 * serve. Invariant: what comes out of here every context takes (tls.c), with the security level
 * that OpenSSL is set to; so a broken pair is found where its object can be named.
 */
#include "http/tls_cert.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>

#include "base/mem.h"

/* A chain of more is somebody's mistake, or mischief: each handshake carries it. */
#define CHAIN_MAX 10
#define PEM_MAX	  65536

static void free_bio(BIO **bio)
{
	BIO_free(*bio);
}

static void free_context(SSL_CTX **ctx)
{
	SSL_CTX_free(*ctx);
}

static void unref_cert(struct tls_cert **cert)
{
	tls_cert_unref(*cert);
}

/* OpenSSL asks for a passphrase on the terminal unless it is told who has it: nobody. */
static int refuse_passphrase(char *buf, int size, int writing, void *arg)
{
	bool *asked = arg;

	(void)buf;
	(void)size;
	(void)writing;
	*asked = true;
	return -1;
}

/* Returns NULL at the end of the text; *ret_reason is set when that is not all there is to it. */
static X509 *read_one(BIO *bio, const char **ret_reason)
{
	bool asked = false;
	X509 *x509 = PEM_read_bio_X509(bio, NULL, refuse_passphrase, &asked);
	unsigned long error = ERR_peek_last_error();

	if (!x509 && (asked || ERR_GET_LIB(error) != ERR_LIB_PEM ||
		      ERR_GET_REASON(error) != PEM_R_NO_START_LINE))
		*ret_reason = "tls.crt: a certificate in it cannot be read";
	ERR_clear_error();
	return x509;
}

/* Returns what is wrong, or NULL. */
static const char *read_chain(struct tls_cert *cert, const char *text)
{
	size_t len = strlen(text);
	_cleanup_(free_bio) BIO *bio = NULL;
	const char *reason = NULL;
	X509 *x509;

	if (len > PEM_MAX)
		return "tls.crt: longer than 64 KB";
	bio = BIO_new_mem_buf(text, (int)len);
	cert->leaf = read_one(bio, &reason);
	if (!cert->leaf)
		return reason ? reason : "tls.crt: no certificate in it";
	cert->chain = sk_X509_new_null();
	while ((x509 = read_one(bio, &reason))) {
		sk_X509_push(cert->chain, x509);
		if (sk_X509_num(cert->chain) == CHAIN_MAX)
			return "tls.crt: more than 10 certificates";
	}
	return reason;
}

static bool is_usable_type(const EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
	case EVP_PKEY_EC:
	case EVP_PKEY_ED25519:
	case EVP_PKEY_ED448:
		return true;
	default:
		return false;
	}
}

static const char *read_key(struct tls_cert *cert, const struct secret_bytes *key)
{
	_cleanup_(free_bio) BIO *bio = NULL;
	bool asked = false;

	if (!key->len)
		return "tls.key: no private key in it";
	if (key->len > PEM_MAX)
		return "tls.key: longer than 64 KB";
	bio = BIO_new_mem_buf(key->data, (int)key->len);
	cert->key = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, &asked);
	if (asked)
		return "tls.key: is encrypted, which nobody here can decrypt";
	if (!cert->key)
		return "tls.key: no private key in it that can be read";
	if (!is_usable_type(cert->key))
		return "tls.key: neither RSA nor elliptic curve";
	return NULL;
}

/* Refused here: keys and signatures below the security level. */
static const char *try_out(const struct tls_cert *cert)
{
	_cleanup_(free_context) SSL_CTX *ctx = NULL;

	if (X509_check_private_key(cert->leaf, cert->key) != 1)
		return "tls.key: does not belong to the first certificate of tls.crt";
	ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx)
		return "TLS: OpenSSL gives no context";
	if (SSL_CTX_use_cert_and_key(ctx, cert->leaf, cert->key, cert->chain, 1) != 1)
		return "tls.crt: a key is too short or a signature too weak";
	return NULL;
}

int tls_cert_new(const char *chain, const struct secret_bytes *key, struct tls_cert **ret_cert,
		 const char **ret_reason)
{
	_cleanup_(unref_cert) struct tls_cert *cert = mem_new(sizeof(*cert));
	const char *reason;

	cert->refs = 1;
	ERR_clear_error();
	reason = read_chain(cert, chain);
	if (!reason)
		reason = read_key(cert, key);
	if (!reason)
		reason = try_out(cert);
	ERR_clear_error();
	if (reason) {
		*ret_reason = reason;
		return -EINVAL;
	}
	*ret_cert = TAKE_PTR(cert);
	return 0;
}

struct tls_cert *tls_cert_ref(struct tls_cert *cert)
{
	__atomic_add_fetch(&cert->refs, 1, __ATOMIC_RELAXED);
	return cert;
}

static void free_cert(struct tls_cert *cert)
{
	X509_free(cert->leaf);
	sk_X509_pop_free(cert->chain, X509_free);
	EVP_PKEY_free(cert->key);
	free(cert);
}

void tls_cert_unref(struct tls_cert *cert)
{
	if (cert && !__atomic_sub_fetch(&cert->refs, 1, __ATOMIC_ACQ_REL))
		free_cert(cert);
}
