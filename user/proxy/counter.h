/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers that one worker writes and the main thread reads: atomic only for the reader, so that
 * counting on the request path is no locked instruction. Each worker has its own; who reports adds
 * them up.
 */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

static inline uint64_t counter_read(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline void counter_add(_Atomic uint64_t *counter, int n)
{
	atomic_store_explicit(counter, counter_read(counter) + (uint64_t)n, memory_order_relaxed);
}
