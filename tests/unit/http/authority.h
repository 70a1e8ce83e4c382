/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of an authority, made when a test needs them. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/mem.h"

struct authority {
	EVP_PKEY *key;
	X509 *x509;
	char *pem;
};

struct issued {
	char *cert, *key; /* in PEM */
};

static inline char *authority_text(BIO *bio)
{
	char *data, *text;
	long len = BIO_get_mem_data(bio, &data);

	text = mem_array((size_t)len + 1, 1);
	memcpy(text, data, (size_t)len);
	BIO_free(bio);
	return text;
}

static inline char *authority_pem(X509 *x509)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_X509(bio, x509), 1);
	return authority_text(bio);
}

static inline void authority_extend(X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(x509, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* names: "DNS:a,IP:127.0.0.1"; NULL: of an authority, which signs itself. */
static inline X509 *authority_sign(const struct authority *by, EVP_PKEY *key, const char *common,
				   const char *names)
{
	static long serial;
	X509 *x509 = X509_new();
	X509_NAME *subject = X509_get_subject_name(x509);

	X509_set_version(x509, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)common, -1,
				   -1, 0);
	X509_set_issuer_name(x509, by->x509 ? X509_get_subject_name(by->x509) : subject);
	X509_set_pubkey(x509, key);
	authority_extend(x509, NID_basic_constraints, names ? "CA:FALSE" : "critical,CA:TRUE");
	if (names)
		authority_extend(x509, NID_subject_alt_name, names);
	assert_true(X509_sign(x509, by->key, EVP_sha256()) > 0);
	return x509;
}

static inline struct authority authority_make(const char *common)
{
	struct authority authority = { .key = EVP_EC_gen("P-256") };

	assert_non_null(authority.key);
	authority.x509 = authority_sign(&authority, authority.key, common, NULL);
	authority.pem = authority_pem(authority.x509);
	return authority;
}

static inline struct issued authority_issue(const struct authority *by, const char *common,
					    const char *names)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x509 = authority_sign(by, key, common, names);
	BIO *bio = BIO_new(BIO_s_mem());
	struct issued issued = { .cert = authority_pem(x509) };

	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	issued.key = authority_text(bio);
	X509_free(x509);
	EVP_PKEY_free(key);
	return issued;
}

static inline void authority_forget(struct issued *issued)
{
	free(issued->cert);
	free(issued->key);
}

static inline void authority_fini(struct authority *authority)
{
	EVP_PKEY_free(authority->key);
	X509_free(authority->x509);
	free(authority->pem);
}
