// SPDX-License-Identifier: Apache-2.0
/*
 * Objects in, plan compiled, its verdicts told. narud's main calls it instead of daemon.c.
 * Invariant: nothing of dataplane/ is called from here.
 */
#include "daemon/controller.h"

#include <errno.h>
#include <string.h>

#include "admin/admin.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/rundir.h"
#include "base/str.h"
#include "compile/again.h"
#include "daemon/changes.h"
#include "daemon/fence.h"
#include "daemon/healthz.h"
#include "daemon/options.h"
#include "daemon/privileges.h"
#include "daemon/reporting.h"
#include "daemon/settings.h"
#include "daemon/source.h"
#include "model/model.h"
#include "plan/plan.h"

#define SOCKET "controller.sock" /* beside that of a narud that serves */

struct controller {
	const struct options *options;
	const char *name;
	struct loop *loop;
	struct model *model;
	struct source *source;
	struct compile_config config;
	struct again *again;
	struct plan *plan; /* NULL: no objects are known yet */
	struct reporting *reporting;
	struct admin *admin;
	struct healthz *healthz;
	struct diag_list diags;
};

/* ---- what is looked at ----------------------------------------------------------------------- */

static int write_metrics(void *arg, struct str *ret_body)
{
	const struct controller *controller = arg;

	reporting_show_metrics(controller->reporting, ret_body);
	source_write_metrics(controller->source, ret_body);
	return 200;
}

static const struct admin_route routes[] = {
	{ "/metrics", "text/plain; version=0.0.4", write_metrics },
	{ 0 },
};

static void look(void *arg, struct healthz_state *ret_state)
{
	const struct controller *controller = arg;
	uint64_t limit_ms = (uint64_t)controller->options->stale_after * 1000;

	*ret_state = (struct healthz_state){
		.healthy = true,
		.eligible = true,
		.fresh = source_is_ready(controller->source) &&
			 (!limit_ms || source_age_ms(controller->source) <= limit_ms),
	};
}

/* ---- objects --------------------------------------------------------------------------------- */

static void take_diags(struct controller *controller)
{
	struct diag_list now = { 0 };

	diag_append(&now, source_diags(controller->source));
	if (controller->plan)
		diag_append(&now, &controller->plan->diags);
	reporting_report(controller->reporting, &now);
	diag_sort(&now);
	changes_log(&controller->diags, &now);
	diag_fini(&controller->diags);
	controller->diags = now;
}

static void on_reporting_changed(void *arg)
{
	take_diags(arg);
}

static void on_source_changed(void *arg)
{
	struct controller *controller = arg;

	if (source_is_ready(controller->source)) {
		controller->plan = again_compile(controller->again, TAKE_PTR(controller->plan),
						 controller->model);
		reporting_plan(controller->reporting, controller->plan);
	}
	take_diags(controller);
}

static void on_source_seen(void *arg, enum object_kind kind, const char *namespace,
			   const char *name)
{
	struct controller *controller = arg;

	reporting_see(controller->reporting, kind, namespace, name);
}

/* ---- start and end --------------------------------------------------------------------------- */

static void stop(void *arg)
{
	struct controller *controller = arg;

	loop_stop(controller->loop);
}

static void on_stop(void *arg)
{
	struct controller *controller = arg;

	if (!reporting_stop(controller->reporting, stop, controller))
		stop(controller);
}

static int open_source(struct controller *controller)
{
	const struct source_config config = {
		.loop = controller->loop,
		.options = controller->options,
		.node_name = controller->name,
		.model = controller->model,
		.changed = on_source_changed,
		.seen = on_source_seen,
		.arg = controller,
	};

	return source_open(&config, &controller->source);
}

static int open_reporting(struct controller *controller)
{
	const struct reporting_config config = {
		.loop = controller->loop,
		.options = controller->options,
		.node_name = controller->name,
		.model = controller->model,
		.source = controller->source,
		.changed = on_reporting_changed,
		.arg = controller,
	};

	controller->reporting = reporting_open(&config);
	return controller->reporting ? 0 : -EINVAL;
}

static int open_windows(struct controller *controller)
{
	const struct options *options = controller->options;
	_cleanup_(mem_freep) char *socket = mem_printf("%s/" SOCKET, options->run_dir);
	int r = rundir_make(options->run_dir);

	if (r < 0)
		return log_err(r, "--run-dir %s", options->run_dir);
	if (*options->healthz && strcmp(options->healthz, "off") != 0)
		controller->healthz =
			healthz_open(controller->loop, options->healthz, look, controller);
	return admin_open(controller->loop, socket, *options->admin ? options->admin : NULL, routes,
			  controller, &controller->admin);
}

static int open_all(struct controller *controller)
{
	int r = privileges_drop_all();

	if (!r)
		r = source_check(controller->options);
	if (!r)
		r = open_windows(controller);
	if (!r)
		r = fence_files(controller->options, false);
	if (!r)
		r = open_source(controller);
	if (!r)
		r = open_reporting(controller);
	return r < 0 ? r : fence_calls();
}

static void close_all(struct controller *controller)
{
	admin_close(controller->admin);
	healthz_close(controller->healthz);
	reporting_close(controller->reporting);
	source_close(controller->source);
	plan_free(controller->plan);
	again_free(controller->again);
	model_free(controller->model);
	diag_fini(&controller->diags);
	loop_free(controller->loop);
}

int controller_run(const struct options *options, const char *name)
{
	struct controller controller = { .options = options, .name = name };
	int r;

	controller.loop = loop_new();
	if (!controller.loop)
		return log_err(-EMFILE, "event loop");
	controller.model = model_new();
	/* As nodes judge it: whether a port is a Service's does not depend on who asks. */
	controller.config = settings_compile(options, name, options->l4 != OPTIONS_L4_OFF);
	controller.again = again_new(&controller.config);
	loop_on_stop(controller.loop, on_stop, &controller);
	r = open_all(&controller);
	if (!r) {
		log_info("serves nothing: writes statuses when it leads, as %s", name);
		on_source_changed(&controller);
		loop_run(controller.loop);
		log_info("ends");
	}
	close_all(&controller);
	return r;
}
