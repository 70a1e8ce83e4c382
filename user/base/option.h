/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program's command line and environment, described once in a table: parsing, defaults, --help
 * and error texts all come from it. A value replaces what was there before: environment over
 * default, command line over environment; only a list collects, within one source.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cidr.h"

struct option_list {
	char **items; /* owned */
	size_t n;
};

struct option_range {
	uint16_t min, max;
};

struct option_cidrs {
	struct cidr *items; /* owned */
	size_t n;
};

/* Of this node: those in the prefixes, and perhaps the one that it names first in each family. */
struct option_addresses {
	struct option_cidrs cidrs;
	bool primary;
};

struct option_ports {
	uint16_t *items; /* owned */
	size_t n;
};

enum option_type {
	OPTION_FLAG,	  /* bool */
	OPTION_STRING,	  /* char *, never NULL: "" is "not given" */
	OPTION_LIST,	  /* struct option_list; in the environment separated by commas */
	OPTION_CHOICE,	  /* int: index into choices */
	OPTION_NUMBER,	  /* uint32_t, at most what its value says */
	OPTION_RANGE,	  /* struct option_range */
	OPTION_SOCKET,	  /* char *, checked to be ADDR:PORT, or "off" where its value says so */
	OPTION_CIDRS,	  /* struct option_cidrs, separated by commas */
	OPTION_PORTS,	  /* struct option_ports, separated by commas */
	OPTION_ADDRESSES, /* struct option_addresses: prefixes and the word primary */
};

struct option {
	const char *name;
	enum option_type type;
	size_t offset;	     /* in the program's struct */
	const char *value;   /* of --help: what to write behind the name; for choices all of them,
			      * for numbers N<=MAX */
	const char *initial; /* default, NULL: none */
	const char *env;     /* NULL: an action rather than a setting */
	const char *help;
};

/* A table ends with an option without name. */

/*
 * Fills the program's struct from getenv() and argv. -EINVAL: *ret_error says which option, value
 * and why, to be freed; option_fini() is due in any case.
 */
int option_parse(const struct option *table, int argc, char *const *argv, void *ret_values,
		 char **ret_error);
void option_fini(const struct option *table, void *values);

/* "--name: reason" for what the program itself finds wrong. Returns -EINVAL. */
int option_refuse(const char *name, const char *reason, char **ret_error);

/* The options' part of --help. */
void option_help(const struct option *table, FILE *out);
