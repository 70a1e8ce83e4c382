/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's main: options, then one of the modes. Exit status: 0 fine, 1 failed or, with
 * --check, errors found; 2 usage; 75 another narud is running here.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/check.h"
#include "daemon/controller.h"
#include "daemon/daemon.h"
#include "daemon/options.h"

/* The API server has node names in lower case. */
static char *host_name(void)
{
	char name[256] = "";

	gethostname(name, sizeof(name) - 1);
	for (char *c = name; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	return mem_strdup(name);
}

static int serve(const struct options *options, const char *node_name)
{
	struct daemon daemon;
	int r;

	signal(SIGPIPE, SIG_IGN);
	if (options->role == OPTIONS_ROLE_CONTROLLER)
		return controller_run(options, node_name);
	r = daemon_open(&daemon, options, node_name);
	if (!r)
		r = daemon_run(&daemon);
	daemon_close(&daemon);
	return r;
}

static int run(const struct options *options)
{
	_cleanup_(mem_freep) char *host = host_name();
	const char *node_name = *options->node_name ? options->node_name : host;
	int r;

	if (options->help) {
		options_help(stdout);
		return EXIT_SUCCESS;
	}
	if (options->version) {
		printf("narud %s\n", options_version());
		return EXIT_SUCCESS;
	}
	log_set_level((enum log_level)options->log_level);
	/* Decoders leave pieces of keys in memory that they have given back: not for a core. */
	prctl(PR_SET_DUMPABLE, 0);
	r = options->check ? check_run(options, node_name) : serve(options, node_name);
	if (r == -EBUSY || r == -EADDRINUSE)
		return EX_TEMPFAIL;
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void print_usage_error(const char *error)
{
	fputs("narud: ", stderr);
	fputs(error, stderr);
	fputs(" (--help lists the options)\n", stderr);
}

int main(int argc, char **argv)
{
	_cleanup_(mem_freep) char *error = NULL;
	struct options options;
	int status = 2;

	if (options_parse(argc, argv, &options, &error) < 0)
		print_usage_error(error);
	else
		status = run(&options);
	options_fini(&options);
	return status;
}
