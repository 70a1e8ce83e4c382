/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What naru tells the cluster: who of all narud leads, what statuses should say, and the writer
 * behind. Nothing that is served depends on it. daemon.c calls it; without an API server, or with
 * --status off, there is none, and every function takes NULL.
 */
#pragma once
#include <stdbool.h>

#include "base/diag.h"
#include "model/object.h"

struct json;
struct loop;
struct model;
struct options;
struct plan;
struct reporting;
struct source;
struct str;

struct reporting_config {
	struct loop *loop;
	const struct options *options;
	const char *node_name;
	struct model *model;
	struct source *source;
	void (*changed)(void *arg); /* of the diagnostics; not from inside a call */
	void *arg;
};

/* NULL: there is nothing to write to, or nobody wants it. */
struct reporting *reporting_open(const struct reporting_config *config);
void reporting_close(struct reporting *reporting);

/* The newest plan, borrowed until the next one. */
void reporting_plan(struct reporting *reporting, const struct plan *plan);
/* What was found on this node; everything is borrowed for the call, NULL stands for nothing. */
struct reporting_node {
	const struct diag_list *of_kernel, *of_health, *of_ports;
	const char *kube_proxy; /* what of it there is */
};
void reporting_node(struct reporting *reporting, const struct reporting_node *node);
/* It is in force on this node: kernel and proxy have said so. */
void reporting_in_force(struct reporting *reporting);
/* For source_config.seen. */
void reporting_see(struct reporting *reporting, enum object_kind kind, const char *namespace,
		   const char *name);

/* Writes no more and lets another narud lead. done, which may be NULL, is called once, from the
 * loop, unless there is nothing to wait for: then it returns false. */
bool reporting_stop(struct reporting *reporting, void (*done)(void *arg), void *arg);

/* Adds what is wrong. */
void reporting_report(const struct reporting *reporting, struct diag_list *diags);
/* Adds an object "reporting" to the status. */
void reporting_show_write(const struct reporting *reporting, struct json *json);
void reporting_show_metrics(const struct reporting *reporting, struct str *out);
