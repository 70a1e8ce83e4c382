// SPDX-License-Identifier: Apache-2.0
/* When to try again: a table of causes, and a wait that grows. */
#include "proxy/retry.h"

#define DEFAULT_BASE_MS 25
#define CAP		10 /* times the base */

/* RFC 9110, 9.2.2; methods are case-sensitive. */
static bool is_idempotent(struct http_text method)
{
	static const struct http_text methods[] = {
		HTTP_TEXT("GET"),    HTTP_TEXT("HEAD"),	   HTTP_TEXT("PUT"),
		HTTP_TEXT("DELETE"), HTTP_TEXT("OPTIONS"), HTTP_TEXT("TRACE"),
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (http_text_equal(method, methods[i]))
			return true;
	return false;
}

static bool is_listed(const struct plan_retry *policy, unsigned status)
{
	for (size_t i = 0; i < policy->n_codes; i++)
		if (policy->codes[i] == status)
			return true;
	return false;
}

bool retry_wanted(const struct plan_retry *policy, enum retry_cause cause, unsigned status,
		  struct http_text method, unsigned tries)
{
	if (cause == RETRY_UNSENT && tries == 1)
		return true;
	if (tries > policy->attempts)
		return false;
	switch (cause) {
	case RETRY_CONNECT:
	case RETRY_UNSENT:
		return true;
	case RETRY_RESET:
	case RETRY_TIMEOUT:
		return is_idempotent(method);
	case RETRY_STATUS:
		return is_listed(policy, status) && is_idempotent(method);
	}
	return false;
}

uint32_t retry_backoff_ms(const struct plan_retry *policy, unsigned tries, uint32_t random)
{
	uint64_t base = policy->backoff_ms ? policy->backoff_ms : DEFAULT_BASE_MS;
	/* From 2^4 on the cap is reached. */
	uint64_t factor = tries > 4 ? CAP : 1U << (tries ? tries - 1 : 0);
	uint64_t step = base * (factor < CAP ? factor : CAP);
	uint64_t jitter = policy->backoff_ms ? step / 4 : step;
	uint64_t wait = (policy->backoff_ms ? step : 0) + (random * (jitter + 1) >> 32);

	return wait < UINT32_MAX ? (uint32_t)wait : UINT32_MAX;
}
