/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which kinds of objects the cluster has, by what two say of it: the server's discovery document
 * and the definitions of kinds. For apisource.c. Built-in kinds are always there: nobody asks.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kube/backoff.h"

struct client;
struct crds;
struct offer;

struct offer_config {
	struct client *client;
	const struct timing *timing;
	uint64_t delay_ms; /* before the first requests */
	/* offer_due_ms() or what is offered may be another than before. */
	void (*changed)(void *arg);
	void *arg;
};

struct offer *offer_new(const struct offer_config *config);
/* NULL is legal; not from inside changed(). */
void offer_free(struct offer *offer);

uint64_t offer_due_ms(const struct offer *offer);
void offer_run(struct offer *offer);

/* To be called before the questions below, after changed(). True: definitions are others. */
bool offer_look(struct offer *offer);
/* Objects of the resource are not found, or are: it may be gone. i is an index of resources.h. */
void offer_miss(struct offer *offer, size_t i, bool missing);

/* The version to read, NULL: there is none, or nobody knows yet. */
const char *offer_version(const struct offer *offer, size_t i);
/* It is known not to be there, or not in a version that naru reads. */
bool offer_lacks(const struct offer *offer, size_t i);
/* It is there, in versions only that naru does not read. */
bool offer_is_other(const struct offer *offer, size_t i);
/* The definitions; what may be asked of them is in crds.h. */
const struct crds *offer_definitions(const struct offer *offer);
/* Why nothing is known, NULL: something is. Borrowed. */
const char *offer_problem(const struct offer *offer);
