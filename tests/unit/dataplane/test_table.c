/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow table of cache lines from narud's side, on memory instead of a map: what sweeps remove,
 * what they leave, and what a sweep that was killed leaves behind. Races are in tests/bpf.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dataplane/table.h"

#define MAIN	 8
#define STASH	 2
#define TIMEOUT	 10
#define FWD	 5
#define REPLY	 22
#define ENDPOINT 7

struct world {
	struct table table;
	struct table_sum sum;
	uint32_t now;
	int fd;
	uint32_t gone;	  /* how often */
	uint32_t disturb; /* a packet comes to this slot while its flow is judged; 0: none */
};

/* Fields of a slot of either family. */
struct fields {
	uint64_t *ctrl;
	uint32_t *peer, *home, *ep, *spill;
};

static struct fields at(struct world *w, uint32_t pos)
{
	struct naru_slot4 *s4 = (struct naru_slot4 *)(void *)w->table.mem + pos;
	struct naru_slot6 *s6 = (struct naru_slot6 *)(void *)w->table.mem + pos;

	if (w->table.family == 4)
		return (struct fields){ (uint64_t *)&s4->ctrl, &s4->peer, &s4->home, &s4->ep,
					&s4->spill };
	return (struct fields){ (uint64_t *)&s6->ctrl, &s6->peer, &s6->home, &s6->ep, &s6->spill };
}

static uint64_t live(uint32_t seen)
{
	return 3 * NARU_CTRL_VERSION_ONE | (uint64_t)seen << NARU_CTRL_SEEN_SHIFT | NARU_SLOT_LIVE;
}

static enum naru_slot_state state_at(struct world *w, uint32_t pos)
{
	return (enum naru_slot_state)(*at(w, pos).ctrl & NARU_CTRL_STATE);
}

static bool is_idle(const struct world *w, const struct table_half *half)
{
	uint32_t seen = (uint32_t)(half->ctrl >> NARU_CTRL_SEEN_SHIFT) & NARU_CTRL_SEEN_MAX;

	return w->now - seen > TIMEOUT;
}

static bool is_over(void *arg, const struct table_half *half, const struct table_half *peer)
{
	struct world *w = arg;
	bool over = is_idle(w, half) && (!peer || is_idle(w, peer));

	if (w->disturb)
		*at(w, w->disturb).ctrl = live(w->now);
	return over;
}

static void gone(void *arg, const struct table_half *half)
{
	struct world *w = arg;

	(void)half;
	w->gone++;
}

static void put(struct world *w, uint32_t pos, uint32_t peer, uint32_t home, uint32_t seen)
{
	struct fields f = at(w, pos);

	*f.ctrl = live(seen);
	*f.peer = peer;
	*f.home = home;
	*f.ep = ENDPOINT;
	if (home != pos / NARU_TABLE_WAYS)
		(*at(w, home * NARU_TABLE_WAYS).spill)++;
}

/* A pair, of which the reply entry lives away from its home, bucket 0. */
static void put_pair(struct world *w, uint32_t seen)
{
	put(w, FWD, REPLY, FWD / NARU_TABLE_WAYS, seen);
	put(w, REPLY, FWD, 0, seen);
}

static void begin(struct world *w, int family)
{
	const struct naru_table_config size = { .main = MAIN, .stash = STASH };
	const struct table_rules rules = { .is_over = is_over, .gone = gone, .arg = w };

	*w = (struct world){ .now = 100, .fd = memfd_create("table", MFD_CLOEXEC) };
	assert_true(w->fd >= 0);
	assert_int_equal(ftruncate(w->fd, 65536), 0);
	assert_int_equal(table_open(&w->table, family, w->fd, &size, &rules), 0);
	assert_int_equal(w->table.slots, (MAIN + STASH) * NARU_TABLE_WAYS);
}

static void end(struct world *w)
{
	table_close(&w->table);
	close(w->fd);
}

/* A whole sweep, in slices. */
static void sweep(struct world *w)
{
	w->sum = (struct table_sum){ 0 };
	while (!table_sweep(&w->table, 7, &w->sum))
		;
}

/* Runs a test for both families. */
static void both(void (*test)(struct world *w))
{
	for (int family = 4; family <= 6; family += 2) {
		struct world w;

		begin(&w, family);
		test(&w);
		end(&w);
	}
}

/* ---- sweeps ---- */

static void expire(struct world *w)
{
	put_pair(w, w->now - TIMEOUT);
	sweep(w);
	assert_int_equal(w->sum.met, 2);
	assert_int_equal(w->sum.marked, 0);
	w->now++;
	sweep(w);
	assert_int_equal(w->sum.marked, 2);
	assert_int_equal(state_at(w, FWD), NARU_SLOT_DYING);
	assert_int_equal(state_at(w, REPLY), NARU_SLOT_DYING);
	assert_int_equal(w->gone, 0);
	sweep(w);
	assert_int_equal(w->sum.removed, 2);
	assert_int_equal(w->gone, 2);
	/* The version stays, and nothing else does. */
	assert_int_equal(*at(w, FWD).ctrl, 3 * NARU_CTRL_VERSION_ONE);
	assert_int_equal(*at(w, REPLY).ctrl, 3 * NARU_CTRL_VERSION_ONE);
	assert_int_equal(*at(w, 0).spill, 0);
	sweep(w);
	assert_int_equal(w->sum.met, 0);
}

static void two_sweeps_expire_a_pair(void **state)
{
	(void)state;
	both(expire);
}

/* Whichever direction is used, and whenever: both stay. */
static void keep(struct world *w)
{
	static const uint32_t half[] = { FWD, REPLY };

	for (int i = 0; i < 2; i++) {
		put_pair(w, 1);
		*at(w, half[i]).ctrl = live(w->now);
		sweep(w);
		assert_int_equal(w->sum.marked, 0);

		put_pair(w, 1);
		sweep(w);
		assert_int_equal(w->sum.marked, 2);
		*at(w, half[i]).ctrl = live(w->now); /* a packet */
		sweep(w);
		assert_int_equal(w->sum.removed, 0);
		assert_int_equal(w->sum.revived, 1);
		sweep(w);
		assert_int_equal(state_at(w, FWD), NARU_SLOT_LIVE);
		assert_int_equal(state_at(w, REPLY), NARU_SLOT_LIVE);
		assert_int_equal(w->gone, 0);
	}
}

static void half_a_pair_never_expires(void **state)
{
	(void)state;
	both(keep);
}

/* The packet comes after the verdict, and the mark is not set. */
static void disturb(struct world *w)
{
	put_pair(w, 1);
	w->disturb = FWD;
	sweep(w);
	assert_int_equal(w->sum.marked, 0);
	assert_int_equal(state_at(w, FWD), NARU_SLOT_LIVE);
	assert_int_equal(state_at(w, REPLY), NARU_SLOT_LIVE);
}

static void a_packet_after_the_verdict_counts(void **state)
{
	(void)state;
	both(disturb);
}

/* What points to a slot that has another peer by now is alone. */
static void expire_single(struct world *w)
{
	put(w, FWD, REPLY, 0, 1);
	put(w, REPLY, 9, 0, w->now);
	put(w, 9, REPLY, 9 / NARU_TABLE_WAYS, w->now);
	sweep(w);
	assert_int_equal(w->sum.marked, 1);
	sweep(w);
	assert_int_equal(w->sum.removed, 1);
	assert_int_equal(state_at(w, FWD), NARU_SLOT_EMPTY);
	assert_int_equal(state_at(w, REPLY), NARU_SLOT_LIVE);
	assert_int_equal(*at(w, 0).spill, 1);
}

static void who_is_alone_goes_alone(void **state)
{
	(void)state;
	both(expire_single);
}

static void clean_up(struct world *w)
{
	put_pair(w, w->now);
	*at(w, REPLY).ctrl = (live(w->now) & ~NARU_CTRL_STATE) | NARU_SLOT_REAPED;
	/* Their inserters are at work, or whoever removes them. */
	*at(w, 1).ctrl = NARU_SLOT_CLAIMED;
	*at(w, 2).ctrl = NARU_SLOT_TENT;
	*at(w, 3).ctrl = NARU_SLOT_DEAD;
	*at(w, 4).ctrl = NARU_SLOT_HELD;
	sweep(w);
	assert_int_equal(w->sum.cleaned, 1);
	assert_int_equal(w->gone, 1);
	assert_int_equal(state_at(w, REPLY), NARU_SLOT_EMPTY);
	assert_int_equal(*at(w, 0).spill, 0);
	assert_int_equal(state_at(w, FWD), NARU_SLOT_LIVE);
	for (uint32_t pos = 1; pos <= 4; pos++)
		assert_int_equal(state_at(w, pos), pos);
}

static void a_killed_sweep_is_cleaned_up(void **state)
{
	(void)state;
	both(clean_up);
}

/* ---- the rest ---- */

static bool has_endpoint(const void *arg, const struct table_half *half)
{
	const struct world *w = arg;
	const struct naru_slot4 *slot4 = half->slot;
	const struct naru_slot6 *slot6 = half->slot;

	return (w->table.family == 4 ? slot4->ep : slot6->ep) == ENDPOINT;
}

static void remove_endpoint(struct world *w)
{
	put_pair(w, w->now);
	put(w, 9, NARU_TABLE_NO_SLOT, 2, w->now);
	*at(w, 9).ep = ENDPOINT + 1;
	*at(w, 1).ctrl = NARU_SLOT_TENT;
	*at(w, 1).ep = ENDPOINT;
	assert_int_equal(table_remove(&w->table, has_endpoint, w), 2);
	assert_int_equal(state_at(w, FWD), NARU_SLOT_EMPTY);
	assert_int_equal(state_at(w, REPLY), NARU_SLOT_EMPTY);
	assert_int_equal(*at(w, 0).spill, 0);
	assert_int_equal(state_at(w, 9), NARU_SLOT_LIVE);
	assert_int_equal(state_at(w, 1), NARU_SLOT_TENT);
	assert_int_equal(w->gone, 2);
}

static void what_matches_is_removed_at_once(void **state)
{
	(void)state;
	both(remove_endpoint);
}

static void fill(struct world *w)
{
	struct table_fill fill;

	put_pair(w, w->now);
	put(w, MAIN * NARU_TABLE_WAYS, NARU_TABLE_NO_SLOT, 3, w->now);
	*at(w, 1).ctrl = NARU_SLOT_TENT;
	table_fill(&w->table, &fill);
	assert_int_equal(fill.used, 3);
	assert_int_equal(fill.home, 1);
	assert_int_equal(fill.second, 1);
	assert_int_equal(fill.stash, 1);
}

static void fill_tells_where_entries_live(void **state)
{
	(void)state;
	both(fill);
}

static void sizes(void **state)
{
	static const uint32_t entries[] = { 1, 100, 4096, 100000, 262144, 4000000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		struct naru_table_config size = table_size(entries[i]);
		uint64_t slots = ((uint64_t)size.main + size.stash) * NARU_TABLE_WAYS;

		assert_true(size.main >= 2 && size.stash >= 2);
		assert_true(slots * 3 / 4 >= entries[i]);
		/* No more than a part in twenty above, where sizes are not tiny. */
		assert_true(slots * 3 / 4 <= entries[i] + entries[i] / 20 + 64);
		assert_in_range(size.stash, size.main / 4, size.main / 4 + 1);
	}
}

static void what_cannot_be_mapped(void **state)
{
	const struct naru_table_config size = { .main = MAIN, .stash = STASH };
	const struct table_rules rules = { .is_over = is_over };
	struct table table;

	(void)state;
	assert_int_equal(table_open(&table, 4, -1, &size, &rules), -EBADF);
	table_close(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_sweeps_expire_a_pair),
		cmocka_unit_test(half_a_pair_never_expires),
		cmocka_unit_test(a_packet_after_the_verdict_counts),
		cmocka_unit_test(who_is_alone_goes_alone),
		cmocka_unit_test(a_killed_sweep_is_cleaned_up),
		cmocka_unit_test(what_matches_is_removed_at_once),
		cmocka_unit_test(fill_tells_where_entries_live),
		cmocka_unit_test(sizes),
		cmocka_unit_test(what_cannot_be_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
