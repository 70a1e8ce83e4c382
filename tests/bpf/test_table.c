/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow table of cache lines under races: two processors run random operations on overlapping
 * keys, with and without delays at the dangerous places, while a third thread sweeps and removes
 * endpoints. Nothing may get mixed up, and at rest the table must be consistent. With any one of
 * its safeties left out the same test has to find that something does. Then how full a table gets,
 * and what becomes of a full one. NARU_SLOW in the environment: races fifty times as long.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <cmocka.h>

#include <linux/bpf.h>
#include <bpf/bpf.h>

#include "base/mem.h"
#include "dataplane/table.h"

#include "race.h"
#include "race.skel.h"

#define RUN_OPS	    2000 /* in one system call */
#define SLOW_FACTOR 50
#define FLAW_ROUNDS 400
#define FILL_SLOTS  20480
#define SECOND	    4  /* sweeps to a tick */
#define DROP_EVERY  64 /* sweeps, of an endpoint */

/* Small tables and few keys make collisions; delays stretch what is dangerous, and without them
 * there are the most operations. */
static const struct shape {
	struct naru_table_config size;
	uint32_t keys, yield_mask, yield_max;
	uint32_t runs; /* of RUN_OPS, for each processor */
} shapes[] = {
	{ { .main = 2, .stash = 2 }, 2, 15, 31, 6 },
	{ { .main = 2, .stash = 2 }, 4, UINT32_MAX, 1, 40 },
	{ { .main = 3, .stash = 2 }, 64, 7, 15, 4 },
	{ { .main = 4, .stash = 2 }, 32, UINT32_MAX, 1, 40 },
	{ { .main = 50, .stash = 13 }, 16, 15, 31, 6 },
	{ { .main = 16, .stash = 4 }, 64, 63, 255, 4 },
	{ { .main = 300, .stash = 75 }, 256, UINT32_MAX, 1, 40 },
	{ { .main = 2048, .stash = 512 }, 4096, UINT32_MAX, 1, 40 },
};

struct runner {
	pthread_t thread;
	int fd;
	int cpu;
	uint32_t runs;
	int error;
};

struct sweeper {
	pthread_t thread;
	struct table *table;
	volatile struct race_setting *setting;
	struct table_sum sum;
	atomic_bool stop;
};

/* What all rounds of a test came to. */
struct outcome {
	uint64_t count[RACE_COUNTS];
	uint64_t anomaly[RACE_ANOMALIES];
	uint64_t at_rest;
	struct table_sum sum;
};

static int32_t (*owner)[RACE_KEYS];
static int key_words; /* of the family that runs */

/* ---- one round ---- */

static int run(int fd, uint32_t repeat)
{
	uint8_t frame[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = (int)repeat);

	return bpf_prog_test_run_opts(fd, &opts);
}

static void *run_all(void *arg)
{
	struct runner *r = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)r->cpu, &set);
	r->error = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	for (uint32_t i = 0; i < r->runs && !r->error; i++)
		r->error = run(r->fd, RUN_OPS);
	return NULL;
}

/* The last word of a key ends in direction and identity. */
static int32_t *owner_of(const void *slot)
{
	uint64_t last = ((const uint64_t *)slot)[key_words];

	return &owner[last >> 40 & 1][last >> 48 & (RACE_KEYS - 1)];
}

static void gone(void *arg, const struct table_half *half)
{
	(void)arg;
	__atomic_fetch_sub(owner_of(half->slot), 1, __ATOMIC_SEQ_CST);
}

static uint32_t idle(uint64_t ctrl, uint32_t now)
{
	return (now - (uint32_t)(ctrl >> NARU_CTRL_SEEN_SHIFT)) & NARU_CTRL_SEEN_MAX;
}

static bool is_over(void *arg, const struct table_half *half, const struct table_half *peer)
{
	const volatile struct race_setting *setting = arg;

	return idle(half->ctrl, setting->now) > 1 && (!peer || idle(peer->ctrl, setting->now) > 1);
}

static bool has_endpoint(const void *arg, const struct table_half *half)
{
	const struct naru_slot4 *slot4 = half->slot;
	const struct naru_slot6 *slot6 = half->slot;

	return (key_words == 2 ? slot4->ep : slot6->ep) == *(const uint32_t *)arg;
}

static void *sweep_all(void *arg)
{
	struct sweeper *s = arg;

	for (uint32_t n = 1, ep; !s->stop; n++) {
		while (!table_sweep(s->table, 64, &s->sum))
			;
		ep = n / DROP_EVERY % 8;
		if (n % SECOND == 0)
			s->setting->now++;
		if (n % DROP_EVERY == 0)
			table_remove(s->table, has_endpoint, &ep);
	}
	return NULL;
}

static void two_cpus(int ret_cpu[2])
{
	cpu_set_t allowed;
	int found = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	for (int cpu = 0; cpu < RACE_CPUS && found < 2; cpu++)
		if (CPU_ISSET((size_t)cpu, &allowed))
			ret_cpu[found++] = cpu;
	/* One processor races with itself: a sweep may still come in between. */
	if (found == 1)
		ret_cpu[1] = ret_cpu[0];
}

static struct race_bpf *load(int family, const struct naru_table_config *size, uint32_t flaw)
{
	struct race_bpf *o = race_bpf__open();
	uint32_t buckets = size->main + size->stash;
	struct naru_table_config *config;

	assert_non_null(o);
	o->rodata->race_family = (uint32_t)family;
	o->rodata->race_flaw = flaw;
	config = (void *)&o->rodata->table_config;
	*config = *size;
	assert_int_equal(getrandom(config->seed, sizeof(config->seed), 0), sizeof(config->seed));
	bpf_map__set_max_entries(family == 4 ? o->maps.table4 : o->maps.table6, buckets);
	assert_int_equal(race_bpf__load(o), 0);
	for (int i = 0; i < RACE_CPUS; i++) {
		assert_int_equal(getrandom(&o->bss->race_cpu[i].random, sizeof(uint64_t), 0),
				 sizeof(uint64_t));
		o->bss->race_cpu[i].random |= 1;
	}
	owner = (void *)o->bss->race_owner;
	key_words = family == 4 ? 2 : 5;
	return o;
}

static void open_table(struct race_bpf *o, int family, const struct naru_table_config *size,
		       struct table *t)
{
	struct table_rules rules = { .is_over = is_over,
				     .gone = gone,
				     .arg = (void *)&o->data->race_setting };
	int fd = bpf_map__fd(family == 4 ? o->maps.table4 : o->maps.table6);

	assert_int_equal(table_open(t, family, fd, size, &rules), 0);
}

static size_t slot_words(const struct table *t)
{
	return (t->family == 4 ? sizeof(struct naru_slot4) : sizeof(struct naru_slot6)) / 8;
}

static const uint64_t *slot_at(const struct table *t, uint32_t pos)
{
	return (const uint64_t *)(const void *)t->mem + pos * slot_words(t);
}

static const uint32_t *tail_at(const struct table *t, uint32_t pos)
{
	return (const uint32_t *)slot_at(t, pos + 1) - 4;
}

/* Nobody works. Does the table rest, with spills that are right? */
static uint64_t wrong_slots(const struct table *t)
{
	uint32_t *away = mem_array(t->slots / NARU_TABLE_WAYS, sizeof(*away));
	uint64_t wrong = 0;

	for (uint32_t pos = 0; pos < t->slots; pos++) {
		uint64_t ctrl = *slot_at(t, pos);
		uint32_t home = tail_at(t, pos)[1];

		if ((ctrl & NARU_CTRL_STATE) == NARU_SLOT_EMPTY)
			continue;
		wrong += !(ctrl & NARU_CTRL_ANSWERS);
		away[home] += home != pos / NARU_TABLE_WAYS;
	}
	for (uint32_t pos = 0; pos < t->slots; pos += NARU_TABLE_WAYS)
		wrong += tail_at(t, pos)[3] != away[pos / NARU_TABLE_WAYS];
	free(away);
	return wrong;
}

/* Is each key there once, if its owner says so, and else not at all? */
static uint64_t wrong_keys(const struct table *t)
{
	int32_t(*seen)[RACE_KEYS] = mem_array(2, sizeof(*seen));
	uint64_t wrong = 0;

	for (uint32_t pos = 0; pos < t->slots; pos++)
		if (*slot_at(t, pos) & NARU_CTRL_ANSWERS)
			wrong += ++seen[0][owner_of(slot_at(t, pos)) - owner[0]] > 1;
	wrong += memcmp(seen, owner, sizeof(*seen) * 2) != 0;
	free(seen);
	return wrong;
}

static void add_up(struct outcome *sum, const struct race_bpf *o, const struct table_sum *swept)
{
	for (int i = 0; i < RACE_CPUS; i++) {
		for (int n = 0; n < RACE_COUNTS; n++)
			sum->count[n] += o->bss->race_cpu[i].count[n];
		for (int n = 0; n < RACE_ANOMALIES; n++)
			sum->anomaly[n] += o->bss->race_cpu[i].anomaly[n];
	}
	sum->sum.removed += swept->removed;
	sum->sum.revived += swept->revived;
}

static void race(int family, const struct shape *shape, uint32_t flaw, uint32_t runs,
		 struct outcome *sum)
{
	struct race_bpf *o = load(family, &shape->size, flaw);
	volatile struct race_setting *setting = (void *)&o->data->race_setting;
	struct runner runner[2] = { 0 };
	struct sweeper sweeper = { .setting = setting };
	struct table table;
	int cpu[2];

	two_cpus(cpu);
	open_table(o, family, &shape->size, &table);
	sweeper.table = &table;
	setting->keys = shape->keys;
	setting->yield_mask = shape->yield_mask;
	setting->yield_max = shape->yield_max;
	for (int i = 0; i < 2; i++) {
		runner[i].fd = bpf_program__fd(o->progs.race);
		runner[i].cpu = cpu[i];
		runner[i].runs = runs;
		assert_int_equal(pthread_create(&runner[i].thread, NULL, run_all, &runner[i]), 0);
	}
	assert_int_equal(pthread_create(&sweeper.thread, NULL, sweep_all, &sweeper), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(runner[i].thread, NULL);
	sweeper.stop = true;
	pthread_join(sweeper.thread, NULL);
	assert_int_equal(runner[0].error | runner[1].error, 0);
	add_up(sum, o, &sweeper.sum);
	sum->at_rest += wrong_slots(&table) + wrong_keys(&table);
	table_close(&table);
	race_bpf__destroy(o);
}

static uint64_t anomalies(const struct outcome *sum)
{
	uint64_t n = sum->at_rest;

	for (int i = 0; i < RACE_ANOMALIES; i++)
		n += sum->anomaly[i];
	return n;
}

/* ---- races ---- */

static void races(int family)
{
	uint32_t factor = getenv("NARU_SLOW") ? SLOW_FACTOR : 1;
	struct outcome sum = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		race(family, &shapes[i], 0, shapes[i].runs * factor, &sum);
	print_message("IPv%d: %ju operations, %ju hits, %ju pairs; swept %ju, revived %ju\n",
		      family, sum.count[RACE_OPS], sum.count[RACE_HIT], sum.count[RACE_INSERTED],
		      sum.sum.removed, sum.sum.revived);
	assert_int_equal(sum.anomaly[RACE_ACTION], 0);
	assert_int_equal(sum.anomaly[RACE_WINNERS], 0);
	assert_int_equal(sum.anomaly[RACE_DUPLICATE], 0);
	assert_int_equal(sum.anomaly[RACE_ERRNO], 0);
	assert_int_equal(sum.at_rest, 0);
	/* All of it has been at work. */
	for (int i = 0; i < RACE_COUNTS; i++)
		assert_true(sum.count[i] > 0);
	assert_true(sum.sum.removed > 0);
}

static void nothing_gets_mixed_up4(void **state)
{
	(void)state;
	races(4);
}

static void nothing_gets_mixed_up6(void **state)
{
	(void)state;
	races(6);
}

/* A test that does not find what is planted would not find anything else. */
static void each_flaw_is_found(void **state)
{
	static const size_t order[] = { 0, 1, 2, 4 };

	(void)state;
	for (uint32_t flaw = 1; flaw <= 4; flaw++) {
		struct outcome sum = { 0 };
		int rounds = 0;

		while (!anomalies(&sum) && rounds < FLAW_ROUNDS) {
			const struct shape *shape = &shapes[order[rounds % ARRAY_SIZE(order)]];

			race(rounds % 8 < 4 ? 4 : 6, shape, flaw, shape->runs, &sum);
			rounds++;
		}
		print_message("flaw %u: %ju anomalies in round %d, %ju operations\n", flaw,
			      anomalies(&sum), rounds, sum.count[RACE_OPS]);
		assert_true(anomalies(&sum) > 0);
	}
}

/* ---- fullness ---- */

static uint64_t count_of(const struct race_bpf *o, enum race_count which)
{
	uint64_t n = 0;

	for (int i = 0; i < RACE_CPUS; i++)
		n += o->bss->race_cpu[i].count[which];
	return n;
}

/* Pairs refused of `pairs` more. */
static uint64_t add_pairs(struct race_bpf *o, uint32_t pairs)
{
	uint64_t before = count_of(o, RACE_FULL);

	assert_int_equal(run(bpf_program__fd(o->progs.fill), pairs), 0);
	return count_of(o, RACE_FULL) - before;
}

/* Hits of the `pairs` first ones, both directions. */
static uint64_t find_pairs(struct race_bpf *o, uint32_t pairs)
{
	uint64_t before = count_of(o, RACE_HIT);
	uint32_t next = o->data->race_setting.next;

	o->data->race_setting.next = 0;
	assert_int_equal(run(bpf_program__fd(o->progs.find), pairs), 0);
	o->data->race_setting.next = next;
	return count_of(o, RACE_HIT) - before;
}

static void no_refusals_up_to_three_quarters(void **state)
{
	const struct naru_table_config size = table_size(FILL_SLOTS * 3 / 4);
	uint32_t pairs = FILL_SLOTS / 2, done = 0;
	struct table_fill fill;
	struct table table;
	int family;

	(void)state;
	for (family = 4; family <= 6; family += 2, done = 0) {
		struct race_bpf *o = load(family, &size, 0);

		open_table(o, family, &size, &table);
		assert_in_range(table.slots, FILL_SLOTS, FILL_SLOTS + FILL_SLOTS / 100);
		o->data->race_setting.marks = RACE_MARK_OPEN;
		for (uint32_t percent = 50; percent <= 95; percent += percent < 75 ? 25 : 20) {
			uint32_t now = pairs * percent / 100;
			uint64_t refused = add_pairs(o, now - done);

			table_fill(&table, &fill);
			print_message("IPv%d, %u %%: %ju of %u pairs refused; at home %u, second "
				      "%u, stash %u\n",
				      family, percent, refused, now - done, fill.home, fill.second,
				      fill.stash);
			assert_int_equal(refused > 0, percent > 75);
			assert_int_equal(fill.used, fill.home + fill.second + fill.stash);
			done = now;
		}
		assert_int_equal(fill.used, find_pairs(o, done));
		assert_int_equal(wrong_slots(&table), 0);
		table_close(&table);
		race_bpf__destroy(o);
	}
}

/* A full table keeps what is open, and takes new flows where others are over. */
static void full_table_loses_nothing(void **state)
{
	const struct naru_table_config size = table_size(FILL_SLOTS * 3 / 4);
	const uint32_t open = FILL_SLOTS / 2 * 3 / 4;
	uint64_t refused, taken;

	(void)state;
	for (int family = 4; family <= 6; family += 2) {
		struct race_bpf *o = load(family, &size, 0);
		struct race_setting *setting = (void *)&o->data->race_setting;

		setting->marks = RACE_MARK_OPEN;
		assert_int_equal(add_pairs(o, open), 0);
		setting->marks = 1;
		refused = add_pairs(o, 5 * open);
		assert_true(refused > 0);
		assert_int_equal(find_pairs(o, open), 2 * open);
		/* The unanswered ones go when they are over, and no sooner. */
		taken = count_of(o, RACE_INSERTED);
		setting->now += RACE_OVER;
		add_pairs(o, open);
		assert_in_range(count_of(o, RACE_INSERTED) - taken, 0, open / 10);
		taken = count_of(o, RACE_INSERTED);
		setting->now++;
		add_pairs(o, open);
		assert_true(count_of(o, RACE_INSERTED) - taken > open / 10);
		assert_int_equal(find_pairs(o, open), 2 * open);
		race_bpf__destroy(o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_gets_mixed_up4),
		cmocka_unit_test(nothing_gets_mixed_up6),
		cmocka_unit_test(each_flaw_is_found),
		cmocka_unit_test(no_refusals_up_to_three_quarters),
		cmocka_unit_test(full_table_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
