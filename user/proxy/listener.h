/* SPDX-License-Identifier: Apache-2.0 */
/* A listener as one table has it: the plan's, with its certificates, its hosts and its counts. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "feed/report.h"
#include "http/tls.h"
#include "plan/l7.h"
#include "proxy/hostmap.h"
#include "proxy/match.h"

struct paths;
struct registry;
struct tally;

struct listener {
	const struct plan_listener *plan;
	struct tls_cert **certs; /* those whose keys are there; unref'd with the listener */
	size_t n_certs;
	struct hostmap hosts; /* to paths */
	struct paths **paths; /* by the plan's hosts */
	struct tally *tally;
};

/* Without certificates. matches: by the plan's indices, alive as long as the listener. Main thread
 * only. */
void listener_init(struct listener *listener, struct registry *registry,
		   const struct plan_listener *plan, const struct match *matches);
void listener_fini(struct listener *listener);

/* The first match that takes the request, by the precedence of the Gateway API. 1 and *ret_match,
 * 0 or -ELOOP. */
int listener_find(const struct listener *listener, const struct match_subject *subject,
		  const struct match **ret_match);

/* Counts a finished request: did a rule take it? */
void listener_count(const struct listener *listener, unsigned worker, bool found);
void listener_report(const struct listener *listener, struct report_listener *ret_report);
