/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the proxy in charge give signs of life, and do all of its workers? By its reports: each
 * names the workers that stand still, and a proxy that sends none stands still itself. Who stands
 * still gets no new connections: refused ones can go elsewhere, waiting ones cannot.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "feed/report.h"

struct pulse {
	struct loop_timer *timer; /* NULL: no proxy is in charge, so none stands still */
	unsigned missed;	  /* looks in a row without a report in between */
	bool silent;
	uint8_t stalled[REPORT_WORKERS_MAX / 8];
	void (*changed)(void *arg);
	void *arg;
};

/* A proxy takes charge, alive. changed is called when it has become silent. */
void pulse_start(struct pulse *pulse, struct loop *loop, void (*changed)(void *arg), void *arg);
/* True when others than before stand still. */
bool pulse_beat(struct pulse *pulse, const struct report *report);
/* Nobody is in charge. True as above. */
bool pulse_stop(struct pulse *pulse);

/* May the worker get new connections? */
bool pulse_allows(const struct pulse *pulse, int worker);
/* How many of the first n may not. */
size_t pulse_stalled(const struct pulse *pulse, size_t n);
