/* SPDX-License-Identifier: Apache-2.0 */
/* Classes and source addresses of devices, from tables of links, addresses and routes. */
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>

#include "base/mem.h"
#include "dataplane/devices.h"

enum {
	LO = 1,
	ETH0,
	ETH1,
	CNI0,
	VETH1,
	VETH2,
	VXLAN,
	CALI,
	TUN,
	VLAN,
};

static struct netlink_link links[] = {
	{ LO, "lo", "", ARPHRD_LOOPBACK, IFF_LOOPBACK, 65536, 0, 0, { 0 }, 0 },
	{ ETH0, "eth0", "", ARPHRD_ETHER, IFF_UP, 1500, 0, 0, { 0 }, 0 },
	{ ETH1, "eth1", "", ARPHRD_ETHER, IFF_UP, 1500, 0, 0, { 0 }, 0 },
	{ CNI0, "cni0", "bridge", ARPHRD_ETHER, IFF_UP, 1450, 0, 0, { 0 }, 0 },
	{ VETH1, "veth1", "veth", ARPHRD_ETHER, IFF_UP, 1450, CNI0, 0, { 0 }, 0 },
	{ VETH2, "veth2", "veth", ARPHRD_ETHER, IFF_UP, 1450, CNI0, 0, { 0 }, 0 },
	{ VXLAN, "flannel.1", "vxlan", ARPHRD_ETHER, IFF_UP, 1450, 0, 0, { 0 }, 0 },
	{ CALI, "cali77", "veth", ARPHRD_ETHER, IFF_UP, 1500, 0, 0, { 0 }, 0 },
	{ TUN, "tun0", "tun", ARPHRD_NONE, IFF_UP, 1400, 0, 0, { 0 }, 0 },
	{ VLAN, "eth0.5", "vlan", ARPHRD_ETHER, IFF_UP, 1500, 0, ETH0, { 0 }, 0 },
};

static struct addr addr(const char *text)
{
	struct addr parsed;

	assert_int_equal(addr_parse(text, &parsed), 0);
	return parsed;
}

static struct cidr cidr(const char *text)
{
	struct cidr parsed;

	assert_int_equal(cidr_parse(text, &parsed), 0);
	return parsed;
}

static struct netlink_route route(const char *dst, uint32_t ifindex, uint32_t metric)
{
	return (struct netlink_route){ .dst = cidr(dst), .ifindex = ifindex, .metric = metric };
}

/* A node with a bridge for pods, an overlay and a default route in each family. */
struct scene {
	struct netlink_snapshot net;
	struct netlink_route routes[16];
	struct netlink_addr addrs[16];
	struct dataplane_config config;
	struct devices_input input;
	struct cidr pod_cidr;
	struct devices_row *rows;
	size_t n_rows;
};

static void scene_init(struct scene *s)
{
	const struct netlink_route routes[] = {
		route("0.0.0.0/0", ETH0, 100),	  route("::/0", ETH0, 100),
		route("192.0.2.0/24", ETH0, 0),	  route("10.244.0.0/24", CNI0, 0),
		route("10.244.1.0/24", VXLAN, 0),
	};
	const struct netlink_addr addrs[] = {
		{ LO, addr("127.0.0.1"), RT_SCOPE_HOST, 0 },
		{ ETH0, addr("192.0.2.10"), RT_SCOPE_UNIVERSE, 0 },
		{ ETH0, addr("192.0.2.11"), RT_SCOPE_UNIVERSE, IFA_F_SECONDARY },
		{ ETH0, addr("fe80::1"), RT_SCOPE_LINK, 0 },
		{ ETH0, addr("2001:db8::10"), RT_SCOPE_UNIVERSE, 0 },
		{ CNI0, addr("10.244.0.1"), RT_SCOPE_UNIVERSE, 0 },
		{ VXLAN, addr("10.244.0.0"), RT_SCOPE_UNIVERSE, 0 },
	};

	*s = (struct scene){ .pod_cidr = cidr("10.244.0.0/24") };
	memcpy(s->routes, routes, sizeof(routes));
	memcpy(s->addrs, addrs, sizeof(addrs));
	s->net = (struct netlink_snapshot){
		.links = links,
		.n_links = ARRAY_SIZE(links),
		.addrs = s->addrs,
		.n_addrs = ARRAY_SIZE(addrs),
		.routes = s->routes,
		.n_routes = ARRAY_SIZE(routes),
	};
	s->input = (struct devices_input){
		.net = &s->net,
		.config = &s->config,
		.pod_cidrs = &s->pod_cidr,
		.n_pod_cidrs = 1,
	};
}

static const struct devices_row *row(struct scene *s, uint32_t ifindex)
{
	free(s->rows);
	s->rows = NULL;
	s->n_rows = devices_classify(&s->input, &s->rows);
	assert_non_null(s->rows);
	for (size_t i = 0; s->rows && i < s->n_rows; i++) {
		if (s->rows[i].ifindex == ifindex)
			return &s->rows[i];
	}
	return NULL;
}

static void assert_class(struct scene *s, uint32_t ifindex, enum naru_device_class class)
{
	const struct devices_row *found = row(s, ifindex);

	assert_non_null(found);
	assert_int_equal(found->class, class);
}

static void a_common_node(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	assert_class(&s, ETH0, NARU_NIC);
	assert_true(row(&s, ETH0)->nic);
	assert_class(&s, VETH1, NARU_POD);
	assert_class(&s, VETH2, NARU_POD);
	assert_class(&s, VXLAN, NARU_NIC);
	assert_false(row(&s, VXLAN)->nic);
	assert_null(row(&s, LO));
	assert_null(row(&s, CNI0));
	assert_null(row(&s, ETH1));
	assert_null(row(&s, CALI));
	assert_int_equal(s.n_rows, 4);
	free(s.rows);
}

static void named_devices_replace_the_default(void **state)
{
	static const char *const names[] = { "eth1" };
	struct scene s;

	(void)state;
	scene_init(&s);
	s.config.devices = names;
	s.config.n_devices = 1;
	assert_class(&s, ETH1, NARU_NIC);
	assert_null(row(&s, ETH0));
	free(s.rows);
}

static void patterns_make_pods(void **state)
{
	static const char *const patterns[] = { "cali*", "tun*" };
	struct scene s;

	(void)state;
	scene_init(&s);
	s.config.pod_devices = patterns;
	s.config.n_pod_devices = 2;
	assert_class(&s, CALI, NARU_POD);
	/* No Ethernet. */
	assert_null(row(&s, TUN));
	free(s.rows);
}

static void endpoints_tell_devices(void **state)
{
	struct addr local[] = { addr("10.9.0.5") },
		    remote[] = { addr("10.8.0.1"), addr("10.8.9.9") };
	struct scene s;

	(void)state;
	scene_init(&s);
	s.routes[s.net.n_routes++] = route("10.9.0.5/32", CALI, 0);
	s.routes[s.net.n_routes++] = route("10.8.0.0/16", ETH1, 0);
	assert_null(row(&s, CALI));
	assert_null(row(&s, ETH1));
	s.input.local = local;
	s.input.n_local = 1;
	s.input.remote = remote;
	s.input.n_remote = 2;
	assert_class(&s, CALI, NARU_POD);
	assert_class(&s, ETH1, NARU_NIC);
	assert_false(row(&s, ETH1)->nic);
	free(s.rows);
}

/* As a pod with hostNetwork has it: clients are behind the device of its subnet, not pods. */
static void own_address_tells_no_pods(void **state)
{
	struct addr local[] = { addr("10.9.0.5"), addr("10.9.0.6") };
	struct scene s;

	(void)state;
	scene_init(&s);
	s.addrs[s.net.n_addrs++] =
		(struct netlink_addr){ ETH1, addr("10.9.0.5"), RT_SCOPE_UNIVERSE, 0 };
	s.routes[s.net.n_routes++] = route("10.9.0.0/24", ETH1, 0);
	s.input.local = local;
	s.input.n_local = 1;
	assert_class(&s, ETH1, NARU_NIC);
	assert_false(row(&s, ETH1)->nic);
	s.input.n_local = 2;
	assert_class(&s, ETH1, NARU_POD);
	free(s.rows);
}

/* All endpoints of the wide route are behind the narrow ones, so it is not used. */
static void only_the_longest_match_counts(void **state)
{
	struct addr remote[] = { addr("10.8.0.1"), addr("10.8.1.1") };
	struct scene s;

	(void)state;
	scene_init(&s);
	s.routes[s.net.n_routes++] = route("10.8.0.0/16", ETH1, 0);
	s.routes[s.net.n_routes++] = route("10.8.1.0/24", ETH0, 0);
	s.routes[s.net.n_routes++] = route("10.8.0.0/24", ETH0, 0);
	s.input.remote = remote;
	s.input.n_remote = 2;
	assert_null(row(&s, ETH1));
	remote[1] = addr("10.8.2.1");
	assert_class(&s, ETH1, NARU_NIC);
	free(s.rows);
}

static void the_better_metric_wins(void **state)
{
	struct addr remote[] = { addr("10.8.0.1") };
	struct scene s;

	(void)state;
	scene_init(&s);
	s.routes[s.net.n_routes++] = route("10.8.0.0/16", ETH1, 200);
	s.routes[s.net.n_routes++] = route("10.8.0.0/16", VLAN, 100);
	s.input.remote = remote;
	s.input.n_remote = 1;
	assert_class(&s, VLAN, NARU_NIC);
	assert_null(row(&s, ETH1));
	/* Equal metrics are one route with two hops. */
	s.routes[s.net.n_routes - 1].metric = 200;
	assert_non_null(row(&s, ETH1));
	assert_non_null(row(&s, VLAN));
	free(s.rows);
}

/* An IPv4 endpoint does not follow the IPv6 default route, although mapped addresses are IPv6. */
static void families_do_not_mix(void **state)
{
	struct addr remote[] = { addr("10.8.0.1") };
	struct scene s;

	(void)state;
	scene_init(&s);
	s.routes[0] = route("0.0.0.0/0", ETH0, 100);
	s.routes[1] = route("::/1", ETH1, 0);
	s.input.remote = remote;
	s.input.n_remote = 1;
	assert_null(row(&s, ETH1));
	free(s.rows);
}

static void a_nic_that_is_a_bridge(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.routes[0] = route("0.0.0.0/0", CNI0, 0);
	s.routes[1] = route("::/0", CNI0, 0);
	links[ETH1 - 1].master = CNI0;
	assert_class(&s, CNI0, NARU_NIC);
	/* Its pods' ports are pods' devices, its hardware port is not. */
	assert_class(&s, VETH1, NARU_POD);
	assert_null(row(&s, ETH1));
	links[ETH1 - 1].master = 0;
	free(s.rows);
}

static void sources(void **state)
{
	struct addr eth4 = addr("192.0.2.10"), eth6 = addr("2001:db8::10"),
		    cni4 = addr("10.244.0.1");
	struct scene s;
	const struct devices_row *found;

	(void)state;
	scene_init(&s);
	found = row(&s, ETH0);
	assert_true(found->has_src4 && found->has_src6);
	assert_memory_equal(&found->src4, &eth4, 16);
	assert_memory_equal(&found->src6, &eth6, 16);
	assert_true(found->vlan);
	/* A port sends from its bridge's address, and from the node's in the other family. */
	found = row(&s, VETH1);
	assert_memory_equal(&found->src4, &cni4, 16);
	assert_memory_equal(&found->src6, &eth6, 16);
	s.routes[0].has_prefsrc = true;
	s.routes[0].prefsrc = addr("192.0.2.11");
	found = row(&s, ETH0);
	assert_memory_equal(&found->src4, &s.routes[0].prefsrc, 16);
	free(s.rows);
}

static void no_source_of_a_family(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.addrs[4].flags = IFA_F_TENTATIVE;
	assert_true(row(&s, ETH0)->has_src4);
	assert_false(row(&s, ETH0)->has_src6);
	free(s.rows);
}

static void addresses_of_the_node(void **state)
{
	_cleanup_(mem_freep) struct netlink_addr *found = NULL;
	struct scene s;

	(void)state;
	scene_init(&s);
	s.addrs[s.net.n_addrs++] = (struct netlink_addr){ LO, addr("::1"), RT_SCOPE_HOST, 0 };
	s.addrs[s.net.n_addrs++] = (struct netlink_addr){ ETH1, addr("169.254.20.10"), 0, 0 };
	s.addrs[s.net.n_addrs++] = (struct netlink_addr){ LO, addr("203.0.113.1"), 0, 0 };
	assert_int_equal(devices_node_addrs(&s.net, &found), 6);
	for (size_t i = 0; i < 6; i++) {
		assert_int_not_equal(found[i].addr.byte[12], 127);
		assert_int_not_equal(found[i].addr.byte[12], 169);
		assert_int_not_equal(found[i].addr.byte[0], 0xfe);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_common_node),
		cmocka_unit_test(named_devices_replace_the_default),
		cmocka_unit_test(patterns_make_pods),
		cmocka_unit_test(endpoints_tell_devices),
		cmocka_unit_test(own_address_tells_no_pods),
		cmocka_unit_test(only_the_longest_match_counts),
		cmocka_unit_test(the_better_metric_wins),
		cmocka_unit_test(families_do_not_mix),
		cmocka_unit_test(a_nic_that_is_a_bridge),
		cmocka_unit_test(sources),
		cmocka_unit_test(no_source_of_a_family),
		cmocka_unit_test(addresses_of_the_node),
	};

	return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
