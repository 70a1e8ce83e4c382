// SPDX-License-Identifier: Apache-2.0
/*
 * The byte form of reports. The proxy encodes, narud decodes and believes nothing: a proxy that was
 * taken over may say anything. Invariant: memory that decoding allocates is bounded by the bytes.
 */
#include "feed/report.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/mem.h"

/* Bytes of the smallest item, for bytes_get_count(). */
#define ENDPOINT_MIN 54
#define CLUSTER_MIN  40
#define RULE_MIN     64
#define LISTENER_MIN 20

/* ---- out ----------------------------------------------------------------------------------- */

static void put_endpoint(struct str *out, const struct report_endpoint *endpoint)
{
	bytes_put_data(out, &endpoint->addr, sizeof(endpoint->addr));
	bytes_put_u16(out, endpoint->port);
	bytes_put_u32(out, endpoint->connections);
	bytes_put_u32(out, endpoint->idle);
	bytes_put_u32(out, endpoint->requests);
	bytes_put_u32(out, endpoint->ejected_ms);
	bytes_put_u32(out, endpoint->ejections);
	bytes_put_u64(out, endpoint->ok);
	bytes_put_u64(out, endpoint->failed);
}

static void put_cluster(struct str *out, const struct report_cluster *cluster)
{
	bytes_put_text(out, cluster->name);
	bytes_put_u32(out, cluster->connections);
	bytes_put_u32(out, cluster->pending);
	bytes_put_u32(out, cluster->requests);
	bytes_put_u32(out, cluster->retries);
	bytes_put_u64(out, cluster->overflows);
	bytes_put_u64(out, cluster->retried);
	bytes_put_u32(out, (uint32_t)cluster->n_endpoints);
	for (size_t i = 0; i < cluster->n_endpoints; i++)
		put_endpoint(out, &cluster->endpoints[i]);
}

static void put_rule(struct str *out, const struct report_rule *rule)
{
	bytes_put_text(out, rule->name);
	bytes_put_u64(out, rule->requests);
	for (size_t i = 0; i < ARRAY_SIZE(rule->by_class); i++)
		bytes_put_u64(out, rule->by_class[i]);
	bytes_put_u32(out, (uint32_t)rule->n_backends);
	for (size_t i = 0; i < rule->n_backends; i++)
		bytes_put_u64(out, rule->backends[i]);
}

static void put_listener(struct str *out, const struct report_listener *listener)
{
	bytes_put_text(out, listener->name);
	bytes_put_u64(out, listener->requests);
	bytes_put_u64(out, listener->not_found);
}

void report_encode(const struct report *report, struct str *out)
{
	bytes_put_u64(out, report->generation);
	bytes_put_u8(out, report->draining);
	bytes_put_u32(out, report->threads);
	bytes_put_u32(out, report->connections);
	bytes_put_u64(out, report->accepted);
	bytes_put_u64(out, report->refused);
	bytes_put_u64(out, report->handshake_failures);
	bytes_put_u64(out, report->log_dropped);
	bytes_put_u32(out, (uint32_t)report->n_clusters);
	for (size_t i = 0; i < report->n_clusters; i++)
		put_cluster(out, &report->clusters[i]);
	bytes_put_u32(out, (uint32_t)report->n_rules);
	for (size_t i = 0; i < report->n_rules; i++)
		put_rule(out, &report->rules[i]);
	bytes_put_u32(out, (uint32_t)report->n_listeners);
	for (size_t i = 0; i < report->n_listeners; i++)
		put_listener(out, &report->listeners[i]);
	bytes_put_data(out, report->stalled, sizeof(report->stalled));
}

/* ---- in ------------------------------------------------------------------------------------ */

static void get_endpoint(struct bytes *in, struct report_endpoint *endpoint)
{
	bytes_get_data(in, &endpoint->addr, sizeof(endpoint->addr));
	endpoint->port = bytes_get_u16(in);
	endpoint->connections = bytes_get_u32(in);
	endpoint->idle = bytes_get_u32(in);
	endpoint->requests = bytes_get_u32(in);
	endpoint->ejected_ms = bytes_get_u32(in);
	endpoint->ejections = bytes_get_u32(in);
	endpoint->ok = bytes_get_u64(in);
	endpoint->failed = bytes_get_u64(in);
}

static void get_cluster(struct bytes *in, struct report_cluster *cluster)
{
	cluster->name = bytes_get_text(in);
	cluster->connections = bytes_get_u32(in);
	cluster->pending = bytes_get_u32(in);
	cluster->requests = bytes_get_u32(in);
	cluster->retries = bytes_get_u32(in);
	cluster->overflows = bytes_get_u64(in);
	cluster->retried = bytes_get_u64(in);
	cluster->n_endpoints = bytes_get_count(in, ENDPOINT_MIN);
	cluster->endpoints = mem_array(cluster->n_endpoints, sizeof(*cluster->endpoints));
	for (size_t i = 0; i < cluster->n_endpoints; i++)
		get_endpoint(in, &cluster->endpoints[i]);
}

static void get_rule(struct bytes *in, struct report_rule *rule)
{
	rule->name = bytes_get_text(in);
	rule->requests = bytes_get_u64(in);
	for (size_t i = 0; i < ARRAY_SIZE(rule->by_class); i++)
		rule->by_class[i] = bytes_get_u64(in);
	rule->n_backends = bytes_get_count(in, sizeof(*rule->backends));
	rule->backends = mem_array(rule->n_backends, sizeof(*rule->backends));
	for (size_t i = 0; i < rule->n_backends; i++)
		rule->backends[i] = bytes_get_u64(in);
}

static void get_listener(struct bytes *in, struct report_listener *listener)
{
	listener->name = bytes_get_text(in);
	listener->requests = bytes_get_u64(in);
	listener->not_found = bytes_get_u64(in);
}

static void get_report(struct bytes *in, struct report *report)
{
	report->generation = bytes_get_u64(in);
	report->draining = bytes_get_u8(in);
	report->threads = bytes_get_u32(in);
	report->connections = bytes_get_u32(in);
	report->accepted = bytes_get_u64(in);
	report->refused = bytes_get_u64(in);
	report->handshake_failures = bytes_get_u64(in);
	report->log_dropped = bytes_get_u64(in);
	report->n_clusters = bytes_get_count(in, CLUSTER_MIN);
	report->clusters = mem_array(report->n_clusters, sizeof(*report->clusters));
	for (size_t i = 0; i < report->n_clusters; i++)
		get_cluster(in, &report->clusters[i]);
	report->n_rules = bytes_get_count(in, RULE_MIN);
	report->rules = mem_array(report->n_rules, sizeof(*report->rules));
	for (size_t i = 0; i < report->n_rules; i++)
		get_rule(in, &report->rules[i]);
	report->n_listeners = bytes_get_count(in, LISTENER_MIN);
	report->listeners = mem_array(report->n_listeners, sizeof(*report->listeners));
	for (size_t i = 0; i < report->n_listeners; i++)
		get_listener(in, &report->listeners[i]);
	bytes_get_data(in, report->stalled, sizeof(report->stalled));
}

int report_decode(const void *data, size_t len, struct report *ret_report)
{
	struct bytes in = bytes_of(data, len);
	struct report report = { 0 };

	get_report(&in, &report);
	if (!bytes_end(&in)) {
		report_fini(&report);
		return -EBADMSG;
	}
	*ret_report = report;
	return 0;
}

void report_fini(struct report *report)
{
	for (size_t i = 0; i < report->n_clusters; i++) {
		free(report->clusters[i].name);
		free(report->clusters[i].endpoints);
	}
	for (size_t i = 0; i < report->n_rules; i++) {
		free(report->rules[i].name);
		free(report->rules[i].backends);
	}
	for (size_t i = 0; i < report->n_listeners; i++)
		free(report->listeners[i].name);
	free(report->clusters);
	free(report->rules);
	free(report->listeners);
	*report = (struct report){ 0 };
}
