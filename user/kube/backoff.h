/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait after a failure: 800 ms, doubled each time up to 30 s, and up to as much again
 * by chance, so that many nodes do not come back at once. Two quiet minutes start it anew.
 */
#pragma once
#include <stdint.h>

/* Time and chance, so that tests have them in hand. */
struct timing {
	uint64_t (*now_ms)(void *arg);
	uint32_t (*random)(void *arg); /* over the whole range */
	void *arg;
};

/* {0} is one without failures. */
struct backoff {
	uint64_t delay_ms; /* of the last failure, before chance */
	uint64_t last_ms;
};

/* The delay in milliseconds after a failure now. */
uint64_t backoff_next(struct backoff *backoff, const struct timing *timing);

/* The clock and the kernel's random numbers. */
extern const struct timing backoff_timing;
