/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This node's NodeState object: what is in force here, for who writes statuses and for people.
 * Written when it says something new, once a second at most, and by this node alone.
 */
#pragma once
#include <stdint.h>

#include "kube/backoff.h"

struct client;
struct inforce;
struct nodestate;
struct troubles;

#define NODESTATE_PATH	 "/apis/naru.io/v1alpha1/nodestates"
#define NODESTATE_GAP_MS 1000
/* The type of a condition, which is there only when it is true. */
#define NODESTATE_KUBE_PROXY "KubeProxyActive"

struct nodestate_config {
	struct client *client;
	const struct timing *timing;
	const char *node; /* borrowed */
	/* nodestate_due_ms() or nodestate_problem() may be others. */
	void (*changed)(void *arg);
	void *arg;
};

struct nodestate *nodestate_new(const struct nodestate_config *config);
/* The object stays: it goes with the Node. NULL is legal. */
void nodestate_free(struct nodestate *nodestate);

struct nodestate_content {
	const char *version; /* of narud */
	const struct inforce *gateways;
	const char *behind_since; /* RFC 3339; NULL: what is newest is in force */
	/* Of single objects on this node, and of the node as a whole: NULL or what is wrong. */
	const struct troubles *troubles;
	const char *kube_proxy;
	const char *node_uid; /* of the Node object, which owns this one; "" when not known */
};

/* What it should say from here on. */
void nodestate_set(struct nodestate *nodestate, const struct nodestate_content *content);

uint64_t nodestate_due_ms(const struct nodestate *nodestate);
void nodestate_run(struct nodestate *nodestate);

/* Why it cannot be written, "" when it can. Borrowed until the loop runs again. */
const char *nodestate_problem(const struct nodestate *nodestate);
