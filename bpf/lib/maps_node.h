/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The settings, and the maps that every program may use, layer 4 or not. The loader pins the maps
 * by name and lets all objects share them; keys and values are described in <naru/abi.h>.
 */
#pragma once
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <naru/abi.h>
#include <naru/counters.h>

const volatile struct naru_config cfg;

#define MAP_HASH(map, k, v, max, flags)                                                            \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_HASH);                                                   \
		__type(key, k);                                                                    \
		__type(value, v);                                                                  \
		__uint(max_entries, max);                                                          \
		__uint(map_flags, flags);                                                          \
	} map SEC(".maps")

#define MAP_ARRAY(map, kind, v, max, flags)                                                        \
	struct {                                                                                   \
		__uint(type, kind);                                                                \
		__type(key, __u32);                                                                \
		__type(value, v);                                                                  \
		__uint(max_entries, max);                                                          \
		__uint(map_flags, flags);                                                          \
	} map SEC(".maps")

MAP_HASH(device, __u32, struct naru_device, NARU_DEVICES_MAX, BPF_F_NO_PREALLOC);
MAP_HASH(steer_vip, struct naru_addr, struct naru_vip, NARU_VIPS_MAX, BPF_F_NO_PREALLOC);

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct naru_addr);
	__type(value, struct naru_conflict);
	__uint(max_entries, NARU_CONFLICTS_MAX);
} conflict SEC(".maps");

MAP_ARRAY(answering, BPF_MAP_TYPE_ARRAY, struct naru_answering, 1, 0);
MAP_ARRAY(meta, BPF_MAP_TYPE_ARRAY, struct naru_meta, 1, 0);
MAP_ARRAY(counters, BPF_MAP_TYPE_PERCPU_ARRAY, struct naru_counters, 1, 0);
