/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a request gets its connection: a pooled one, a new one, or, when the cluster has as many as
 * it may, one for which it waits. Pools are a worker's own; the limit is everybody's.
 */
#pragma once
#include "proxy/cluster.h"

struct upstream;
struct worker;

enum pool_grant {
	POOL_CONNECTION, /* here it is */
	POOL_SLOT,	 /* one more has been counted: to be opened */
	POOL_NONE,	 /* as many as may be are open */
};

/* A request that wants a connection. */
struct pool_wait {
	const struct cluster_view *cluster;
	struct endpoint *endpoint; /* where to, if it can be chosen */
	bool fresh;		   /* no pooled one */
	bool careful; /* none that is closed by now: what is sent cannot be sent again */
	/* It need wait no longer. */
	void (*granted)(void *arg, enum pool_grant grant, struct upstream *upstream);
	void *arg;
	struct pool_wait *next, *prev;
	bool queued;
};

/* At the limit a pooled connection to another endpoint may come. */
enum pool_grant pool_get(struct worker *worker, const struct pool_wait *want,
			 struct upstream **ret_upstream);
/* After POOL_NONE. False: too many wait. */
bool pool_wait(struct worker *worker, struct pool_wait *wait);
/* A no-op when it does not wait. */
void pool_unwait(struct worker *worker, struct pool_wait *wait);

/* An idle connection, for up to idle_ms (0: as long as it likes). */
void pool_put(struct upstream *upstream, uint32_t idle_ms);
/* Out of the pool, if it is there. */
void pool_remove(struct upstream *upstream);
/* A connection of the cluster was closed or pooled. */
void pool_freed(struct worker *worker, const struct cluster *cluster);

/* Gives connections to those who wait, and up those that other workers wait for. */
void pool_serve(struct worker *worker);
/* Closes what is idle for too long. */
void pool_sweep(struct worker *worker);
/* Closes what the current table does not have, or does not allow. */
void pool_prune(struct worker *worker);
/* Closes all. */
void pool_cut(struct worker *worker);
