// SPDX-License-Identifier: Apache-2.0
/* The seed of all hash tables of a process: drawn at first use, by whichever thread comes first. */
#include "base/hash.h"

#include <assert.h>
#include <stdatomic.h>
#include <sys/random.h>

XXH64_hash_t hash_seed(void)
{
	static _Atomic XXH64_hash_t shared;
	XXH64_hash_t seed = atomic_load_explicit(&shared, memory_order_relaxed), none = 0;
	ssize_t len;

	if (seed)
		return seed;
	/* So few bytes come whole, at once and without a signal in between. */
	len = getrandom(&seed, sizeof(seed), 0);
	assert(len == sizeof(seed));
	seed |= 1;
	return atomic_compare_exchange_strong(&shared, &none, seed) ? seed : none;
}
