// SPDX-License-Identifier: Apache-2.0
/* One number: the time at which all tokens would be back. Microseconds, so that rates are exact. */
#include "status/bucket.h"

static uint64_t interval_us(const struct bucket *bucket)
{
	return 1000000u / bucket->qps;
}

uint64_t bucket_wait_ms(const struct bucket *bucket, uint64_t now_ms)
{
	uint64_t room_us = now_ms * 1000 + (bucket->burst - 1) * interval_us(bucket);

	return bucket->next_us > room_us ? (bucket->next_us - room_us + 999) / 1000 : 0;
}

void bucket_take(struct bucket *bucket, uint64_t now_ms)
{
	if (bucket->next_us < now_ms * 1000)
		bucket->next_us = now_ms * 1000;
	bucket->next_us += interval_us(bucket);
}
