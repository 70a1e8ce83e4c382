/* SPDX-License-Identifier: Apache-2.0 */
/* Flows for people: one record for each pair of entries. */
#pragma once
#include "dataplane/dataplane.h"
#include "dataplane/inforce.h"

/* tick: the packet path's clock; tick_ms: its length. */
int listing_flows(const struct inforce *in, uint32_t tick, uint32_t tick_ms, flow_fn fn, void *arg);
