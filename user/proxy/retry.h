/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a failed try is made again, and when (statements R1 to R3). Pure functions. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "http/http.h"
#include "plan/l7.h"

enum retry_cause {
	RETRY_CONNECT, /* no connection: the request was not sent */
	RETRY_UNSENT,  /* a pooled connection was closed and provably took no byte of the request */
	RETRY_RESET,   /* the connection broke after the request was sent, before an answer */
	RETRY_TIMEOUT, /* timeouts.backendRequest ran out */
	RETRY_STATUS,  /* an answer with that status */
};

/*
 * Is a try wanted after `tries` ones (1 after the first)? RETRY_UNSENT is always, once, whatever
 * the policy. A method that is not idempotent is tried again only when the request was not sent.
 */
bool retry_wanted(const struct plan_retry *policy, enum retry_cause cause, unsigned status,
		  struct http_text method, unsigned tries);
/*
 * step is base * 2^(tries - 1), at most 10 * base. A base that was asked for is the least wait
 * (Gateway API): from step to step * 5/4. Without one it is full jitter over 25 ms: from 0 to step.
 * random is any.
 */
uint32_t retry_backoff_ms(const struct plan_retry *policy, unsigned tries, uint32_t random);
