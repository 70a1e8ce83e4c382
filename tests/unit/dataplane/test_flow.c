/* SPDX-License-Identifier: Apache-2.0 */
/* Flow entries of both families: decoding, and from each half to the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dataplane/encode.h"
#include "dataplane/flow.h"

struct entry {
	uint8_t key[FLOW_KEY_SIZE];
	uint8_t value[FLOW_VALUE_SIZE] __attribute__((aligned(8)));
};

struct tuple {
	struct addr saddr, daddr;
	uint16_t sport, dport;
};

static void put(uint8_t *out, const struct flow_family *family, const struct tuple *t)
{
	size_t len = (size_t)family->addr_len;

	memcpy(out, t->saddr.byte + 16 - len, len);
	memcpy(out + len, t->daddr.byte + 16 - len, len);
}

/* The entry that turns the tuple `was` into `is`. */
static struct entry entry_of(int af, const struct tuple *was, const struct tuple *is, uint8_t hook,
			     const struct naru_flow *f)
{
	const struct flow_family *family = &flow_families[af];
	struct entry e = {};
	struct naru_flow tail = *f;

	put(e.key, family, was);
	put(e.value, family, is);
	if (af == FLOW_V4) {
		struct naru_flow4_key *key = (struct naru_flow4_key *)(void *)e.key;

		key->sport = was->sport;
		key->dport = was->dport;
		key->proto = NARU_TCP;
		key->hook = hook;
	} else {
		struct naru_flow6_key *key = (struct naru_flow6_key *)(void *)e.key;

		key->sport = was->sport;
		key->dport = was->dport;
		key->proto = NARU_TCP;
		key->hook = hook;
	}
	tail.sport = is->sport;
	tail.dport = is->dport;
	memcpy(e.value + 2 * family->addr_len, &tail, sizeof(tail));
	return e;
}

static struct addr addr(const char *text)
{
	struct addr parsed;

	assert_int_equal(addr_parse(text, &parsed), 0);
	return parsed;
}

static void each_half_names_the_other(void **state)
{
	static const char *const text[FLOW_FAMILIES][3] = {
		{ "198.51.100.9", "10.96.0.1", "10.244.0.5" },
		{ "2001:db8::9", "fd00::1", "fd00:244::5" },
	};
	static const enum naru_road roads[] = { NARU_STACK, NARU_REDIRECT, NARU_HAIRPIN };

	(void)state;
	for (int af = 0; af < FLOW_FAMILIES; af++) {
		struct addr client = addr(text[af][0]), vip = addr(text[af][1]),
			    ep = addr(text[af][2]);

		for (size_t i = 0; i < ARRAY_SIZE(roads); i++) {
			struct tuple was = { client, vip, 5000, 80 },
				     is = { client, ep, 5000, 8080 };
			struct tuple back = { ep, client, 8080, 5000 };
			struct tuple undone = { vip, client, 80, 5000 };
			struct naru_flow fwd = { .road = roads[i] };
			struct naru_flow rev = { .road = roads[i], .flags = NARU_F_REPLY };
			uint8_t hook = roads[i] == NARU_STACK ? NARU_EGRESS : NARU_INGRESS;
			struct entry a = entry_of(af, &was, &is, NARU_INGRESS, &fwd);
			struct entry b = entry_of(af, &back, &undone, hook, &rev);
			uint8_t peer[FLOW_KEY_SIZE] = {};

			flow_peer_key(&flow_families[af], a.key, a.value, peer);
			assert_memory_equal(peer, b.key, flow_families[af].key_size);
			flow_peer_key(&flow_families[af], b.key, b.value, peer);
			assert_memory_equal(peer, a.key, flow_families[af].key_size);
		}
	}
}

static void decoding(void **state)
{
	struct tuple was = { addr("198.51.100.9"), addr("10.96.0.1"), 5000, 80 };
	struct tuple is = { addr("192.0.2.1"), addr("10.244.1.5"), 1024, 8080 };
	struct naru_flow f = { .road = NARU_REDIRECT, .flags = NARU_F_SNAT, .svc = 3, .ep = 4 };
	struct entry e = entry_of(FLOW_V4, &was, &is, NARU_INGRESS, &f);
	struct flow flow;

	(void)state;
	flow_read(&flow_families[FLOW_V4], e.key, e.value, &flow);
	assert_memory_equal(&flow.saddr, &was.saddr, 16);
	assert_memory_equal(&flow.daddr, &was.daddr, 16);
	assert_int_equal(flow.sport, 5000);
	assert_int_equal(flow.dport, 80);
	assert_int_equal(flow.proto, NARU_TCP);
	assert_memory_equal(&flow.new_saddr, &is.saddr, 16);
	assert_memory_equal(&flow.new_daddr, &is.daddr, 16);
	assert_int_equal(flow.f->sport, 1024);
	assert_int_equal(flow.f->ep, 4);
}

/* The same bit whether the packet path has 4 bytes or we have 16. */
static void filter_bit_of_mapped_addresses(void **state)
{
	struct addr v4 = addr("10.96.0.1"), v6 = addr("fd00::1:2:3");
	uint32_t word[4];
	uint8_t four[4];

	(void)state;
	encode_addr4(&v4, four);
	memcpy(word, four, 4);
	assert_int_equal(encode_addr_bit(&v4), naru_addr_bit(word, 1));
	memcpy(word, v6.byte, 16);
	assert_int_equal(encode_addr_bit(&v6), naru_addr_bit(word, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_half_names_the_other),
		cmocka_unit_test(decoding),
		cmocka_unit_test(filter_bit_of_mapped_addresses),
	};

	return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
