// SPDX-License-Identifier: Apache-2.0
/* Wall clock where others compare it with theirs, the monotonic one where something waits. */
#include "daemon/progress.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "model/model.h"

/* kube-proxy's bounds, so that its dashboards fit. */
static const double sync_bounds[] = { 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128,
				      0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384 };

/* 0.25 and 0.5, then by 1 to 59, by 5 to 115, by 30 to 300. */
#define NETWORK_BOUNDS 80
static double network_bounds[NETWORK_BOUNDS];

static void fill_network_bounds(void)
{
	static const struct {
		double from, step;
		size_t n;
	} parts[] = { { 0.25, 0.25, 2 }, { 1, 1, 59 }, { 60, 5, 12 }, { 120, 30, 7 } };
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		for (size_t j = 0; j < parts[i].n; j++)
			network_bounds[at++] = parts[i].from + (double)j * parts[i].step;
}

void progress_init(struct progress *progress)
{
	*progress = (struct progress){ .begun_us = clock_wall_us() };
	fill_network_bounds();
	progress->sync.bounds = sync_bounds;
	progress->sync.n_bounds = ARRAY_SIZE(sync_bounds);
	for (size_t i = 0; i < PROGRESS_FAMILIES; i++) {
		progress->network[i].bounds = network_bounds;
		progress->network[i].n_bounds = ARRAY_SIZE(network_bounds);
	}
}

void progress_fini(struct progress *progress)
{
	mem_freep(&progress->triggers);
	progress->n_triggers = progress->cap_triggers = 0;
}

static void note_trigger(struct progress *progress, const struct endpoint_slice *slice)
{
	if (slice->trigger_us < progress->begun_us || !slice->family)
		return;
	progress->triggers = mem_grow(progress->triggers, progress->n_triggers,
				      &progress->cap_triggers, sizeof(*progress->triggers));
	progress->triggers[progress->n_triggers++] = (struct progress_trigger){
		.family = slice->family == 4 ? PROGRESS_V4 : PROGRESS_V6,
		.us = slice->trigger_us,
	};
}

static void note_all(struct progress *progress, struct model *model)
{
	const struct object *const *objects;
	size_t n = model_list(model, OBJECT_ENDPOINT_SLICE, &objects);

	for (size_t i = 0; i < n; i++)
		if (objects[i]->generation > progress->generation)
			note_trigger(progress, (const struct endpoint_slice *)objects[i]);
}

static void note_triggers(struct progress *progress, struct model *model)
{
	const struct model_change *changes;
	size_t n;

	if (!model_journal(model, &changes, &n)) {
		note_all(progress, model);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const struct object *object = changes[i].present;

		if (changes[i].content && object && object->kind == OBJECT_ENDPOINT_SLICE)
			note_trigger(progress, (const struct endpoint_slice *)object);
	}
}

void progress_queue(struct progress *progress, struct model *model)
{
	if (!progress->queued_ms)
		progress->queued_ms = clock_ms();
	progress->last_queued_us = clock_wall_us();
	if (progress->slices != model_changes(model, OBJECT_ENDPOINT_SLICE))
		note_triggers(progress, model);
	progress->generation = model_generation(model);
	progress->services = model_changes(model, OBJECT_SERVICE);
	progress->slices = model_changes(model, OBJECT_ENDPOINT_SLICE);
}

void progress_sync(struct progress *progress, uint64_t took_us)
{
	int64_t now = clock_wall_us();

	histogram_observe(&progress->sync, (double)took_us / 1e6);
	for (size_t i = 0; i < progress->n_triggers; i++) {
		const struct progress_trigger *trigger = &progress->triggers[i];

		/* Another machine's clock may be ahead of ours. */
		if (trigger->us <= now)
			histogram_observe(&progress->network[trigger->family],
					  (double)(now - trigger->us) / 1e6);
	}
	progress->n_triggers = 0;
	progress->queued_ms = 0;
	progress->last_synced_us = now;
	progress->synced_services = progress->services;
	progress->synced_slices = progress->slices;
}

bool progress_is_late(const struct progress *progress)
{
	return progress->queued_ms && clock_ms() - progress->queued_ms > 2 * PROGRESS_SYNC_MS;
}
