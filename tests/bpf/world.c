/* SPDX-License-Identifier: Apache-2.0 */
/* The devices are veth pairs whose far ends stay in the same namespace, without addresses. */
#include "world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const addresses[HOST_MAX][2] = {
	[CLIENT] = { "203.0.113.7", "2001:db8:113::7" },
	[CLIENT2] = { "203.0.113.8", "2001:db8:113::8" },
	[NODE] = { "192.0.2.1", "2001:db8:2::1" },
	[NODE1] = { "198.51.100.1", "2001:db8:51::1" },
	[VIP] = { "10.96.0.10", "fd00:96::10" },
	[VIP2] = { "10.96.0.11", "fd00:96::11" },
	[LB] = { "192.0.2.80", "2001:db8:2::80" },
	[POD] = { "10.1.1.10", "fd00:1:1::10" },
	[POD2] = { "10.1.1.11", "fd00:1:1::11" },
	[REMOTE] = { "10.1.2.10", "fd00:1:2::10" },
	[REMOTE1] = { "10.1.3.10", "fd00:1:3::10" },
	[UNREACHABLE] = { "10.1.4.10", "fd00:1:4::10" },
	[SILENT] = { "10.1.5.10", "fd00:1:5::10" },
	[STRANGER] = { "10.9.9.9", "fd00:9::9" },
	[OWN] = { "127.0.0.1", "::1" },
};

static const struct {
	const char *name;
	enum station own, sender;
	enum host source;
} devices[DEVICE_MAX] = {
	[LOOPBACK] = { "lo", NONE, NONE, NOBODY },     [NIC0] = { "nic0", NIC0_MAC, GATEWAY, NODE },
	[NIC1] = { "nic1", NIC1_MAC, PEER1, NODE1 },   [POD0] = { "pod0", POD0_MAC, POD_MAC, NODE },
	[POD1] = { "pod1", POD1_MAC, POD2_MAC, NODE },
};

/* Link addresses are 02:00:00:00:00:<station>. */
static const char *const setup[] = {
	"ip link set lo up",
	("ip link add nic0 address 02:00:00:00:00:01 type veth peer name far0"
	 " address 02:00:00:00:00:06"),
	("ip link add nic1 address 02:00:00:00:00:02 type veth peer name far1"
	 " address 02:00:00:00:00:07"),
	("ip link add pod0 address 02:00:00:00:00:03 type veth peer name far2"
	 " address 02:00:00:00:00:08"),
	("ip link add pod1 address 02:00:00:00:00:04 type veth peer name far3"
	 " address 02:00:00:00:00:09"),
	("for d in nic0 nic1 pod0 pod1 far0 far1 far2 far3; do"
	 " ip link set $d addrgenmode none && ip link set $d up; done"),
	"ip link set nic1 mtu 1400",
	("for f in ipv4/conf/all/forwarding ipv4/conf/default/forwarding"
	 " ipv6/conf/all/forwarding; do"
	 " echo 1 >/proc/sys/net/$f; done"),
	"ip addr add 192.0.2.1/24 dev nic0 && ip addr add 2001:db8:2::1/64 dev nic0 nodad",
	"ip addr add 198.51.100.1/24 dev nic1 && ip addr add 2001:db8:51::1/64 dev nic1 nodad",
	"ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:05 dev nic0 nud permanent",
	"ip neigh add 2001:db8:2::fe lladdr 02:00:00:00:00:05 dev nic0 nud permanent",
	"ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:06 dev nic0 nud permanent",
	"ip neigh add 2001:db8:2::2 lladdr 02:00:00:00:00:06 dev nic0 nud permanent",
	"ip neigh add 198.51.100.2 lladdr 02:00:00:00:00:07 dev nic1 nud permanent",
	"ip neigh add 2001:db8:51::2 lladdr 02:00:00:00:00:07 dev nic1 nud permanent",
	"ip route add default via 192.0.2.254 && ip -6 route add default via 2001:db8:2::fe",
	"ip route add 10.1.2.0/24 via 192.0.2.2 && ip -6 route add fd00:1:2::/64 via 2001:db8:2::2",
	("ip route add 10.1.3.0/24 via 198.51.100.2 && ip -6 route add"
	 " fd00:1:3::/64 via 2001:db8:51::2"),
	"ip route add unreachable 10.1.4.0/24 && ip -6 route add unreachable fd00:1:4::/64",
	"ip route add 10.1.5.0/24 via 192.0.2.5 && ip -6 route add fd00:1:5::/64 via 2001:db8:2::5",
	"ip route add 10.1.1.10 dev pod0 && ip -6 route add fd00:1:1::10 dev pod0",
	"ip route add 10.1.1.11 dev pod1 && ip -6 route add fd00:1:1::11 dev pod1",
	"ip neigh add 10.1.1.10 lladdr 02:00:00:00:00:08 dev pod0 nud permanent",
	"ip neigh add fd00:1:1::10 lladdr 02:00:00:00:00:08 dev pod0 nud permanent",
	"ip neigh add 10.1.1.11 lladdr 02:00:00:00:00:09 dev pod1 nud permanent",
	"ip neigh add fd00:1:1::11 lladdr 02:00:00:00:00:09 dev pod1 nud permanent",
};

void world_enter(void)
{
	if (unshare(CLONE_NEWNET)) {
		perror("a network namespace of our own (needs root)");
		exit(1);
	}
	for (size_t i = 0; i < sizeof(setup) / sizeof(*setup); i++) {
		if (system(setup[i])) {
			fprintf(stderr, "world: failed: %s\n", setup[i]);
			exit(1);
		}
	}
}

void world_addr(enum host host, int family, uint8_t *ret_addr)
{
	inet_pton(family, addresses[host][family == AF_INET6], ret_addr);
}

void world_mapped(enum host host, int family, uint8_t ret_addr[16])
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	if (family == AF_INET6) {
		world_addr(host, family, ret_addr);
		return;
	}
	memcpy(ret_addr, prefix, sizeof(prefix));
	world_addr(host, family, ret_addr + sizeof(prefix));
}

void world_mac(enum station station, uint8_t ret_mac[6])
{
	memset(ret_mac, 0, 6);
	ret_mac[0] = 2;
	ret_mac[5] = station;
}

const char *world_name(enum device device)
{
	return devices[device].name;
}

uint32_t world_ifindex(enum device device)
{
	return if_nametoindex(devices[device].name);
}

enum host world_source(enum device device)
{
	return devices[device].source;
}

enum station world_own_mac(enum device device)
{
	return devices[device].own;
}

enum station world_sender_mac(enum device device)
{
	return devices[device].sender;
}
