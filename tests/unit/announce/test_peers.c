/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes of one segment under a clock of the test's own: who answers for an address, over deaths,
 * planned ends, restarts, links that go and come back or carry one way only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "announce/election.h"
#include "announce/peers.h"
#include "base/mem.h"

#define NODES 3
#define VIPS  16
#define STEP  10 /* ms */

struct station {
	struct peers peers;
	struct plan plan;
	struct plan_vip vips[VIPS];
	bool alive;
	bool ends;
	uint64_t beat_ms; /* the next one */
	bool wins[VIPS];
};

struct world {
	uint64_t now;
	struct station at[NODES];
	struct plan_node nodes[NODES];
	bool cut[NODES][NODES]; /* [from][to] */
	/* Of the first VIP: times without an answer, with several, and changes of hands. */
	uint64_t none_ms, several_ms;
	int last;
	unsigned moves;
};

static const char *const names[NODES] = { "alpha", "beta", "gamma" };

static bool is_up(const struct station *at, uint64_t now)
{
	return at->alive && now >= at->peers.start_ms;
}

static void elect(struct station *at)
{
	_cleanup_(election_fini) struct election election = { .plan = &at->plan,
							      .peers = &at->peers,
							      .ends = at->ends };
	const char *who;

	if (!at->peers.ready)
		return;
	election_begin(&election);
	for (size_t i = 0; i < VIPS; i++)
		at->wins[i] = election_won(&election, i, &who);
}

static void start(struct world *w, size_t i, bool inherits)
{
	struct station *at = &w->at[i];

	peers_fini(&at->peers);
	peers_init(&at->peers, names[i], inherits, w->now);
	at->alive = true;
	at->ends = false;
	at->beat_ms = w->now + 7 * i;
}

static void setup_world(struct world *w)
{
	*w = (struct world){ .now = 1000000, .last = -1 };
	for (size_t i = 0; i < NODES; i++) {
		w->nodes[i].name = (char *)names[i];
		for (size_t j = 0; j < VIPS; j++) {
			w->at[i].vips[j].addr.byte[0] = 0x20;
			w->at[i].vips[j].addr.byte[15] = (uint8_t)(j + 1);
		}
		w->at[i].plan = (struct plan){ .node = (char *)names[i],
					       .nodes = w->nodes,
					       .n_nodes = NODES,
					       .l7 = { .vips = w->at[i].vips, .n_vips = VIPS } };
		start(w, i, false);
	}
}

static void teardown_world(struct world *w)
{
	for (size_t i = 0; i < NODES; i++)
		peers_fini(&w->at[i].peers);
}

static void say(struct world *w, size_t from)
{
	struct beat beat;

	if (!peers_beat(&w->at[from].peers, w->now, &beat))
		return;
	beat.ends = w->at[from].ends;
	for (size_t to = 0; to < NODES; to++) {
		if (to == from || !w->at[to].alive || w->cut[from][to])
			continue;
		if (peers_hear(&w->at[to].peers, &beat, w->now))
			elect(&w->at[to]);
	}
}

static void note(struct world *w)
{
	int who = -1;
	size_t n = 0;

	for (size_t i = 0; i < NODES; i++) {
		if (!w->at[i].alive || !w->at[i].wins[0])
			continue;
		who = (int)i;
		n++;
	}
	w->none_ms += n ? 0 : STEP;
	w->several_ms += n > 1 ? STEP : 0;
	if (n == 1 && who != w->last) {
		w->last = who;
		w->moves++;
	}
}

static void pass(struct world *w, uint64_t ms)
{
	for (uint64_t end = w->now + ms; w->now < end; w->now += STEP) {
		for (size_t i = 0; i < NODES; i++) {
			struct station *at = &w->at[i];
			bool first;

			if (!is_up(at, w->now) || w->now < at->beat_ms)
				continue;
			at->beat_ms += PEERS_BEAT_MS;
			first = at->peers.ready;
			if (peers_tick(&at->peers, w->now) || first != at->peers.ready)
				elect(at);
			say(w, i);
		}
		note(w);
	}
}

static void forget(struct world *w)
{
	w->none_ms = w->several_ms = 0;
	w->moves = 0;
}

/* Who has the first VIP, all being well. */
static size_t settled(struct world *w)
{
	pass(w, 3000);
	forget(w);
	pass(w, 1000);
	assert_int_equal(w->none_ms, 0);
	assert_int_equal(w->several_ms, 0);
	return (size_t)w->last;
}

static void test_each_has_one(void **state)
{
	struct world w;
	size_t most = 0;

	(void)state;
	setup_world(&w);
	settled(&w);
	for (size_t j = 0; j < VIPS; j++) {
		size_t n = 0;

		for (size_t i = 0; i < NODES; i++)
			n += w.at[i].wins[j];
		assert_int_equal(n, 1);
	}
	for (size_t i = 0; i < NODES; i++) {
		size_t n = 0;

		for (size_t j = 0; j < VIPS; j++)
			n += w.at[i].wins[j];
		assert_int_not_equal(n, 0);
		most = n > most ? n : most;
		assert_int_equal(peers_count(&w.at[i].peers), NODES - 1);
	}
	assert_in_range(most, 1, VIPS - 2);
	teardown_world(&w);
}

static void test_death(void **state)
{
	struct world w;
	size_t who;

	(void)state;
	setup_world(&w);
	who = settled(&w);
	w.at[who].alive = false;
	pass(&w, 10000);
	assert_int_equal(w.moves, 1);
	assert_in_range(w.none_ms, 1, PEERS_LOST_MS + 2 * PEERS_BEAT_MS);
	assert_int_equal(w.several_ms, 0);
	for (size_t i = 0; i < NODES; i++)
		assert_false(peers_merged(&w.at[i].peers));
	/* It comes back: once, without a gap, and with both for a moment only. */
	forget(&w);
	memset(w.at[who].wins, 0, sizeof(w.at[who].wins));
	start(&w, who, false);
	pass(&w, 30000);
	assert_int_equal(w.last, who);
	assert_int_equal(w.moves, 1);
	assert_int_equal(w.none_ms, 0);
	assert_in_range(w.several_ms, 0, PEERS_BEAT_MS + STEP);
	for (size_t i = 0; i < NODES; i++)
		assert_false(peers_merged(&w.at[i].peers));
	teardown_world(&w);
}

static void test_planned_end(void **state)
{
	struct world w;
	size_t who;

	(void)state;
	setup_world(&w);
	who = settled(&w);
	w.at[who].ends = true;
	say(&w, who);
	note(&w);
	assert_int_equal(w.none_ms, 0);
	elect(&w.at[who]);
	w.at[who].alive = false;
	pass(&w, 10000);
	assert_int_equal(w.moves, 1);
	assert_int_equal(w.none_ms, 0);
	teardown_world(&w);
}

/* The kernel goes on answering for one whose process is gone, and the next one takes that over. */
static void test_quick_restart(void **state)
{
	struct world w;
	size_t who;

	(void)state;
	setup_world(&w);
	who = settled(&w);
	start(&w, who, true);
	pass(&w, 10000);
	assert_int_equal(w.moves, 0);
	assert_int_equal(w.none_ms, 0);
	assert_int_equal(w.several_ms, 0);
	teardown_world(&w);
}

static void cut(struct world *w, size_t node, bool from, bool to)
{
	for (size_t i = 0; i < NODES; i++) {
		w->cut[node][i] = from && i != node;
		w->cut[i][node] = to && i != node;
	}
}

/* The wire is cut where the node does not see it: on both sides somebody answers. */
static void test_partition(void **state)
{
	struct world w;
	size_t who;

	(void)state;
	setup_world(&w);
	who = settled(&w);
	cut(&w, who, true, true);
	pass(&w, 10000);
	assert_true(w.at[who].wins[0]);
	assert_int_equal(w.none_ms, 0);
	forget(&w);
	cut(&w, who, false, false);
	pass(&w, 30000);
	assert_in_range(w.several_ms, 1, PEERS_HOLD_MS + 3 * PEERS_BEAT_MS);
	pass(&w, 1000);
	for (size_t i = 0; i < NODES; i++)
		assert_true(peers_merged(&w.at[i].peers));
	assert_int_equal(w.last, who);
	assert_int_equal(w.none_ms, 0);
	teardown_world(&w);
}

/* The node sees its link go: it says nothing until it has been judged, and comes back once. */
static void test_link_back(void **state)
{
	struct world w;
	size_t who;

	(void)state;
	setup_world(&w);
	who = settled(&w);
	cut(&w, who, true, true);
	memset(w.at[who].wins, 0, sizeof(w.at[who].wins));
	w.at[who].alive = false;
	pass(&w, 10000);
	forget(&w);
	cut(&w, who, false, false);
	w.at[who].alive = true;
	w.at[who].beat_ms = w.now;
	peers_restart(&w.at[who].peers, w.now);
	pass(&w, 30000);
	assert_int_equal(w.last, who);
	assert_int_equal(w.moves, 1);
	assert_int_equal(w.none_ms, 0);
	assert_in_range(w.several_ms, 0, PEERS_BEAT_MS + STEP);
	teardown_world(&w);
}

/* Frames go one way: both ends see that the other does not count, and nobody is left out. */
static void test_one_way(void **state)
{
	struct world w;
	size_t who;

	(void)state;
	setup_world(&w);
	who = settled(&w);
	cut(&w, who, true, false);
	pass(&w, 10000);
	assert_int_equal(peers_count(&w.at[who].peers), 0);
	assert_int_equal(w.none_ms, 0);
	for (size_t i = 0; i < NODES; i++)
		if (i != who)
			assert_int_equal(peers_count(&w.at[i].peers), NODES - 2);
	cut(&w, who, false, false);
	pass(&w, 30000);
	for (size_t i = 0; i < NODES; i++)
		assert_true(peers_merged(&w.at[i].peers));
	teardown_world(&w);
}

/* A link that comes and goes is waited for longer and longer. */
static void test_flapping(void **state)
{
	struct world w;
	size_t who;
	unsigned moves[6];

	(void)state;
	setup_world(&w);
	who = settled(&w);
	for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
		cut(&w, who, true, true);
		memset(w.at[who].wins, 0, sizeof(w.at[who].wins));
		w.at[who].alive = false;
		pass(&w, 2500);
		forget(&w);
		cut(&w, who, false, false);
		w.at[who].alive = true;
		w.at[who].beat_ms = w.now;
		peers_restart(&w.at[who].peers, w.now);
		pass(&w, 3000);
		moves[i] = w.moves;
		assert_int_equal(w.none_ms, 0);
	}
	assert_int_equal(moves[0], 1);
	for (size_t i = 3; i < ARRAY_SIZE(moves); i++)
		assert_int_equal(moves[i], 0);
	pass(&w, 30000);
	assert_int_equal(w.last, who);
	teardown_world(&w);
}

/* One that nobody counts, for whatever reason, does not wait for ever. */
static void test_not_heard(void **state)
{
	struct peers peers;
	struct beat beat = { .name = "beta", .ready = true };

	(void)state;
	peers_init(&peers, "alpha", false, 1000);
	for (uint64_t now = 1000; now < 1000 + PEERS_DEAF_MS + 3000; now += PEERS_BEAT_MS) {
		if (now < 1000 + PEERS_DEAF_MS)
			assert_false(peers.ready);
		peers_hear(&peers, &beat, now);
		peers_tick(&peers, now);
	}
	assert_true(peers.ready);
	assert_int_equal(peers_count(&peers), 0);
	peers_fini(&peers);
}

/* Alone, and with one's own beats only. */
static void test_alone(void **state)
{
	struct peers peers;
	struct beat beat;

	(void)state;
	peers_init(&peers, "alpha", false, 1000);
	assert_false(peers_beat(&peers, 1000 + PEERS_QUIET_MS - 1, &beat));
	assert_true(peers_beat(&peers, 1000 + PEERS_QUIET_MS, &beat));
	assert_string_equal(beat.name, "alpha");
	assert_false(beat.ready);
	assert_false(peers_hear(&peers, &beat, 1800));
	assert_false(peers_tick(&peers, 1000 + PEERS_SETTLE_MS - 1));
	assert_true(peers_tick(&peers, 1000 + PEERS_SETTLE_MS));
	assert_false(peers_tick(&peers, 1000 + PEERS_SETTLE_MS + 1));
	assert_true(peers_beat(&peers, 3000, &beat));
	assert_true(beat.ready);
	assert_int_equal(peers.n, 0);
	peers_fini(&peers);
}

static void test_crowd(void **state)
{
	struct peers peers;
	struct beat beat = { .ready = true, .crowded = true }, own;

	(void)state;
	peers_init(&peers, "alpha", false, 0);
	for (unsigned i = 0; i < BEAT_HEARD_MAX + 1; i++) {
		snprintf(beat.name, sizeof(beat.name), "n%u", i * 7919 % 1000);
		peers_hear(&peers, &beat, 1000);
		assert_true(peers_beat(&peers, 1000, &own));
		assert_int_equal(own.crowded, i == BEAT_HEARD_MAX);
		assert_int_equal(own.n_heard, i == BEAT_HEARD_MAX ? 0 : i + 1);
	}
	assert_int_equal(peers_count(&peers), BEAT_HEARD_MAX + 1);
	assert_true(peers_tick(&peers, 1001 + PEERS_LOST_MS));
	assert_int_equal(peers_count(&peers), 0);
	peers_tick(&peers, 1001 + PEERS_FORGET_MS);
	assert_int_equal(peers.n, 0);
	peers_fini(&peers);
}

/* ---- election ---- */

/* beta is heard, gamma is not: it is elsewhere, or dead. */
struct case_ {
	const char *what;
	bool own_object, ends, yields;
	bool alpha_leaves, beta_leaves;
	const char *local; /* only these nodes by their first letters, NULL: all */
	bool proxied;	   /* a Gateway's address */
	const char *bare;  /* nodes without a proxy, by their first letters */
	int alpha;	   /* 1: has it, 0: not, -1: by the numbers */
	bool nobody;	   /* has it, as far as alpha knows */
};

static bool yields(void *arg, const struct addr *addr)
{
	(void)addr;
	return *(bool *)arg;
}

static void run_case(const struct case_ *c, struct peers *peers)
{
	struct plan_node nodes[NODES] = { 0 };
	struct plan_vip vips[VIPS] = { 0 };
	struct plan_local_vip local[VIPS] = { 0 };
	uint32_t indices[NODES];
	bool yield = c->yields;
	struct plan plan = { .node = (char *)"alpha",
			     .nodes = nodes,
			     .local_vips = local,
			     .l7 = { .vips = vips, .n_vips = VIPS } };
	_cleanup_(election_fini) struct election election = {
		.plan = &plan, .peers = peers, .ends = c->ends, .yields = yields, .arg = &yield
	};
	struct beat beat = { .name = "beta", .ready = true, .crowded = true };
	size_t n_local = 0, won = 0;
	const char *who;

	peers->proxyless = c->bare && strchr(c->bare, 'a');
	beat.proxyless = c->bare && strchr(c->bare, 'b');
	peers_hear(peers, &beat, 5000);
	for (size_t i = c->own_object ? 0 : 1; i < NODES; i++) {
		struct plan_node *node = &nodes[plan.n_nodes];

		node->name = (char *)names[i];
		node->leaving = i == 0 ? c->alpha_leaves : i == 1 && c->beta_leaves;
		if (c->local && strchr(c->local, *node->name))
			indices[n_local++] = (uint32_t)plan.n_nodes;
		plan.n_nodes++;
	}
	for (size_t i = 0; i < VIPS; i++) {
		vips[i].proxied = c->proxied;
		vips[i].addr.byte[15] = local[i].addr.byte[15] = (uint8_t)(i + 1);
		local[i].nodes = indices;
		local[i].n_nodes = n_local;
	}
	plan.n_local_vips = c->local ? VIPS : 0;
	election_begin(&election);
	for (size_t i = 0; i < VIPS; i++) {
		bool here = election_won(&election, i, &who);

		won += here;
		if (c->nobody ? who != NULL : strcmp(who, here ? "alpha" : "beta") != 0)
			fail_msg("%s: %s has it", c->what, who ? who : "nobody");
	}
	if (c->alpha >= 0 ? won != (c->alpha ? VIPS : 0) : !won || won == VIPS)
		fail_msg("%s: has %zu", c->what, won);
	vips[0].service = true;
	assert_false(election_won(&election, 0, &who));
	assert_null(who);
}

static void test_election(void **state)
{
	static const struct case_ cases[] = {
		{ .what = "two", .own_object = true, .alpha = -1 },
		{ .what = "no object", .alpha = 0 },
		{ .what = "ends", .own_object = true, .ends = true, .alpha = 0 },
		{ .what = "yields", .own_object = true, .yields = true, .alpha = 0 },
		{ .what = "leaves", .own_object = true, .alpha_leaves = true, .alpha = 0 },
		{ .what = "the other leaves", .own_object = true, .beta_leaves = true, .alpha = 1 },
		{ .what = "all leave",
		  .own_object = true,
		  .alpha_leaves = true,
		  .beta_leaves = true,
		  .alpha = -1 },
		{ .what = "endpoint here", .own_object = true, .local = "a", .alpha = 1 },
		{ .what = "endpoint there", .own_object = true, .local = "b", .alpha = 0 },
		{ .what = "endpoints in both", .own_object = true, .local = "ab", .alpha = -1 },
		{ .what = "endpoint where nobody is heard",
		  .own_object = true,
		  .local = "ag",
		  .alpha = 1 },
		{ .what = "no endpoint",
		  .own_object = true,
		  .local = "",
		  .alpha = 0,
		  .nobody = true },
		{ .what = "all with a proxy", .own_object = true, .proxied = true, .alpha = -1 },
		{ .what = "no proxy here",
		  .own_object = true,
		  .proxied = true,
		  .bare = "a",
		  .alpha = 0 },
		{ .what = "no proxy there",
		  .own_object = true,
		  .proxied = true,
		  .bare = "b",
		  .alpha = 1 },
		{ .what = "no proxy anywhere",
		  .own_object = true,
		  .proxied = true,
		  .bare = "ab",
		  .alpha = 0,
		  .nobody = true },
		{ .what = "no proxy needed", .own_object = true, .bare = "a", .alpha = -1 },
	};
	struct peers peers;

	(void)state;
	peers_init(&peers, "alpha", false, 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		run_case(&cases[i], &peers);
	peers_fini(&peers);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_has_one), cmocka_unit_test(test_death),
		cmocka_unit_test(test_planned_end),  cmocka_unit_test(test_quick_restart),
		cmocka_unit_test(test_partition),    cmocka_unit_test(test_link_back),
		cmocka_unit_test(test_one_way),	     cmocka_unit_test(test_flapping),
		cmocka_unit_test(test_not_heard),    cmocka_unit_test(test_alone),
		cmocka_unit_test(test_crowd),	     cmocka_unit_test(test_election),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
