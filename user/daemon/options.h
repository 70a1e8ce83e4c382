/* SPDX-License-Identifier: Apache-2.0 */
/* narud's command line and environment. The table is in options.c, its rules in base/option.h. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/option.h"

enum options_flow_table {
	OPTIONS_FLOW_TABLE_LINES,
	OPTIONS_FLOW_TABLE_HASH,
};

enum options_tc {
	OPTIONS_TC_AUTO,
	OPTIONS_TC_TCX,
	OPTIONS_TC_CLSACT,
};

enum options_status {
	OPTIONS_STATUS_AUTO, /* on with an API server */
	OPTIONS_STATUS_OFF,
	OPTIONS_STATUS_ON,
};

enum options_role {
	OPTIONS_ROLE_ALL,
	OPTIONS_ROLE_NODE,	 /* serves; its NodeState is all that it writes */
	OPTIONS_ROLE_CONTROLLER, /* serves nothing; writes everything else */
};

enum options_l4 {
	OPTIONS_L4_AUTO, /* on with the privileges for it */
	OPTIONS_L4_OFF,
	OPTIONS_L4_ON,
};

enum options_take_over {
	OPTIONS_TAKE_OVER_OFF,
	OPTIONS_TAKE_OVER_ON,
	OPTIONS_TAKE_OVER_STAY, /* also when another one has taken over from this one */
};

/* Strings are never NULL: "" is "not given". Choices are indices in the order that --help names. */
struct options {
	char *manifests;		/* "": an API server, by */
	char *kubeconfig;		/* "": what a pod of the cluster has */
	struct option_list api_servers; /* "https://HOST:PORT", further ones */
	char *last_state;
	char *node_name;
	struct option_list devices;
	struct option_list pod_devices;
	int xdp; /* enum xdp_mode */
	int tc;	 /* enum options_tc */
	struct option_range snat_ports;
	bool bypass_netfilter;
	int flow_table; /* enum options_flow_table */
	char *bpffs;
	char *cgroup;
	char *run_dir;	 /* once parsed: never "" */
	char *proxy_dir; /* "": run_dir */
	int take_over;	 /* enum options_take_over */
	char *instance;
	int l4;		     /* enum options_l4 */
	uint32_t l7_threads; /* 0: as many as there are CPUs for */
	uint32_t proxy_uid;  /* of a proxy that others start; 0: narud does */
	char *access_log;    /* path, "-" or "off" */
	struct option_addresses nodeport_addresses;
	struct option_cidrs external_ip_cidrs;
	struct option_cidrs announce_cidrs;
	int bgp_engine; /* enum engine_kind */
	char *bgp_socket;
	char *bgp_file;
	struct option_cidrs gateway_cidrs;
	struct option_ports gateway_node_ports;
	uint32_t drain_time; /* seconds */
	char *admin;
	char *healthz; /* "ADDR:PORT", "off", "": HEALTHZ_DEFAULT with layer 4, else off */
	uint32_t fallback_after; /* seconds, 0: never */
	uint32_t verify_every;	 /* seconds, 0: never */
	uint32_t stale_after;	 /* seconds, 0: never */
	int role;		 /* enum options_role */
	int status;		 /* enum options_status */
	uint32_t status_qps;	 /* writes in a second, at least 1 */
	char *namespace;	 /* of the Lease; "": narud's own */
	int log_level;		 /* enum log_level */
	bool check;
	bool print_plan;
	bool version;
	bool help;
};

/*
 * Reads getenv() and argv. -EINVAL: *ret_error says which option, value and why, to be freed; the
 * options are to be freed with options_fini() in any case.
 */
int options_parse(int argc, char *const *argv, struct options *ret_options, char **ret_error);
void options_fini(struct options *options);

/* Of the program. */
const char *options_version(void);

/* The text of --help. */
void options_help(FILE *out);
