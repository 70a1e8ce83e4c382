/* SPDX-License-Identifier: Apache-2.0 */
/* What this kernel is like, found by trying. */
#pragma once
#include <stdint.h>

/* Pure: the shift that makes a tick of 2^shift jiffies nearest to a second. */
uint32_t probe_shift_for(uint64_t jiffy_ns);
/* The same for the running kernel. */
uint32_t probe_tick_shift(void);
/* The cookie of this process's network namespace; 0 and errno when the kernel has none. */
uint64_t probe_netns(void);
/* BPF_F_IPV6 when bpf_l4_csum_replace() knows it, else 0. */
uint32_t probe_csum6_flags(void);
