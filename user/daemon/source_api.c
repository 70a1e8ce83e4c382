// SPDX-License-Identifier: Apache-2.0
/*
 * The API server as a source: by a kubeconfig, or as a pod of the cluster. Tenants write its
 * objects, so they may not lead anybody to what the node keeps for itself.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/apimetrics.h"
#include "daemon/options.h"
#include "daemon/source_body.h"
#include "kube/apiservers.h"
#include "kube/apisource.h"
#include "kube/client.h"
#include "kube/kubeconfig.h"
#include "plan/verdict.h"

/* All nodes start at once when a DaemonSet is made. */
#define SPREAD_MS 5000
/* What every API server's certificate has, other than the address of one of them. */
#define COMMON_NAME "kubernetes.default.svc"

struct state {
	const struct source_config *config;
	struct kubeconfig access;
	struct client *client;
	struct apiservers *servers;
	struct apisource *source;
};

/* ---- the way to the server ------------------------------------------------------------------ */

static const char *name_of(const struct options *options)
{
	return *options->kubeconfig ? options->kubeconfig : "in-cluster";
}

static int load(const struct options *options, struct kubeconfig *ret_access)
{
	_cleanup_(mem_freep) char *error = NULL;
	int r;

	if (*options->kubeconfig)
		r = kubeconfig_load(options->kubeconfig, NULL, ret_access, &error);
	else
		r = kubeconfig_in_cluster(KUBECONFIG_IN_CLUSTER, ret_access, &error);
	if (r < 0)
		log_error("%s: %s", *options->kubeconfig ? "--kubeconfig" : "access to the cluster",
			  error);
	if (r >= 0 && !*options->kubeconfig && options->api_servers.n) {
		free(ret_access->tls_name);
		ret_access->tls_name = mem_strdup(COMMON_NAME);
	}
	return r;
}

static int check(const struct options *options)
{
	struct kubeconfig access = { 0 };
	int r = load(options, &access);

	kubeconfig_fini(&access);
	return r;
}

/* Besides the access itself: what libc and OpenSSL need to find a server by its name, and the
 * system's authorities. */
static void reads(const struct options *options, void (*fn)(void *arg, const char *path), void *arg)
{
	struct kubeconfig access = { 0 };
	/* When it cannot be loaded any more, the client says so. */
	int r = load(options, &access);
	const char *const files[] = {
		"/etc/resolv.conf",  "/lib",	     "/lib64",		"/usr",
		options->kubeconfig, access.ca_file, access.token_file, access.cert_file,
		access.key_file,
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (files[i] && *files[i])
			fn(arg, files[i]);
	if (!r)
		kubeconfig_fini(&access);
}

static int open_client(struct state *state)
{
	_cleanup_(mem_freep) char *error = NULL;
	_cleanup_(mem_freep) char *agent = mem_printf("narud/%s", options_version());
	struct client_config config = {
		.loop = state->config->loop,
		.access = &state->access,
		/* What people type may run the program that a kubeconfig file names. */
		.exec = state->config->options->check,
		.servers = (const char *const *)state->config->options->api_servers.items,
		.n_servers = state->config->options->api_servers.n,
		.learned_name = *state->config->options->kubeconfig ? NULL : COMMON_NAME,
		.agent = agent,
	};
	int r = load(state->config->options, &state->access);

	if (r < 0)
		return r;
	r = client_open(&config, &state->client, &error);
	if (r < 0)
		log_error("API server: %s", error);
	return r;
}

/* ---- the body ------------------------------------------------------------------------------- */

static void close_state(void *arg)
{
	struct state *state = arg;

	apisource_close(state->source);
	apiservers_free(state->servers);
	client_close(state->client);
	kubeconfig_fini(&state->access);
	free(state);
}

static bool is_synced(const void *arg)
{
	const struct state *state = arg;
	struct apisource_status status;

	apisource_status(state->source, &status);
	return status.synced && !status.stale;
}

static void on_changed(void *arg)
{
	struct state *state = arg;

	apiservers_look(state->servers, state->config->model, is_synced(state));
	state->config->changed(state->config->arg);
}

static void on_seen(void *arg, enum object_kind kind, const char *namespace, const char *name)
{
	struct state *state = arg;

	if (state->config->seen)
		state->config->seen(state->config->arg, kind, namespace, name);
}

static int open_state(const struct source_config *config, void **ret_state)
{
	const struct options *options = config->options;
	_cleanup_(mem_freep) char *beside = NULL;
	struct state *state = mem_new(sizeof(*state));
	struct apisource_config source = {
		.loop = config->loop,
		.model = config->model,
		.node_name = config->node_name,
		.controller = VERDICT_CONTROLLER,
		.state_file = *options->last_state ? options->last_state : NULL,
		.spread_ms = *options->kubeconfig ? 0 : SPREAD_MS,
		.changed = on_changed,
		.seen = on_seen,
		.arg = state,
	};
	int r;

	state->config = config;
	r = open_client(state);
	if (r < 0) {
		close_state(state);
		return r;
	}
	if (source.state_file)
		beside = mem_printf("%s.servers", source.state_file);
	state->servers = apiservers_new(state->client, beside);
	source.client = state->client;
	state->source = apisource_open(&source);
	*ret_state = state;
	return 0;
}

static bool is_ready(const void *arg)
{
	const struct state *state = arg;

	return apisource_is_ready(state->source);
}

static void hold_file(void *arg, bool held)
{
	const struct state *state = arg;

	apisource_hold_file(state->source, held);
	apiservers_hold(state->servers, held);
}

static uint64_t age_ms(const void *arg)
{
	const struct state *state = arg;
	struct apisource_status status;

	apisource_status(state->source, &status);
	return status.age_ms;
}

static const struct diag_list *diags(const void *arg)
{
	const struct state *state = arg;

	return apisource_diags(state->source);
}

static size_t skipped(const void *arg)
{
	(void)arg;
	return 0;
}

static void describe_server(const void *arg, struct source_server *ret_server)
{
	const struct state *state = arg;

	*ret_server = (struct source_server){
		.client = state->client,
		.objects = state->source,
		.namespace = state->access.namespace ? state->access.namespace : "",
	};
}

static void write_age(struct json *json, const char *name, uint64_t age_ms)
{
	if (age_ms != UINT64_MAX)
		json_uint(json, name, age_ms);
}

static void write_kind(struct json *json, const struct apisource_kind *kind)
{
	json_object_begin(json, NULL);
	json_string(json, "kind", kind->name);
	json_string(json, "version", kind->version ? kind->version : "");
	json_bool(json, "synced", kind->synced);
	write_age(json, "watch_age_ms", kind->watch_age_ms);
	write_age(json, "heard_age_ms", kind->heard_age_ms);
	json_object_begin(json, "rereads");
	for (int i = 0; i < REFLECTOR_REASON_MAX; i++)
		json_uint(json, reflector_reason_name((enum reflector_reason)i), kind->rereads[i]);
	json_object_end(json);
	json_object_end(json);
}

static void write_state(const void *arg, struct json *json)
{
	const struct state *state = arg;
	struct apisource_status status;

	apisource_status(state->source, &status);
	json_string(json, "api", name_of(state->config->options));
	json_string(json, "server", client_server(state->client));
	json_string(json, "connection", client_problem(state->client));
	json_bool(json, "synced", status.synced);
	json_bool(json, "stale", status.stale);
	json_uint(json, "age_ms", status.age_ms);
	json_array_begin(json, "kinds");
	for (size_t i = 0; i < RESOURCES_N; i++)
		if (status.kinds[i].name)
			write_kind(json, &status.kinds[i]);
	json_array_end(json);
}

static void add_metrics(const void *arg, struct str *out)
{
	const struct state *state = arg;
	struct apisource_status status;

	apisource_status(state->source, &status);
	apimetrics_write(out, &status);
}

const struct source_body source_api = {
	.check = check,
	.reads = reads,
	.server = describe_server,
	.open = open_state,
	.close = close_state,
	.is_ready = is_ready,
	.is_synced = is_synced,
	.hold_file = hold_file,
	.age_ms = age_ms,
	.diags = diags,
	.skipped = skipped,
	.write = write_state,
	.metrics = add_metrics,
};
