/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes may answer for an address that every node has, and which one does by their objects
 * alone. */
#pragma once
#include "compile/layer7.h"

/* Is it this one? Every node finds the same answer from the same Node objects; without any: yes. */
bool announce_here(const struct layer7 *l7, const struct addr *addr);

/*
 * Behind the VIPs of Gateways: adds the load balancers' addresses that nodes are to answer for, and
 * tells which nodes there are and which of them an address may go to. l7 is layer 7's draft, with
 * that of layer 4.
 */
void announce_fill(struct layer7 *l7, struct plan *plan);
