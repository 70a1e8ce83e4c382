/* SPDX-License-Identifier: Apache-2.0 */
/* The programs that the packet bench sends packets through: naru's, those of cost.bpf.c and
 * pair.bpf.c, and the wrapper that makes the packets. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cost.h"

enum role {
	EMPTY,
	MINIMAL,
	MINIMAL_PAIR, /* the same program; its map also has the entries that answers would need */
	TABLE,	      /* pair.bpf.c: both entries in the table of cache lines */
	FORWARD,
	REPLY,
	FOREIGN, /* to an address and port that are nobody's */
	MISSED,	 /* to an address of ours, and a port that source translation may have given out */
	ROLE_MAX,
};

/* What packets are sent through. */
struct aim {
	bool tc;
	bool second; /* by the wrapper of the second processor, whatever the role */
	int family;
	enum role role;
};

/* The last packet that came out of a run. */
struct last {
	uint8_t frame[256];
	uint32_t verdict;
};

/* Loads all programs, for lists of so many packets. `entries`: of naru's maps; 0: so many that as
 * many flows never fill them. Ends the process on failure, like all of these. */
void yard_load(uint32_t flows, uint32_t entries);
void yard_unload(void);
/* Sends `packets` packets of a list of n. Returns the CPU time of one in ns. */
double yard_run(const struct aim *aim, const struct cost_packet *list, size_t n, uint8_t tcp_flags,
		int packets, struct last *ret_last);
/* The first packet of a list must come out as it should: translated, or as it was. */
void yard_check(const struct aim *aim, const struct cost_packet *list, uint8_t tcp_flags);
/* The map of a minimal program. */
int yard_minimal(enum role role, int family);
/* Forgets all flows, of naru and of the minimal programs. */
void yard_clear(void);
