/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the kernel is behind the objects: what waits since when, how long it took, and what
 * kube-proxy tells of the same under the names of its metrics. daemon.c reports the two ends of
 * each change here; probes and metrics read.
 */
#pragma once
#include <stdbool.h>

#include "daemon/histogram.h"

struct model;

/* An unhealthy node is one on which something waits for longer than two of these. kube-proxy's is
 * 30 s and means a routine repetition of all its work, which naru has no use for: it tries again
 * every second what the kernel refused. */
#define PROGRESS_SYNC_MS 5000

enum progress_family {
	PROGRESS_V4,
	PROGRESS_V6,
	PROGRESS_FAMILIES,
};

struct progress {
	int64_t begun_us;    /* wall clock; what was triggered before is not measured */
	uint64_t generation; /* of the model, up to which changes are known */
	uint64_t queued_ms;  /* monotonic: since when something waits; 0: nothing does */
	int64_t last_queued_us, last_synced_us;	 /* wall clock, 0: never */
	uint64_t services, slices;		 /* changes of objects so far */
	uint64_t synced_services, synced_slices; /* of these, in force */
	struct progress_trigger {
		enum progress_family family;
		int64_t us;
	} * triggers; /* of slices whose change waits */
	size_t n_triggers, cap_triggers;
	struct histogram sync; /* how long an apply took */
	struct histogram
		network[PROGRESS_FAMILIES]; /* from a slice's trigger until it is in force */
};

void progress_init(struct progress *progress);
void progress_fini(struct progress *progress);

/* The objects have changed. */
void progress_queue(struct progress *progress, struct model *model);
/* Everything queued is in force, by an apply that took so long. */
void progress_sync(struct progress *progress, uint64_t took_us);

/* Does something wait for too long? */
bool progress_is_late(const struct progress *progress);
