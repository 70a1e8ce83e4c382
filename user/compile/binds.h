/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets an address and port that several ask for. */
#pragma once
#include "compile/layer7.h"

/*
 * Leaves of the binds those that are granted and this node's, sorted by address, port and host
 * name, the most specific first, and marks their listeners as bound, or as bound elsewhere, and
 * their Gateways' addresses as served. Services keep what they have; among Gateways the older one
 * wins. The others are told.
 */
void binds_settle(struct layer7 *l7);

/* By address, port, then the host name of the listener. */
void binds_sort(struct layer7 *l7);
