/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy's main: what it needs of the system it takes here, before narud and strangers are
 * heard; the rest is control.c's. Exit status: 0 told to end, 1 failed, 2 usage.
 */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/rundir.h"
#include "daemon/privileges.h"
#include "proxy/control.h"

struct settings {
	char *run_dir;
	int log_level;
	bool version;
	bool help;
};

#define AT(member) offsetof(struct settings, member)

static const struct option table[] = {
	{ "run-dir", OPTION_STRING, AT(run_dir), "DIR", NULL, "NARU_RUN_DIR",
	  "folder of the socket at which narud waits" RUNDIR_HELP },
	{ "log-level", OPTION_CHOICE, AT(log_level), "error|warn|info|debug", "info",
	  "NARU_LOG_LEVEL", "least important messages to write" },
	{ "version", OPTION_FLAG, AT(version), NULL, NULL, NULL, "print the version" },
	{ "help", OPTION_FLAG, AT(help), NULL, NULL, NULL, "print this" },
	{ 0 },
};

static void print_help(void)
{
	fputs("usage: naru-proxy [OPTION]...\n"
	      "Serves HTTP as narud says, which starts it where nobody else does.\n\n",
	      stdout);
	option_help(table, stdout);
	fputs("\nSIGTERM: what is under way is answered first; a second one ends it at once.\n",
	      stdout);
}

/* Every connection is a descriptor. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("RLIMIT_NOFILE stays as it is");
}

static int serve(const struct settings *settings)
{
	const struct control_config config = { settings->run_dir, NARU_VERSION };
	int r;

	prctl(PR_SET_NAME, "naru-proxy");
	signal(SIGPIPE, SIG_IGN);
	if (!geteuid())
		log_warn("running as root, if without root's rights: another user would be better");
	r = privileges_drop_all();
	if (r < 0)
		return r;
	/* Nobody else of this user may look into its memory, nor shall a core keep it. */
	prctl(PR_SET_DUMPABLE, 0);
	raise_limit();
	return control_run(&config);
}

static int run(struct settings *settings)
{
	if (settings->help) {
		print_help();
		return EXIT_SUCCESS;
	}
	if (settings->version) {
		puts("naru-proxy " NARU_VERSION);
		return EXIT_SUCCESS;
	}
	if (!*settings->run_dir) {
		mem_freep(&settings->run_dir);
		settings->run_dir = rundir_default();
	}
	log_set_level((enum log_level)settings->log_level);
	return serve(settings) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void print_usage_error(const char *error)
{
	fputs("naru-proxy: ", stderr);
	fputs(error, stderr);
	fputs(" (--help lists the options)\n", stderr);
}

int main(int argc, char **argv)
{
	_cleanup_(mem_freep) char *error = NULL;
	struct settings settings = { 0 };
	int status = 2;

	if (option_parse(table, argc, argv, &settings, &error) < 0)
		print_usage_error(error);
	else
		status = run(&settings);
	option_fini(table, &settings);
	return status;
}
