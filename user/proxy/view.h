/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table as one worker uses it: with TLS contexts of the worker's own, and counted without atomics
 * by whoever of the worker goes on with it after the next one came.
 */
#pragma once
#include "http/tls.h"
#include "proxy/table.h"

/* A table among all workers: the main thread frees it when none uses it any more. */
struct table_use {
	struct table *table;
	uint64_t serial; /* grows with each table, unlike a generation */
	_Atomic unsigned workers;
	struct table_use *next;
};

struct view_server;

struct view {
	struct table_use *use;
	const struct table *table;
	unsigned users;
	struct view_server *servers; /* by the plan's binds */
};

/* With one user, the caller. Contexts of the previous view whose names and certificates are the
 * same are used on; previous may be NULL. */
struct view *view_new(struct table_use *use, const struct view *previous);
struct view *view_ref(struct view *view);
/* True: the last worker has let go of the table. NULL is legal. */
bool view_unref(struct view *view);

/* NULL: not a bind for TLS, or none of its certificates is there. */
struct tls_server *view_tls(const struct view *view, const struct bind *bind);

/* May a connection without a request stay open: is that endpoint of that cluster in the table, and
 * does its breaker allow as many connections as there are? */
bool view_keeps(const struct view *view, const struct cluster *cluster,
		const struct endpoint *endpoint);
