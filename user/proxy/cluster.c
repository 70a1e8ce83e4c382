// SPDX-License-Identifier: Apache-2.0
/*
 * Clusters: state, breaker, choice of an endpoint. Invariant of the breaker: a count never goes
 * beyond its limit, not even for a moment, so a slot that one worker gives back is there for all.
 */
#include "proxy/cluster.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "proxy/counter.h"
#include "proxy/outlier.h"
#include "proxy/registry.h"

static void free_cluster(struct state *state)
{
	struct cluster *cluster = (struct cluster *)state;

	pthread_mutex_destroy(&cluster->ejecting);
	free(cluster->name);
	free(cluster);
}

static struct cluster *cluster_new(unsigned n_workers, const char *name)
{
	struct cluster *cluster =
		mem_aligned(CACHE_LINE, sizeof(*cluster) + n_workers * sizeof(*cluster->slots));

	state_init(&cluster->state, free_cluster);
	cluster->name = mem_strdup(name);
	pthread_mutex_init(&cluster->ejecting, NULL);
	/* Or all workers would send their first request to the same endpoint. */
	for (unsigned worker = 0; worker < n_workers; worker++)
		cluster->slots[worker].next = worker;
	return cluster;
}

static struct cluster *cluster_get(struct registry *registry, const char *name)
{
	_cleanup_(mem_freep) char *key = mem_printf("cluster %s", name);
	struct cluster *cluster = (struct cluster *)registry_find(registry, key);

	if (!cluster) {
		cluster = cluster_new(registry_workers(registry), name);
		registry_add(registry, key, &cluster->state);
	}
	state_ref(&cluster->state);
	return cluster;
}

void cluster_view_init(struct cluster_view *view, struct registry *registry,
		       const struct plan_cluster *plan)
{
	*view = (struct cluster_view){
		.plan = plan,
		.cluster = cluster_get(registry, plan->name),
		.endpoints = mem_array(plan->endpoints.n, sizeof(*view->endpoints)),
		.n_endpoints = plan->endpoints.n,
	};
	for (size_t i = 0; i < view->n_endpoints; i++)
		view->endpoints[i] =
			endpoint_get(registry, plan->name, &plan->endpoints.endpoints[i]);
}

void cluster_view_fini(struct cluster_view *view)
{
	for (size_t i = 0; i < view->n_endpoints; i++)
		endpoint_unref(view->endpoints[i]);
	free(view->endpoints);
	cluster_unref(view->cluster);
	*view = (struct cluster_view){ 0 };
}

struct cluster *cluster_ref(struct cluster *cluster)
{
	state_ref(&cluster->state);
	return cluster;
}

void cluster_unref(struct cluster *cluster)
{
	if (cluster)
		state_unref(&cluster->state);
}

static uint32_t limit_of(const struct plan_breaker *breaker, enum cluster_limit limit)
{
	switch (limit) {
	case CLUSTER_CONNECTIONS:
		return breaker->connections;
	case CLUSTER_PENDING:
		return breaker->pending;
	case CLUSTER_REQUESTS:
		return breaker->requests;
	case CLUSTER_RETRIES:
		return breaker->retries;
	default:
		assert(!"no limit");
		return 0;
	}
}

bool cluster_begin(const struct cluster_view *view, enum cluster_limit limit, unsigned worker)
{
	_Atomic uint32_t *under_way = &view->cluster->under_way[limit];
	uint32_t most = limit_of(&view->plan->breaker, limit), now = atomic_load(under_way);

	do {
		if (now >= most) {
			counter_add(&view->cluster->slots[worker].overflows, 1);
			return false;
		}
	} while (!atomic_compare_exchange_weak(under_way, &now, now + 1));
	if (limit == CLUSTER_RETRIES)
		counter_add(&view->cluster->slots[worker].retried, 1);
	return true;
}

void cluster_end(struct cluster *cluster, enum cluster_limit limit)
{
	uint32_t before = atomic_fetch_sub(&cluster->under_way[limit], 1);

	assert(before);
}

static bool is_among(const struct endpoint *endpoint, struct endpoint *const *tried, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (tried[i] == endpoint)
			return true;
	return false;
}

/* How well an endpoint serves: to be available counts more than not to have been tried. */
static int rank(const struct endpoint *endpoint, uint64_t now_ms, struct endpoint *const *tried,
		size_t n_tried)
{
	return 2 * outlier_available(endpoint, now_ms) + !is_among(endpoint, tried, n_tried);
}

struct endpoint *cluster_pick(const struct cluster_view *view, unsigned worker, uint64_t now_ms,
			      struct endpoint *const *tried, size_t n_tried)
{
	uint32_t *next = &view->cluster->slots[worker].next;
	size_t start, at, best = 0;
	int best_rank = -1;

	if (!view->n_endpoints)
		return NULL;
	start = *next % view->n_endpoints;
	for (size_t i = 0; i < view->n_endpoints && best_rank < 3; i++) {
		int found;

		at = start + i < view->n_endpoints ? start + i : start + i - view->n_endpoints;
		found = rank(view->endpoints[at], now_ms, tried, n_tried);
		if (found <= best_rank)
			continue;
		best_rank = found;
		best = at;
	}
	*next = (uint32_t)best + 1;
	return view->endpoints[best];
}

static void report_endpoint(const struct endpoint *endpoint, unsigned n_workers, uint64_t now_ms,
			    struct report_endpoint *ret_report)
{
	uint64_t until = atomic_load(&endpoint->ejected_until_ms);

	*ret_report = (struct report_endpoint){
		.addr = endpoint->addr,
		.port = endpoint->port,
		.ejected_ms = until > now_ms ? (uint32_t)(until - now_ms) : 0,
		.ejections = atomic_load(&endpoint->ejections),
	};
	for (unsigned i = 0; i < n_workers; i++) {
		const struct endpoint_slot *slot = &endpoint->slots[i];

		ret_report->connections += (uint32_t)counter_read(&slot->connections);
		ret_report->idle += (uint32_t)counter_read(&slot->n_idle);
		ret_report->requests += (uint32_t)counter_read(&slot->requests);
		ret_report->ok += counter_read(&slot->ok);
		ret_report->failed += counter_read(&slot->failed);
	}
}

void cluster_report(const struct cluster_view *view, unsigned n_workers, uint64_t now_ms,
		    struct report_cluster *ret_report)
{
	struct cluster *cluster = view->cluster;

	*ret_report = (struct report_cluster){
		.name = mem_strdup(cluster->name),
		.connections = atomic_load(&cluster->under_way[CLUSTER_CONNECTIONS]),
		.pending = atomic_load(&cluster->under_way[CLUSTER_PENDING]),
		.requests = atomic_load(&cluster->under_way[CLUSTER_REQUESTS]),
		.retries = atomic_load(&cluster->under_way[CLUSTER_RETRIES]),
		.endpoints = mem_array(view->n_endpoints, sizeof(*ret_report->endpoints)),
		.n_endpoints = view->n_endpoints,
	};
	for (unsigned i = 0; i < n_workers; i++) {
		const struct cluster_slot *slot = &cluster->slots[i];

		ret_report->overflows += counter_read(&slot->overflows);
		ret_report->retried += counter_read(&slot->retried);
	}
	for (size_t i = 0; i < view->n_endpoints; i++)
		report_endpoint(view->endpoints[i], n_workers, now_ms, &ret_report->endpoints[i]);
}
