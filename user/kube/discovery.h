/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which resources of resources.h the API server serves, and in which version: one document for all
 * groups. Asked for at the start and whenever somebody wants to know again.
 */
#pragma once
#include <stdint.h>

#include "kube/backoff.h"
#include "kube/resources.h"

struct client;
struct discovery;

enum discovery_state {
	DISCOVERY_UNKNOWN, /* the server does not know itself */
	DISCOVERY_ABSENT,
	DISCOVERY_OTHER, /* in versions only that naru does not read */
	DISCOVERY_SERVED,
};

struct discovery_found {
	enum discovery_state state;
	const char *version; /* of the table, when it is served */
};

struct discovery_config {
	struct client *client;
	const struct timing *timing;
	uint64_t delay_ms; /* before the first request */
	/* An answer came; found has RESOURCES_N elements and is borrowed. */
	void (*found)(void *arg, const struct discovery_found *found);
	/* discovery_due_ms() or discovery_problem() is another than before. */
	void (*changed)(void *arg);
	void *arg;
};

struct discovery *discovery_new(const struct discovery_config *config);
/* NULL is legal; not from inside its callbacks. */
void discovery_free(struct discovery *discovery);

uint64_t discovery_due_ms(const struct discovery *discovery);
void discovery_run(struct discovery *discovery);
/* Asks (again) so many milliseconds from now, or earlier if that was wanted already. */
void discovery_ask(struct discovery *discovery, uint64_t delay_ms);
/* Why the last request had no answer, or NULL. Borrowed. */
const char *discovery_problem(const struct discovery *discovery);
