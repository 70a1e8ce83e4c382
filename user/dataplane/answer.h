/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For how long the programs answer for VIPs, what is told on a link without being asked, and who
 * else was seen to answer.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/dataplane.h"
#include "dataplane/load.h"
#include "dataplane/topology.h"
#include "dataplane/vips.h"

/* Any of the VIPs is announced, and the time that an earlier call gave is not over. */
bool answer_is_on(const struct load *load, const struct vips *vips, uint64_t now_ns);
/* 0: always. 0 or -errno. */
int answer_until(const struct load *load, uint64_t until_ns);

/* 0 or -errno. */
int answer_tell(const struct load *load, uint32_t ifindex, const uint8_t *frame, size_t len);

/* Those seen since the last call of that time. */
void answer_conflicts(const struct load *load, uint64_t since_ns, conflict_fn fn, void *arg);

/* Devices on which others ask for VIPs. Returns their number, to be freed. */
size_t answer_links(const struct topology *topology, struct dataplane_link **ret_links);
