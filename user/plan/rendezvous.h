/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rendezvous hashing over the names of nodes: an address goes to the node whose name makes the
 * highest number with it, so that a node that comes or goes moves only its own addresses. The same
 * on every node and in every version.
 */
#pragma once
#include <stdint.h>

#include "base/addr.h"

uint64_t rendezvous_weight(const char *node, const struct addr *addr);

/* A short stand-in for a name in messages. */
uint32_t rendezvous_name(const char *node);
