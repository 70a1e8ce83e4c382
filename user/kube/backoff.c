// SPDX-License-Identifier: Apache-2.0
/* The waits of everything that asks the API server again. Invariant: no wait is above a minute. */
#include "kube/backoff.h"

#include <sys/random.h>

#include "base/clock.h"

#define FIRST_MS 800u
#define LAST_MS	 30000u
#define QUIET_MS 120000u

uint64_t backoff_next(struct backoff *backoff, const struct timing *timing)
{
	uint64_t now_ms = timing->now_ms(timing->arg);
	uint64_t delay_ms = 2 * backoff->delay_ms;

	if (!delay_ms || now_ms - backoff->last_ms >= QUIET_MS)
		delay_ms = FIRST_MS;
	if (delay_ms > LAST_MS)
		delay_ms = LAST_MS;
	*backoff = (struct backoff){ .delay_ms = delay_ms, .last_ms = now_ms };
	return delay_ms + delay_ms * timing->random(timing->arg) / UINT32_MAX;
}

static uint64_t now_ms(void *arg)
{
	(void)arg;
	return clock_ms();
}

/* Before the kernel has random numbers any will do. */
static uint32_t draw(void *arg)
{
	uint32_t number = 0;

	(void)arg;
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
		number = (uint32_t)clock_us() * 0x9e3779b1u;
	return number;
}

const struct timing backoff_timing = { .now_ms = now_ms, .random = draw };
