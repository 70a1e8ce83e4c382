// SPDX-License-Identifier: Apache-2.0
/*
 * narud --check: objects are read once and compiled, and what is wrong with them is told. narud's
 * main calls it. Invariants: nothing of node and cluster is changed; a source that could not be
 * read to its end is an error, never a cluster without objects.
 */
#include "daemon/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "compile/compile.h"
#include "daemon/options.h"
#include "daemon/settings.h"
#include "daemon/source.h"
#include "kube/client.h"
#include "model/model.h"
#include "plan/plan.h"

#define PATIENCE_MS 30000 /* with an API server */

struct check {
	const struct options *options;
	struct loop *loop;
	struct model *model;
	struct source *source;
};

/* ---- what is told -------------------------------------------------------------------------- */

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

static void print_diags(const struct diag_list *diags)
{
	for (size_t i = 0; i < diags->n; i++)
		print_diag(&diags->items[i]);
}

static int report(const struct check *check, const struct plan *plan)
{
	struct diag_list diags = { 0 };
	size_t errors, n;

	diag_append(&diags, source_diags(check->source));
	diag_append(&diags, &plan->diags);
	diag_sort(&diags);
	print_diags(&diags);
	errors = diag_errors(&diags);
	n = diags.n;
	diag_fini(&diags);
	if (check->options->print_plan)
		plan_print(plan, stdout);
	else
		printf("services %zu, listeners %zu, rules of routes %zu, "
		       "objects of other kinds skipped %zu, errors %zu, warnings %zu\n",
		       plan->n_services, plan->l7.n_listeners, plan->l7.n_rules,
		       source_skipped(check->source), errors, n - errors);
	if (fflush(stdout) || ferror(stdout))
		return log_err(-EIO, "standard output");
	return errors ? -EBADMSG : 0;
}

/* ---- reading ------------------------------------------------------------------------------- */

static void on_changed(void *arg)
{
	struct check *check = arg;

	if (check->source && source_is_synced(check->source))
		loop_stop(check->loop);
}

static void on_stop(void *arg)
{
	struct check *check = arg;

	loop_stop(check->loop);
}

/* A folder has been read when it is opened. */
static int read_all(struct check *check)
{
	struct source_server server;
	const char *problem = "";

	if (source_is_synced(check->source))
		return 0;
	loop_on_stop(check->loop, on_stop, check);
	loop_timer_add(check->loop, PATIENCE_MS, 0, on_stop, check);
	loop_run(check->loop);
	if (source_is_synced(check->source))
		return 0;
	print_diags(source_diags(check->source));
	if (source_server(check->source, &server))
		problem = client_problem(server.client);
	return log_err(-ETIMEDOUT, "not all objects of the API server could be read%s%s",
		       *problem ? ": " : "", problem);
}

static int run(struct check *check, const char *node_name)
{
	const struct compile_config config =
		settings_compile(check->options, node_name, check->options->l4 != OPTIONS_L4_OFF);
	const struct source_config source = {
		.loop = check->loop,
		.options = check->options,
		.node_name = node_name,
		.model = check->model,
		.changed = on_changed,
		.arg = check,
	};
	struct plan *plan;
	int r = source_open(&source, &check->source);

	if (!r)
		r = read_all(check);
	if (r < 0)
		return r;
	plan = compile(check->model, &config);
	r = report(check, plan);
	plan_free(plan);
	return r;
}

int check_run(const struct options *options, const char *node_name)
{
	struct check check = { .options = options, .loop = loop_new(), .model = model_new() };
	int r = check.loop ? run(&check, node_name) : log_err(-EMFILE, "no event loop");

	source_close(check.source);
	model_free(check.model);
	loop_free(check.loop);
	return r;
}
