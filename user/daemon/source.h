/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where objects come from, for daemon.c and the views: one interface, one body a kind of source.
 * Which body it is follows from the options.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "model/object.h"

struct apisource;
struct client;
struct json;
struct loop;
struct model;
struct options;
struct source;
struct str;

struct source_config {
	struct loop *loop;
	const struct options *options;
	const char *node_name;
	struct model *model; /* which it fills; outlives the source */
	/* Objects or diagnostics are others than before; not from inside a call. */
	void (*changed)(void *arg);
	/* Status or version of an object is another; only to be noted. NULL: nobody asks. */
	void (*seen)(void *arg, enum object_kind kind, const char *namespace, const char *name);
	void *arg;
};

/* Is what the options name of the right kind? Reads no object. Logs the reason if it is not. */
int source_check(const struct options *options);

/* Calls fn with folders, and with names of files in folders, that may be read while a source is
 * open. */
void source_reads(const struct options *options, void (*fn)(void *arg, const char *path),
		  void *arg);

/* Logs why it fails. What can be read at once is in the model when it returns. */
int source_open(const struct source_config *config, struct source **ret_source);
/* NULL is legal. */
void source_close(struct source *source);

/* Until then the model has nothing that may be served: what an earlier narud left stays. */
bool source_is_ready(const struct source *source);
/* Does another narud keep the file of what the source had last? */
void source_hold_file(const struct source *source, bool held);
/* Is that what the source says now, rather than what a file remembers of it? */
bool source_is_synced(const struct source *source);
/* An API server: what statuses and the like are written to. Borrowed. */
struct source_server {
	struct client *client;
	const struct apisource *objects;
	const char *namespace; /* narud's own there, "": none is known */
};
/* False: the source is nothing to write to. */
bool source_server(const struct source *source, struct source_server *ret_server);
/* How old what the model has may be. */
uint64_t source_age_ms(const struct source *source);
/* Borrowed until the loop runs again. */
const struct diag_list *source_diags(const struct source *source);
/* Objects of kinds that naru does not read. */
size_t source_skipped(const struct source *source);
/* Adds what the source is to an object of the status. */
void source_write(const struct source *source, struct json *json);
/* Adds what it can be measured by. */
void source_write_metrics(const struct source *source, struct str *out);

/* May its objects lead clients to the node's own loopback addresses? */
bool source_may_use_loopback(const struct options *options);
