/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counters. A counter that is not there loses a count, never a packet. */
#pragma once
#include "trace.h"

/* What an observer calls a drop. */
static __always_inline int count_is_loss(const enum naru_counter id)
{
	return id < (enum naru_counter)NARU_C_DROPS || id == NARU_C_REJECTED ||
	       id == NARU_C_SOCK_REFUSED || id == NARU_C_CLOSED_PORT;
}

static __always_inline void count(const enum naru_counter id)
{
	__u32 zero = 0;
	__u64 *values;

	if (count_is_loss(id))
		trace_reason(id);
	if (cfg.dry_run)
		return;
	values = bpf_map_lookup_elem(&counters, &zero);
	if (values)
		values[id]++;
}
