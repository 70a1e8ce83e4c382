/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may use how many of the process's descriptors: clients leave room for connections to
 * endpoints, and both for what the process itself needs (reports, tables, a new listener), so that
 * no number of clients makes it look dead.
 */
#pragma once
#include <stdint.h>

struct descriptors_shares {
	uint32_t clients; /* connections of clients that a worker may have */
	/* A connection to an endpoint has a number below this one. The kernel gives out the lowest
	 * free number, so a number tells that at least as many are in use. */
	uint32_t endpoints;
};

/* limit: as RLIMIT_NOFILE says; workers: at least 1. */
struct descriptors_shares descriptors_share(uint64_t limit, unsigned workers);
/* By the process's own limit. */
struct descriptors_shares descriptors_of_process(unsigned workers);
