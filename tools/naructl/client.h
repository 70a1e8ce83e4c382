/* SPDX-License-Identifier: Apache-2.0 */
/* One question to narud over its Unix socket. */
#pragma once
#include <stdbool.h>

#include "base/str.h"

/* The body of the answer to GET path. -errno when nobody answers, -EPROTO when narud refuses; the
 * reason has been printed. */
int client_get(const char *socket_path, const char *path, struct str *ret_body);

/* The same without a word; false: no answer, or not that one. */
bool client_try(const char *socket_path, const char *path, struct str *ret_body);

/* One line of an answer, without its end. False: enough. */
typedef bool (*client_line_fn)(void *arg, const char *line);
/* The same for an answer of any length, line by line as it comes. Without `patient`, narud has to
 * say something every now and then, and to come to an end; with it, to begin. */
int client_lines(const char *socket_path, const char *path, bool patient, client_line_fn fn,
		 void *arg);

/* Adds "name=value" to a path's query. */
void client_add_query(struct str *path, const char *name, const char *value);

/* Is narud at that socket a process of this PID namespace? Without a word. */
bool client_sees(const char *socket_path);

/* Removes a socket file that nobody listens at. */
void client_remove_dead(const char *socket_path);

/* "naructl: …" on standard error. */
void client_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
