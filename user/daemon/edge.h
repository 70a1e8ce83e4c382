/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layer 7 as narud runs it: the feed with what it needs of launcher, model and dataplane, and the
 * end of it all with SIGTERM. daemon.c calls it.
 */
#pragma once
#include <stdbool.h>

#include "base/loop.h"
#include "feed/feed.h"
#include "plan/plan.h"

struct dataplane;
struct edge;
struct launcher;
struct model;
struct options;

struct edge_config {
	struct loop *loop;
	const struct options *options;
	struct model *model;
	bool steered;		   /* connections are led by a dataplane; or by ordinary sockets */
	struct launcher *launcher; /* NULL: proxies are not started */
	int access_log;		   /* borrowed; -1: there is none */
	void (*changed)(void *arg);
	void *arg;
};

/* Logs what fails. */
int edge_open(const struct edge_config *config, struct edge **ret_edge);
/* Leaves the proxy alone. NULL is legal. */
void edge_close(struct edge *edge);

/* Which leads connections, from now on; NULL: none now. Borrowed. */
void edge_attach(struct edge *edge, struct dataplane *dataplane);

/* Tells the proxy. The plan is borrowed for the call. */
void edge_apply(struct edge *edge, const struct plan *plan);
/* The plan's layer 7 is that of the last one. */
void edge_keep(struct edge *edge, const struct plan *plan);
/* Does the plan listen where nothing listened before? Then the proxy is to know before the kernel
 * leads connections there; otherwise the kernel comes first. */
bool edge_grows(const struct edge *edge, const struct plan *plan);
/* Has a proxy in charge yet to say that it serves what was applied? */
bool edge_is_behind(const struct edge *edge);
/* Is everything that was applied served as far as the proxy is able to? */
bool edge_serves(const struct edge *edge);

/* Lets the proxy finish; done is called once, when it has or its time is over. */
void edge_drain(struct edge *edge, void (*done)(void *arg), void *arg);
/* Ends it at once. */
void edge_kill(struct edge *edge);

void edge_status(const struct edge *edge, struct feed_status *ret_status);
