// SPDX-License-Identifier: Apache-2.0
/*
 * Who waits has its objects, its plan and, with a folder of its own for it, its proxy before it
 * asks; who made way keeps its objects and its programs, so that it can serve again when the other
 * one ends. Invariant: what only one narud of a node may have, it has between daemon_serve() and
 * daemon_release().
 */
#include "daemon/succession.h"

#include <errno.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/daemon.h"
#include "daemon/edge.h"
#include "daemon/handover.h"
#include "daemon/heir.h"
#include "daemon/source.h"

/* ---- who comes ----------------------------------------------------------------------------- */

static void serve(struct daemon *daemon)
{
	int r = daemon_serve(daemon);

	if (r < 0)
		daemon_fail(daemon, r);
}

static void on_yielded(void *arg)
{
	serve(arg);
}

int succession_open(struct daemon *daemon)
{
	const struct heir_config config = {
		.loop = daemon->loop,
		.run_dir = daemon->options->run_dir,
		.instance = daemon->options->instance,
		.yielded = on_yielded,
		.arg = daemon,
	};
	int r;

	if (daemon->options->take_over == OPTIONS_TAKE_OVER_OFF)
		return 0;
	r = heir_open(&config, &daemon->heir);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return log_err(r, "the narud that serves in %s", daemon->options->run_dir);
	daemon->part = DAEMON_WAITS;
	log_info("waits to take over from the narud that serves");
	return 0;
}

void succession_look(struct daemon *daemon)
{
	/* What a file remembers is older than what the other one has. */
	if (daemon->part == DAEMON_WAITS && source_is_synced(daemon->source) &&
	    (!daemon->edge || edge_serves(daemon->edge)))
		heir_ready(daemon->heir);
}

/* ---- who goes ------------------------------------------------------------------------------ */

static void on_yield(void *arg)
{
	struct daemon *daemon = arg;

	log_info("makes way for another narud");
	daemon_release(daemon);
}

/* Who stays has a proxy again, for the case that it serves again. */
static void on_drained(void *arg)
{
	struct daemon *daemon = arg;
	int r = 0;

	if (daemon->options->take_over != OPTIONS_TAKE_OVER_STAY || daemon->stopping) {
		daemon_fail(daemon, 0);
		return;
	}
	log_info("another narud serves; this one waits until that one ends");
	daemon->draining = false;
	edge_close(TAKE_PTR(daemon->edge));
	r = daemon_prepare(daemon);
	if (r < 0)
		daemon_fail(daemon, r);
}

static void on_taken(void *arg)
{
	struct daemon *daemon = arg;

	if (daemon->edge && !daemon->stopping) {
		daemon->draining = true;
		edge_drain(daemon->edge, on_drained, daemon);
	} else {
		on_drained(daemon);
	}
}

static void on_gone(void *arg)
{
	struct daemon *daemon = arg;

	handover_close(TAKE_PTR(daemon->handover));
	heir_close(TAKE_PTR(daemon->heir));
	log_warn("the narud that took over has ended: this one serves again");
	/* Its proxy was told to end. */
	if (daemon->draining)
		edge_close(TAKE_PTR(daemon->edge));
	daemon->draining = false;
	serve(daemon);
}

bool succession_give_back(struct daemon *daemon)
{
	if (!daemon->heir || !heir_is_watched(daemon->heir))
		return false;
	log_info("gives back to the narud that served before");
	handover_close(TAKE_PTR(daemon->handover));
	daemon_release(daemon);
	heir_close(TAKE_PTR(daemon->heir));
	return true;
}

void succession_begin(struct daemon *daemon)
{
	const struct handover_config config = {
		.loop = daemon->loop,
		.run_dir = daemon->options->run_dir,
		.instance = daemon->options->instance,
		.predecessor = daemon->heir ? heir_predecessor(daemon->heir) : "",
		.yield = on_yield,
		.taken = on_taken,
		.gone = on_gone,
		.arg = daemon,
	};

	if (daemon->heir)
		heir_taken(daemon->heir);
	/* Without it a restart does what a hand-over would; the reason is logged. */
	handover_open(&config, &daemon->handover);
}

void succession_close(struct daemon *daemon)
{
	handover_close(daemon->handover);
	heir_close(daemon->heir);
}
