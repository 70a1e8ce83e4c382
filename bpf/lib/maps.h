/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps of layer 4. */
#pragma once
#include "maps_node.h"

MAP_HASH(svc, struct naru_svc_key, struct naru_svc, NARU_FRONTENDS_MAX, BPF_F_NO_PREALLOC);
MAP_HASH(svc_name, __u32, struct naru_svc_name, NARU_SERVICES_MAX, BPF_F_NO_PREALLOC);
MAP_HASH(endpoint, __u32, struct naru_endpoint, NARU_ENDPOINTS_MAX, BPF_F_NO_PREALLOC);
MAP_HASH(node_addr, struct naru_addr, struct naru_node_addr, NARU_NODE_ADDRS_MAX,
	 BPF_F_NO_PREALLOC);
MAP_HASH(flow4, struct naru_flow4_key, struct naru_flow4, NARU_FLOWS_MAX, 0);
MAP_HASH(flow6, struct naru_flow6_key, struct naru_flow6, NARU_FLOWS_MAX, 0);

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__type(key, struct naru_range_key);
	__type(value, __u8);
	__uint(max_entries, NARU_RANGES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} source_range SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct naru_affinity_key);
	__type(value, struct naru_affinity);
	__uint(max_entries, NARU_AFFINITY_MAX);
} affinity SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, NARU_EVENTS_BYTES);
} events SEC(".maps");

MAP_HASH(svc_drop, struct naru_svc_drop, __u64, NARU_SVC_DROPS_MAX, BPF_F_NO_PREALLOC);
MAP_ARRAY(svc_stat, BPF_MAP_TYPE_PERCPU_ARRAY, struct naru_svc_stat, NARU_STATS_MAX, 0);
MAP_ARRAY(svc_flows, BPF_MAP_TYPE_ARRAY, struct naru_svc_flows, NARU_SERVICES_MAX + 1,
	  BPF_F_MMAPABLE);
MAP_ARRAY(lut, BPF_MAP_TYPE_ARRAY, struct naru_lut_block, NARU_LUT_BLOCKS, BPF_F_MMAPABLE);
MAP_ARRAY(ep_list, BPF_MAP_TYPE_ARRAY, struct naru_list_block, NARU_LIST_BLOCKS, 0);
MAP_ARRAY(filter, BPF_MAP_TYPE_ARRAY, struct naru_filter, 1, BPF_F_MMAPABLE);
MAP_ARRAY(state, BPF_MAP_TYPE_ARRAY, struct naru_state, 1, BPF_F_MMAPABLE);

/* The current tick, about a second long. */
static __always_inline __u32 now_tick(void)
{
	return bpf_jiffies64() >> cfg.tick_shift;
}

static __always_inline struct naru_state *node_state(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&state, &zero);
}
