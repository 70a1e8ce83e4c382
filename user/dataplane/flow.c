/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding of flow entries, for the sweep and for listings. The layouts that flow_families relies
 * on are asserted here.
 */
#include "dataplane/flow.h"

#include <string.h>

#include "dataplane/encode.h"

/* What follows the addresses in both keys. */
struct key_tail {
	uint16_t sport;
	uint16_t dport;
	uint8_t proto;
	uint8_t hook;
	uint16_t pad;
};

_Static_assert(offsetof(struct naru_flow4_key, sport) == 8, "addresses first");
_Static_assert(offsetof(struct naru_flow6_key, sport) == 32, "addresses first");
_Static_assert(sizeof(struct naru_flow4_key) == 8 + sizeof(struct key_tail), "same tail");
_Static_assert(sizeof(struct naru_flow6_key) == 32 + sizeof(struct key_tail), "same tail");
_Static_assert(offsetof(struct naru_flow4, f) == 8, "addresses first");
_Static_assert(offsetof(struct naru_flow6, f) == 32, "addresses first");

const struct flow_family flow_families[FLOW_FAMILIES] = {
	[FLOW_V4] = { 4, sizeof(struct naru_flow4_key), sizeof(struct naru_flow4) },
	[FLOW_V6] = { 16, sizeof(struct naru_flow6_key), sizeof(struct naru_flow6) },
};

static const struct key_tail *key_tail(const struct flow_family *family, const void *key)
{
	return (const void *)((const uint8_t *)key + 2 * family->addr_len);
}

const struct naru_flow *flow_tail(const struct flow_family *family, const void *value)
{
	return (const void *)((const uint8_t *)value + 2 * family->addr_len);
}

uint8_t flow_proto(const struct flow_family *family, const void *key)
{
	return key_tail(family, key)->proto;
}

void flow_read(const struct flow_family *family, const void *key, const void *value,
	       struct flow *ret_flow)
{
	const struct key_tail *tail = key_tail(family, key);
	const uint8_t *was = key, *is = value;
	int len = family->addr_len;

	*ret_flow = (struct flow){
		.saddr = encode_addr(was, len),
		.daddr = encode_addr(was + len, len),
		.sport = tail->sport,
		.dport = tail->dport,
		.proto = tail->proto,
		.hook = tail->hook,
		.new_saddr = encode_addr(is, len),
		.new_daddr = encode_addr(is + len, len),
		.f = flow_tail(family, value),
	};
}

void flow_peer_key(const struct flow_family *family, const void *key, const void *value,
		   void *ret_key)
{
	const struct naru_flow *f = flow_tail(family, value);
	bool reply = f->flags & NARU_F_REPLY;
	struct key_tail tail = {
		.sport = f->dport,
		.dport = f->sport,
		.proto = flow_proto(family, key),
		.hook = !reply && f->road == NARU_STACK ? NARU_EGRESS : NARU_INGRESS,
	};
	size_t len = (size_t)family->addr_len;
	const uint8_t *is = value;
	uint8_t *out = ret_key;

	memcpy(out, is + len, len);
	memcpy(out + len, is, len);
	memcpy(out + 2 * len, &tail, sizeof(tail));
}
