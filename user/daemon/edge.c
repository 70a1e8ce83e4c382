// SPDX-License-Identifier: Apache-2.0
/* Glue: each function here passes on what one module says to another. */
#include "daemon/edge.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cpus.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/launcher.h"
#include "daemon/options.h"
#include "dataplane/dataplane.h"
#include "model/gateway.h"
#include "model/model.h"

#define GRACE_MS 1000 /* beyond the drain time */

struct place {
	struct addr addr;
	uint16_t port;
};

struct edge {
	struct edge_config config;
	struct dataplane *dataplane; /* NULL: no one is led */
	struct feed *feed;
	struct loop_fd *launcher_handle;
	struct loop_timer *deadline;
	bool warned;	      /* that proxies cannot be started */
	struct place *places; /* of the plan that was applied last */
	size_t n_places;
	void (*done)(void *arg);
	void *done_arg;
};

/* ---- for the feed -------------------------------------------------------------------------- */

static bool on_start(void *arg)
{
	struct edge *edge = arg;

	if (edge->config.launcher)
		launcher_start(edge->config.launcher);
	else if (!edge->warned && edge->config.options->proxy_uid)
		log_info("waits for a naru-proxy of uid %u", edge->config.options->proxy_uid);
	else if (!edge->warned)
		log_warn("narud cannot start naru-proxy: it waits for one that others start");
	edge->warned = true;
	return edge->config.launcher;
}

static void on_kill(void *arg, pid_t pid)
{
	struct edge *edge = arg;

	if (edge->config.launcher)
		launcher_kill(edge->config.launcher, pid);
}

static bool on_find_key(void *arg, const struct plan_cert *cert, const char **ret_chain,
			const struct secret_bytes **ret_key)
{
	struct edge *edge = arg;
	_cleanup_(mem_freep) char *namespace = mem_strdup(cert->name);
	char *slash = strchr(namespace, '/');
	const struct secret *secret = NULL;

	if (slash) {
		*slash = '\0';
		secret = (const struct secret *)model_get(edge->config.model, OBJECT_SECRET,
							  namespace, slash + 1);
	}
	if (!secret || memcmp(secret->fingerprint, cert->fingerprint, sizeof(cert->fingerprint)))
		return false;
	*ret_chain = secret->chain;
	*ret_key = &secret->key;
	return true;
}

static void on_sockets(void *arg, const int *fds, size_t n)
{
	struct edge *edge = arg;
	int r = edge->dataplane ? dataplane_set_listeners(edge->dataplane, fds, n) : 0;

	if (r < 0)
		log_err(r, "connections cannot be led to naru-proxy");
}

static void on_changed(void *arg)
{
	struct edge *edge = arg;

	edge->config.changed(edge->config.arg);
}

/* ---- of the launcher ----------------------------------------------------------------------- */

static void log_end(const struct launcher_event *event)
{
	int pid = (int)event->pid;

	if (!pid)
		log_err(event->status, "naru-proxy cannot be started");
	else if (WIFSIGNALED(event->status))
		log_warn("naru-proxy pid=%d was ended by signal %d", pid, WTERMSIG(event->status));
	else if (WEXITSTATUS(event->status))
		log_warn("naru-proxy pid=%d ended with status %d", pid, WEXITSTATUS(event->status));
	else
		log_info("naru-proxy pid=%d ended", pid);
}

static void on_launcher(void *arg, unsigned events)
{
	struct edge *edge = arg;
	struct launcher_event event;
	int r;

	(void)events;
	while ((r = launcher_next(edge->config.launcher, &event)) > 0) {
		if (event.ended)
			log_end(&event);
		if (event.ended)
			feed_ended(edge->feed, event.pid);
		else
			feed_started(edge->feed, event.pid);
	}
	if (r < 0) {
		log_err(r, "launcher: naru-proxy will not be started again");
		loop_fd_remove(TAKE_PTR(edge->launcher_handle));
		edge->config.launcher = NULL;
	}
}

/* ---- start and end ------------------------------------------------------------------------- */

/* Whose proxies may connect. */
static uid_t proxy_uid(const struct edge_config *config)
{
	if (config->options->proxy_uid)
		return config->options->proxy_uid;
	return config->launcher ? launcher_uid(config->launcher) : geteuid();
}

static int open_feed(struct edge *edge)
{
	const struct edge_config *config = &edge->config;
	const struct options *options = config->options;
	const struct feed_config of_feed = {
		.loop = config->loop,
		.run_dir = *options->proxy_dir ? options->proxy_dir : options->run_dir,
		.version = options_version(),
		.threads = options->l7_threads ? options->l7_threads : cpus_available(),
		.drain_ms = options->drain_time * 1000,
		.access_log = config->access_log,
		.steered = config->steered,
		.uid = proxy_uid(config),
		.handlers = { on_start, on_kill, on_find_key, on_sockets, on_changed, edge },
	};

	return feed_open(&of_feed, &edge->feed);
}

static int watch_launcher(struct edge *edge)
{
	struct launcher *launcher = edge->config.launcher;

	if (!launcher)
		return 0;
	edge->launcher_handle =
		loop_fd_add(edge->config.loop, launcher_fd(launcher), LOOP_READ, on_launcher, edge);
	return edge->launcher_handle ? 0 : log_err(-EIO, "the launcher cannot be watched");
}

int edge_open(const struct edge_config *config, struct edge **ret_edge)
{
	struct edge *edge = mem_new(sizeof(*edge));
	int r;

	edge->config = *config;
	r = open_feed(edge);
	if (!r)
		r = watch_launcher(edge);
	if (r < 0) {
		edge_close(edge);
		return r;
	}
	*ret_edge = edge;
	return 0;
}

void edge_close(struct edge *edge)
{
	if (!edge)
		return;
	loop_timer_remove(edge->deadline);
	loop_fd_remove(edge->launcher_handle);
	feed_close(edge->feed);
	free(edge->places);
	free(edge);
}

void edge_attach(struct edge *edge, struct dataplane *dataplane)
{
	edge->dataplane = dataplane;
	if (dataplane)
		feed_lead(edge->feed);
}

static bool is_place(const struct edge *edge, const struct plan_bind *bind)
{
	for (size_t i = 0; i < edge->n_places; i++)
		if (edge->places[i].port == bind->port &&
		    !addr_compare(&edge->places[i].addr, &bind->addr))
			return true;
	return false;
}

bool edge_grows(const struct edge *edge, const struct plan *plan)
{
	for (size_t i = 0; i < plan->l7.n_binds; i++)
		if (!is_place(edge, &plan->l7.binds[i]))
			return true;
	return false;
}

void edge_apply(struct edge *edge, const struct plan *plan)
{
	mem_freep(&edge->places);
	edge->n_places = plan->l7.n_binds;
	edge->places = mem_array(edge->n_places, sizeof(*edge->places));
	for (size_t i = 0; i < edge->n_places; i++)
		edge->places[i] = (struct place){ plan->l7.binds[i].addr, plan->l7.binds[i].port };
	feed_apply(edge->feed, &plan->l7, plan->generation);
}

bool edge_serves(const struct edge *edge)
{
	struct feed_status status;

	feed_status(edge->feed, &status);
	return !edge->n_places || (status.pid && (status.current || *status.refusal));
}

void edge_keep(struct edge *edge, const struct plan *plan)
{
	feed_keep(edge->feed, plan->generation);
}

bool edge_is_behind(const struct edge *edge)
{
	struct feed_status status;

	feed_status(edge->feed, &status);
	return status.pid && !status.current && !*status.refusal;
}

static void finish(struct edge *edge)
{
	void (*done)(void *arg) = TAKE_PTR(edge->done);

	loop_timer_remove(TAKE_PTR(edge->deadline));
	if (done)
		done(edge->done_arg);
}

static void on_drained(void *arg)
{
	finish(arg);
}

static void on_deadline(void *arg)
{
	struct edge *edge = arg;

	log_warn("naru-proxy takes too long to end");
	edge_kill(edge);
	finish(edge);
}

void edge_drain(struct edge *edge, void (*done)(void *arg), void *arg)
{
	uint64_t drain_ms = (uint64_t)edge->config.options->drain_time * 1000;

	edge->done = done;
	edge->done_arg = arg;
	edge->deadline =
		loop_timer_add(edge->config.loop, drain_ms + GRACE_MS, 0, on_deadline, edge);
	feed_drain(edge->feed, on_drained, edge);
}

void edge_kill(struct edge *edge)
{
	feed_kill(edge->feed);
}

void edge_status(const struct edge *edge, struct feed_status *ret_status)
{
	feed_status(edge->feed, ret_status);
}
