// SPDX-License-Identifier: Apache-2.0
/* Rows of counters, one row a worker, each in cache lines of its own. */
#include "proxy/tally.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "proxy/counter.h"
#include "proxy/registry.h"

#define PER_LINE (CACHE_LINE / sizeof(uint64_t))

struct tally {
	struct state state;
	unsigned n_workers;
	size_t stride; /* counters from one row to the next */
	_Atomic uint64_t counters[] __attribute__((aligned(CACHE_LINE)));
};

static void free_tally(struct state *state)
{
	free((struct tally *)state);
}

static struct tally *tally_new(unsigned n_workers, size_t n_counters)
{
	size_t stride = (n_counters + PER_LINE - 1) / PER_LINE * PER_LINE;
	struct tally *tally =
		mem_aligned(CACHE_LINE,
			    sizeof(*tally) + n_workers * stride * sizeof(*tally->counters));

	state_init(&tally->state, free_tally);
	tally->n_workers = n_workers;
	tally->stride = stride;
	return tally;
}

struct tally *tally_get(struct registry *registry, const char *key, size_t n_counters)
{
	struct tally *tally = (struct tally *)registry_find(registry, key);

	if (!tally) {
		tally = tally_new(registry_workers(registry), n_counters);
		registry_add(registry, key, &tally->state);
	}
	assert(n_counters <= tally->stride);
	state_ref(&tally->state);
	return tally;
}

void tally_unref(struct tally *tally)
{
	if (tally)
		state_unref(&tally->state);
}

void tally_count(struct tally *tally, unsigned worker, size_t counter)
{
	assert(worker < tally->n_workers && counter < tally->stride);
	counter_add(&tally->counters[worker * tally->stride + counter], 1);
}

uint64_t tally_sum(const struct tally *tally, size_t counter)
{
	uint64_t sum = 0;

	for (unsigned worker = 0; worker < tally->n_workers; worker++)
		sum += counter_read(&tally->counters[worker * tally->stride + counter]);
	return sum;
}
