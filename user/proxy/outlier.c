// SPDX-License-Identifier: Apache-2.0
/*
 * Ejection without a timer: when an endpoint may return is settled when it goes, and how long it
 * has behaved since is seen from the clock when it fails again. Ticks of the interval are counted
 * from the clock's beginning, so that all endpoints return at the same ones.
 *
 * Rows are counted without a lock; who completes one decides under the cluster's, so that two
 * workers never eject one endpoint too many. A completed row begins anew, whatever was decided:
 * an endpoint that had to stay is looked at again after as many failures.
 */
#include "proxy/outlier.h"

#define DEFAULT_MAX_MS 300000

bool outlier_available(const struct endpoint *endpoint, uint64_t now_ms)
{
	return atomic_load_explicit(&endpoint->ejected_until_ms, memory_order_relaxed) <= now_ms;
}

static size_t count_available(const struct cluster_view *view, uint64_t now_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < view->n_endpoints; i++)
		n += outlier_available(view->endpoints[i], now_ms);
	return n;
}

/* At least one may go whatever the percentage (Envoy's default ejects nobody of fewer than ten),
 * the last one never. */
static bool may_eject(const struct cluster_view *view, uint64_t now_ms)
{
	size_t allowed = view->n_endpoints * view->plan->outlier.max_percent / 100;
	size_t available = count_available(view, now_ms);

	return available > 1 && view->n_endpoints - available < (allowed ? allowed : 1);
}

/* Ejections in a row so far, less one for each interval since the last one was over. */
static uint32_t row_of_ejections(const struct endpoint *endpoint, const struct plan_outlier *plan,
				 uint64_t now_ms)
{
	uint64_t clean, since = now_ms - atomic_load(&endpoint->ejected_until_ms);
	uint32_t factor = atomic_load(&endpoint->ejection_factor);

	clean = plan->interval_ms ? since / plan->interval_ms : factor;
	return clean < factor ? factor - (uint32_t)clean : 0;
}

static uint64_t next_tick(uint64_t ms, uint32_t interval_ms)
{
	return interval_ms ? (ms + interval_ms - 1) / interval_ms * interval_ms : ms;
}

static void eject(struct endpoint *endpoint, const struct plan_outlier *plan, uint64_t now_ms)
{
	uint64_t base = plan->base_ejection_ms;
	uint64_t max = plan->max_ejection_ms ? plan->max_ejection_ms : DEFAULT_MAX_MS;
	uint32_t factor = row_of_ejections(endpoint, plan, now_ms);
	uint64_t duration;

	/* Beyond the longest time there is nothing to count, and nothing to live down. */
	if (!factor || base * factor < max)
		factor++;
	duration = base * factor;
	if (duration > max)
		duration = max > base ? max : base;
	atomic_store(&endpoint->ejection_factor, factor);
	atomic_fetch_add(&endpoint->ejections, 1);
	atomic_store(&endpoint->row_5xx, 0);
	atomic_store(&endpoint->row_gateway, 0);
	atomic_store(&endpoint->row_local, 0);
	atomic_store(&endpoint->ejected_until_ms, next_tick(now_ms + duration, plan->interval_ms));
}

/* One more failure in a row. Is the row complete? 0 is no threshold. */
static bool lengthen(_Atomic uint32_t *row, uint32_t threshold)
{
	return threshold && atomic_fetch_add(row, 1) + 1 >= threshold;
}

/* Usually there is no row: then nothing is written, and no cache line changes hands. */
static void cut(_Atomic uint32_t *row)
{
	if (atomic_load_explicit(row, memory_order_relaxed))
		atomic_store_explicit(row, 0, memory_order_relaxed);
}

/* Counts the event into the rows that it belongs to. Is one complete? */
static bool count(struct endpoint *endpoint, const struct plan_outlier *plan,
		  enum outlier_event event)
{
	bool complete = false;

	if (event != OUTLIER_LOCAL)
		cut(&endpoint->row_local);
	else if (plan->split_local)
		return lengthen(&endpoint->row_local, plan->consecutive_local);
	if (event == OUTLIER_OK || event == OUTLIER_5XX)
		cut(&endpoint->row_gateway);
	else
		complete |= lengthen(&endpoint->row_gateway, plan->consecutive_gateway);
	if (event == OUTLIER_OK)
		cut(&endpoint->row_5xx);
	else
		complete |= lengthen(&endpoint->row_5xx, plan->consecutive_5xx);
	return complete;
}

static bool take(_Atomic uint32_t *row, uint32_t threshold)
{
	if (!threshold || atomic_load(row) < threshold)
		return false;
	atomic_store(row, 0);
	return true;
}

/* Takes the rows that are complete, unless another worker has done so. */
static bool take_rows(struct endpoint *endpoint, const struct plan_outlier *plan)
{
	bool taken = take(&endpoint->row_5xx, plan->consecutive_5xx);

	taken |= take(&endpoint->row_gateway, plan->consecutive_gateway);
	taken |= take(&endpoint->row_local, plan->split_local ? plan->consecutive_local : 0);
	return taken;
}

void outlier_note(const struct cluster_view *view, struct endpoint *endpoint,
		  enum outlier_event event, uint64_t now_ms)
{
	const struct plan_outlier *plan = &view->plan->outlier;

	/* What was under way when an endpoint went says nothing about the time after. */
	if (!outlier_available(endpoint, now_ms) || !count(endpoint, plan, event))
		return;
	pthread_mutex_lock(&view->cluster->ejecting);
	if (take_rows(endpoint, plan) && outlier_available(endpoint, now_ms) &&
	    may_eject(view, now_ms))
		eject(endpoint, plan, now_ms);
	pthread_mutex_unlock(&view->cluster->ejecting);
}
