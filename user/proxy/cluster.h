/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of clusters and endpoints beyond one snapshot: breaker counts, ejections, pooled
 * connections, statistics, by the plan's names. The registry belongs to the main thread, which
 * builds tables; the objects are shared by all threads: what must be exact over threads is atomic,
 * the rest is a slot per worker. Objects live as long as a table or a connection refers to them.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "feed/report.h"
#include "plan/l7.h"

#define CACHE_LINE 64

struct registry;
struct upstream; /* upstream.h: a connection to an endpoint */

/* n_workers slots in every object. */
struct registry *registry_new(unsigned n_workers);
void registry_free(struct registry *registry);

/* A worker's own part of an endpoint: only that worker touches it, but for the counters, which
 * others read. */
struct endpoint_slot {
	struct upstream *idle; /* the most recently used first */
	unsigned n_idle;
	_Atomic uint64_t ok, failed;
} __attribute__((aligned(CACHE_LINE)));

struct endpoint {
	_Atomic unsigned refs;
	struct addr addr;
	uint16_t port;
	_Atomic uint32_t connections, requests; /* under way, over all workers */
	/* Ejection, see outlier.h. */
	_Atomic uint32_t row_5xx, row_gateway, row_local; /* failures in a row */
	_Atomic uint32_t ejections;			  /* so far; of those in a row: */
	_Atomic uint32_t ejection_factor;
	_Atomic uint64_t ejected_until_ms; /* 0: takes requests */
	struct endpoint_slot slots[];
};

struct endpoint *endpoint_ref(struct endpoint *endpoint);
void endpoint_unref(struct endpoint *endpoint);

struct cluster_slot {
	_Atomic uint64_t overflows, retried;
	uint32_t next; /* round robin */
} __attribute__((aligned(CACHE_LINE)));

/* A cluster's state. */
struct cluster {
	_Atomic unsigned refs;
	char *name;
	_Atomic uint32_t connections, pending, requests, retries; /* under way: the breaker */
	struct cluster_slot slots[];
};

/* A cluster as one table has it. */
struct cluster_view {
	const struct plan_cluster *plan;
	struct cluster *cluster;
	struct endpoint **endpoints; /* in the plan's order */
	size_t n_endpoints;
};

/* Makes or finds the state of a planned cluster; main thread only. plan is borrowed while the view
 * lives. */
void cluster_view_init(struct cluster_view *view, struct registry *registry,
		       const struct plan_cluster *plan);
void cluster_view_fini(struct cluster_view *view);

/*
 * The breaker: exact over all threads. begin counts one more and says true, or says false, counts
 * an overflow for the worker, and changes nothing. Each true is paid back by one end.
 */
enum cluster_limit {
	CLUSTER_CONNECTIONS,
	CLUSTER_PENDING,
	CLUSTER_REQUESTS,
	CLUSTER_RETRIES,
};
bool cluster_begin(const struct cluster_view *view, enum cluster_limit limit, unsigned worker);
void cluster_end(struct cluster *cluster, enum cluster_limit limit);

/*
 * Round robin over the endpoints that are not ejected, leaving out those already tried unless there
 * is no other. When all are ejected: any (the outlier rules do not let that happen; a set that
 * shrinks may). NULL: no endpoints.
 */
struct endpoint *cluster_pick(const struct cluster_view *view, unsigned worker, uint64_t now_ms,
			      struct endpoint *const *tried, size_t n_tried);

void cluster_report(const struct cluster_view *view, unsigned n_workers, uint64_t now_ms,
		    struct report_cluster *ret_report);
