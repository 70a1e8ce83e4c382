/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of the writer share: writer.c has the entries, writer_entry.c what is done
 * with each of them. */
#pragma once
#include <sys/queue.h>

#include "status/bucket.h"
#include "status/rest.h"
#include "status/writer.h"

enum writer_state {
	WRITER_REST,
	WRITER_QUEUED,
	WRITER_DELAYED,
	WRITER_RUNNING,
};

struct writer_entry {
	struct want want; /* first, for look-ups */
	struct writer *writer;
	enum writer_state state;
	uint64_t due_ms; /* delayed */
	bool again;	 /* something changed while it was running */
	bool kept;	 /* by the wants that are being set */
	char *given_up;	 /* this version is left as it is, NULL: none is */
	char *stale;	 /* this version met a conflict */
	char *problem;	 /* why it was given up, NULL: for no reason to tell */

	size_t left_out; /* parents for which the status has no room */

	/* The server's answer to our last write, as long as it is newer than what was seen. */
	char *own_version;
	struct json_object *own_status;

	/* Of the request. */
	struct rest *rest;
	char *version, *uid;
	struct json_object *before, *after; /* after NULL: it only asks */
	TAILQ_ENTRY(writer_entry) link;
};

TAILQ_HEAD(writer_list, writer_entry);

struct writer {
	struct writer_config config;
	void *root; /* tsearch() tree of entries */
	struct writer_list queued, delayed, running;
	size_t n_queued, n_delayed, n_running, n_problems, n_left_out;
	struct bucket bucket;
	struct backoff backoff;
	uint64_t paused_ms; /* nothing is sent before */
	struct {
		uint64_t until_ms; /* a right is missing */
		char *text;
	} held[OBJECT_KIND_MAX];
	struct writer_counts counts;
};

/* By what the want is of. */
int writer_entry_compare(const void *left, const void *right);

/* At rest; takes the want. */
struct writer_entry *writer_entry_new(struct writer *writer, struct want *want);
/* Gives up what is under way. */
void writer_entry_free(void *entry);
/* Takes the want, which is of the same object. */
void writer_entry_set(struct writer_entry *entry, struct want *want);
/* It is to be looked at. */
void writer_entry_queue(struct writer_entry *entry);
/* Looks at it. Returns false when it may not go on before time has passed. */
bool writer_entry_step(struct writer_entry *entry);
