/* SPDX-License-Identifier: Apache-2.0 */
/* Which kind a packet is: IPv6 chains of headers, fragments, quoted packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/pkt_rare.h"

#define ROOM 400

struct chain {
	const char *name;
	uint8_t headers[9]; /* next headers in their order; 0xff ends */
	uint8_t b2, b3;	    /* of each extension header */
	enum pkt_kind kind;
	unsigned l4;
};

/* Hop-by-hop is 0, so a chain ends with END. */
#define END 0xff

static const struct chain chains[] = {
	{ "UDP", { 17, END }, 0, 0, PKT_K_PLAIN, 54 },
	{ "hop-by-hop", { 0, 17, END }, 1, 4, PKT_K_PLAIN, 62 },
	{ "all kinds", { 0, 60, 43, 60, 6, END }, 1, 0, PKT_K_PLAIN, 86 },
	{ "six", { 60, 60, 60, 60, 60, 60, 17, END }, 1, 4, PKT_K_PLAIN, 102 },
	{ "seven", { 60, 60, 60, 60, 60, 60, 60, 17, END }, 1, 4, PKT_K_UNKNOWN, 0 },
	{ "segments left", { 43, 17, END }, 0, 1, PKT_K_UNKNOWN, 0 },
	{ "no fragment", { 44, 17, END }, 0, 0, PKT_K_PLAIN, 62 },
	{ "a first fragment", { 44, 17, END }, 0, 1, PKT_K_FIRST, 62 },
	{ "a later fragment", { 44, 17, END }, 0, 8, PKT_K_LATER, 62 },
	{ "what follows a later fragment's header is payload",
	  { 44, 60, 17, END },
	  1,
	  0,
	  PKT_K_LATER,
	  62 },
	{ "ICMPv6", { 0, 58, END }, 1, 4, PKT_K_ICMP, 62 },
	{ "ESP", { 0, 50, END }, 1, 4, PKT_K_OTHER, 0 },
	{ "none", { 59, END }, 0, 0, PKT_K_OTHER, 0 },
};

static size_t build(const struct chain *c, uint8_t *frame)
{
	size_t at = 54;

	memset(frame, 0, ROOM);
	frame[14] = 0x60;
	frame[19] = 120; /* payload */
	frame[20] = c->headers[0];
	frame[21] = 64;
	for (size_t i = 0; c->headers[i + 1] != END; i++, at += 8) {
		frame[at] = c->headers[i + 1];
		frame[at + 2] = c->b2;
		frame[at + 3] = c->b3;
	}
	frame[at + 1] = 80;
	frame[at + 3] = 81;
	return 54 + 120;
}

static void kinds(void **state)
{
	uint8_t room[ROOM + 2] __attribute__((aligned(8))), *frame = room + 2;

	(void)state;
	for (size_t i = 0; i < sizeof(chains) / sizeof(*chains); i++) {
		const struct chain *c = &chains[i];
		size_t len = build(c, frame);
		struct pkt p = {};
		uint32_t id;
		enum pkt_kind kind = pkt_parse_rare(frame, frame + len, &p, &id, AF_INET6);

		if (kind != c->kind || (c->l4 && p.l4 != c->l4))
			fail_msg("%s: kind %d, header at %u", c->name, kind, p.l4);
		if (kind == PKT_K_PLAIN || kind == PKT_K_FIRST) {
			assert_int_equal(p.t.sport, 80);
			assert_int_equal(p.t.dport, 81);
		}
	}
}

/* Wherever the frame ends within the headers. */
static void short_ones(void **state)
{
	uint8_t room[ROOM + 2] __attribute__((aligned(8))), *frame = room + 2;
	const struct chain *c = &chains[2];
	struct pkt p = {};
	uint32_t id;

	(void)state;
	build(c, frame);
	for (size_t len = 14; len < c->l4 + 20; len++)
		assert_int_equal(pkt_parse_rare(frame, frame + len, &p, &id, AF_INET6),
				 PKT_K_SHORT);
	assert_int_equal(pkt_parse_rare(frame, frame + c->l4 + 20, &p, &id, AF_INET6), PKT_K_PLAIN);
}

/* Eight bytes of the transport header are enough, seven are not. */
static void quoted(void **state)
{
	uint8_t room[ROOM + 2] __attribute__((aligned(8))), *frame = room + 2;
	struct pkt p = {};

	(void)state;
	build(&chains[2], frame);
	assert_int_equal(pkt_parse_quoted(frame, frame + 86 + 7, 14, &p, AF_INET6), PKT_K_SHORT);
	assert_int_equal(pkt_parse_quoted(frame, frame + 86 + 8, 14, &p, AF_INET6), PKT_K_PLAIN);
	assert_int_equal(p.t.sport, 80);
	assert_int_equal(p.l4, 86);
	build(&chains[8], frame);
	assert_int_equal(pkt_parse_quoted(frame, frame + 200, 14, &p, AF_INET6), PKT_K_LATER);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(short_ones),
		cmocka_unit_test(quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
