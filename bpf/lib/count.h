/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counters. A counter that is not there loses a count, never a packet. */
#pragma once
#include "maps_node.h"

static __always_inline void count(const enum naru_counter id)
{
	__u32 zero = 0;
	__u64 *values = bpf_map_lookup_elem(&counters, &zero);

	if (values)
		values[id]++;
}
