/* SPDX-License-Identifier: Apache-2.0 */
/* When a flow is over, seen from its two entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <naru/expire.h>

#include "base/mem.h"
#include "dataplane/sweep.h"

#define NOW 1000000u

struct row {
	uint8_t proto;
	uint8_t fwd_flags, rev_flags;
	bool answered;
	uint32_t idle_max;
};

static const struct row rows[] = {
	{ NARU_TCP, 0, 0, false, NARU_IDLE_TCP_OPENING },
	{ NARU_TCP, 0, 0, true, NARU_IDLE_TCP_OPENING },
	{ NARU_TCP, NARU_F_ACK, 0, true, NARU_IDLE_TCP },
	{ NARU_TCP, NARU_F_FIN, 0, true, NARU_IDLE_TCP_HALF },
	{ NARU_TCP, 0, NARU_F_FIN, true, NARU_IDLE_TCP_HALF },
	{ NARU_TCP, NARU_F_FIN, NARU_F_FIN, true, NARU_IDLE_TCP_CLOSED },
	{ NARU_TCP, 0, NARU_F_RST, true, NARU_IDLE_TCP_RESET },
	{ NARU_TCP, NARU_F_RST | NARU_F_FIN, NARU_F_FIN, true, NARU_IDLE_TCP_RESET },
	{ NARU_UDP, 0, 0, false, NARU_IDLE_UDP },
	{ NARU_UDP, 0, 0, true, NARU_IDLE_UDP },
	{ NARU_UDP, NARU_F_AGAIN, 0, true, NARU_IDLE_UDP },
	{ NARU_UDP, NARU_F_AGAIN | NARU_F_STREAM, 0, true, NARU_IDLE_UDP_STREAM },
	{ NARU_UDP, NARU_F_STREAM, 0, false, NARU_IDLE_UDP },
};

static bool is_over(const struct row *row, uint32_t fwd_idle, uint32_t rev_idle)
{
	struct naru_flow fwd = { .seen = NOW - fwd_idle, .flags = row->fwd_flags };
	struct naru_flow rev = {
		.seen = row->answered ? NOW - rev_idle : 0,
		.flags = row->rev_flags | NARU_F_REPLY,
	};

	return naru_flow_expired(&fwd, &rev, row->proto, NOW);
}

static void each_state_has_its_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t max = rows[i].idle_max;

		assert_false(is_over(&rows[i], max, max));
		assert_true(is_over(&rows[i], max + 1, max + 1));
	}
}

static void the_less_idle_direction_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_false(is_over(&rows[i], 1, rows[i].idle_max + 1));
		if (rows[i].answered)
			assert_false(is_over(&rows[i], rows[i].idle_max + 1, 1));
	}
}

static void without_its_way_back(void **state)
{
	struct naru_flow fwd = { .seen = NOW - NARU_IDLE_TCP_OPENING - 1 };

	(void)state;
	assert_true(naru_flow_expired(&fwd, NULL, NARU_TCP, NOW));
	fwd.seen = NOW;
	assert_false(naru_flow_expired(&fwd, NULL, NARU_TCP, NOW));
}

static void ticks_wrap_and_differ(void **state)
{
	struct naru_flow fwd = { .seen = UINT32_MAX - 5 }, rev = { .seen = UINT32_MAX - 5 };

	(void)state;
	assert_false(naru_flow_expired(&fwd, &rev, NARU_UDP, 10));
	assert_true(naru_flow_expired(&fwd, &rev, NARU_UDP, NARU_IDLE_UDP_STREAM));
	/* Another CPU was a tick ahead. */
	fwd.seen = rev.seen = NOW + 1;
	assert_false(naru_flow_expired(&fwd, &rev, NARU_UDP, NOW));
}

/* What is not suspect is never judged, so it must not be over with any other half. */
static void suspicion_covers_every_expiry(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (uint32_t idle = 0; idle < 200; idle++) {
			struct naru_flow fwd = { .seen = NOW - idle, .flags = rows[i].fwd_flags };

			if (is_over(&rows[i], idle, idle))
				assert_true(sweep_is_suspect(&fwd, rows[i].proto, NOW));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_has_its_time),
		cmocka_unit_test(the_less_idle_direction_counts),
		cmocka_unit_test(without_its_way_back),
		cmocka_unit_test(ticks_wrap_and_differ),
		cmocka_unit_test(suspicion_covers_every_expiry),
	};

	return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
