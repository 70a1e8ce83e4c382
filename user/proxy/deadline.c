// SPDX-License-Identifier: Apache-2.0
/* A lazy timer; see the header. Client connections and exchanges have one each. */
#include "proxy/deadline.h"

static void on_timer(void *arg)
{
	struct deadline *deadline = arg;

	deadline->armed = 0;
	deadline->fn(deadline->arg);
}

void deadline_init(struct deadline *deadline, struct io *io, void (*fn)(void *arg), void *arg)
{
	*deadline = (struct deadline){ .io = io, .fn = fn, .arg = arg };
}

void deadline_fini(struct deadline *deadline)
{
	if (deadline->timer)
		io_timer_free(deadline->timer);
	*deadline = (struct deadline){ 0 };
}

void deadline_by(struct deadline *deadline, uint64_t when)
{
	uint64_t now = io_now(deadline->io);

	if (deadline->armed && deadline->armed <= when)
		return;
	if (!deadline->timer)
		deadline->timer = io_timer_new(deadline->io, on_timer, deadline);
	deadline->armed = when > now ? when : now + 1;
	io_timer_start(deadline->timer, when > now ? when - now : 0);
}
