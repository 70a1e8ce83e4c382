/* SPDX-License-Identifier: Apache-2.0 */
/* One list of the API server with its objects: a reflector, the store behind it, and what is to be
 * said of the two. */
#pragma once
#include "kube/resources.h"
#include "kube/store.h"

struct feed;

/* What all feeds of a source have in common; borrowed. */
struct feed_ground {
	struct client *client;
	const struct timing *timing;
	uint64_t delay_ms;	    /* before the first request */
	void (*changed)(void *arg); /* feed_due_ms(), a store or a status is another than before */
	void *arg;
};

/* Of all objects of the resource, but for its selectors. */
struct feed *feed_new(const struct feed_ground *ground, const struct resource *resource,
		      const char *version, const char *node_name);
/* Of one object at most. */
struct feed *feed_new_of(const struct feed_ground *ground, const struct resource *resource,
			 const char *namespace, const char *name);
/* The model keeps the objects; NULL is legal. */
void feed_free(struct feed *feed);

/* Reads in another version from here on. What is known stays until then. */
void feed_set_version(struct feed *feed, const char *version);
const char *feed_version(const struct feed *feed);

uint64_t feed_due_ms(const struct feed *feed);
void feed_run(struct feed *feed);

/* Some server answers again: asks it at once if it was the connection that failed. */
void feed_hurry(struct feed *feed);

struct store *feed_store(const struct feed *feed);
void feed_status(const struct feed *feed, struct reflector_status *ret_status);
/* Adds what is wrong with the list, once that has lasted, and with its objects. */
void feed_report(const struct feed *feed, struct diag_list *diags);
