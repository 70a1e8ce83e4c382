/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A narud that is to take over from the one that serves on this node: asks it when it is ready
 * itself, and ends one that gives no answer, where it can be seen. handover.h is the other side.
 * For daemon.c.
 */
#pragma once
#include <stdbool.h>

#include "base/loop.h"

struct heir;

struct heir_config {
	struct loop *loop;
	const char *run_dir;
	const char *instance; /* of this narud, "": none */
	/* The other one has given up everything; or it has ended, and what it held is free or about
	 * to be. Called once. */
	void (*yielded)(void *arg);
	void *arg;
};

/* Strings are borrowed. -ENOENT: no narud serves here, or none that can be asked. */
int heir_open(const struct heir_config *config, struct heir **ret_heir);
/* NULL is legal. */
void heir_close(struct heir *heir);

/* From now on there is nothing to wait for. May be called again. */
void heir_ready(struct heir *heir);
/* Tells the other one that everything is served. */
void heir_taken(struct heir *heir);

/* Is the other one still there, and would serve again if this one ended? */
bool heir_is_watched(const struct heir *heir);

/* Whom it takes over from, "" before that is known or if it has no name. */
const char *heir_predecessor(const struct heir *heir);
