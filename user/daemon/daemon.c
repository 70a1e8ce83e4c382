/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of things. The packet path is taken over before the first object is read, so that a
 * second narud is told so at once; nothing is written to it before all objects are there, so that
 * what an earlier narud left keeps serving meanwhile. The socket is there early, too, but answers
 * from the loop only, hence when everything is in force.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <naru/paths.h>

#include "admin/admin.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rundir.h"
#include "daemon/advertising.h"
#include "daemon/announcing.h"
#include "daemon/attendance.h"
#include "daemon/beside.h"
#include "daemon/changes.h"
#include "daemon/edge.h"
#include "daemon/ending.h"
#include "daemon/fallback.h"
#include "daemon/fence.h"
#include "daemon/health.h"
#include "daemon/launcher.h"
#include "daemon/logfile.h"
#include "daemon/packets.h"
#include "daemon/privileges.h"
#include "daemon/probes.h"
#include "daemon/reporting.h"
#include "daemon/seen.h"
#include "daemon/settings.h"
#include "daemon/source.h"
#include "daemon/succession.h"
#include "daemon/views.h"
#include "dataplane/dataplane.h"
#include "model/model.h"
#include "plan/plan.h"

#define RETRY_MS 1000 /* after the kernel refused a write */
#define WAIT_MS	 1000 /* at most, for the proxy to say that it knows the plan */

/* ---- from objects to kernel ---------------------------------------------------------------- */

/* The plan is in force here, as far as kernel and proxy have said so. */
static bool is_in_force(const struct daemon *daemon, const struct feed_status *status)
{
	if (!source_is_ready(daemon->source) || daemon->applied < 0 || daemon->waiting)
		return false;
	return !daemon->plan->l7.n_binds ||
	       (status->pid && status->current && status->generation == daemon->plan->generation);
}

/* What only this node can tell the cluster of. */
static void tell_of_node(struct daemon *daemon)
{
	const struct reporting_node node = {
		.of_kernel = &daemon->of_kernel,
		.of_health = daemon->health ? health_diags(daemon->health) : NULL,
		.of_ports = beside_ports(daemon->beside),
		.kube_proxy = beside_kube_proxy(daemon->beside),
	};

	reporting_node(daemon->reporting, &node);
}

static void take_diags(struct daemon *daemon)
{
	struct diag_list now = { 0 };
	struct feed_status status;

	edge_status(daemon->edge, &status);
	diag_append(&now, source_diags(daemon->source));
	diag_append(&now, &daemon->plan->diags);
	diag_append(&now, &daemon->of_kernel);
	diag_append(&now, status.diags);
	reporting_report(daemon->reporting, &now);
	if (daemon->health)
		diag_append(&now, health_diags(daemon->health));
	beside_report(daemon->beside, &now);
	announcing_report(daemon->announcing, &now);
	advertising_report(daemon->advertising, &now);
	diag_sort(&now);
	changes_log(&daemon->diags, &now);
	diag_fini(&daemon->diags);
	daemon->diags = now;
	tell_of_node(daemon);
	if (is_in_force(daemon, &status))
		reporting_in_force(daemon->reporting);
}

/* Needed by the plan in force, or by one before it. A proxy that ends with narud is not missed. */
static void look_for_proxy(struct daemon *daemon)
{
	struct feed_status status;

	edge_status(daemon->edge, &status);
	fallback_note(daemon->fallback,
		      status.wanted && !daemon->stopping && (!status.pid || status.silent));
	attendance_look(daemon);
}

static void on_retry(void *arg);
static void hurry(struct daemon *daemon);

static void apply_to_kernel(struct daemon *daemon)
{
	uint64_t begun_us = clock_us();

	/* Asked for by devices, perhaps, while nobody knows what is to be served. */
	if (!source_is_ready(daemon->source))
		return;
	loop_timer_remove(TAKE_PTR(daemon->retry));
	loop_timer_remove(TAKE_PTR(daemon->waiting));
	diag_fini(&daemon->of_kernel);
	daemon->applied = 0;
	if (daemon->dataplane)
		daemon->applied =
			dataplane_apply(daemon->dataplane, daemon->plan, &daemon->of_kernel);
	if (daemon->applied < 0)
		daemon->retry = loop_timer_add(daemon->loop, RETRY_MS, 0, on_retry, daemon);
	else
		progress_sync(&daemon->progress, clock_us() - begun_us);
	hurry(daemon);
	take_diags(daemon);
}

static void on_retry(void *arg)
{
	apply_to_kernel(arg);
}

/* Connections are not led to a proxy that would not know what to do with them. */
static void apply(struct daemon *daemon)
{
	bool grows = daemon->plan->step.l7 && edge_grows(daemon->edge, daemon->plan);

	loop_timer_remove(TAKE_PTR(daemon->waiting));
	if (!grows)
		apply_to_kernel(daemon);
	if (!daemon->plan->step.l7) {
		edge_keep(daemon->edge, daemon->plan);
		return;
	}
	edge_apply(daemon->edge, daemon->plan);
	if (grows && daemon->dataplane && edge_is_behind(daemon->edge))
		daemon->waiting = loop_timer_add(daemon->loop, WAIT_MS, 0, on_retry, daemon);
	else if (grows)
		apply_to_kernel(daemon);
	look_for_proxy(daemon);
	take_diags(daemon);
}

static void on_diags_changed(void *arg)
{
	take_diags(arg);
}

/* It may have last things to say when another narud serves already. */
static void on_reporting_changed(void *arg)
{
	struct daemon *daemon = arg;

	if (daemon->part == DAEMON_SERVES)
		take_diags(daemon);
}

static void on_edge_changed(void *arg)
{
	struct daemon *daemon = arg;

	if (daemon->part != DAEMON_SERVES) {
		succession_look(daemon);
		return;
	}
	look_for_proxy(daemon);
	if (daemon->waiting && !edge_is_behind(daemon->edge))
		apply_to_kernel(daemon);
	else
		take_diags(daemon);
}

/* Another narud serves: the proxy learns what it will have to know, nobody else does. */
static void prepare(struct daemon *daemon)
{
	if (daemon->edge && !daemon->draining && source_is_ready(daemon->source))
		edge_apply(daemon->edge, daemon->plan);
	succession_look(daemon);
}

/* A plan of which nothing is told is none to go on from. */
static void make_plan(struct daemon *daemon, bool ready)
{
	if (!ready || !daemon->ready)
		plan_free(TAKE_PTR(daemon->plan));
	daemon->ready = ready;
	daemon->plan = again_compile(daemon->again, TAKE_PTR(daemon->plan), daemon->model);
}

/* While the source knows nothing, there is an empty plan to look at, and none is put in force. */
static void recompile(struct daemon *daemon)
{
	bool ready = source_is_ready(daemon->source);

	if (ready && daemon->part == DAEMON_SERVES)
		progress_queue(&daemon->progress, daemon->model);
	make_plan(daemon, ready && daemon->part == DAEMON_SERVES);
	reporting_plan(daemon->reporting, daemon->plan);
	if (daemon->part != DAEMON_SERVES) {
		prepare(daemon);
		return;
	}
	if (!ready) {
		diag_fini(&daemon->plan->diags);
		take_diags(daemon);
		return;
	}
	if (daemon->health && daemon->plan->step.healths)
		health_apply(daemon->health, daemon->plan);
	announcing_plan(daemon->announcing);
	apply(daemon);
	advertising_plan(daemon->advertising);
	log_debug("plan generation=%llu services=%zu diagnostics=%zu",
		  (unsigned long long)daemon->plan->generation, daemon->plan->n_services,
		  daemon->diags.n);
}

static void on_fallback(void *arg)
{
	struct daemon *daemon = arg;

	log_warn(fallback_active(daemon->fallback)
			 ? "there is no naru-proxy: Services with routes are served without them"
			 : "there is a naru-proxy again: Services with routes are served by it");
	daemon->config.without_proxy = fallback_active(daemon->fallback);
	/* Under other settings there is nothing to go on from. */
	plan_free(TAKE_PTR(daemon->plan));
	recompile(daemon);
}

/* ---- events -------------------------------------------------------------------------------- */

static void on_source_changed(void *arg)
{
	recompile(arg);
}

static void on_source_seen(void *arg, enum object_kind kind, const char *namespace,
			   const char *name)
{
	struct daemon *daemon = arg;

	reporting_see(daemon->reporting, kind, namespace, name);
}

static void on_dataplane(void *arg, unsigned events)
{
	struct daemon *daemon = arg;
	int r = dataplane_process(daemon->dataplane);

	(void)events;
	if (r < 0)
		log_err(r, "devices and addresses");
	if (dataplane_wants_apply(daemon->dataplane) && !daemon->waiting)
		apply_to_kernel(daemon);
}

static void on_tick(void *arg)
{
	struct daemon *daemon = arg;

	dataplane_tick(daemon->dataplane);
	if (dataplane_wants_apply(daemon->dataplane) && !daemon->waiting)
		apply_to_kernel(daemon);
}

static void on_hurry(void *arg)
{
	struct daemon *daemon = arg;

	loop_timer_remove(TAKE_PTR(daemon->hurry));
	dataplane_hurry(daemon->dataplane);
	hurry(daemon);
}

/* Slices one after the other, with everything else in between. */
static void hurry(struct daemon *daemon)
{
	if (daemon->dataplane && !daemon->hurry && dataplane_hurries(daemon->dataplane))
		daemon->hurry = loop_timer_add(daemon->loop, 1, 0, on_hurry, daemon);
}

/* ---- start and end ------------------------------------------------------------------------- */

static int open_source(struct daemon *daemon)
{
	const struct source_config config = {
		.loop = daemon->loop,
		.options = daemon->options,
		.node_name = daemon->node_name,
		.model = daemon->model,
		.changed = on_source_changed,
		.seen = on_source_seen,
		.arg = daemon,
	};

	return source_open(&config, &daemon->source);
}

static int open_admin(struct daemon *daemon)
{
	const char *dir = daemon->options->run_dir, *listen = daemon->options->admin;
	_cleanup_(mem_freep) char *socket = mem_printf("%s/%s", dir, NARU_SOCKET);
	int r = rundir_make(dir);

	if (r < 0)
		return log_err(r, "--run-dir %s", dir);
	r = admin_open(daemon->loop, socket, *listen ? listen : NULL, views_routes, daemon,
		       &daemon->admin);
	if (r < 0)
		return r;
	daemon->seen = seen_new(daemon);
	admin_set_sources(daemon->admin, seen_sources);
	return 0;
}

static int watch(struct daemon *daemon)
{
	if (daemon->dataplane) {
		daemon->dataplane_handle =
			loop_fd_add(daemon->loop, dataplane_fd(daemon->dataplane), LOOP_READ,
				    on_dataplane, daemon);
		if (!daemon->dataplane_handle)
			return log_err(-EIO, "devices cannot be watched");
		daemon->tick = loop_timer_add(daemon->loop, DATAPLANE_TICK_MS, DATAPLANE_TICK_MS,
					      on_tick, daemon);
	}
	return 0;
}

static int open_edge(struct daemon *daemon, bool steered)
{
	const struct edge_config config = {
		.loop = daemon->loop,
		.options = daemon->options,
		.model = daemon->model,
		.steered = steered,
		.launcher = daemon->launcher,
		.access_log = daemon->access_log,
		.changed = on_edge_changed,
		.arg = daemon,
	};

	return edge_open(&config, &daemon->edge);
}

static void open_reporting(struct daemon *daemon)
{
	const struct reporting_config config = {
		.loop = daemon->loop,
		.options = daemon->options,
		.node_name = daemon->node_name,
		.model = daemon->model,
		.source = daemon->source,
		.changed = on_reporting_changed,
		.arg = daemon,
	};

	reporting_close(daemon->reporting);
	daemon->reporting = reporting_open(&config);
}

/* Before there is anything that a child should not inherit. Without a launcher narud serves what
 * needs no proxy, and the rest when one connects that others have started. */
static void open_launcher(struct daemon *daemon)
{
	const struct options *options = daemon->options;

	if (options->proxy_uid)
		return;
	launcher_open(options->run_dir, log_level_name((enum log_level)options->log_level),
		      &daemon->launcher);
}

/* Devices, objects and clients are somebody else's matter until it serves again. */
void daemon_release(struct daemon *daemon)
{
	daemon->part = DAEMON_YIELDED;
	source_hold_file(daemon->source, true);
	/* Whatever serves later begins with a whole plan. */
	daemon->ready = false;
	if (!daemon->stopping)
		reporting_stop(daemon->reporting, NULL, NULL);
	loop_fd_remove(TAKE_PTR(daemon->dataplane_handle));
	loop_timer_remove(TAKE_PTR(daemon->tick));
	loop_timer_remove(TAKE_PTR(daemon->retry));
	loop_timer_remove(TAKE_PTR(daemon->waiting));
	loop_timer_remove(TAKE_PTR(daemon->hurry));
	advertising_close(TAKE_PTR(daemon->advertising));
	announcing_close(TAKE_PTR(daemon->announcing));
	attendance_close(daemon);
	beside_close(TAKE_PTR(daemon->beside));
	loop_timer_remove(TAKE_PTR(daemon->late));
	probes_close(daemon);
	admin_close(TAKE_PTR(daemon->admin));
	seen_free(TAKE_PTR(daemon->seen));
	if (*daemon->options->proxy_dir)
		edge_attach(daemon->edge, NULL);
	else
		edge_close(TAKE_PTR(daemon->edge));
	if (daemon->dataplane)
		dataplane_yield(daemon->dataplane);
}

/* A proxy that was made for steering is of no use without. */
static int take_edge(struct daemon *daemon)
{
	int r;

	if (daemon->edge && daemon->steering && !daemon->dataplane)
		edge_close(TAKE_PTR(daemon->edge));
	r = daemon->edge ? 0 : open_edge(daemon, daemon->dataplane != NULL);
	if (!r)
		edge_attach(daemon->edge, daemon->dataplane);
	return r;
}

int daemon_serve(struct daemon *daemon)
{
	int r = packets_open(daemon);

	if (!r)
		r = open_admin(daemon);
	if (!r)
		r = take_edge(daemon);
	if (!r && !daemon->fenced)
		r = fence_files(daemon->options, daemon->dataplane);
	if (!r && !daemon->source)
		r = open_source(daemon);
	if (r < 0)
		return r;
	daemon->part = DAEMON_SERVES;
	source_hold_file(daemon->source, false);
	daemon->ready = false;
	open_reporting(daemon);
	daemon->advertising = advertising_open(daemon, on_diags_changed);
	attendance_open(daemon);
	daemon->announcing = announcing_open(daemon, on_diags_changed);
	daemon->beside = beside_open(daemon, on_diags_changed);
	probes_open(daemon, on_diags_changed);
	recompile(daemon);
	r = watch(daemon);
	if (!r && !daemon->fenced)
		r = fence_calls();
	if (r < 0)
		return r;
	daemon->fenced = true;
	log_info("serving node=%s services=%zu l4=%s binds=%zu by=%s", daemon->node_name,
		 daemon->plan->n_services, daemon->l4 ? "on" : "off", daemon->plan->l7.n_binds,
		 daemon->dataplane ? "bpf" : "sockets");
	succession_begin(daemon);
	return 0;
}

int daemon_prepare(struct daemon *daemon)
{
	int r = 0;

	if (*daemon->options->proxy_dir)
		r = open_edge(daemon, daemon->steering);
	if (!r && !daemon->fenced)
		r = fence_waiting(daemon->options);
	if (!r && !daemon->source)
		r = open_source(daemon);
	if (r < 0)
		return r;
	source_hold_file(daemon->source, true);
	recompile(daemon);
	return 0;
}

int daemon_open(struct daemon *daemon, const struct options *options, const char *node_name)
{
	struct privileges have;
	int r;

	*daemon = (struct daemon){ .options = options, .node_name = node_name, .access_log = -1 };
	progress_init(&daemon->progress);
	open_launcher(daemon);
	r = privileges_reduce(&have);
	if (!r)
		r = privileges_choose(&have, options, &daemon->l4);
	if (!r)
		r = source_check(options);
	if (!r)
		r = logfile_open(options->access_log, &daemon->access_log);
	if (r < 0)
		return r;
	daemon->steering = have.steering;
	daemon->config = settings_compile(options, node_name, daemon->l4);
	daemon->again = again_new(&daemon->config);
	daemon->loop = loop_new();
	if (!daemon->loop)
		return log_err(-EMFILE, "event loop");
	daemon->model = model_new();
	daemon->fallback =
		fallback_new(daemon->loop, options->fallback_after * 1000, on_fallback, daemon);
	loop_on_stop(daemon->loop, ending_begin, daemon);
	r = succession_open(daemon);
	if (r < 0)
		return r;
	return daemon->part == DAEMON_WAITS ? daemon_prepare(daemon) : daemon_serve(daemon);
}

void daemon_fail(struct daemon *daemon, int result)
{
	daemon->result = result;
	loop_stop(daemon->loop);
}

int daemon_run(struct daemon *daemon)
{
	loop_run(daemon->loop);
	log_info(daemon->dataplane ? "ends; the kernel's state stays in place" : "ends");
	return daemon->result;
}

void daemon_close(struct daemon *daemon)
{
	succession_close(daemon);
	admin_close(daemon->admin);
	advertising_close(daemon->advertising);
	announcing_close(daemon->announcing);
	attendance_close(daemon);
	beside_close(daemon->beside);
	probes_close(daemon);
	progress_fini(&daemon->progress);
	seen_free(daemon->seen);
	loop_fd_remove(daemon->dataplane_handle);
	loop_timer_remove(daemon->tick);
	loop_timer_remove(daemon->retry);
	loop_timer_remove(daemon->waiting);
	loop_timer_remove(daemon->hurry);
	reporting_close(daemon->reporting);
	loop_timer_remove(daemon->late);
	edge_close(daemon->edge);
	logfile_close(daemon->access_log);
	fallback_free(daemon->fallback);
	launcher_close(daemon->launcher);
	source_close(daemon->source);
	if (daemon->dataplane)
		dataplane_close(daemon->dataplane);
	plan_free(daemon->plan);
	again_free(daemon->again);
	model_free(daemon->model);
	diag_fini(&daemon->diags);
	diag_fini(&daemon->of_kernel);
	loop_free(daemon->loop);
}
