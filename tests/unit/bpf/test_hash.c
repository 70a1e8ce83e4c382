/* SPDX-License-Identifier: Apache-2.0 */
/* bpf/lib/hash.h: nodes must agree for ever, and near tuples must spread. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/hash.h"

#define SLOTS 251

static struct tuple example(const char *saddr, const char *daddr, int af)
{
	struct tuple t = { .sport = 40000, .dport = 80, .proto = IPPROTO_TCP };

	assert_int_equal(inet_pton(af, saddr, t.saddr), 1);
	assert_int_equal(inet_pton(af, daddr, t.daddr), 1);
	return t;
}

static uint32_t hash(const struct tuple *t, uint32_t seed, int af)
{
	return af == AF_INET ? hash_tuple(t, seed, AF_INET) : hash_tuple(t, seed, AF_INET6);
}

/* Each part of the tuple and the seed count. */
static void every_part_counts(void **state)
{
	static const int families[] = { AF_INET, AF_INET6 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int af = families[i];
		struct tuple t = i ? example("2001:db8::1", "fd00::1", af)
				   : example("10.0.0.1", "10.96.0.1", af);
		uint32_t h = hash(&t, 1, af);
		struct tuple other;

		for (size_t bit = 0; bit < 8 * sizeof(t); bit++) {
			size_t words = i ? 4 : 1;

			other = t;
			((uint8_t *)&other)[bit / 8] ^= 1 << bit % 8;
			if (bit / 32 % 4 >= words && bit < 256)
				continue; /* the words that IPv4 does not use */
			if (bit / 8 >= offsetof(struct tuple, pad))
				break;
			assert_int_not_equal(hash(&other, 1, af), h);
		}
		assert_int_not_equal(hash(&t, 2, af), h);
		assert_int_equal(hash(&t, 1, af), h);
	}
}

/* Clients that differ in their last bits only, and ports that follow each other. */
static void near_tuples_spread(void **state)
{
	unsigned by_addr[SLOTS] = {}, by_port[SLOTS] = {};
	struct tuple t = example("10.0.0.0", "10.96.0.1", AF_INET), u = t;

	(void)state;
	for (uint32_t i = 0; i < SLOTS * 100; i++) {
		t.saddr[0] = htonl(0x0a000000 + i);
		u.sport = (uint16_t)(1024 + i);
		u.saddr[0] = htonl(0x0a000000 + (i >> 15));
		by_addr[hash(&t, 1, AF_INET) % SLOTS]++;
		by_port[hash(&u, 1, AF_INET) % SLOTS]++;
	}
	for (int i = 0; i < SLOTS; i++) { /* 100 expected, five standard deviations */
		assert_in_range(by_addr[i], 50, 150);
		assert_in_range(by_port[i], 50, 150);
	}
}

/* A node with another version of naru must choose the same endpoint: these values never change. */
static void values_are_fixed(void **state)
{
	struct tuple t4 = example("203.0.113.7", "10.96.0.10", AF_INET);
	struct tuple t6 = example("2001:db8:113::7", "fd00:96::10", AF_INET6);

	(void)state;
	assert_int_equal(hash(&t4, 0x5eed, AF_INET), 0x4c9b1f3d);
	assert_int_equal(hash(&t6, 0x5eed, AF_INET6), 0x961d22b5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_part_counts),
		cmocka_unit_test(near_tuples_spread),
		cmocka_unit_test(values_are_fixed),
	};

	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
