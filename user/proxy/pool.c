// SPDX-License-Identifier: Apache-2.0
/*
 * Idle connections of a worker, by endpoint (the last one used is the first to be used again) and
 * all together; and the queue of requests that wait because the breaker allows no connection more.
 * Exchanges take and give back; upstream.c takes out what is closed.
 *
 * Invariants: the count of connections never exceeds the limit, so a connection that is idle in one
 * worker may be what a request in another waits for: it is closed then. Who waits is served by
 * pool_serve() alone, from the loop, never from inside the call that closed a connection.
 */
#include "proxy/pool.h"

#include <assert.h>

#include "proxy/outlier.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"

/* ---- idle connections ---- */

static struct endpoint_slot *slot_of(const struct upstream *upstream)
{
	return &upstream->endpoint->slots[upstream->worker->index];
}

static void insert(struct upstream *upstream)
{
	struct endpoint_slot *slot = slot_of(upstream);
	struct worker *worker = upstream->worker;

	upstream->slot_prev = upstream->idle_prev = NULL;
	upstream->slot_next = slot->idle;
	if (slot->idle)
		slot->idle->slot_prev = upstream;
	slot->idle = upstream;
	upstream->idle_next = worker->idle;
	if (worker->idle)
		worker->idle->idle_prev = upstream;
	worker->idle = upstream;
	counter_add(&slot->n_idle, 1);
}

void pool_remove(struct upstream *upstream)
{
	struct endpoint_slot *slot = slot_of(upstream);
	struct worker *worker = upstream->worker;

	if (!upstream->idle_until)
		return;
	upstream->idle_until = 0;
	*(upstream->slot_prev ? &upstream->slot_prev->slot_next : &slot->idle) =
		upstream->slot_next;
	if (upstream->slot_next)
		upstream->slot_next->slot_prev = upstream->slot_prev;
	*(upstream->idle_prev ? &upstream->idle_prev->idle_next : &worker->idle) =
		upstream->idle_next;
	if (upstream->idle_next)
		upstream->idle_next->idle_prev = upstream->idle_prev;
	counter_add(&slot->n_idle, -1);
}

void pool_put(struct upstream *upstream, uint32_t idle_ms)
{
	struct worker *worker = upstream->worker;
	const struct cluster *cluster = upstream->cluster;

	upstream->idle_until = idle_ms ? worker_now(worker) + idle_ms : UINT64_MAX;
	insert(upstream);
	upstream_end(upstream);
	pool_freed(worker, cluster);
}

static void close_where(struct worker *worker, bool (*unwanted)(const struct worker *worker,
								const struct upstream *upstream))
{
	struct upstream *upstream = worker->idle;

	while (upstream) {
		struct upstream *next = upstream->idle_next;

		if (unwanted(worker, upstream))
			upstream_close(upstream);
		upstream = next;
	}
}

static bool is_old(const struct worker *worker, const struct upstream *upstream)
{
	return upstream->idle_until <= worker_now(worker);
}

static bool is_gone(const struct worker *worker, const struct upstream *upstream)
{
	return !view_keeps(worker->view, upstream->cluster, upstream->endpoint);
}

static bool is_awaited(const struct worker *worker, const struct upstream *upstream)
{
	(void)worker;
	return atomic_load(&upstream->cluster->under_way[CLUSTER_PENDING]) > 0;
}

static bool is_any(const struct worker *worker, const struct upstream *upstream)
{
	(void)worker;
	(void)upstream;
	return true;
}

void pool_sweep(struct worker *worker)
{
	close_where(worker, is_old);
}

void pool_prune(struct worker *worker)
{
	close_where(worker, is_gone);
}

void pool_cut(struct worker *worker)
{
	close_where(worker, is_any);
}

/* ---- getting one ---- */

static bool is_full(const struct cluster_view *cluster)
{
	return atomic_load(&cluster->cluster->under_way[CLUSTER_CONNECTIONS]) >=
	       cluster->plan->breaker.connections;
}

static struct upstream *take_idle(struct worker *worker, const struct pool_wait *want)
{
	const struct endpoint_slot *slot = &want->endpoint->slots[worker->index];
	struct upstream *upstream;

	while ((upstream = slot->idle) != NULL) {
		if (!is_old(worker, upstream) && (!want->careful || upstream_is_quiet(upstream))) {
			pool_remove(upstream);
			return upstream;
		}
		upstream_close(upstream);
	}
	return NULL;
}

/* Is a pooled connection of the cluster as good as one to the endpoint that was chosen? */
static bool is_fit(const struct worker *worker, const struct pool_wait *want,
		   const struct upstream *upstream)
{
	if (want->fresh || !outlier_available(upstream->endpoint, worker_now(worker)))
		return false;
	for (size_t i = 0; i < want->cluster->n_endpoints; i++)
		if (want->cluster->endpoints[i] == upstream->endpoint)
			return true;
	return false;
}

/* At the limit: a pooled connection to another endpoint, or its place. */
static enum pool_grant get_other(struct worker *worker, const struct pool_wait *want,
				 struct upstream **ret_upstream)
{
	for (struct upstream *at = worker->idle; at; at = at->idle_next) {
		if (at->cluster != want->cluster->cluster)
			continue;
		if (is_fit(worker, want, at)) {
			pool_remove(at);
			*ret_upstream = at;
			return POOL_CONNECTION;
		}
		upstream_close(at);
		return cluster_begin(want->cluster, CLUSTER_CONNECTIONS, worker->index) ? POOL_SLOT
											: POOL_NONE;
	}
	return POOL_NONE;
}

enum pool_grant pool_get(struct worker *worker, const struct pool_wait *want,
			 struct upstream **ret_upstream)
{
	struct upstream *upstream = want->fresh ? NULL : take_idle(worker, want);

	if (upstream) {
		*ret_upstream = upstream;
		return POOL_CONNECTION;
	}
	/* Not to be counted as refused: the request waits. */
	if (!is_full(want->cluster) &&
	    cluster_begin(want->cluster, CLUSTER_CONNECTIONS, worker->index))
		return POOL_SLOT;
	return get_other(worker, want, ret_upstream);
}

/* ---- waiting ---- */

bool pool_wait(struct worker *worker, struct pool_wait *wait)
{
	if (!cluster_begin(wait->cluster, CLUSTER_PENDING, worker->index))
		return false;
	wait->queued = true;
	wait->next = NULL;
	wait->prev = worker->last_wait;
	*(wait->prev ? &wait->prev->next : &worker->waits) = wait;
	worker->last_wait = wait;
	atomic_store(&worker->waiting, true);
	/* What was freed before anybody could see this one wait; and what others keep idle. */
	io_wake_send(worker->wake);
	worker_wake_others(worker, true);
	return true;
}

void pool_unwait(struct worker *worker, struct pool_wait *wait)
{
	if (!wait->queued)
		return;
	wait->queued = false;
	*(wait->prev ? &wait->prev->next : &worker->waits) = wait->next;
	*(wait->next ? &wait->next->prev : &worker->last_wait) = wait->prev;
	if (!worker->waits)
		atomic_store(&worker->waiting, false);
	cluster_end(wait->cluster->cluster, CLUSTER_PENDING);
}

void pool_freed(struct worker *worker, const struct cluster *cluster)
{
	if (!atomic_load(&cluster->under_way[CLUSTER_PENDING]))
		return;
	/* Also when nobody waits here: what is idle here may be what another worker waits for. */
	io_wake_send(worker->wake);
	worker_wake_others(worker, false);
}

void pool_serve(struct worker *worker)
{
	struct pool_wait *wait = worker->waits;

	while (wait) {
		struct pool_wait *next = wait->next;
		struct upstream *upstream = NULL;
		enum pool_grant grant = pool_get(worker, wait, &upstream);

		if (grant != POOL_NONE) {
			pool_unwait(worker, wait);
			wait->granted(wait->arg, grant, upstream);
		}
		wait = next;
	}
	close_where(worker, is_awaited);
}
