/* SPDX-License-Identifier: Apache-2.0 */
/* A listener as one table has it: the plan's, with its certificates, its hosts and its counts. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "feed/report.h"
#include "http/tls.h"
#include "plan/l7.h"

struct hosts;
struct tally;

struct listener {
	const struct plan_listener *plan;
	struct tls_cert **certs; /* those whose keys are there */
	size_t n_certs;
	struct hosts *hosts;
	struct tally *tally;
};

/* Counts a finished request: did a rule take it? */
void listener_count(const struct listener *listener, unsigned worker, bool found);
void listener_report(const struct listener *listener, struct report_listener *ret_report);
