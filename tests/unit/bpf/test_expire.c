/* SPDX-License-Identifier: Apache-2.0 */
/* include/naru/expire.h: the one rule for when a flow is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <naru/expire.h>

#define NOW 1000000

struct half {
	uint32_t idle; /* NEVER: no packet yet */
	uint8_t flags;
};

#define NEVER UINT32_MAX
#define GONE  (UINT32_MAX - 1) /* no entry at all */

static const struct {
	const char *what;
	uint8_t proto;
	struct half fwd, rev;
	enum naru_flow_state state;
	int expired;
} cases[] = {
	{ "SYN without answer", NARU_TCP, { 60, 0 }, { NEVER, 0 }, NARU_OPENING, 0 },
	{ "SYN without answer for too long", NARU_TCP, { 61, 0 }, { NEVER, 0 }, NARU_OPENING, 1 },
	{ "answered, not acknowledged", NARU_TCP, { 61, 0 }, { 60, 0 }, NARU_OPENING, 0 },
	{ "answered, never acknowledged", NARU_TCP, { 61, 0 }, { 61, 0 }, NARU_OPENING, 1 },
	{ "the endpoint's acknowledgement is not the client's",
	  NARU_TCP,
	  { 61, 0 },
	  { 61, NARU_F_ACK },
	  NARU_OPENING,
	  1 },
	{ "acknowledged", NARU_TCP, { 61, NARU_F_ACK }, { 61, 0 }, NARU_ESTABLISHED, 0 },
	{ "a quiet day", NARU_TCP, { 86400, NARU_F_ACK }, { 86400, 0 }, NARU_ESTABLISHED, 0 },
	{ "more than a day", NARU_TCP, { 86401, NARU_F_ACK }, { 86401, 0 }, NARU_ESTABLISHED, 1 },
	{ "one side still sends", NARU_TCP, { 90000, NARU_F_ACK }, { 5, 0 }, NARU_ESTABLISHED, 0 },
	{ "client has closed", NARU_TCP, { 3600, NARU_F_FIN }, { 3600, 0 }, NARU_HALF_CLOSED, 0 },
	{ "endpoint has closed", NARU_TCP, { 3601, 0 }, { 3601, NARU_F_FIN }, NARU_HALF_CLOSED, 1 },
	{ "both have closed", NARU_TCP, { 120, NARU_F_FIN }, { 120, NARU_F_FIN }, NARU_CLOSED, 0 },
	{ "both have closed long ago",
	  NARU_TCP,
	  { 121, NARU_F_FIN },
	  { 121, NARU_F_FIN },
	  NARU_CLOSED,
	  1 },
	{ "reset", NARU_TCP, { 10, 0 }, { 10, NARU_F_RST }, NARU_RESET, 0 },
	{ "reset long ago", NARU_TCP, { 11, NARU_F_RST }, { NEVER, 0 }, NARU_RESET, 1 },
	{ "reset counts before close",
	  NARU_TCP,
	  { 11, NARU_F_FIN },
	  { 11, NARU_F_FIN | NARU_F_RST },
	  NARU_RESET,
	  1 },
	{ "a lone datagram", NARU_UDP, { 30, 0 }, { NEVER, 0 }, NARU_ONE_WAY, 0 },
	{ "a lone datagram, long ago", NARU_UDP, { 31, 0 }, { NEVER, 0 }, NARU_ONE_WAY, 1 },
	{ "question and answer", NARU_UDP, { 30, 0 }, { 30, 0 }, NARU_REPLIED, 0 },
	{ "question and answer, long ago",
	  NARU_UDP,
	  { 31, NARU_F_AGAIN },
	  { 31, 0 },
	  NARU_REPLIED,
	  1 },
	{ "a stream", NARU_UDP, { 120, NARU_F_STREAM }, { 120, 0 }, NARU_STREAM, 0 },
	{ "a stream by its answers", NARU_UDP, { 120, 0 }, { 120, NARU_F_STREAM }, NARU_STREAM, 0 },
	{ "a stream, long ago", NARU_UDP, { 121, NARU_F_STREAM }, { 121, 0 }, NARU_STREAM, 1 },
	{ "a stream that nobody answers",
	  NARU_UDP,
	  { 31, NARU_F_STREAM },
	  { NEVER, 0 },
	  NARU_ONE_WAY,
	  1 },
	{ "answers only", NARU_UDP, { 500, 0 }, { 1, 0 }, NARU_REPLIED, 0 },
	{ "INIT without answer", NARU_SCTP, { 30, 0 }, { NEVER, 0 }, NARU_OPENING, 0 },
	{ "INIT without answer for too long", NARU_SCTP, { 31, 0 }, { NEVER, 0 }, NARU_OPENING, 1 },
	{ "an association", NARU_SCTP, { 210, NARU_F_ACK }, { 210, 0 }, NARU_ESTABLISHED, 0 },
	{ "no heartbeat", NARU_SCTP, { 211, NARU_F_ACK }, { 211, 0 }, NARU_ESTABLISHED, 1 },
	{ "shut down", NARU_SCTP, { 10, NARU_F_FIN }, { 11, NARU_F_FIN }, NARU_CLOSED, 0 },
	{ "shut down long ago", NARU_SCTP, { 11, NARU_F_FIN }, { 11, NARU_F_FIN }, NARU_CLOSED, 1 },
	{ "aborted long ago", NARU_SCTP, { 11, NARU_F_RST }, { 11, 0 }, NARU_RESET, 1 },
	{ "the way back has gone", NARU_TCP, { 61, 0 }, { GONE, 0 }, NARU_OPENING, 1 },
	{ "seen by a CPU that is a tick ahead",
	  NARU_TCP,
	  { (uint32_t)-1, 0 },
	  { NEVER, 0 },
	  NARU_OPENING,
	  0 },
};

static void rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct naru_flow fwd = { .seen = NOW - cases[i].fwd.idle,
					 .flags = cases[i].fwd.flags };
		struct naru_flow rev = { .flags = NARU_F_REPLY | cases[i].rev.flags };
		const struct naru_flow *back = cases[i].rev.idle == GONE ? NULL : &rev;

		rev.seen = cases[i].rev.idle >= GONE ? 0 : NOW - cases[i].rev.idle;
		if (naru_flow_state(&fwd, back, cases[i].proto) != cases[i].state)
			fail_msg("%s: state %d", cases[i].what,
				 naru_flow_state(&fwd, back, cases[i].proto));
		if (!naru_flow_expired(&fwd, back, cases[i].proto, NOW) != !cases[i].expired)
			fail_msg("%s: expired or not", cases[i].what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(rules) };

	return cmocka_run_group_tests_name("expire", tests, NULL, NULL);
}
