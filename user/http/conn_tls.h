/* SPDX-License-Identifier: Apache-2.0 */
/* TLS as a layer of a connection; for conn.c. */
#pragma once
#include "http/conn_layer.h"
#include "http/tls_client.h"

/* Makes the connection one of TLS; ends in conn_done(). */
void conn_tls_start(struct conn *conn, struct tls_server *server);
void conn_tls_connect(struct conn *conn, struct tls_client *client, const char *name);
const char *conn_tls_alpn(const struct conn *conn, size_t *ret_len);
const char *conn_tls_reason(const struct conn *conn);
const char *conn_tls_name(const struct conn *conn);
const char *conn_tls_protocol(const struct conn *conn);
