/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The hash that chooses an endpoint: the same on every node for the same tuple and seed, so that
 * nodes agree. Multiply and fold by 64-bit words, the multiplier being 2^64 over the golden ratio
 * (Knuth, TAOCP 6.4). Pure: compiles natively.
 */
#pragma once
#include "pkt.h"

static __always_inline __u64 hash_word(__u64 h, __u64 word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 32;
}

static __always_inline __u32 hash_tuple(const struct tuple *t, __u32 seed, const int af)
{
	__u64 h = seed;

	for (int i = 0; i < PKT_WORDS(af); i++)
		h = hash_word(h, (__u64)t->saddr[i] << 32 | t->daddr[i]);
	h = hash_word(h, (__u64)t->proto << 32 | (__u32)t->sport << 16 | t->dport);
	return hash_word(h, 0) >> 32;
}
