/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who else of the segment lives: a state machine over beats and a clock that the caller gives.
 *
 * A node counts while it is heard, hears us, and says that it is ready: so two nodes judge the link
 * between them alike, and one that hears nobody answers for everything, which is better than
 * nobody. One that was lost is to be heard for a while before it counts again, each time longer.
 *
 * We are ready when there was time to be heard and whoever is heard has been judged. Until then
 * nothing changes hands: so a quick restart moves nothing, and who comes back takes over before
 * others let go.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "announce/beat.h"

#define PEERS_BEAT_MS	250
#define PEERS_LOST_MS	2000  /* without a beat: gone */
#define PEERS_QUIET_MS	300   /* from the start to the first beat: it names those that are heard */
#define PEERS_SETTLE_MS 1000  /* from the start until ready */
#define PEERS_HOLD_MS	1000  /* heard for this long after the first loss, twice after the second */
#define PEERS_HOLDS	4     /* doublings */
#define PEERS_PARDON_MS 60000 /* without a loss: all losses are forgotten */
#define PEERS_DEAF_MS                                                                              \
	20000 /* one that does not count us is waited for no longer: more than holds */
#define PEERS_FORGET_MS 600000

struct peer {
	char *name;
	uint32_t hash;
	uint64_t since_ms; /* heard without a gap */
	uint64_t last_ms;
	unsigned losses;
	bool heard;		 /* not lost */
	bool in;		 /* counts */
	bool apart;		 /* did not count while both of us answered */
	bool hears, ready, ends; /* by its last beat */
	bool proxyless;		 /* as well */
};

struct peers {
	char *name;	    /* of this node */
	struct peer *items; /* sorted by name */
	size_t n, cap;
	uint64_t start_ms;
	bool ready;
	bool inherits; /* until then: what an earlier process answered for, the kernel still does */
	bool merged;   /* see peers_merged() */
	bool proxyless; /* we; the caller says so */
};

void peers_init(struct peers *peers, const char *name, bool inherits, uint64_t now_ms);
void peers_fini(struct peers *peers);

/* The link is gone: nobody is heard, and nothing may be said about who lives until it is back. */
void peers_restart(struct peers *peers, uint64_t now_ms);

/* A beat whose sender is what it says. True when another one counts, or no longer, or one has a
 * proxy that had none, or none that had one. */
bool peers_hear(struct peers *peers, const struct beat *beat, uint64_t now_ms);

/* To be called every PEERS_BEAT_MS. True when another one counts, no longer, or we became ready. */
bool peers_tick(struct peers *peers, uint64_t now_ms);

/* Does it count? While we are not ready, that one does not says nothing. */
bool peers_counts(const struct peers *peers, const char *name);
/* Is it without a proxy? Of those that do not count nothing is known. */
bool peers_proxyless(const struct peers *peers, const char *name);
/* Will beats settle who answers for what, if they have not yet? It is heard, and hears us or soon
 * may, or is about to end. */
bool peers_settles(const struct peers *peers, const char *name, uint64_t now_ms);
size_t peers_count(const struct peers *peers);
/* True once after a node came to count that may have answered for the same addresses as we, since
 * neither heard the other one. */
bool peers_merged(struct peers *peers);
/* Of those, how many were heard since then. */
size_t peers_heard_since(const struct peers *peers, uint64_t ms);

/* Our own beat. False: it is too early for one. */
bool peers_beat(const struct peers *peers, uint64_t now_ms, struct beat *ret_beat);
