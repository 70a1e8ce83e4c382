/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The read-only window: HTTP/1.1 GET over a Unix socket (for naructl) and, if asked for, over TCP
 * (for probes and Prometheus). Modules do not know it; narud.c registers what each path shows.
 * Requests are served one after the other from the loop, each with a deadline and a size cap, and
 * the connection is closed after the answer.
 */
#pragma once
#include <stddef.h>

#include "admin/server.h"
#include "base/loop.h"
#include "base/str.h"

struct admin;

/* Writes the body. Returns the HTTP status (200, 503…). */
typedef int (*admin_fn)(void *arg, struct str *ret_body);

struct admin_route {
	const char *path; /* "/v1/status" */
	const char *content_type;
	admin_fn fn;
};

/*
 * An answer that is made piece by piece (server.h). open() returns the HTTP status; other than 200,
 * there is no state and *ret_text is the answer.
 */
struct admin_source {
	const char *path;
	struct server_source source;
	int (*open)(void *arg, const char *query, struct server_stream *stream, void **ret_state,
		    struct str *ret_text);
};

/* Routes are borrowed, the last one has a NULL path. socket_path is made with mode 0600, replacing
 * a dead one; -EADDRINUSE when somebody answers there. listen is "ADDR:PORT", "[ADDR]:PORT" or
 * NULL. */
int admin_open(struct loop *loop, const char *socket_path, const char *listen,
	       const struct admin_route *routes, void *arg, struct admin **ret_admin);
void admin_close(struct admin *admin);

/* Borrowed, the last one has a NULL path; they get the same arg as routes. */
void admin_set_sources(struct admin *admin, const struct admin_source *sources);
