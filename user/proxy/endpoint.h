/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of an endpoint of a cluster beyond one table: pooled connections, ejection, counts.
 * Rows of failures must be exact over threads and are atomic, the rest is a slot per worker.
 */
#pragma once
#include <stdint.h>

#include "base/addr.h"
#include "plan/set.h"
#include "proxy/state.h"

struct registry;
struct upstream; /* upstream.h: a connection to an endpoint */

/* A worker's own part: only that worker touches it, but for the counters, which others read. */
struct endpoint_slot {
	struct upstream *idle; /* the most recently used first */
	_Atomic uint64_t n_idle;
	_Atomic uint64_t connections, requests; /* under way */
	_Atomic uint64_t ok, failed; /* tries that got an answer below 500, and all others */
} __attribute__((aligned(CACHE_LINE)));

struct endpoint {
	struct state state;
	struct addr addr;
	uint16_t port;
	/* Ejection: outlier.c's. */
	_Atomic uint32_t row_5xx, row_gateway, row_local; /* failures in a row */
	_Atomic uint32_t ejections;			  /* so far */
	_Atomic uint32_t ejection_factor;		  /* of them: those in a row */
	_Atomic uint64_t ejected_until_ms;		  /* takes requests again */
	struct endpoint_slot slots[];
};

/* Makes or finds the state; a new reference. Main thread only. */
struct endpoint *endpoint_get(struct registry *registry, const char *cluster,
			      const struct plan_endpoint *plan);
struct endpoint *endpoint_ref(struct endpoint *endpoint);
/* NULL is legal. */
void endpoint_unref(struct endpoint *endpoint);
