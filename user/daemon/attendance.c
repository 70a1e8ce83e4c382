// SPDX-License-Identifier: Apache-2.0
/*
 * As long as fallback.c waits before Services do without a proxy, clients of Gateways meet a node
 * that refuses them; other nodes can have their addresses sooner. daemon.c calls it.
 */
#include "daemon/attendance.h"

#include "base/log.h"
#include "base/mem.h"
#include "daemon/advertising.h"
#include "daemon/announcing.h"
#include "daemon/daemon.h"
#include "daemon/edge.h"
#include "daemon/fallback.h"
#include "dataplane/dataplane.h"

#define AFTER_MS 2000 /* as long as others wait for the beats of a node */

static void on_changed(void *arg)
{
	struct daemon *daemon = arg;

	if (daemon->announcing || daemon->advertising)
		log_info(attendance_lacks(daemon) ? "there is no naru-proxy: addresses of Gateways "
						    "are left to other nodes"
						  : "there is a naru-proxy: addresses of Gateways "
						    "are announced");
	announcing_again(daemon->announcing);
	advertising_plan(daemon->advertising);
}

/* What an earlier narud announced it had a proxy for, which mostly lives on. */
void attendance_open(struct daemon *daemon)
{
	daemon->attendance = fallback_new(daemon->loop, AFTER_MS, on_changed, daemon);
	if (!daemon->dataplane || !dataplane_answers(daemon->dataplane))
		fallback_presume(daemon->attendance);
	attendance_look(daemon);
}

void attendance_close(struct daemon *daemon)
{
	fallback_free(TAKE_PTR(daemon->attendance));
}

/* One that ends with narud is not missed, nor one that nobody needed yet. */
void attendance_look(struct daemon *daemon)
{
	struct feed_status status;

	edge_status(daemon->edge, &status);
	if (!daemon->stopping && (status.wanted || status.pid))
		fallback_note(daemon->attendance, !status.pid || status.silent);
}

bool attendance_lacks(const struct daemon *daemon)
{
	return fallback_active(daemon->attendance);
}
