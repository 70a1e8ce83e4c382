/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flows of the packet bench: clients 100.64.0.0 + n and 2001:db8:113::n of a service with
 * many endpoints on another node, and the lists of packets that the wrapper walks.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "cost.h"

#define TRAFFIC_PORT 90

/* Adds the service to a node that is loaded. */
void traffic_add_service(void);
/* Template frame, COST_FRAME4 or COST_FRAME6 bytes, with the given TCP flags. Returns its size. */
size_t traffic_frame(int family, uint8_t flags, uint8_t *ret_frame);
/* Packets of n clients, and the answers to flows that the node knows (returns how many there
 * are). */
void traffic_requests(int family, size_t first, size_t n, struct cost_packet *ret_list);
size_t traffic_answers(int family, size_t max, struct cost_packet *ret_list);
/* Check sums for a template, then a random order. */
void traffic_finish(int family, const uint8_t *frame, struct cost_packet *list, size_t n);
/* Empties a hash map, quickly. */
void traffic_clear(int fd, size_t key_size, size_t value_size);
