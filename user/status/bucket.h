/* SPDX-License-Identifier: Apache-2.0 */
/* So many in a second, and so many at once: what keeps naru from flooding the API server. */
#pragma once
#include <stdint.h>

struct bucket {
	unsigned qps, burst; /* neither 0 */
	uint64_t next_us;    /* when it would be full again, by the clock that the caller uses */
};

/* How long until one more is allowed, 0: now. */
uint64_t bucket_wait_ms(const struct bucket *bucket, uint64_t now_ms);
/* Allowed or not, it is done. */
void bucket_take(struct bucket *bucket, uint64_t now_ms);
