// SPDX-License-Identifier: Apache-2.0
/*
 * One socket a port, at every address of both families: addresses of the node come and go without
 * a new socket, and a connection to one where NodePorts are not served is closed at once. The
 * answer is computed when it is asked for.
 */
#include "daemon/health.h"

#include <stdlib.h>
#include <string.h>

#include "admin/server.h"
#include "admin/socket.h"
#include "base/json.h"
#include "base/mem.h"

#define RETRY_MS 1000

struct port {
	struct health *health;
	struct plan_health plan;	  /* strings are owned */
	struct server_listener *listener; /* NULL: the port cannot be had */
};

struct health {
	struct health_config config;
	struct server *server;
	struct port **ports; /* in the plan's order; handlers hold pointers to them */
	size_t n;
	struct loop_timer *retry;
	struct diag_list diags;
};

/* ---- answers ------------------------------------------------------------------------------- */

/* Any path: load balancers ask for /healthz, /, or what their users gave them. */
static void answer(void *arg, const char *path, struct server_answer *ret_answer)
{
	const struct port *port = arg;
	const struct health_config *config = &port->health->config;
	const struct plan_health *plan = &port->plan;
	bool serves = config->serves(config->arg, plan->namespace, plan->name);
	struct json json = { .out = &ret_answer->body };

	(void)path;
	ret_answer->status = plan->local_ready && serves ? 200 : 503;
	ret_answer->type = "application/json";
	str_addf(&ret_answer->headers,
		 "X-Content-Type-Options: nosniff\r\n"
		 "X-Load-Balancing-Endpoint-Weight: %zu\r\n",
		 plan->local_ready);
	json_object_begin(&json, NULL);
	json_object_begin(&json, "service");
	json_string(&json, "namespace", plan->namespace);
	json_string(&json, "name", plan->name);
	json_object_end(&json);
	json_uint(&json, "localEndpoints", plan->local_ready);
	json_bool(&json, "serviceProxyHealthy", serves);
	json_object_end(&json);
}

static bool takes(void *arg, const struct addr *local)
{
	const struct health_config *config = &((const struct port *)arg)->health->config;

	return config->serves_at(config->arg, local);
}

/* ---- ports --------------------------------------------------------------------------------- */

static int open_port(struct port *port)
{
	const struct server_handler handler = { .answer = answer, .takes = takes, .arg = port };
	_cleanup_(mem_closep) int fd = -1;
	int r = socket_tcp_any(port->plan.port, &fd);

	if (!r)
		r = server_listen(port->health->server, fd, &handler, &port->listener);
	if (!r)
		TAKE_FD(fd);
	return r;
}

static void report(struct health *health, const struct plan_health *plan, int r)
{
	_cleanup_(mem_freep) char *name = mem_printf("Service %s/%s", plan->namespace, plan->name);

	diag_add(&health->diags, DIAG_ERROR, NULL, 0, name, "spec.healthCheckNodePort",
		 "port %u of this node cannot be had: %s; load balancers that ask there learn "
		 "nothing of this node",
		 plan->port, strerror(-r));
	diag_mark(&health->diags, DIAG_PORT);
}

static void on_retry(void *arg);

/* Opens what is not open. */
static void open_ports(struct health *health)
{
	diag_fini(&health->diags);
	loop_timer_remove(TAKE_PTR(health->retry));
	for (size_t i = 0; i < health->n; i++) {
		int r = health->ports[i]->listener ? 0 : open_port(health->ports[i]);

		if (r < 0)
			report(health, &health->ports[i]->plan, r);
	}
	if (health->diags.n)
		health->retry = loop_timer_add(health->config.loop, RETRY_MS, 0, on_retry, health);
}

static void on_retry(void *arg)
{
	struct health *health = arg;
	size_t before = health->diags.n;

	open_ports(health);
	if (health->diags.n != before)
		health->config.changed(health->config.arg);
}

static void port_free(struct port *port)
{
	if (!port)
		return;
	server_unlisten(port->listener);
	free(port->plan.namespace);
	free(port->plan.name);
	free(port);
}

static int compare(const struct plan_health *a, const struct plan_health *b)
{
	int r = strcmp(a->namespace, b->namespace);

	return r ? r : strcmp(a->name, b->name);
}

static struct port *port_new(struct health *health, const struct plan_health *plan)
{
	struct port *port = mem_new(sizeof(*port));

	port->health = health;
	port->plan = *plan;
	port->plan.namespace = mem_strdup(plan->namespace);
	port->plan.name = mem_strdup(plan->name);
	return port;
}

/* The port that a row of the plan has already, taken out of the old ones, or a new one. */
static struct port *keep(struct health *health, struct port **old, size_t *at,
			 const struct plan_health *plan)
{
	struct port *port;

	while (*at < health->n && compare(&old[*at]->plan, plan) < 0)
		++*at;
	if (*at == health->n || compare(&old[*at]->plan, plan) || old[*at]->plan.port != plan->port)
		return port_new(health, plan);
	port = TAKE_PTR(old[*at]);
	++*at;
	port->plan.local_ready = plan->local_ready;
	return port;
}

/* Ports that are given up are free before others ask for them. */
void health_apply(struct health *health, const struct plan *plan)
{
	struct port **ports = mem_array(plan->n_healths, sizeof(struct port *));
	_cleanup_(mem_freep) struct port **old = TAKE_PTR(health->ports);
	size_t at = 0;

	for (size_t i = 0; i < plan->n_healths; i++)
		ports[i] = keep(health, old, &at, &plan->healths[i]);
	for (size_t i = 0; i < health->n; i++)
		port_free(old[i]);
	health->ports = ports;
	health->n = plan->n_healths;
	open_ports(health);
}

const struct diag_list *health_diags(const struct health *health)
{
	return &health->diags;
}

struct health *health_new(const struct health_config *config)
{
	struct health *health = mem_new(sizeof(*health));

	health->config = *config;
	health->server = server_new(config->loop);
	return health;
}

void health_free(struct health *health)
{
	if (!health)
		return;
	loop_timer_remove(health->retry);
	for (size_t i = 0; i < health->n; i++)
		port_free(health->ports[i]);
	free(health->ports);
	server_free(health->server);
	diag_fini(&health->diags);
	free(health);
}
