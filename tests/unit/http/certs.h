/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and self-signed certificates, made when a test needs them. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "http/tls.h"

struct pem {
	char *chain;
	struct secret_bytes key; /* ordinary memory */
};

static inline char *bio_text(BIO *bio)
{
	char *data, *text;
	long len = BIO_get_mem_data(bio, &data);

	text = mem_array((size_t)len + 1, 1);
	memcpy(text, data, (size_t)len);
	BIO_free(bio);
	return text;
}

static inline char *cert_text(EVP_PKEY *key, const char *name)
{
	X509 *x509 = X509_new();
	X509_NAME *subject = X509_get_subject_name(x509);
	BIO *bio = BIO_new(BIO_s_mem());

	X509_set_version(x509, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
	X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
				   0);
	X509_set_issuer_name(x509, subject);
	X509_set_pubkey(x509, key);
	assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(bio, x509), 1);
	X509_free(x509);
	return bio_text(bio);
}

static inline char *key_text(EVP_PKEY *key, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key,
						       passphrase ? EVP_aes_128_cbc() : NULL, NULL,
						       0, NULL, (void *)passphrase),
			 1);
	return bio_text(bio);
}

static inline void pem_set_key(struct pem *pem, char *text)
{
	free(pem->key.data);
	pem->key.data = text;
	pem->key.len = strlen(text);
}

/* rsa_bits 0: an elliptic curve. passphrase NULL: not encrypted. */
static inline struct pem pem_make(unsigned rsa_bits, const char *name, const char *passphrase)
{
	EVP_PKEY *key = rsa_bits ? EVP_RSA_gen(rsa_bits) : EVP_EC_gen("P-256");
	struct pem pem = { 0 };

	assert_non_null(key);
	pem.chain = cert_text(key, name);
	pem_set_key(&pem, key_text(key, passphrase));
	EVP_PKEY_free(key);
	return pem;
}

static inline void pem_fini(struct pem *pem)
{
	free(pem->chain);
	free(pem->key.data);
	*pem = (struct pem){ 0 };
}

static inline struct tls_cert *cert_make(unsigned rsa_bits, const char *name)
{
	struct pem pem = pem_make(rsa_bits, name, NULL);
	struct tls_cert *cert = NULL;
	const char *reason;

	assert_int_equal(tls_cert_new(pem.chain, &pem.key, &cert, &reason), 0);
	pem_fini(&pem);
	return cert;
}
