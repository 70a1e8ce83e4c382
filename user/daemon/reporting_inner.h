/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of reporting share: reporting.c has what happens,
 * reporting_wants.c what statuses should say, reporting_show.c shows it all. */
#pragma once
#include "daemon/reporting.h"
#include "daemon/source.h"
#include "status/inforce.h"
#include "status/stamp.h"

struct events;
struct leader;
struct loop_timer;
struct nodes;
struct nodestate;
struct timing;
struct wants;
struct writer;

struct reporting {
	struct reporting_config config;
	struct source_server server;
	const struct timing *timing;
	const struct plan *plan;     /* borrowed, NULL: none yet */
	struct inforce here;	     /* on this node */
	struct nodestate *nodestate; /* which tells others so */
	struct nodes *nodes;	     /* what others tell, NULL: this narud does not lead */
	uint64_t behind_ms;	     /* since when the newest plan is not in force; 0: it is */
	char behind[STAMP_SECONDS];  /* the same for people */
	bool told, told_behind;
	struct leader *leader;
	struct writer *writer;
	char *definitions; /* versions of Gateway API's, NULL: not known */
	struct events *events;
	bool led;	   /* at the last look */
	bool synced;	   /* the same */
	bool refused;	   /* something was, at the last look */
	bool dirty;	   /* what is wanted is to be made anew */
	uint64_t wants_ms; /* not before */
	uint64_t armed_ms;
	struct loop_timer *timer;
	bool running;
	bool stopped; /* nothing is said any more: another narud may speak for the node */
	struct diag_list diags;
	struct loop_timer *stop;
	void (*done)(void *arg);
	void *done_arg;
};

/* Only with a plan. */
void reporting_wants_fill(struct reporting *r, struct wants *wants);
/* Is there an object of Gateway API's that cannot be decoded? */
bool reporting_wants_refused(const struct reporting *r);
