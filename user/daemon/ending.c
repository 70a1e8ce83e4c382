// SPDX-License-Identifier: Apache-2.0
/*
 * The proxy finishes requests, other nodes take addresses over, the Lease is given back. The loop
 * stops when all of that is done; daemon.c calls it.
 */
#include "daemon/ending.h"

#include "base/mem.h"
#include "daemon/advertising.h"
#include "daemon/announcing.h"
#include "daemon/daemon.h"
#include "daemon/edge.h"
#include "daemon/reporting.h"
#include "daemon/succession.h"

static void stop_when_done(struct daemon *daemon)
{
	if (daemon->drained && daemon->withdrawn && daemon->handed_over && !daemon->reporting_stops)
		loop_stop(daemon->loop);
}

static void on_reported(void *arg)
{
	struct daemon *daemon = arg;

	daemon->reporting_stops = false;
	stop_when_done(daemon);
}

static void on_handed_over(void *arg)
{
	struct daemon *daemon = arg;

	daemon->handed_over = true;
	stop_when_done(daemon);
}

static void on_withdrawn(void *arg)
{
	struct daemon *daemon = arg;

	daemon->withdrawn = true;
	stop_when_done(daemon);
}

static void hand_over(void *arg)
{
	struct daemon *daemon = arg;

	loop_timer_remove(TAKE_PTR(daemon->late));
	advertising_end(daemon->advertising, on_withdrawn, daemon);
	announcing_end(daemon->announcing, on_handed_over, daemon);
}

static void on_drained(void *arg)
{
	struct daemon *daemon = arg;

	daemon->drained = true;
	if (daemon->late)
		hand_over(daemon);
	else
		stop_when_done(daemon);
}

/*
 * Addresses go to other nodes when requests have ended, since those under way would be lost; but no
 * later than the proxy takes no more connections (four fifths of the time), since those that still
 * come would be refused.
 */
static void drain(struct daemon *daemon)
{
	uint64_t last_ms = (uint64_t)daemon->options->drain_time * 800;
	bool given_back = succession_give_back(daemon);

	if (given_back)
		daemon->handed_over = daemon->withdrawn = true;
	else
		daemon->late = loop_timer_add(daemon->loop, last_ms, 0, hand_over, daemon);
	if (given_back && !daemon->edge)
		on_drained(daemon);
	else
		edge_drain(daemon->edge, on_drained, daemon);
}

void ending_begin(void *arg)
{
	struct daemon *daemon = arg;

	if (daemon->part != DAEMON_SERVES) {
		daemon->stopping = true;
		loop_stop(daemon->loop);
		return;
	}
	if (daemon->stopping) {
		edge_kill(daemon->edge);
		loop_stop(daemon->loop);
		return;
	}
	daemon->stopping = true;
	daemon->reporting_stops = reporting_stop(daemon->reporting, on_reported, daemon);
	drain(daemon);
}
