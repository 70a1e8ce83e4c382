/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clusters: the breaker's counts, which outlive tables, and a view of them for each table with its
 * endpoints in the plan's order. What must be exact over threads is atomic, the rest is a slot per
 * worker.
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feed/report.h"
#include "plan/l7.h"
#include "proxy/endpoint.h"

/* What the breaker counts. */
enum cluster_limit {
	CLUSTER_CONNECTIONS,
	CLUSTER_PENDING,
	CLUSTER_REQUESTS,
	CLUSTER_RETRIES,
	CLUSTER_LIMIT_MAX
};

/* A worker's own part. */
struct cluster_slot {
	_Atomic uint64_t overflows, retried;
	uint32_t next; /* round robin */
} __attribute__((aligned(CACHE_LINE)));

/* A cluster's state. */
struct cluster {
	struct state state;
	char *name;
	pthread_mutex_t ejecting; /* held while somebody decides on an ejection */
	_Atomic uint32_t under_way[CLUSTER_LIMIT_MAX];
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

/* For who goes on without the view: connections, tries. */
struct cluster *cluster_ref(struct cluster *cluster);
/* NULL is legal. */
void cluster_unref(struct cluster *cluster);

/*
 * The breaker: exact over all threads. begin counts one more and says true, or says false, counts
 * an overflow for the worker, and changes nothing. Each true is paid back by one end. A retry that
 * begins is also counted as made.
 */
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
