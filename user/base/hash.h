/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uthash as all modules use it: small allocations abort when memory is out, and keys are hashed
 * with a seed that nobody outside can know, so that nobody can aim at one bucket: clients choose
 * keys of the proxy, tenants of a cluster those of narud.
 */
#pragma once
#include <xxhash.h>

#include "base/mem.h"

#define uthash_malloc(size)    mem_new(size)
#define uthash_free(ptr, size) free(ptr)
#define HASH_FUNCTION(key, len, hash)                                                              \
	((hash) = (unsigned)XXH3_64bits_withSeed(key, len, hash_seed()))
/* Only ever of what was just allocated, and so is zero. */
#define uthash_bzero(ptr, size) ((void)(ptr))
#include <uthash.h>

/* The same in all threads while the process lives. */
XXH64_hash_t hash_seed(void);
