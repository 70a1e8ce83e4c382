/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS by OpenSSL: certificates, and contexts that choose among them by the name a client asks for.
 * conn.c drives the connections. A tls_cert is immutable and shared by threads; a tls_server
 * belongs to one thread, and connections hold on to it while they live.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"

struct tls_cert;
struct tls_server;

/* Certificate chain and key in PEM. -EINVAL: *ret_reason (static) says what is wrong with them. */
int tls_cert_new(const char *chain, const struct secret_bytes *key, struct tls_cert **ret_cert,
		 const char **ret_reason);
struct tls_cert *tls_cert_ref(struct tls_cert *cert);
void tls_cert_unref(struct tls_cert *cert);

/* SHA-256 over chain, a zero byte and key. */
void tls_fingerprint(const char *chain, const struct secret_bytes *key,
		     uint8_t ret_fingerprint[static 32]);

/* One host name of a listener and its certificates: RSA and ECDSA ones side by side. */
struct tls_name {
	const char *hostname; /* "a.example.com", "*.example.com", "": any */
	struct tls_cert *const *certs;
	size_t n_certs;
};

/*
 * Chooses by SNI: the most specific name; a client that names no host gets the first name's. No
 * name fits: the handshake fails with unrecognized_name. TLS 1.2 and 1.3; ALPN http/1.1. -ENOMEM.
 */
int tls_server_new(const struct tls_name *names, size_t n, struct tls_server **ret_server);
struct tls_server *tls_server_ref(struct tls_server *server);
void tls_server_unref(struct tls_server *server);
