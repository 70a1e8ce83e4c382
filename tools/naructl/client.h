/* SPDX-License-Identifier: Apache-2.0 */
/* One question to narud over its Unix socket. */
#pragma once
#include "base/str.h"

/* The body of the answer to GET path. -errno when nobody answers, -EPROTO when narud refuses; the
 * reason has been printed. */
int client_get(const char *socket_path, const char *path, struct str *ret_body);

/* Removes a socket file that nobody listens at. */
void client_remove_dead(const char *socket_path);

/* "naructl: …" on standard error. */
void client_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
