/* SPDX-License-Identifier: Apache-2.0 */
/* Which failures are tried again (R1 to R3), and how long that waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "proxy/retry.h"

static uint16_t codes[] = { 502, 503 };
static const struct plan_retry twice = { .codes = codes, .n_codes = 2, .attempts = 2 };
static const struct plan_retry none = { 0 };

static void test_wanted(void **state)
{
	static const struct {
		const struct plan_retry *policy;
		enum retry_cause cause;
		unsigned status;
		struct http_text method;
		unsigned tries;
		bool wanted;
	} rows[] = {
		{ &twice, RETRY_CONNECT, 0, HTTP_TEXT("GET"), 1, true },
		{ &twice, RETRY_CONNECT, 0, HTTP_TEXT("POST"), 2, true },
		{ &twice, RETRY_CONNECT, 0, HTTP_TEXT("GET"), 3, false },
		{ &twice, RETRY_RESET, 0, HTTP_TEXT("GET"), 1, true },
		{ &twice, RETRY_RESET, 0, HTTP_TEXT("HEAD"), 1, true },
		{ &twice, RETRY_RESET, 0, HTTP_TEXT("PUT"), 1, true },
		{ &twice, RETRY_RESET, 0, HTTP_TEXT("DELETE"), 1, true },
		{ &twice, RETRY_RESET, 0, HTTP_TEXT("OPTIONS"), 1, true },
		{ &twice, RETRY_RESET, 0, HTTP_TEXT("TRACE"), 1, true },
		/* R2 */
		{ &twice, RETRY_RESET, 0, HTTP_TEXT("POST"), 1, false },
		{ &twice, RETRY_RESET, 0, HTTP_TEXT("PATCH"), 1, false },
		{ &twice, RETRY_RESET, 0, HTTP_TEXT("get"), 1, false },
		{ &twice, RETRY_TIMEOUT, 0, HTTP_TEXT("GET"), 2, true },
		{ &twice, RETRY_TIMEOUT, 0, HTTP_TEXT("POST"), 1, false },
		{ &twice, RETRY_STATUS, 503, HTTP_TEXT("GET"), 1, true },
		{ &twice, RETRY_STATUS, 503, HTTP_TEXT("GET"), 3, false },
		{ &twice, RETRY_STATUS, 503, HTTP_TEXT("POST"), 1, false },
		{ &twice, RETRY_STATUS, 504, HTTP_TEXT("GET"), 1, false },
		{ &twice, RETRY_UNSENT, 0, HTTP_TEXT("POST"), 1, true },
		{ &twice, RETRY_UNSENT, 0, HTTP_TEXT("POST"), 2, true },
		{ &twice, RETRY_UNSENT, 0, HTTP_TEXT("POST"), 3, false },
		/* No policy: the race for a pooled connection is nobody's fault. */
		{ &none, RETRY_UNSENT, 0, HTTP_TEXT("POST"), 1, true },
		{ &none, RETRY_UNSENT, 0, HTTP_TEXT("GET"), 2, false },
		{ &none, RETRY_CONNECT, 0, HTTP_TEXT("GET"), 1, false },
		{ &none, RETRY_RESET, 0, HTTP_TEXT("GET"), 1, false },
		{ &none, RETRY_STATUS, 503, HTTP_TEXT("GET"), 1, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (retry_wanted(rows[i].policy, rows[i].cause, rows[i].status, rows[i].method,
				 rows[i].tries) != rows[i].wanted)
			fail_msg("row %zu", i);
}

static void test_backoff(void **state)
{
	static const struct {
		uint32_t base, least, most; /* of the policy and of the wait */
		unsigned tries;
	} rows[] = {
		{ 0, 0, 25, 1 },      { 0, 0, 50, 2 },	    { 0, 0, 100, 3 },
		{ 0, 0, 200, 4 },     { 0, 0, 250, 5 },	    { 0, 0, 250, 4000000000u },
		{ 100, 100, 125, 1 }, { 100, 200, 250, 2 }, { 100, 1000, 1250, 9 },
		{ 1, 1, 1, 1 },	      { 0, 0, 25, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct plan_retry policy = { .backoff_ms = rows[i].base };

		assert_int_equal(retry_backoff_ms(&policy, rows[i].tries, 0), rows[i].least);
		assert_int_equal(retry_backoff_ms(&policy, rows[i].tries, UINT32_MAX),
				 rows[i].most);
	}
}

static void test_backoff_is_bounded(void **state)
{
	const struct plan_retry policy = { .backoff_ms = UINT32_MAX };

	(void)state;
	assert_int_equal(retry_backoff_ms(&policy, 9, UINT32_MAX), UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_backoff_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
