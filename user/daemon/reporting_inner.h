/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of reporting share: reporting.c has what happens, reporting_nodes.c what nodes
 * tell, reporting_wants.c what statuses should say, reporting_show.c shows it all.
 */
#pragma once
#include "daemon/reporting.h"
#include "daemon/source.h"
#include "status/inforce.h"
#include "status/stamp.h"
#include "status/troubles.h"

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
	const struct plan *plan;  /* borrowed, NULL: none yet */
	struct inforce here;	  /* on this node */
	struct troubles troubles; /* the same, and a kube-proxy */
	char *kube_proxy;
	struct troubles of_plan;     /* at the last look */
	struct troubles all;	     /* while wants are made */
	uint64_t nodes_seen;	     /* changes of Nodes */
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

#define REPORTING_BEHIND_MS 10000 /* for which a plan may take without a word to others */

/* Something may be due earlier than before; arg is the reporting. */
void reporting_arm(void *arg);

/* This node's NodeState. */
void reporting_nodes_tell(struct reporting *r);
/* True when what was found is another than before. */
bool reporting_nodes_take(struct reporting *r, const struct reporting_node *node);
/* For who leads: true when something that nodes tell is another than before. */
bool reporting_nodes_look(struct reporting *r);
/* Only with a plan. */
void reporting_wants_fill(struct reporting *r, struct wants *wants);
/* Is there an object of Gateway API's that cannot be decoded? */
bool reporting_wants_refused(const struct reporting *r);
