// SPDX-License-Identifier: Apache-2.0
/*
 * Smooth weighted round robin, as nginx has it: every backend's credit grows by its weight, the
 * richest has its turn and pays the sum of all weights. Credits add up to zero, and are all zero
 * again after as many turns as that sum: one round. Weights are divided by what they have in
 * common, so that 90:10 is a round of ten.
 */
#include "proxy/split.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "proxy/registry.h"

/* Workers begin this far into the round at most: what a start costs is bounded. */
#define PHASE_MAX 1024

struct split {
	struct state state;
	size_t n;	   /* backends */
	int only;	   /* the one that has weight; -1: none or several */
	uint64_t sum;	   /* of weights */
	uint64_t *weights; /* by backend */
	size_t stride;	   /* credits from one worker's to the next's: cache lines of their own */
	int64_t credits[] __attribute__((aligned(CACHE_LINE)));
};

static void free_split(struct state *state)
{
	struct split *split = (struct split *)state;

	free(split->weights);
	free(split);
}

static int turn(const struct split *split, int64_t *credits)
{
	size_t richest = 0;
	bool found = false;

	for (size_t i = 0; i < split->n; i++) {
		if (!split->weights[i])
			continue;
		credits[i] += (int64_t)split->weights[i];
		if (!found || credits[i] > credits[richest])
			richest = i;
		found = true;
	}
	credits[richest] -= (int64_t)split->sum;
	return (int)richest;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static void set_weights(struct split *split, const struct plan_rule *rule)
{
	uint64_t divisor = 0;
	size_t n_weighted = 0;

	for (size_t i = 0; i < split->n; i++)
		divisor = common_divisor(rule->backends[i].weight, divisor);
	split->only = -1;
	for (size_t i = 0; i < split->n; i++) {
		split->weights[i] = divisor ? rule->backends[i].weight / divisor : 0;
		split->sum += split->weights[i];
		if (!split->weights[i])
			continue;
		split->only = n_weighted++ ? -1 : (int)i;
	}
}

/* Each worker begins where the one before it would be after its part of a round. */
static void spread(struct split *split, unsigned n_workers)
{
	uint64_t round = split->sum < PHASE_MAX ? split->sum : PHASE_MAX;
	_cleanup_(mem_freep) int64_t *credits = mem_array(split->n, sizeof(*credits));
	uint64_t done = 0;

	for (unsigned worker = 0; worker < n_workers; worker++) {
		for (; done < round * worker / n_workers; done++)
			turn(split, credits);
		memcpy(&split->credits[worker * split->stride], credits,
		       split->n * sizeof(*credits));
	}
}

static struct split *split_new(unsigned n_workers, const struct plan_rule *rule)
{
	size_t per_line = CACHE_LINE / sizeof(int64_t);
	size_t stride = (rule->n_backends + per_line - 1) / per_line * per_line;
	struct split *split =
		mem_aligned(CACHE_LINE,
			    sizeof(*split) + n_workers * stride * sizeof(*split->credits));

	state_init(&split->state, free_split);
	split->n = rule->n_backends;
	split->stride = stride;
	split->weights = mem_array(split->n, sizeof(*split->weights));
	set_weights(split, rule);
	if (split->sum && split->only < 0)
		spread(split, n_workers);
	return split;
}

/* All that a split depends on. */
static char *format_key(const struct plan_l7 *l7, const struct plan_rule *rule)
{
	struct str key = { 0 };

	str_addf(&key, "split %s", rule->name);
	for (size_t i = 0; i < rule->n_backends; i++) {
		const struct plan_backend *backend = &rule->backends[i];

		str_addf(&key, " %u %s", backend->weight,
			 backend->cluster == PLAN_NO_CLUSTER ? ""
							     : l7->clusters[backend->cluster].name);
	}
	return key.buf;
}

struct split *split_get(struct registry *registry, const struct plan_l7 *l7,
			const struct plan_rule *rule)
{
	_cleanup_(mem_freep) char *key = format_key(l7, rule);
	struct split *split = (struct split *)registry_find(registry, key);

	if (!split) {
		split = split_new(registry_workers(registry), rule);
		registry_add(registry, key, &split->state);
	}
	state_ref(&split->state);
	return split;
}

void split_unref(struct split *split)
{
	if (split)
		state_unref(&split->state);
}

int split_next(struct split *split, unsigned worker)
{
	if (split->only >= 0 || !split->sum)
		return split->only;
	return turn(split, &split->credits[worker * split->stride]);
}
