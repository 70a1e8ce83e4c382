/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Others that were seen to answer for an address of ours, and what follows. A stranger is reported
 * and contradicted, at most every CONFLICT_DEFEND_MS (RFC 5227, 2.4 c): an address that the cluster
 * serves is not given up for a machine that took it. Of two nodes that do not hear each other the
 * one with the smaller number for the address leaves it to the other for a while, longer each time.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "plan/plan.h"

#define CONFLICT_DEFEND_MS 10000
#define CONFLICT_YIELD_MS  10000
#define CONFLICT_DOUBLINGS 5
#define CONFLICT_SHOWN_MS  120000 /* after the last sight */

/* What was seen. */
struct conflict_sight {
	struct addr addr;
	uint8_t mac[6];
	bool marked;   /* by a node of a cluster */
	uint32_t node; /* which: rendezvous_name() */
};

struct conflict {
	struct conflict_sight sight; /* the last one */
	const char *what;	     /* constant: who it is, and who has the address */
	uint64_t seen_ms, told_ms, yields_ms;
	unsigned yields;
};

struct conflicts {
	struct conflict *items;
	size_t n, cap;
};

enum conflict_answer {
	CONFLICT_NOTHING,
	CONFLICT_DEFEND, /* tell the link again where it is */
	CONFLICT_YIELD,	 /* another election is due */
};

void conflicts_fini(struct conflicts *conflicts);

/* settled: the node is one that beats settle with who has the address, if not at once. */
enum conflict_answer conflicts_note(struct conflicts *conflicts, const struct plan *plan,
				    const struct conflict_sight *sight, bool settled,
				    uint64_t now_ms);
/* The name of a node by its number, or NULL. */
const char *conflicts_node(const struct plan *plan, uint32_t number);

bool conflicts_yields(const struct conflicts *conflicts, const struct addr *addr, uint64_t now_ms);

/* True when something is over: an election is due, and diagnostics are others. */
bool conflicts_tick(struct conflicts *conflicts, uint64_t now_ms);

void conflicts_report(const struct conflicts *conflicts, struct diag_list *diags);
