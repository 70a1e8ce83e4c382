// SPDX-License-Identifier: Apache-2.0
/*
 * dataplane.c calls it. Invariant: routes go first, then links, then maps: at no moment is an
 * address routed here that nobody answers for.
 */
#include "dataplane/cleanup.h"

#include <errno.h>
#include <string.h>

#include <naru/paths.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/netlink.h"
#include "dataplane/attach.h"
#include "dataplane/pins.h"

/* In this network namespace; steering goes after them. */
static void remove_routes(void)
{
	_cleanup_(netlink_snapshot_fini) struct netlink_snapshot net = {};
	int r = netlink_dump(&net);

	if (r)
		log_warn("read local routes: %s", strerror(-r));
	for (size_t i = 0; i < net.n_locals; i++) {
		const struct netlink_local *local = &net.locals[i];
		char text[ADDR_STR_LEN];

		if (local->protocol != NARU_RTPROT || local->dst.len != 128)
			continue;
		r = netlink_local_remove(&local->dst.addr, NARU_RTPROT);
		if (r)
			log_warn("remove the local route of %s: %s",
				 addr_format(&local->dst.addr, text), strerror(-r));
	}
}

int cleanup_all(const char *bpffs_dir)
{
	struct pins pins;
	int r = pins_open_existing(&pins, bpffs_dir);

	if (r == -ENOENT) {
		remove_routes();
		log_info("nothing to remove: there is no %s/%s", bpffs_dir, NARU_PIN_SUBDIR);
		return 0;
	}
	if (r)
		return r;
	remove_routes();
	attach_detach_all(pins.links);
	r = pins_remove(&pins);
	if (!r)
		log_info("removed programs, links and maps of %s/%s", bpffs_dir, NARU_PIN_SUBDIR);
	pins_close(&pins);
	return r;
}
