/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/* What bench_packet.c and cost.bpf.c share. */
#pragma once
#include <linux/types.h>

#define COST_WORDS_MAX 10 /* of eight bytes: the frame of the wrapper */
#define COST_FRAME4    64
#define COST_FRAME6    80

/* What differs between the packets of a list, in wire order. Aligned: addresses have to be written
 * by words, as no program waits for the bytes of a packet that comes from a NIC. */
struct cost_packet {
	__u8 saddr[16];
	__u8 daddr[16];
	__be16 sport;
	__be16 dport;
	__u16 ip_check;
	__u16 l4_check;
} __attribute__((aligned(8)));

/* The minimal program's flow. */
struct cost_key6 {
	__u8 saddr[16];
	__u8 daddr[16];
	__be16 sport;
	__be16 dport;
	__u32 proto;
};

struct cost_key4 {
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
	__u32 proto;
};

struct cost_value {
	__u8 daddr[16];
	__be16 dport;
	__u16 ip_delta;
	__u16 l4_delta;
	__u8 dmac[6];
	__u8 smac[6];
	__u8 pad[2];
};

_Static_assert(sizeof(struct cost_packet) == 40, "rows of the list");
