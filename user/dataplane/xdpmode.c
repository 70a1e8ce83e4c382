/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XDP is worth it on real network cards, and only where attaching it costs nothing else. On
 * virtual devices it takes offloads away (a bulk flow over veth falls to a fifth) and gains
 * little; "native" overrides all of this.
 */
#include "dataplane/xdpmode.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "base/mem.h"

/* A page, less head room and the buffer's own record; more takes fragments or is refused. */
#define XDP_MTU_MAX 3498

static bool is_virtual(const char *driver)
{
	static const char *const names[] = {
		"veth",	   "virtio_net", "bridge", "tun",    "802.1Q VLAN Support",
		"bonding", "team",	 "vxlan",  "geneve", "dummy",
		"macvlan", "ipvlan",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(driver, names[i]))
			return true;
	}
	return false;
}

const char *xdpmode_decide(enum xdp_mode mode, const struct xdpmode_facts *facts)
{
	if (mode == XDP_MODE_OFF)
		return "off";
	if (mode == XDP_MODE_NATIVE)
		return NULL;
	if (!facts->driver[0])
		return "auto: the device does not name its driver";
	if (is_virtual(facts->driver))
		return "auto: a virtual device loses more than it gains";
	if (facts->vlan && facts->strips_vlan)
		return "auto: the device strips VLAN tags (rx-vlan-offload)";
	if (facts->mtu > XDP_MTU_MAX)
		return "auto: the MTU is too large";
	if (facts->queues && facts->queues < facts->cpus)
		return "auto: fewer queues than CPUs";
	return NULL;
}

static int ask(int fd, const char *device, void *command)
{
	struct ifreq request = { .ifr_data = command };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	return ioctl(fd, SIOCETHTOOL, &request);
}

void xdpmode_read(const char *device, struct xdpmode_facts *facts)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };
	_cleanup_(mem_closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	facts->cpus = cpus > 0 ? (uint32_t)cpus : 1;
	if (fd < 0)
		return;
	if (!ask(fd, device, &driver))
		snprintf(facts->driver, sizeof(facts->driver), "%.31s", driver.driver);
	if (!ask(fd, device, &channels)) {
		uint32_t pairs = channels.rx_count < channels.tx_count ? channels.rx_count
								       : channels.tx_count;

		facts->queues = channels.combined_count + pairs;
	}
	if (!ask(fd, device, &flags))
		facts->strips_vlan = flags.data & ETH_FLAG_RXVLAN;
}
