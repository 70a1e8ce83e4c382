/* SPDX-License-Identifier: Apache-2.0 */
/* Who gives way when an address is answered for twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "announce/conflicts.h"
#include "base/mem.h"
#include "plan/rendezvous.h"

static struct plan_node nodes[] = { { .name = (char *)"alpha" }, { .name = (char *)"beta" } };
static struct plan plans[] = {
	{ .node = (char *)"alpha", .nodes = nodes, .n_nodes = 2 },
	{ .node = (char *)"beta", .nodes = nodes, .n_nodes = 2 },
};

static struct conflict_sight sight_of(unsigned addr, const char *node)
{
	return (struct conflict_sight){ .addr = { .byte = { 0x20, [15] = (uint8_t)addr } },
					.mac = { 2, 0, 0, 0, 0, 0xaa },
					.marked = node,
					.node = node ? rendezvous_name(node) : 0 };
}

/* Of two nodes that do not hear each other, exactly one leaves the address to the other. */
static void test_one_loses(void **state)
{
	unsigned lost[2] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 32; i++) {
		struct conflicts by[2] = { 0 };
		enum conflict_answer answers[2];

		for (size_t n = 0; n < 2; n++) {
			const struct conflict_sight sight = sight_of(i, nodes[1 - n].name);

			answers[n] = conflicts_note(&by[n], &plans[n], &sight, false, 1000);
			lost[n] += answers[n] == CONFLICT_YIELD;
			assert_int_equal(conflicts_yields(&by[n], &sight.addr, 1001),
					 answers[n] == CONFLICT_YIELD);
			conflicts_fini(&by[n]);
		}
		assert_int_equal((answers[0] == CONFLICT_YIELD) + (answers[1] == CONFLICT_YIELD),
				 1);
		assert_int_equal((answers[0] == CONFLICT_DEFEND) + (answers[1] == CONFLICT_DEFEND),
				 1);
	}
	assert_int_not_equal(lost[0], 0);
	assert_int_not_equal(lost[1], 0);
}

/* An address that alpha loses to beta. */
static struct conflict_sight losing(void)
{
	for (unsigned i = 0;; i++) {
		struct conflict_sight sight = sight_of(i, "beta");

		if (rendezvous_weight("beta", &sight.addr) >
		    rendezvous_weight("alpha", &sight.addr))
			return sight;
	}
}

static void test_longer_each_time(void **state)
{
	const struct conflict_sight sight = losing();
	struct conflicts conflicts = { 0 };
	uint64_t now = 1000, length = CONFLICT_YIELD_MS;

	(void)state;
	for (unsigned i = 0; i < CONFLICT_DOUBLINGS + 3; i++) {
		assert_int_equal(conflicts_note(&conflicts, &plans[0], &sight, false, now),
				 CONFLICT_YIELD);
		assert_int_equal(conflicts_note(&conflicts, &plans[0], &sight, false, now + 1),
				 CONFLICT_NOTHING);
		assert_true(conflicts_yields(&conflicts, &sight.addr, now + length - 1));
		assert_false(conflicts_tick(&conflicts, now + length - 1));
		assert_false(conflicts_yields(&conflicts, &sight.addr, now + length));
		assert_true(conflicts_tick(&conflicts, now + length));
		now += length;
		if (i < CONFLICT_DOUBLINGS)
			length *= 2;
		/* Long yields are forgotten with their conflict, unless it goes on at once. */
		if (!conflicts.n)
			break;
	}
	conflicts_fini(&conflicts);
}

/* A stranger is contradicted now and then, and never left the address. */
static void test_stranger(void **state)
{
	const struct conflict_sight sight = sight_of(1, NULL), foreign = sight_of(1, "omega");
	struct conflicts conflicts = { 0 };
	struct diag_list diags = { 0 };
	_cleanup_(mem_freep) char *text = NULL;

	(void)state;
	assert_int_equal(conflicts_note(&conflicts, &plans[0], &sight, false, 1000),
			 CONFLICT_DEFEND);
	assert_int_equal(conflicts_note(&conflicts, &plans[0], &foreign, false,
					1000 + CONFLICT_DEFEND_MS - 1),
			 CONFLICT_NOTHING);
	assert_int_equal(conflicts_note(&conflicts, &plans[0], &sight, false,
					1000 + CONFLICT_DEFEND_MS),
			 CONFLICT_DEFEND);
	assert_false(conflicts_yields(&conflicts, &sight.addr, 1000 + CONFLICT_DEFEND_MS));
	conflicts_report(&conflicts, &diags);
	assert_int_equal(diags.n, 1);
	text = diag_format(&diags.items[0]);
	assert_string_equal(text, "error: address 2000::1: 02:00:00:00:00:aa answers for it, too: "
				  "a machine that is no node of the cluster");
	/* The clock of a tick may have been read before the sight came. */
	assert_false(conflicts_tick(&conflicts, 999 + CONFLICT_DEFEND_MS));
	assert_false(conflicts_tick(&conflicts, 1000 + CONFLICT_DEFEND_MS + CONFLICT_SHOWN_MS));
	assert_true(conflicts_tick(&conflicts, 1001 + CONFLICT_DEFEND_MS + CONFLICT_SHOWN_MS));
	assert_int_equal(conflicts.n, 0);
	diag_fini(&diags);
	conflicts_fini(&conflicts);
}

/* Our own frame on another device, and a node that elections count with, are none. */
static void test_no_conflict(void **state)
{
	const struct conflict_sight own = sight_of(1, "alpha"), counted = losing();
	struct conflicts conflicts = { 0 };

	(void)state;
	assert_int_equal(conflicts_note(&conflicts, &plans[0], &own, false, 1000),
			 CONFLICT_NOTHING);
	assert_int_equal(conflicts_note(&conflicts, &plans[0], &counted, true, 1000),
			 CONFLICT_NOTHING);
	assert_int_equal(conflicts.n, 0);
	assert_false(conflicts_tick(&conflicts, 1000));
	conflicts_fini(&conflicts);
}

/* However many addresses somebody takes. */
static void test_bounded(void **state)
{
	struct conflicts conflicts = { 0 };

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct conflict_sight sight = sight_of(i, NULL);

		sight.addr.byte[14] = (uint8_t)(i >> 8);
		conflicts_note(&conflicts, &plans[0], &sight, false, 1000);
	}
	assert_int_equal(conflicts.n, 256);
	conflicts_fini(&conflicts);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_loses), cmocka_unit_test(test_longer_each_time),
		cmocka_unit_test(test_stranger),  cmocka_unit_test(test_no_conflict),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
