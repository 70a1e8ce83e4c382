/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets that beats go by: link-local multicast, so that exactly the nodes of one segment hear
 * each other. What came over a router, or on a device that was not named, is not passed on; whether
 * the sender is who it says is for the caller to judge, by its address.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/loop.h"

/* Groups for experiments (RFC 4727): no registry has one for this. */
#define BEACON_GROUP4 "224.0.0.254"
#define BEACON_GROUP6 "ff02::114"
#define BEACON_PORT   10254

struct beacon;

typedef void (*beacon_fn)(void *arg, const struct addr *from, const uint8_t *data, size_t len);

/* 0 or -errno. */
int beacon_open(struct loop *loop, beacon_fn fn, void *arg, struct beacon **ret_beacon);
void beacon_close(struct beacon *beacon);

/* These devices from now on, by index; a device that cannot is left out. */
void beacon_devices(struct beacon *beacon, const uint32_t *ifindexes, size_t n);

/* 0 or -errno. */
int beacon_send(struct beacon *beacon, uint32_t ifindex, const struct addr *from,
		const uint8_t *data, size_t len);
