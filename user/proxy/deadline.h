/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timer for times that are nearly always moved before they are reached: moving one further away
 * costs nothing, the timer finds out when it fires. The owner keeps the times.
 */
#pragma once
#include "base/io.h"

struct deadline {
	struct io *io;
	struct io_timer *timer; /* NULL until it is needed */
	uint64_t armed;		/* 0: not */
	void (*fn)(void *arg);
	void *arg;
};

/* fn looks which times have come and calls deadline_by() for the next one; it may be called too
 * early, and may finish the deadline. */
void deadline_init(struct deadline *deadline, struct io *io, void (*fn)(void *arg), void *arg);
void deadline_fini(struct deadline *deadline);
/* fn is called then or before, in the loop's time. */
void deadline_by(struct deadline *deadline, uint64_t when);
