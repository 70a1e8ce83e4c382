/* SPDX-License-Identifier: Apache-2.0 */
/*
 * narud's command line and environment, described once in a table: parsing, defaults, --help and
 * error texts all come from it. The command line wins over the environment.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct option_list {
	char **items; /* owned */
	size_t n;
};

struct option_range {
	uint16_t min, max;
};

enum options_tc {
	OPTIONS_TC_AUTO,
	OPTIONS_TC_TCX,
	OPTIONS_TC_CLSACT,
};

/* Strings are never NULL: "" is "not given". Choices are indices in the order that --help names. */
struct options {
	char *manifests;
	char *node_name;
	struct option_list devices;
	struct option_list pod_devices;
	int xdp; /* enum xdp_mode */
	int tc;	 /* enum options_tc */
	struct option_range snat_ports;
	bool bypass_netfilter;
	char *bpffs;
	char *cgroup;
	char *run_dir;
	int l4; /* 0 off, 1 on */
	char *admin;
	int log_level; /* enum log_level */
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
