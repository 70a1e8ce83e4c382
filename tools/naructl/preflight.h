/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in naru's way on this node, with a reason and what to do. preflight.c has the table
 * of checks; they are in files by what they look at.
 */
#pragma once
#include <stdbool.h>

#include "kubeproxy.h"

enum preflight_level {
	PREFLIGHT_FINE,
	PREFLIGHT_WARNING,
	PREFLIGHT_FATAL, /* Services or pods would not be reached */
};

struct preflight {
	const char *bpffs_dir;
	const char *cgroup_dir;	    /* "": the root of the tree */
	struct kubeproxy kubeproxy; /* all rules of the node */
	struct preflight_finding {
		enum preflight_level level;
		const char *check; /* what was looked at */
		char *text;
		const char *advice; /* what to do; NULL: nothing */
	} * findings;
	size_t n, cap;
};

void preflight_add(struct preflight *preflight, enum preflight_level level, const char *check,
		   const char *advice, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Looks at everything and prints what it finds. Returns the exit status. */
int preflight_run(const char *bpffs_dir, const char *cgroup_dir, bool json);

/* ---- checks ---- */

/* preflight_rules.c: kube-proxy, and what packets of pods meet in the stack. */
void preflight_rules_kubeproxy(struct preflight *preflight);
void preflight_rules_leftovers(struct preflight *preflight);
void preflight_rules_forward(struct preflight *preflight);
void preflight_rules_marks(struct preflight *preflight);

/* preflight_node.c: kernel, mounts, settings, ports. */
void preflight_node_kernel(struct preflight *preflight);
void preflight_node_mounts(struct preflight *preflight);
void preflight_node_forwarding(struct preflight *preflight);
void preflight_node_rp_filter(struct preflight *preflight);
void preflight_node_bridges(struct preflight *preflight);
void preflight_node_snat_ports(struct preflight *preflight);
void preflight_node_probe_port(struct preflight *preflight);

/* preflight_devices.c: programs of others. */
void preflight_devices(struct preflight *preflight);
