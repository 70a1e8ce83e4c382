/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One's complement arithmetic (RFC 1071, RFC 1624). A delta is what must be added to the
 * complement of a check sum field when words covered by it change. Pure: compiles natively.
 */
#pragma once
#include <linux/types.h>

static __always_inline __u16 csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* Adds the change of n 32-bit words, in memory order, to an unfolded delta. */
static __always_inline __u64 csum_words(__u64 delta, const __u32 *was, const __u32 *is, const int n)
{
	for (int i = 0; i < n; i++)
		delta += (__u64)(__u32)~was[i] + is[i];
	return delta;
}

/* The new value of a check sum field. */
static __always_inline __u16 csum_apply(__u16 field, __u64 delta)
{
	return ~csum_fold((__u16)~field + delta);
}

/* The same for a delta that is the sum of a few folded ones. */
static __always_inline __u16 csum_adjust(__u16 field, __u32 delta)
{
	delta += (__u16)~field;
	delta = (delta & 0xffff) + (delta >> 16);
	return ~(delta + (delta >> 16));
}
