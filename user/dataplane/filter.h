/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bits of the `filter` map with their reasons: references of the plan, and flows that a sweep
 * has met. A bit is set before anything needs it and goes when a whole sweep that began after the
 * plan's last reference went has met no flow that needs it.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <naru/abi.h>

#include "base/addr.h"

enum filter_side {
	FILTER_FRONT,
	FILTER_BACK,
	FILTER_CLOSED, /* addresses only */
};

struct filter;

/* map is the mapped value of `filter`; borrowed. Bits that are set in it are kept for now. */
struct filter *filter_new(struct naru_filter *map);
void filter_free(struct filter *filter);

/* References of the plan. port 0: the address only; addr NULL or zero: the port only. */
void filter_hold(struct filter *filter, enum filter_side side, uint8_t proto, uint16_t port,
		 const struct addr *addr);
void filter_drop(struct filter *filter, enum filter_side side, uint8_t proto, uint16_t port,
		 const struct addr *addr);

/* A sweep: begin, filter_seen() for what each flow needs (arguments as above), end. */
void filter_sweep_begin(struct filter *filter);
void filter_seen(struct filter *filter, enum filter_side side, uint8_t proto, uint16_t port,
		 const struct addr *addr);
void filter_sweep_end(struct filter *filter);
/* How many bits are not set that have references; with repair they are now. */
unsigned filter_check(struct filter *filter, bool repair);
/* True when a sweep may have something to clear. */
bool filter_pending(const struct filter *filter);
