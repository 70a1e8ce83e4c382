/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs between start and SIGTERM: objects in, plan compiled, kernel made equal to it, and
 * again with every change. The views read its fields; only daemon.c changes them.
 */
#pragma once
#include "base/diag.h"
#include "base/loop.h"
#include "compile/again.h"
#include "daemon/options.h"
#include "daemon/progress.h"

struct admin;
struct advertising;
struct announcing;
struct beside;
struct dataplane;
struct edge;
struct fallback;
struct handover;
struct health;
struct healthz;
struct heir;
struct launcher;
struct model;
struct plan;
struct reporting;
struct seen;
struct source;

/* Of a narud beside others on its node. */
enum daemon_part {
	DAEMON_SERVES,	/* or is about to */
	DAEMON_WAITS,	/* another one serves until this one is ready */
	DAEMON_YIELDED, /* to another one */
};

struct daemon {
	const struct options *options;
	const char *node_name;
	bool l4;       /* Services are served */
	bool steering; /* there is the right to lead connections */
	bool fenced;   /* for good, see fence.h */
	enum daemon_part part;
	struct loop *loop;
	struct model *model;
	struct source *source;
	struct dataplane *dataplane; /* NULL without privileges */
	struct launcher *launcher;   /* NULL: there is no proxy beside narud */
	int access_log;		     /* -1: none */
	struct edge *edge;
	struct fallback *fallback;
	struct fallback *attendance; /* see attendance.h */
	struct admin *admin;
	struct advertising *advertising; /* NULL: no BGP engine */
	struct announcing *announcing;	 /* NULL: without BPF */
	struct beside *beside;		 /* NULL: Services are not served */
	struct health *health;		 /* NULL: Services are not served */
	struct healthz *healthz;	 /* NULL: nobody wants to ask */
	struct progress progress;
	struct seen *seen;
	struct heir *heir;	   /* of the narud that serves or served before, NULL: none */
	struct handover *handover; /* to the next one */
	bool draining;		   /* the proxy, since that one serves */
	struct compile_config config;
	struct again *again;
	bool ready;		     /* the plan is of what the source knows */
	struct plan *plan;	     /* the newest; never NULL once daemon_open() returned 0 */
	struct diag_list diags;	     /* of sources, plan and dataplane, sorted */
	struct diag_list of_kernel;  /* of the dataplane alone */
	struct reporting *reporting; /* NULL: nothing is told to the cluster */
	bool stopping;
	bool drained;	      /* of what stopping waits for, the proxy */
	bool withdrawn;	      /* the BGP engine */
	bool handed_over;     /* and other nodes */
	bool reporting_stops; /* and the Lease */
	int applied;	      /* 0, or why the kernel is not equal to the plan */
	int result;	      /* why it ends, 0: it was told to */

	struct loop_fd *dataplane_handle;
	struct loop_timer *tick, *retry, *waiting, *hurry;
	struct loop_timer *late; /* when addresses go to other nodes at the latest */
};

/*
 * Takes over the kernel's side, reads the objects, serves; or, if another narud serves that is to
 * be taken over from, only reads the objects, and the rest follows in daemon_run(). Gives up
 * capabilities on the way. Logs the reason of every failure; daemon_close() is due in any case.
 * -EBUSY, -EADDRINUSE: another narud is running.
 */
int daemon_open(struct daemon *daemon, const struct options *options, const char *node_name);

/* Until SIGTERM or SIGINT, or until another narud has taken over: 0. Or until it fails: -errno, as
 * from daemon_open(). */
int daemon_run(struct daemon *daemon);

/* For succession.c: does what there is to do while another narud serves; begins to serve; gives up
 * what another narud needs for that, and keeps the rest; ends daemon_run() with that result. */
int daemon_prepare(struct daemon *daemon);
int daemon_serve(struct daemon *daemon);
void daemon_release(struct daemon *daemon);
void daemon_fail(struct daemon *daemon, int result);

/* The kernel's state stays in place. */
void daemon_close(struct daemon *daemon);
