// SPDX-License-Identifier: Apache-2.0
/*
 * Reflector and store together, for apisource.c and secrets.c. Invariant: a failure that passes
 * within seconds, such as a restart of the API server, is reported to nobody.
 */
#include "kube/feed.h"

#include <string.h>

#include "base/mem.h"

#define GRACE_MS 10000

struct feed {
	const struct feed_ground *ground;
	const struct resource *resource;
	const char *version;
	char *path, *selectors;
	struct store *store;
	struct reflector *reflector;
	bool shown; /* its problem is one to report */
};

static void start(struct feed *feed)
{
	const struct reflector_config config = {
		.client = feed->ground->client,
		.path = feed->path,
		.selectors = feed->selectors,
		.metadata = feed->resource->metadata,
		.sink = &store_sink,
		.sink_arg = feed->store,
		.timing = feed->ground->timing,
		.delay_ms = feed->ground->delay_ms,
		.changed = feed->ground->changed,
		.arg = feed->ground->arg,
	};

	feed->reflector = reflector_new(&config);
}

/* Takes path and selectors. */
static struct feed *make(const struct feed_ground *ground, const struct resource *resource,
			 const char *version, char *path, char *selectors)
{
	struct feed *feed = mem_new(sizeof(*feed));

	feed->ground = ground;
	feed->resource = resource;
	feed->version = version;
	feed->path = path;
	feed->selectors = selectors;
	feed->store = store_new(resources_kind(resource, version), path);
	start(feed);
	return feed;
}

struct feed *feed_new(const struct feed_ground *ground, const struct resource *resource,
		      const char *version, const char *node_name)
{
	return make(ground, resource, version, resources_path(resource, version),
		    resources_selectors(resource, node_name));
}

struct feed *feed_new_of(const struct feed_ground *ground, const struct resource *resource,
			 const char *namespace, const char *name)
{
	char *path, *selectors;

	resources_path_of(resource, namespace, name, &path, &selectors);
	return make(ground, resource, resource->versions[0], path, selectors);
}

void feed_free(struct feed *feed)
{
	if (!feed)
		return;
	reflector_free(feed->reflector);
	store_free(feed->store);
	free(feed->path);
	free(feed->selectors);
	free(feed);
}

void feed_set_version(struct feed *feed, const char *version)
{
	reflector_free(feed->reflector);
	mem_freep(&feed->path);
	feed->version = version;
	feed->path = resources_path(feed->resource, version);
	store_set_kind(feed->store, resources_kind(feed->resource, version), feed->path);
	start(feed);
}

const char *feed_version(const struct feed *feed)
{
	return feed->version;
}

uint64_t feed_due_ms(const struct feed *feed)
{
	uint64_t due_ms = reflector_due_ms(feed->reflector);
	struct reflector_status status;

	reflector_status(feed->reflector, &status);
	if (status.problem && !feed->shown && status.problem_ms + GRACE_MS < due_ms)
		return status.problem_ms + GRACE_MS;
	return due_ms;
}

void feed_run(struct feed *feed)
{
	const struct timing *timing = feed->ground->timing;
	struct reflector_status status;
	bool shown;

	reflector_run(feed->reflector);
	reflector_status(feed->reflector, &status);
	shown = status.problem && timing->now_ms(timing->arg) >= status.problem_ms + GRACE_MS;
	if (shown != feed->shown)
		feed->ground->changed(feed->ground->arg);
	feed->shown = shown;
}

void feed_hurry(struct feed *feed)
{
	struct reflector_status status;

	reflector_status(feed->reflector, &status);
	if (status.problem && !status.http_status)
		reflector_hurry(feed->reflector);
}

struct store *feed_store(const struct feed *feed)
{
	return feed->store;
}

void feed_status(const struct feed *feed, struct reflector_status *ret_status)
{
	reflector_status(feed->reflector, ret_status);
}

void feed_report(const struct feed *feed, struct diag_list *diags)
{
	struct reflector_status status;

	reflector_status(feed->reflector, &status);
	if (feed->shown && status.problem)
		diag_add(diags, status.synced ? DIAG_WARNING : DIAG_ERROR, feed->path, 0, "", "",
			 "cannot be read%s: %s",
			 status.synced ? ", so what is known may be old" : "", status.problem);
	store_report(feed->store, diags);
}
