/* SPDX-License-Identifier: Apache-2.0 */
/* What conn_tls.c needs of tls.c: the state of one connection in OpenSSL's terms. */
#pragma once
#include <openssl/ssl.h>

#include "http/tls.h"
#include "http/tls_client.h"

/* The server's side, without a BIO. NULL: no memory. The server outlives it. */
SSL *tls_ssl_new(struct tls_server *server);
/* The client's side towards this host name or address, "" for one that is not checked. NULL: no
 * memory, or a name that no certificate can have. */
SSL *tls_client_ssl(struct tls_client *client, const char *name);
void tls_ssl_free(SSL *ssl);
/* The host name the client asked for, lower case; "" until it is known, and if there is none. */
const char *tls_ssl_name(const SSL *ssl);
