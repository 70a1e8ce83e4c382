/* SPDX-License-Identifier: Apache-2.0 */
/* Links, addresses and local routes of a network namespace that is this process's alone. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/rtnetlink.h>

#include "base/mem.h"
#include "base/netlink.h"

#define OURS 110

static bool alone;

static int setup(void **state)
{
	(void)state;
	alone = !unshare(CLONE_NEWNET);
	if (!alone)
		fprintf(stderr, "skipped: no network namespace of our own without root\n");
	return alone && system("ip link set lo up && ip link add d0 address 02:00:00:00:00:77 "
			       "type veth peer name d1 && ip link set d0 up && "
			       "ip addr add 192.0.2.1/24 dev d0");
}

static struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

/* A mask of 1 << protocol for RTPROT_KERNEL and below, 1 << 31 for ours. */
static uint32_t protocols_of(const char *text)
{
	_cleanup_(netlink_snapshot_fini) struct netlink_snapshot net = {};
	const struct addr addr = addr_of(text);
	uint32_t mask = 0;

	assert_int_equal(netlink_dump(&net), 0);
	for (size_t i = 0; i < net.n_locals; i++) {
		uint8_t protocol = net.locals[i].protocol;

		if (cidr_contains(&net.locals[i].dst, &addr))
			mask |= protocol == OURS ? 1u << 31 : 1u << protocol;
	}
	return mask;
}

static void test_link_addresses(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 0x77 }, none[6];
	_cleanup_(netlink_snapshot_fini) struct netlink_snapshot net = {};
	size_t seen = 0;

	(void)state;
	if (!alone)
		skip();
	assert_int_equal(netlink_dump(&net), 0);
	for (size_t i = 0; i < net.n_links; i++) {
		bool ours = !strcmp(net.links[i].name, "d0");

		if (!ours && strcmp(net.links[i].name, "lo") != 0)
			continue;
		assert_memory_equal(net.links[i].mac, ours ? mac : none, 6);
		seen++;
	}
	assert_int_equal(seen, 2);
}

static void test_local_routes(void **state)
{
	static const char *const texts[] = { "198.51.100.7", "2001:db8::7" };

	(void)state;
	if (!alone)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const struct addr addr = addr_of(texts[i]);

		assert_int_equal(protocols_of(texts[i]), 0);
		assert_int_equal(netlink_local_remove(&addr, OURS), 0);
		assert_int_equal(netlink_local_add(&addr, OURS), 0);
		assert_int_equal(netlink_local_add(&addr, OURS), 0);
		assert_int_equal(protocols_of(texts[i]), 1u << 31);
		/* Another one's is not ours to take. */
		assert_int_equal(netlink_local_remove(&addr, OURS + 1), 0);
		assert_int_equal(protocols_of(texts[i]), 1u << 31);
		assert_int_equal(netlink_local_remove(&addr, OURS), 0);
		assert_int_equal(protocols_of(texts[i]), 0);
	}
}

static void test_whose_addresses(void **state)
{
	(void)state;
	if (!alone)
		skip();
	assert_int_equal(protocols_of("192.0.2.1"), 1u << RTPROT_KERNEL);
	assert_int_equal(protocols_of("127.0.0.5"), 1u << RTPROT_KERNEL);
	assert_int_equal(protocols_of("192.0.2.2"), 0);
	assert_int_equal(system("ip route add local 198.51.100.0/24 dev lo"), 0);
	assert_int_equal(protocols_of("198.51.100.9"), 1u << RTPROT_BOOT);
	assert_int_equal(system("ip route del local 198.51.100.0/24 dev lo table local"), 0);
}

/* A change of local routes is told. */
static void test_events(void **state)
{
	const struct addr addr = addr_of("2001:db8::8");
	struct netlink *netlink;
	struct pollfd ready = { .events = POLLIN };

	(void)state;
	if (!alone)
		skip();
	assert_int_equal(netlink_open(&netlink), 0);
	ready.fd = netlink_fd(netlink);
	while (poll(&ready, 1, 200) > 0)
		netlink_read(netlink);
	assert_int_equal(netlink_local_add(&addr, OURS), 0);
	assert_int_equal(poll(&ready, 1, 2000), 1);
	assert_true(netlink_read(netlink) & NETLINK_ROUTES);
	assert_int_equal(netlink_local_remove(&addr, OURS), 0);
	netlink_close(netlink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link_addresses),
		cmocka_unit_test(test_local_routes),
		cmocka_unit_test(test_whose_addresses),
		cmocka_unit_test(test_events),
	};

	return cmocka_run_group_tests_name("netlink", tests, setup, NULL);
}
