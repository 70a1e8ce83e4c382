// SPDX-License-Identifier: Apache-2.0
/*
 * Reflector and store together, for apisource.c and secrets.c. Invariant: a failure that passes
 * within seconds, such as a restart of the API server, is reported to nobody.
 */
#include "kube/lister.h"

#include <string.h>

#include "base/mem.h"

#define GRACE_MS 10000

struct lister {
	const struct lister_ground *ground;
	const struct resource *resource;
	const char *version;
	char *path, *selectors;
	struct store *store;
	struct reflector *reflector;
	char *shown; /* the problem that is one to report, as it was when it had become one */
};

static void start(struct lister *lister)
{
	const struct reflector_config config = {
		.client = lister->ground->client,
		.path = lister->path,
		.selectors = lister->selectors,
		.metadata = lister->resource->metadata,
		.lane = lister->resource->referenced ? CLIENT_SINGLE : CLIENT_WATCH,
		.sink = &store_sink,
		.sink_arg = lister->store,
		.timing = lister->ground->timing,
		.delay_ms = lister->ground->delay_ms,
		.changed = lister->ground->changed,
		.arg = lister->ground->arg,
	};

	lister->reflector = reflector_new(&config);
}

/* Takes path and selectors. */
static struct lister *make(const struct lister_ground *ground, const struct resource *resource,
			   const char *version, char *path, char *selectors)
{
	struct lister *lister = mem_new(sizeof(*lister));

	lister->ground = ground;
	lister->resource = resource;
	lister->version = version;
	lister->path = path;
	lister->selectors = selectors;
	lister->store = store_new(resources_kind(resource, version), path);
	if (ground->seen && resource->status)
		store_keep_statuses(lister->store, resource->status_type, ground->seen,
				    ground->seen_arg);
	start(lister);
	return lister;
}

struct lister *lister_new(const struct lister_ground *ground, const struct resource *resource,
			  const char *version, const char *node_name)
{
	return make(ground, resource, version, resources_path(resource, version),
		    resources_selectors(resource, node_name));
}

struct lister *lister_new_of(const struct lister_ground *ground, const struct resource *resource,
			     const char *namespace, const char *name)
{
	char *path, *selectors;

	resources_path_of(resource, namespace, name, &path, &selectors);
	return make(ground, resource, resource->versions[0], path, selectors);
}

void lister_free(struct lister *lister)
{
	if (!lister)
		return;
	reflector_free(lister->reflector);
	store_free(lister->store);
	free(lister->path);
	free(lister->selectors);
	free(lister->shown);
	free(lister);
}

void lister_set_version(struct lister *lister, const char *version)
{
	reflector_free(lister->reflector);
	mem_freep(&lister->path);
	lister->version = version;
	lister->path = resources_path(lister->resource, version);
	store_set_kind(lister->store, resources_kind(lister->resource, version), lister->path);
	start(lister);
}

const char *lister_version(const struct lister *lister)
{
	return lister->version;
}

uint64_t lister_due_ms(const struct lister *lister)
{
	uint64_t due_ms = reflector_due_ms(lister->reflector);
	struct reflector_status status;

	reflector_status(lister->reflector, &status);
	if (status.problem && !lister->shown && status.problem_ms + GRACE_MS < due_ms)
		return status.problem_ms + GRACE_MS;
	return due_ms;
}

/* What fails in many ways in turn is told once. */
static void look(struct lister *lister)
{
	const struct timing *timing = lister->ground->timing;
	struct reflector_status status;
	bool shown;

	reflector_status(lister->reflector, &status);
	shown = status.problem && timing->now_ms(timing->arg) >= status.problem_ms + GRACE_MS;
	if (shown == (lister->shown != NULL))
		return;
	mem_freep(&lister->shown);
	lister->shown = shown ? mem_strdup(status.problem) : NULL;
	lister->ground->changed(lister->ground->arg);
}

void lister_run(struct lister *lister)
{
	reflector_run(lister->reflector);
	look(lister);
}

void lister_hurry(struct lister *lister)
{
	struct reflector_status status;

	reflector_status(lister->reflector, &status);
	if (status.problem && !status.http_status)
		reflector_hurry(lister->reflector);
}

struct store *lister_store(const struct lister *lister)
{
	return lister->store;
}

void lister_status(const struct lister *lister, struct reflector_status *ret_status)
{
	reflector_status(lister->reflector, ret_status);
}

void lister_report(const struct lister *lister, struct diag_list *diags)
{
	struct reflector_status status;

	reflector_status(lister->reflector, &status);
	if (lister->shown)
		diag_add(diags, status.synced ? DIAG_WARNING : DIAG_ERROR, lister->path, 0, "", "",
			 "cannot be read%s: %s",
			 status.synced ? ", so what is known may be old" : "", lister->shown);
	store_report(lister->store, diags);
}
