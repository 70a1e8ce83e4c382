/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps of the way to the proxy. */
#pragma once
#include "maps_node.h"

MAP_HASH(steer, struct naru_steer_key, struct naru_steer, NARU_BINDS_MAX, BPF_F_NO_PREALLOC);
MAP_ARRAY(steer_workers, BPF_MAP_TYPE_ARRAY, struct naru_workers, 1, 0);

/* Slot i is the listening socket of worker i; a socket that is closed leaves by itself. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, NARU_WORKERS_MAX);
} steer_sock SEC(".maps");
