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

#include "base/diag.h"
#include "base/log.h"
#include "base/mem.h"
#include "compile/compile.h"
#include "daemon/assign.h"
#include "daemon/daemon.h"
#include "daemon/options.h"
#include "daemon/settings.h"
#include "kube/manifests.h"
#include "model/model.h"
#include "plan/plan.h"

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

/* One line each, whatever the objects contain. */
static void print_diag(const struct diag *diag)
{
	_cleanup_(mem_freep) char *text = diag_format(diag);

	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	fputs(text, stderr);
	fputc('\n', stderr);
}

/* of_pools: what they could not give. */
static int report(const struct manifests *manifests, const struct diag_list *of_pools,
		  const struct plan *plan, const struct options *options)
{
	struct diag_list diags = { 0 };
	size_t errors, n;

	diag_append(&diags, manifests_diags(manifests));
	diag_append(&diags, of_pools);
	diag_append(&diags, &plan->diags);
	diag_sort(&diags);
	for (size_t i = 0; i < diags.n; i++)
		print_diag(&diags.items[i]);
	errors = diag_errors(&diags);
	n = diags.n;
	diag_fini(&diags);
	if (options->print_plan)
		plan_print(plan, stdout);
	else
		printf("services %zu, listeners %zu, rules of routes %zu, "
		       "objects of other kinds skipped %zu, errors %zu, warnings %zu\n",
		       plan->n_services, plan->l7.n_listeners, plan->l7.n_rules,
		       manifests_skipped(manifests), errors, n - errors);
	if (fflush(stdout) || ferror(stdout))
		return log_err(-EIO, "standard output");
	return errors ? -EBADMSG : 0;
}

static int check(const struct options *options, const char *node_name)
{
	struct model *model = model_new();
	struct manifests *manifests = NULL;
	const struct compile_config config =
		settings_compile(options, node_name, options->l4 != OPTIONS_L4_OFF);
	struct diag_list of_pools = { 0 };
	struct plan *plan;
	int r = manifests_open(options->manifests, model, &manifests);

	if (r < 0) {
		log_err(r, "--manifests %s", options->manifests);
		model_free(model);
		return r;
	}
	assign_local(model, options, &of_pools);
	plan = compile(model, &config);
	r = report(manifests, &of_pools, plan, options);
	diag_fini(&of_pools);
	plan_free(plan);
	manifests_close(manifests);
	model_free(model);
	return r;
}

static int serve(const struct options *options, const char *node_name)
{
	struct daemon daemon;
	int r;

	signal(SIGPIPE, SIG_IGN);
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
	r = options->check ? check(options, node_name) : serve(options, node_name);
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
