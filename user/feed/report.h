/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a proxy tells narud of itself, about once a second and when something changed: state of
 * clusters and endpoints, counts of rules and listeners. Plain data with a byte form. narud shows
 * it (naructl backends, routes, metrics) after checking it; nothing of the packet path hangs on it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/str.h"

struct report_endpoint {
	struct addr addr;
	uint16_t port;
	uint32_t connections, idle; /* open; of them pooled without a request */
	uint32_t requests;	    /* under way */
	uint32_t ejected_ms;	    /* still to go, 0 = takes requests */
	uint32_t ejections;	    /* so far */
	uint64_t ok, failed;	    /* tries that got an answer below 500, and all others */
};

struct report_cluster {
	char *name;
	uint32_t connections, pending, requests, retries; /* under way, over all threads */
	uint64_t overflows;				  /* tries refused by the breaker (UO) */
	uint64_t retried;				  /* retries made */
	struct report_endpoint *endpoints;
	size_t n_endpoints;
};

struct report_rule {
	char *name;
	uint64_t requests;
	uint64_t by_class[6]; /* [2] answers 2xx, …; [0]: none at all */
	uint64_t *backends;   /* requests by backend, in the rule's order */
	size_t n_backends;
};

struct report_listener {
	char *name;
	uint64_t requests;
	uint64_t not_found; /* no rule took it */
};

#define REPORT_WORKERS_MAX 256 /* threads of a proxy */

struct report {
	uint64_t generation; /* in force in all threads */
	bool draining;
	uint32_t threads;
	uint32_t connections; /* of clients, open */
	uint64_t accepted;    /* connections of clients so far */
	uint64_t refused;     /* messages of clients refused: bad framing and the like */
	uint64_t handshake_failures;
	uint64_t log_dropped;		 /* lines of the access log */
	struct report_cluster *clusters; /* sorted by name, as rules and listeners are */
	size_t n_clusters;
	struct report_rule *rules;
	size_t n_rules;
	struct report_listener *listeners;
	size_t n_listeners;
	uint8_t stalled[REPORT_WORKERS_MAX / 8]; /* a bit a thread: no sign of life for a second */
};

static inline void report_set_stalled(uint8_t *stalled, unsigned worker)
{
	stalled[worker / 8] |= (uint8_t)(1u << worker % 8);
}

static inline bool report_is_stalled(const uint8_t *stalled, unsigned worker)
{
	return stalled[worker / 8] >> worker % 8 & 1;
}

void report_encode(const struct report *report, struct str *out);
/* -EBADMSG. *ret_report is for report_fini(). */
int report_decode(const void *data, size_t len, struct report *ret_report);
void report_fini(struct report *report);
