// SPDX-License-Identifier: Apache-2.0
/*
 * The life and the text of layer 7's half of the plan. plan.c calls it. The text says each thing
 * once, by name instead of by index, one line a fact; "-" stands for nothing.
 */
#include "plan/l7.h"

#include <inttypes.h>
#include <string.h>

#include "plan/layout.h"
#include "plan/plan.h"

void l7_fini(struct plan_l7 *l7)
{
	layout_fini(layout_l7, l7);
	*l7 = (struct plan_l7){ 0 };
}

/* Room for a fingerprint in hexadecimal digits. */
#define FINGERPRINT_LEN 65

static const char *format_fingerprint(const uint8_t fingerprint[static 32],
				      char buf[static FINGERPRINT_LEN])
{
	for (size_t i = 0; i < 32; i++)
		snprintf(buf + 2 * i, 3, "%02x", fingerprint[i]);
	return buf;
}

static const char *or_any(const char *text)
{
	return *text ? text : "*";
}

/* ---- clusters ------------------------------------------------------------------------------ */

static void print_limit(const char *title, uint32_t limit, FILE *out)
{
	if (limit != UINT32_MAX)
		fprintf(out, "  at most %" PRIu32 " %s\n", limit, title);
}

static void print_breaker(const struct plan_breaker *breaker, FILE *out)
{
	print_limit("connections", breaker->connections, out);
	print_limit("pending requests", breaker->pending, out);
	print_limit("requests", breaker->requests, out);
	print_limit("retries", breaker->retries, out);
	print_limit("requests per connection", breaker->requests_per_connection, out);
}

static void print_outlier(const struct plan_outlier *outlier, FILE *out)
{
	if (!outlier->consecutive_5xx && !outlier->consecutive_gateway &&
	    !outlier->consecutive_local)
		return;
	fprintf(out, "  eject after 5xx=%" PRIu32 " gateway=%" PRIu32 " local=%" PRIu32 "%s\n",
		outlier->consecutive_5xx, outlier->consecutive_gateway, outlier->consecutive_local,
		outlier->split_local ? " split" : "");
	fprintf(out,
		"  eject for %" PRIu32 " ms to %" PRIu32 " ms, look every %" PRIu32
		" ms, at most %u %%\n",
		outlier->base_ejection_ms, outlier->max_ejection_ms, outlier->interval_ms,
		outlier->max_percent);
}

static void print_cluster(const struct plan_cluster *cluster, FILE *out)
{
	char text[PLAN_SOCKET_LEN];

	fprintf(out, "\ncluster %s\n", cluster->name);
	fprintf(out, "  connect within %" PRIu32 " ms, keep idle %" PRIu32 " ms\n",
		cluster->connect_timeout_ms, cluster->idle_timeout_ms);
	print_breaker(&cluster->breaker, out);
	print_outlier(&cluster->outlier, out);
	fprintf(out, "  endpoints: %zu\n", cluster->endpoints.n);
	for (size_t i = 0; i < cluster->endpoints.n; i++) {
		const struct plan_endpoint *ep = &cluster->endpoints.endpoints[i];

		fprintf(out, "    %s%s\n", plan_socket_format(&ep->addr, ep->port, text),
			ep->local ? " on this node" : "");
	}
}

/* ---- rules --------------------------------------------------------------------------------- */

static void print_path_change(enum plan_path_change change, const char *path, FILE *out)
{
	if (change == PLAN_PATH_FULL)
		fprintf(out, " path=%s", path);
	else if (change == PLAN_PATH_PREFIX)
		fprintf(out, " prefix=%s", path);
}

static void print_redirect(const struct plan_redirect *redirect, FILE *out)
{
	if (!redirect->status)
		return;
	fprintf(out, "  redirect %u", redirect->status);
	if (*redirect->scheme)
		fprintf(out, " scheme=%s", redirect->scheme);
	if (*redirect->host)
		fprintf(out, " host=%s", redirect->host);
	if (redirect->port)
		fprintf(out, " port=%u", redirect->port);
	print_path_change(redirect->path_change, redirect->path, out);
	fputc('\n', out);
}

static void print_rewrite(const struct plan_rewrite *rewrite, FILE *out)
{
	if (!*rewrite->host && rewrite->path_change == PLAN_PATH_KEEP)
		return;
	fprintf(out, "  rewrite");
	if (*rewrite->host)
		fprintf(out, " host=%s", rewrite->host);
	print_path_change(rewrite->path_change, rewrite->path, out);
	fputc('\n', out);
}

/* title: with the indentation. */
static void print_headers(const char *title, const struct plan_header_change *change, FILE *out)
{
	for (size_t i = 0; i < change->n_remove; i++)
		fprintf(out, "%s remove %s\n", title, change->remove[i]);
	for (size_t i = 0; i < change->set.n; i++)
		fprintf(out, "%s set %s: %s\n", title, change->set.items[i].name,
			change->set.items[i].value);
	for (size_t i = 0; i < change->add.n; i++)
		fprintf(out, "%s add %s: %s\n", title, change->add.items[i].name,
			change->add.items[i].value);
}

static void print_retry(const struct plan_retry *retry, FILE *out)
{
	if (!retry->attempts)
		return;
	fprintf(out, "  retry %" PRIu32 " times, backoff %" PRIu32 " ms, on failures",
		retry->attempts, retry->backoff_ms);
	for (size_t i = 0; i < retry->n_codes; i++)
		fprintf(out, " %u", retry->codes[i]);
	fputc('\n', out);
}

static void print_rule(const struct plan_l7 *l7, const struct plan_rule *rule, FILE *out)
{
	fprintf(out, "\nrule %s\n", rule->name);
	if (rule->answer)
		fprintf(out, "  answer %u\n", rule->answer);
	print_redirect(&rule->redirect, out);
	print_rewrite(&rule->rewrite, out);
	print_headers("  request", &rule->request_headers, out);
	print_headers("  response", &rule->response_headers, out);
	if (rule->request_timeout_ms)
		fprintf(out, "  request within %" PRIu32 " ms\n", rule->request_timeout_ms);
	if (rule->backend_timeout_ms)
		fprintf(out, "  each try within %" PRIu32 " ms\n", rule->backend_timeout_ms);
	print_retry(&rule->retry, out);
	for (size_t i = 0; i < rule->n_backends; i++) {
		const struct plan_backend *b = &rule->backends[i];

		fprintf(out, "  backend %s weight %" PRIu32 "\n",
			b->cluster == PLAN_NO_CLUSTER ? "-" : l7->clusters[b->cluster].name,
			b->weight);
		print_headers("    request", &b->request_headers, out);
		print_headers("    response", &b->response_headers, out);
	}
}

/* ---- listeners ----------------------------------------------------------------------------- */

static const char *const type_names[] = {
	[PLAN_EXACT] = "exact",
	[PLAN_PREFIX] = "prefix",
	[PLAN_REGEX] = "regex",
};

static void print_values(const char *title, const struct plan_value_match *values, size_t n,
			 FILE *out)
{
	for (size_t i = 0; i < n; i++)
		fprintf(out, " %s %s%s%s", title, values[i].name,
			values[i].type == PLAN_REGEX ? "~" : "=", values[i].value);
}

static void print_match(const struct plan_l7 *l7, const struct plan_match *match, FILE *out)
{
	fprintf(out, "    %s %s", type_names[match->path_type], match->path);
	if (*match->method)
		fprintf(out, " method %s", match->method);
	print_values("header", match->headers, match->n_headers, out);
	print_values("query", match->queries, match->n_queries, out);
	fprintf(out, " -> %s\n", l7->rules[match->rule].name);
}

static void print_listener(const struct plan_l7 *l7, const struct plan_listener *listener,
			   FILE *out)
{
	fprintf(out, "\nlistener %s %s host %s\n", listener->name, listener->tls ? "https" : "http",
		or_any(listener->hostname));
	for (size_t i = 0; i < listener->n_certs; i++)
		fprintf(out, "  cert %s\n", l7->certs[listener->certs[i]].name);
	for (size_t i = 0; i < listener->n_hosts; i++) {
		const struct plan_host *host = &listener->hosts[i];

		fprintf(out, "  host %s\n", or_any(host->name));
		for (size_t j = 0; j < host->n_matches; j++)
			print_match(l7, &l7->matches[host->matches[j]], out);
	}
}

/* ---- addresses ----------------------------------------------------------------------------- */

static void print_bind(const struct plan_l7 *l7, const struct plan_bind *bind, FILE *out)
{
	char text[PLAN_SOCKET_LEN];

	fprintf(out, "\nbind %s %s\n", plan_socket_format(&bind->addr, bind->port, text),
		bind->tls ? "https" : "http");
	for (size_t i = 0; i < bind->n_listeners; i++)
		fprintf(out, "  listener %s\n", l7->listeners[bind->listeners[i]].name);
}

static void print_vip(const struct plan_vip *vip, FILE *out)
{
	char text[ADDR_STR_LEN];

	fprintf(out, "vip %s%s%s\n", addr_format(&vip->addr, text),
		vip->announce ? " announced here" : "", vip->service ? " of a service" : "");
}

static void print_certs(const struct plan_l7 *l7, FILE *out)
{
	char text[FINGERPRINT_LEN];

	if (l7->n_certs)
		fputc('\n', out);
	for (size_t i = 0; i < l7->n_certs; i++)
		fprintf(out, "cert %s %s\n", l7->certs[i].name,
			format_fingerprint(l7->certs[i].fingerprint, text));
}

void l7_print(const struct plan_l7 *l7, FILE *out)
{
	if (l7->n_vips)
		fputc('\n', out);
	for (size_t i = 0; i < l7->n_vips; i++)
		print_vip(&l7->vips[i], out);
	for (size_t i = 0; i < l7->n_binds; i++)
		print_bind(l7, &l7->binds[i], out);
	for (size_t i = 0; i < l7->n_listeners; i++)
		print_listener(l7, &l7->listeners[i], out);
	for (size_t i = 0; i < l7->n_rules; i++)
		print_rule(l7, &l7->rules[i], out);
	for (size_t i = 0; i < l7->n_clusters; i++)
		print_cluster(&l7->clusters[i], out);
	print_certs(l7, out);
}
