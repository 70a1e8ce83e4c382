/* SPDX-License-Identifier: Apache-2.0 */
/* The NodeStates of all nodes, for who writes statuses: nobody else reads them. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kube/backoff.h"

struct client;
struct nodes;
struct troubles;

struct nodes_config {
	struct client *client;
	const struct timing *timing;
	/* nodes_due_ms() or what a node serves may be another. */
	void (*changed)(void *arg);
	/* Does what the node said last still count? NULL: it always does. */
	bool (*alive)(void *arg, const char *node);
	/* A kube-proxy has come to the node, or gone: message NULL. May be NULL. */
	void (*turned)(void *arg, const char *node, const char *message);
	void *arg;
};

struct nodes *nodes_new(const struct nodes_config *config);
/* NULL is legal. */
void nodes_free(struct nodes *nodes);

/* All were read, or they cannot be: what is known is all that there is for now. */
bool nodes_settled(const struct nodes *nodes);
/* Does a node serve the Gateway at this generation or a later one? */
bool nodes_serve(const struct nodes *nodes, const char *namespace, const char *name,
		 int64_t generation);
/* Adds what is wrong with single objects on nodes that count. */
void nodes_troubles(const struct nodes *nodes, struct troubles *troubles);
size_t nodes_count(const struct nodes *nodes);
/* True when what nodes serve is another than at the last call. */
bool nodes_take_changed(struct nodes *nodes);

uint64_t nodes_due_ms(const struct nodes *nodes);
void nodes_run(struct nodes *nodes);
