// SPDX-License-Identifier: Apache-2.0
/*
 * One timer. Invariant: what is decided changes only after the same has been true for the whole
 * time, in either direction, so that a proxy which crashes again and again gets nothing.
 */
#include "daemon/fallback.h"

#include "base/mem.h"

struct fallback {
	struct loop *loop;
	unsigned after_ms;
	void (*changed)(void *arg);
	void *arg;
	struct loop_timer *timer; /* while missing is not what is decided */
	bool missing;
	bool active;
	bool presumed; /* there was none yet */
};

struct fallback *fallback_new(struct loop *loop, unsigned after_ms, void (*changed)(void *arg),
			      void *arg)
{
	struct fallback *fallback = mem_new(sizeof(*fallback));

	*fallback = (struct fallback){
		.loop = loop,
		.after_ms = after_ms,
		.changed = changed,
		.arg = arg,
	};
	return fallback;
}

void fallback_presume(struct fallback *fallback)
{
	fallback->missing = fallback->active = fallback->presumed = true;
}

void fallback_free(struct fallback *fallback)
{
	if (!fallback)
		return;
	loop_timer_remove(fallback->timer);
	free(fallback);
}

static void on_due(void *arg)
{
	struct fallback *fallback = arg;

	loop_timer_remove(TAKE_PTR(fallback->timer));
	fallback->active = fallback->missing;
	fallback->changed(fallback->arg);
}

void fallback_note(struct fallback *fallback, bool missing)
{
	unsigned after_ms;

	if (!fallback || !fallback->after_ms || fallback->missing == missing)
		return;
	fallback->missing = missing;
	after_ms = fallback->presumed ? 1 : fallback->after_ms;
	fallback->presumed = false;
	loop_timer_remove(TAKE_PTR(fallback->timer));
	if (missing != fallback->active)
		fallback->timer = loop_timer_add(fallback->loop, after_ms, 0, on_due, fallback);
}

bool fallback_active(const struct fallback *fallback)
{
	return fallback && fallback->active;
}
