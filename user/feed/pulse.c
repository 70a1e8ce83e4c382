// SPDX-License-Identifier: Apache-2.0
/*
 * feed.c calls it. Silence is counted in looks and not by the clock: what came while narud itself
 * stood still is read between two of them.
 */
#include "feed/pulse.h"

#include <string.h>

#include "base/mem.h"

/* A proxy reports about once a second. */
#define LOOK_MS	   1000
#define MISSED_MAX 3

static void on_look(void *arg)
{
	struct pulse *pulse = arg;

	if (pulse->silent || ++pulse->missed < MISSED_MAX)
		return;
	pulse->silent = true;
	pulse->changed(pulse->arg);
}

void pulse_start(struct pulse *pulse, struct loop *loop, void (*changed)(void *arg), void *arg)
{
	pulse_stop(pulse);
	pulse->changed = changed;
	pulse->arg = arg;
	pulse->timer = loop_timer_add(loop, LOOK_MS, LOOK_MS, on_look, pulse);
}

bool pulse_beat(struct pulse *pulse, const struct report *report)
{
	bool changed = pulse->silent ||
		       memcmp(pulse->stalled, report->stalled, sizeof(pulse->stalled)) != 0;

	pulse->silent = false;
	pulse->missed = 0;
	memcpy(pulse->stalled, report->stalled, sizeof(pulse->stalled));
	return changed;
}

bool pulse_stop(struct pulse *pulse)
{
	static const struct report alive;

	loop_timer_remove(TAKE_PTR(pulse->timer));
	return pulse_beat(pulse, &alive);
}

bool pulse_allows(const struct pulse *pulse, int worker)
{
	return !pulse->silent && !report_is_stalled(pulse->stalled, (unsigned)worker);
}

size_t pulse_stalled(const struct pulse *pulse, size_t n)
{
	size_t stalled = 0;

	for (size_t i = 0; i < n && i < REPORT_WORKERS_MAX; i++)
		stalled += !pulse_allows(pulse, (int)i);
	return stalled;
}
