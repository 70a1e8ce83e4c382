/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API server as a source of objects: the lists of resources.h, each kept up to date, and the
 * last known objects from a file while no server answers. The model is left alone until every kind
 * that the cluster has was read once, and then filled at once.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "kube/reflector.h"
#include "kube/resources.h"
#include "model/model.h"

struct apisource;
struct client;
struct crds;
struct loop;

struct apisource_config {
	struct loop *loop; /* NULL: apisource_tick() is called by hand */
	struct client *client;
	struct model *model; /* outlives the source */
	const char *node_name;
	const char *controller;	     /* whose Gateways' Secrets are read */
	const char *state_file;	     /* of last-known objects, or NULL */
	const struct timing *timing; /* NULL: the clock */
	/* The first requests wait up to so long, by chance, if there is no such file. */
	uint64_t spread_ms;
	/* Model or diagnostics are others than before: once for many changes. Also while there is
	 * nothing to serve yet, see apisource_is_ready(). */
	void (*changed)(void *arg);
	/* Status or version of an object whose status naru writes is another, or it is gone; NULL:
	 * nobody asks for them. Only to be noted: not for looking at the source. */
	void (*seen)(void *arg, enum object_kind kind, const char *namespace, const char *name);
	void *arg;
};

struct apisource *apisource_open(const struct apisource_config *config);
/* NULL is legal; not from inside changed(). */
void apisource_close(struct apisource *source);

/* Does what is due. */
void apisource_tick(struct apisource *source);
/* UINT64_MAX: never. */
uint64_t apisource_due_ms(const struct apisource *source);

/* Is the state file somebody else's to write now? */
void apisource_hold_file(struct apisource *source, bool held);

/* The model has the objects of the server, or the last known ones. */
bool apisource_is_ready(const struct apisource *source);

/* Borrowed until the next tick. */
const struct diag_list *apisource_diags(const struct apisource *source);

struct store;
/* The objects of a kind, NULL: it is not read, or not by a list of its own. */
struct store *apisource_store(const struct apisource *source, enum object_kind kind);

struct apisource_kind {
	const char *name;    /* "HTTPRoute"; NULL: not one of those that are listed */
	const char *version; /* that is read, NULL: the cluster does not have this kind */
	bool synced;
	uint64_t watch_age_ms; /* of the watch that is open, UINT64_MAX: none is */
	uint64_t heard_age_ms; /* since the server said something of it, UINT64_MAX: never */
	uint64_t rereads[REFLECTOR_REASON_MAX];
};

struct apisource_status {
	bool synced;		 /* each kind was read once */
	bool stale;		 /* the model has what was in the file */
	uint64_t age_ms;	 /* how old what the model has may be */
	uint64_t file_failures;	 /* how often the state file could not be written */
	const struct crds *crds; /* the definitions; a change is one of which changed() tells */
	struct apisource_kind kinds[RESOURCES_N];
};

void apisource_status(const struct apisource *source, struct apisource_status *ret_status);
