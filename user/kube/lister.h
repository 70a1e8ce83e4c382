/* SPDX-License-Identifier: Apache-2.0 */
/* One list of the API server with its objects: a reflector, the store behind it, and what is to be
 * said of the two. */
#pragma once
#include "kube/resources.h"
#include "kube/store.h"

struct lister;

/* What all listers of a source have in common; borrowed. */
struct lister_ground {
	struct client *client;
	const struct timing *timing;
	uint64_t delay_ms; /* before the first request */
	void (*changed)(
		void *arg); /* lister_due_ms(), a store or a status is another than before */
	void *arg;
	store_seen_fn seen; /* of kinds whose status naru writes; NULL: nobody does */
	void *seen_arg;
};

/* Of all objects of the resource, but for its selectors. */
struct lister *lister_new(const struct lister_ground *ground, const struct resource *resource,
			  const char *version, const char *node_name);
/* Of one object at most. */
struct lister *lister_new_of(const struct lister_ground *ground, const struct resource *resource,
			     const char *namespace, const char *name);
/* The model keeps the objects; NULL is legal. */
void lister_free(struct lister *lister);

/* Reads in another version from here on. What is known stays until then. */
void lister_set_version(struct lister *lister, const char *version);
const char *lister_version(const struct lister *lister);

uint64_t lister_due_ms(const struct lister *lister);
void lister_run(struct lister *lister);

/* Some server answers again: asks it at once if it was the connection that failed. */
void lister_hurry(struct lister *lister);

struct store *lister_store(const struct lister *lister);
void lister_status(const struct lister *lister, struct reflector_status *ret_status);
/* Adds what is wrong with the list, once that has lasted, and with its objects. */
void lister_report(const struct lister *lister, struct diag_list *diags);
