/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the maps of devices, node addresses, VIPs and steering hold what narud believes that it
 * has written. verify.c asks in each round, dataplane.c for who wants to know.
 */
#pragma once
#include "dataplane/dataplane.h"
#include "dataplane/steer.h"
#include "dataplane/topology.h"
#include "dataplane/vips.h"

struct nodemaps {
	const struct topology *topology;
	const struct steer *steer;
	const struct vips *vips;
};

/* Tells each difference; with repair it is put right. 0 or -errno. */
int nodemaps_check(const struct nodemaps *maps, bool repair, audit_fn fn, void *arg);
