/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes statuses: of each object the newest want, merged with what the object has, by a patch of
 * its status that names the version that was merged with. An object that is right is not written;
 * one at a time is written of each, a few at once of all. Who may write is asked each time.
 */
#pragma once
#include "base/diag.h"
#include "kube/backoff.h"
#include "kube/store.h"
#include "status/wants.h"

struct client;
struct writer;

/* A write that was done. */
struct writer_change {
	const struct want *want;
	const char *api_version; /* "gateway.networking.k8s.io/v1" */
	const char *uid;
	struct json_object *before, *after; /* statuses; before may be NULL */
};

struct writer_config {
	struct client *client;
	const struct timing *timing;
	const char *controller; /* whose entries among a route's parents are ours */
	unsigned qps, burst;
	/* The version of the kind that is read, NULL: the cluster does not have it. */
	const char *(*version)(void *arg, enum object_kind kind);
	/* The object as it was seen last; false: it is not there. */
	bool (*find)(void *arg, const struct want *want, struct store_status *ret_status);
	bool (*may_write)(void *arg);
	void (*written)(void *arg, const struct writer_change *change);
	/* writer_due_ms(), the counts or the report are others. */
	void (*changed)(void *arg);
	void *arg;
};

struct writer *writer_new(const struct writer_config *config);
/* What is under way is given up. NULL is legal; not from inside callbacks. */
void writer_free(struct writer *writer);

/* All that is wanted from here on; takes what is in wants and leaves it empty. */
void writer_set(struct writer *writer, struct wants *wants);
/* The object may be another than it was; find() is not called from here. */
void writer_see(struct writer *writer, enum object_kind kind, const char *namespace,
		const char *name);

/* When writer_run() wants to be called, UINT64_MAX: never, unless may_write() says otherwise. */
uint64_t writer_due_ms(const struct writer *writer);
void writer_run(struct writer *writer);

struct writer_counts {
	uint64_t written, failed, conflicts;
	size_t left_out; /* parents of routes for which a status has no room, now */
	size_t pending;	 /* objects that were not looked at since something changed, or wait */
};
void writer_counts(const struct writer *writer, struct writer_counts *ret_counts);
/* Adds what keeps statuses from being written. */
void writer_report(const struct writer *writer, struct diag_list *diags);
