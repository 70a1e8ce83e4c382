/* SPDX-License-Identifier: Apache-2.0 */
/* Bits of the filter: set at once, cleared when neither plan nor flow needed them for a sweep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dataplane/encode.h"
#include "dataplane/filter.h"

static struct naru_filter map;

static struct addr vip(void)
{
	struct addr addr;

	assert_int_equal(addr_parse("10.96.0.1", &addr), 0);
	return addr;
}

static bool port_set(const struct naru_filter_half *half, int proto, uint16_t port)
{
	return half->ports[proto][port / 32] >> port % 32 & 1;
}

static bool addr_set(const struct naru_filter_half *half, const struct addr *addr)
{
	uint32_t bit = encode_addr_bit(addr);

	return half->addrs[bit / 32] >> bit % 32 & 1;
}

static void sweep(struct filter *f)
{
	filter_sweep_begin(f);
	filter_sweep_end(f);
}

static void sides_and_protocols_are_apart(void **state)
{
	struct addr addr = vip();
	struct filter *f;

	(void)state;
	memset(&map, 0, sizeof(map));
	f = filter_new(&map);
	filter_hold(f, FILTER_FRONT, NARU_TCP, 80, &addr);
	filter_hold(f, FILTER_BACK, NARU_UDP, 53, NULL);
	assert_true(port_set(&map.front, 0, 80));
	assert_false(port_set(&map.front, 1, 80));
	assert_true(addr_set(&map.front, &addr));
	assert_false(addr_set(&map.back, &addr));
	assert_true(port_set(&map.back, 1, 53));
	filter_free(f);
}

static void last_reference_and_a_sweep(void **state)
{
	struct addr addr = vip();
	struct filter *f;

	(void)state;
	memset(&map, 0, sizeof(map));
	f = filter_new(&map);
	filter_hold(f, FILTER_FRONT, NARU_TCP, 80, &addr);
	filter_hold(f, FILTER_FRONT, NARU_TCP, 80, NULL);
	sweep(f);
	filter_drop(f, FILTER_FRONT, NARU_TCP, 80, &addr);
	sweep(f);
	assert_true(port_set(&map.front, 0, 80));
	assert_false(addr_set(&map.front, &addr));
	filter_sweep_begin(f);
	filter_drop(f, FILTER_FRONT, NARU_TCP, 80, NULL);
	/* This sweep began before. */
	filter_sweep_end(f);
	assert_true(port_set(&map.front, 0, 80));
	assert_true(filter_pending(f));
	sweep(f);
	assert_false(port_set(&map.front, 0, 80));
	assert_false(filter_pending(f));
	filter_free(f);
}

static void flows_keep_bits(void **state)
{
	struct addr addr = vip();
	struct filter *f;

	(void)state;
	memset(&map, 0, sizeof(map));
	f = filter_new(&map);
	filter_hold(f, FILTER_FRONT, NARU_TCP, 80, &addr);
	filter_drop(f, FILTER_FRONT, NARU_TCP, 80, &addr);
	for (int i = 0; i < 3; i++) {
		filter_sweep_begin(f);
		filter_seen(f, FILTER_FRONT, NARU_TCP, 80, &addr);
		filter_sweep_end(f);
		assert_true(port_set(&map.front, 0, 80));
		assert_true(addr_set(&map.front, &addr));
	}
	sweep(f);
	assert_false(port_set(&map.front, 0, 80));
	assert_false(addr_set(&map.front, &addr));
	filter_free(f);
}

/* Pinned bits of an earlier process: kept if claimed, else cleared after a sweep. */
static void restart_inherits_bits(void **state)
{
	struct filter *f;

	(void)state;
	memset(&map, 0, sizeof(map));
	map.front.ports[0][0] = 1u << 10 | 1u << 20;
	f = filter_new(&map);
	filter_hold(f, FILTER_FRONT, NARU_TCP, 10, NULL);
	assert_true(port_set(&map.front, 0, 20));
	sweep(f);
	assert_true(port_set(&map.front, 0, 10));
	assert_false(port_set(&map.front, 0, 20));
	filter_free(f);
}

/* A flow outlives a change of --snat-ports: its port needs a bit from then on. */
static void flows_raise_bits(void **state)
{
	struct filter *f;

	(void)state;
	memset(&map, 0, sizeof(map));
	f = filter_new(&map);
	filter_sweep_begin(f);
	filter_seen(f, FILTER_FRONT, NARU_UDP, 40000, NULL);
	filter_sweep_end(f);
	assert_true(port_set(&map.front, 1, 40000));
	sweep(f);
	assert_false(port_set(&map.front, 1, 40000));
	filter_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sides_and_protocols_are_apart),
		cmocka_unit_test(last_reference_and_a_sweep),
		cmocka_unit_test(flows_keep_bits),
		cmocka_unit_test(restart_inherits_bits),
		cmocka_unit_test(flows_raise_bits),
	};

	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
