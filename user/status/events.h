/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events (events.k8s.io/v1) for people: one when a condition of an object turned, and no more than
 * one of an object and a reason within five minutes; what came in between is counted in its series.
 * What is told stands in the object's status as well, so nothing is lost with an Event.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kube/backoff.h"
#include "status/writer.h"

struct client;
struct events;

#define EVENTS_GAP_MS 300000 /* between two words on one object and reason */

struct events_config {
	struct client *client;
	const struct timing *timing;
	const char *controller;	    /* whose entries among a route's parents are ours */
	const char *node;	    /* that tells; strings are borrowed */
	void (*changed)(void *arg); /* events_due_ms() may be another */
	void *arg;
};

struct events *events_new(const struct events_config *config);
/* What was not told yet is not told. NULL is legal. */
void events_free(struct events *events);

/* A status was written: tells what turned in it. */
void events_take(struct events *events, const struct writer_change *change);

/* A condition that stands elsewhere than in a status that the writer writes. */
struct events_turn {
	const struct object *object; /* to be told of it, with its uid */
	const char *api_version;
	const char *type;
	bool holds; /* now */
	const char *reason, *message;
};
void events_turned(struct events *events, const struct events_turn *turn);

uint64_t events_due_ms(const struct events *events);
void events_run(struct events *events);

struct events_counts {
	uint64_t told;	  /* Events made, or made longer */
	uint64_t skipped; /* that were too many, or that the server did not take */
};
void events_counts(const struct events *events, struct events_counts *ret_counts);
