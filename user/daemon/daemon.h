/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs between start and SIGTERM: objects in, plan compiled, kernel made equal to it, and
 * again with every change. The views read its fields; only daemon.c changes them.
 */
#pragma once
#include "base/diag.h"
#include "base/loop.h"
#include "compile/compile.h"
#include "daemon/options.h"
#include "daemon/progress.h"

struct admin;
struct dataplane;
struct edge;
struct health;
struct healthz;
struct launcher;
struct model;
struct plan;
struct seen;
struct source;

struct daemon {
	const struct options *options;
	const char *node_name;
	bool l4; /* Services are served */
	struct loop *loop;
	struct model *model;
	struct source *source;
	struct dataplane *dataplane; /* NULL without privileges */
	struct launcher *launcher;   /* NULL: there is no proxy beside narud */
	struct edge *edge;
	struct admin *admin;
	struct health *health;	 /* NULL: Services are not served */
	struct healthz *healthz; /* NULL: nobody wants to ask */
	struct progress progress;
	struct seen *seen;
	struct plan *plan;	    /* the newest; never NULL once daemon_open() returned 0 */
	struct diag_list diags;	    /* of sources, plan and dataplane, sorted */
	struct diag_list of_kernel; /* of the dataplane alone */
	bool stopping;
	int applied; /* 0, or why the kernel is not equal to the plan */

	struct loop_fd *dataplane_handle;
	struct loop_timer *tick, *retry, *waiting, *hurry;
};

/* What a plan depends on besides objects; l4: are Services served? Borrows the options. */
struct compile_config daemon_config(const struct options *options, const char *node_name, bool l4);

/*
 * Takes over the kernel's side, reads the objects, serves. Gives up capabilities on the way. Logs
 * the reason of every failure; daemon_close() is due in any case. -EBUSY, -EADDRINUSE: another
 * narud is running.
 */
int daemon_open(struct daemon *daemon, const struct options *options, const char *node_name);

/* Until SIGTERM or SIGINT. */
void daemon_run(struct daemon *daemon);

/* The kernel's state stays in place. */
void daemon_close(struct daemon *daemon);
