/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses of the node serve NodePorts (A2 of kube-proxy's rules), as they come and go. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "dpworld.h"

enum served {
	NOT_THERE = -1, /* no address of the node */
	NO,
	YES,
};

static int served(const char *text)
{
	struct addr addr = dpworld_addr(text);
	struct naru_node_addr value;
	int fd = dpworld_pin_fd("node_addr");
	int r = bpf_map_lookup_elem(fd, addr.byte, &value);

	close(fd);
	return r ? NOT_THERE : value.node_port;
}

static void take_in(struct dataplane *d)
{
	struct pollfd event = { .fd = dataplane_fd(d), .events = POLLIN };

	assert_int_equal(poll(&event, 1, 5000), 1);
	while (poll(&event, 1, 50) == 1)
		assert_int_equal(dataplane_process(d), 0);
}

static struct cidr cidr(const char *text)
{
	struct cidr cidr;

	assert_int_equal(cidr_parse(text, &cidr), 0);
	return cidr;
}

static void test_all(void **state)
{
	struct dataplane *d = dpworld_open();

	(void)state;
	assert_int_equal(served("192.0.2.1"), YES);
	assert_int_equal(served("198.51.100.9"), YES);
	assert_int_equal(served("2001:db8::1"), YES);
	assert_int_equal(served("2001:db8:9::9"), YES);
	assert_int_equal(served("127.0.0.1"), NOT_THERE);
	assert_int_equal(served("::1"), NOT_THERE);
	dpworld_close(d);
}

/* One family has prefixes; the other has none, and serves everywhere. */
static void test_prefixes(void **state)
{
	const struct cidr cidrs[] = { cidr("198.51.100.0/24"), cidr("203.0.113.0/24") };
	struct dataplane_config c = dpworld_config();
	struct dataplane *d;

	(void)state;
	c.nodeport_cidrs = cidrs;
	c.n_nodeport_cidrs = 2;
	d = dpworld_open_with(&c);
	assert_int_equal(served("192.0.2.1"), NO);
	assert_int_equal(served("198.51.100.9"), YES);
	assert_int_equal(served("2001:db8::1"), YES);
	dpworld_sh("ip addr add 203.0.113.5/32 dev nic0 && ip addr add 192.0.2.5/32 dev nic0");
	take_in(d);
	assert_int_equal(served("203.0.113.5"), YES);
	assert_int_equal(served("192.0.2.5"), NO);
	dpworld_sh("ip addr del 203.0.113.5/32 dev nic0 && ip addr del 192.0.2.5/32 dev nic0");
	take_in(d);
	assert_int_equal(served("203.0.113.5"), NOT_THERE);
	dpworld_close(d);
}

static void test_primary(void **state)
{
	struct dataplane_config c = dpworld_config();
	struct dataplane *d;

	(void)state;
	c.nodeport_primary = true;
	d = dpworld_open_with(&c);
	assert_int_equal(served("192.0.2.1"), YES);
	assert_int_equal(served("198.51.100.9"), NO);
	assert_int_equal(served("2001:db8::1"), YES);
	assert_int_equal(served("2001:db8:9::9"), NO);
	dpworld_close(d);
}

static void test_prefixes_and_primary(void **state)
{
	const struct cidr more = cidr("2001:db8:9::/48");
	struct dataplane_config c = dpworld_config();
	struct dataplane *d;

	(void)state;
	c.nodeport_cidrs = &more;
	c.n_nodeport_cidrs = 1;
	c.nodeport_primary = true;
	d = dpworld_open_with(&c);
	assert_int_equal(served("192.0.2.1"), YES);
	assert_int_equal(served("198.51.100.9"), NO);
	assert_int_equal(served("2001:db8::1"), YES);
	assert_int_equal(served("2001:db8:9::9"), YES);
	dpworld_close(d);
}

/* A restart with another option takes over the map and changes what differs. */
static void test_option_changes(void **state)
{
	struct dataplane_config c = dpworld_config();

	(void)state;
	dpworld_close(dpworld_open());
	assert_int_equal(served("198.51.100.9"), YES);
	c.nodeport_primary = true;
	dpworld_close(dpworld_open_with(&c));
	assert_int_equal(served("198.51.100.9"), NO);
	assert_int_equal(served("192.0.2.1"), YES);
	dpworld_close(dpworld_open());
	assert_int_equal(served("198.51.100.9"), YES);
}

/* The first address follows the device. */
static void test_primary_moves(void **state)
{
	struct dataplane_config c = dpworld_config();
	struct dataplane *d;

	(void)state;
	c.nodeport_primary = true;
	d = dpworld_open_with(&c);
	dpworld_sh("ip addr del 192.0.2.1/24 dev nic0 && ip addr add 192.0.2.8/24 dev nic0 && "
		   "ip route replace default via 192.0.2.254");
	take_in(d);
	assert_int_equal(served("192.0.2.1"), NOT_THERE);
	assert_int_equal(served("192.0.2.8"), YES);
	dpworld_sh("ip addr del 192.0.2.8/24 dev nic0 && ip addr add 192.0.2.1/24 dev nic0 && "
		   "ip route replace default via 192.0.2.254");
	dpworld_close(d);
}

static int setup(void **state)
{
	int r = dpworld_group_setup(state);

	dpworld_sh("ip link add other type veth peer name far1 && ip link set other up && "
		   "ip addr add 198.51.100.9/32 dev other && "
		   "ip addr add 2001:db8:9::9/128 dev other nodad");
	return r;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_all, dpworld_clean),
		cmocka_unit_test_teardown(test_prefixes, dpworld_clean),
		cmocka_unit_test_teardown(test_primary, dpworld_clean),
		cmocka_unit_test_teardown(test_prefixes_and_primary, dpworld_clean),
		cmocka_unit_test_teardown(test_option_changes, dpworld_clean),
		cmocka_unit_test_teardown(test_primary_moves, dpworld_clean),
	};

	return cmocka_run_group_tests_name("addresses", tests, setup, dpworld_group_teardown);
}
