/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probes that kube-proxy answers at port 10256: /healthz for load balancers, /livez for the
 * kubelet; and /readyz, which it has not, for the readiness of narud's own pod. daemon.c opens it.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

struct healthz;

/* Where it listens while Services are served and nothing else was asked for. */
#define HEALTHZ_DEFAULT "[::]:10256"

struct healthz_state {
	bool healthy;	    /* nothing waits for too long */
	bool eligible;	    /* the node is to get traffic */
	bool fresh;	    /* what is served is what the cluster has now */
	int64_t updated_us; /* wall clock: when everything was in force last */
};

/* listen is borrowed. A port that cannot be had is tried again every second: kube-proxy may still
 * have it. */
struct healthz *healthz_open(struct loop *loop, const char *listen,
			     void (*look)(void *arg, struct healthz_state *ret_state), void *arg);
/* NULL is legal. */
void healthz_close(struct healthz *healthz);

/* 0, or why nobody can ask. NULL is legal. */
int healthz_error(const struct healthz *healthz);

/* Answers so far. */
struct healthz_counts {
	uint64_t healthz_200, healthz_503, livez_200, livez_503;
};
/* All zero for NULL. */
struct healthz_counts healthz_count(const struct healthz *healthz);
