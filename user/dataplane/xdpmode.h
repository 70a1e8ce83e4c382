/* SPDX-License-Identifier: Apache-2.0 */
/* Whether XDP pays on a device: --xdp auto. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dataplane.h"

struct xdpmode_facts {
	char driver[32]; /* as ethtool -i names it, "" unknown */
	uint32_t mtu;
	uint32_t queues; /* receive and transmit pairs, 0 unknown */
	uint32_t cpus;
	bool vlan;	  /* is a VLAN device or carries one */
	bool strips_vlan; /* takes the tag off before the program runs */
};

/* Asks the driver. What it does not tell stays zero. */
void xdpmode_read(const char *device, struct xdpmode_facts *facts);
/* Pure: NULL when native XDP is to be attached, else why not (a constant text). */
const char *xdpmode_decide(enum xdp_mode mode, const struct xdpmode_facts *facts);
