/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of flow4 and flow6 read by one body: both have their addresses first and the same tail,
 * so a family is no more than the length of an address.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <naru/abi.h>

#include "base/addr.h"

enum {
	FLOW_V4,
	FLOW_V6,
	FLOW_FAMILIES,
};

struct flow_family {
	int addr_len;
	size_t key_size;
	size_t value_size;
};

extern const struct flow_family flow_families[FLOW_FAMILIES];

/* Room for key and value of either family. */
#define FLOW_KEY_SIZE	sizeof(struct naru_flow6_key)
#define FLOW_VALUE_SIZE sizeof(struct naru_flow6)

/* One entry, decoded: the tuple on the wire, the tuple it becomes. f is borrowed. */
struct flow {
	struct addr saddr, daddr;
	uint16_t sport, dport;
	uint8_t proto, hook;
	struct addr new_saddr, new_daddr;
	const struct naru_flow *f;
};

void flow_read(const struct flow_family *family, const void *key, const void *value,
	       struct flow *ret_flow);
/* The common part of a value. */
const struct naru_flow *flow_tail(const struct flow_family *family, const void *value);
uint8_t flow_proto(const struct flow_family *family, const void *key);
/* The key of the same flow's other direction. */
void flow_peer_key(const struct flow_family *family, const void *key, const void *value,
		   void *ret_key);
