/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks narud from outside whether this node serves: opens the two kinds of servers for that and
 * answers them from the daemon's state. daemon.c calls it. */
#pragma once
#include <stdbool.h>

struct daemon;

/* changed: what health_diags() says is another. Logs what fails. */
void probes_open(struct daemon *daemon, void (*changed)(void *arg));
void probes_close(struct daemon *daemon);

/* Is what is served no older than --stale-after allows? */
bool probes_fresh(const struct daemon *daemon);
