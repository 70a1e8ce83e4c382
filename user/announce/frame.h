/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tells a whole link where an address is now: an ARP announcement (RFC 5227, 3) or an
 * unsolicited neighbour advertisement (RFC 4861, 7.2.6), as Ethernet frames. Both have the sender's
 * mark in a place that others take no notice of (padding, an experimental option of RFC 4727), so
 * that nodes of one cluster know each other.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define FRAME_MAX 94

/* node: rendezvous_name() of the sender. Returns the length. */
size_t frame_announce(const struct addr *addr, const uint8_t mac[6], uint32_t node,
		      uint8_t buf[static FRAME_MAX]);
