/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only services for which something has been counted are listed, so that a cluster of ten thousand
 * idle ones costs no series. Labels come from names of objects, which the decoders have checked;
 * they are quoted all the same.
 */
#include "daemon/traffic.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/daemon.h"
#include "daemon/status.h"
#include "dataplane/dataplane.h"
#include "plan/plan.h"

/* ---- view ---- */

static void add_key(struct json *json, const char *service, uint8_t proto, uint8_t family)
{
	json_string(json, "service", service);
	json_string(json, "protocol", plan_proto_name(proto));
	json_uint(json, "family", family);
}

static void add_traffic(void *arg, const struct service_traffic *t)
{
	struct json *json = arg;

	json_object_begin(json, NULL);
	add_key(json, t->service, t->proto, t->family);
	json_uint(json, "packets_in", t->packets[0]);
	json_uint(json, "packets_out", t->packets[1]);
	json_uint(json, "bytes_in", t->bytes[0]);
	json_uint(json, "bytes_out", t->bytes[1]);
	json_uint(json, "flows", t->flows);
	json_object_end(json);
}

static void add_loss(void *arg, const struct service_loss *loss)
{
	struct json *json = arg;

	json_object_begin(json, NULL);
	add_key(json, loss->service, loss->proto, loss->family);
	json_string(json, "reason", status_counter_name(loss->reason));
	json_uint(json, "count", loss->count);
	json_object_end(json);
}

int traffic_write(const struct daemon *daemon, struct str *ret_body)
{
	struct json json = { .out = ret_body };
	int r = 0;

	json_object_begin(&json, NULL);
	json_uint(&json, "time_ms", clock_ms());
	json_array_begin(&json, "services");
	if (daemon->dataplane)
		r = dataplane_traffic(daemon->dataplane, add_traffic, &json);
	json_array_end(&json);
	json_array_begin(&json, "drops");
	if (!r && daemon->dataplane)
		r = dataplane_losses(daemon->dataplane, add_loss, &json);
	json_array_end(&json);
	json_object_end(&json);
	return r;
}

/* ---- metrics ---- */

struct metrics {
	struct str packets, bytes, flows, drops;
};

static void add_label(struct str *out, const char *name, const char *value, size_t len)
{
	str_addf(out, "%s=\"", name);
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '"' || value[i] == '\\')
			str_add(out, "\\", 1);
		str_add(out, value[i] == '\n' ? " " : &value[i], 1);
	}
	str_add(out, "\",", 2);
}

/* namespace/name:port; a hostPort's name has one more slash. */
static void add_labels(struct str *out, const char *service, uint8_t proto, uint8_t family)
{
	size_t space = strcspn(service, "/"), len = strlen(service);
	const char *name = service + space + (service[space] == '/');
	const char *colon = strrchr(name, ':'), *end = colon ? colon : service + len;

	add_label(out, "namespace", service, space);
	add_label(out, "service", name, (size_t)(end - name));
	add_label(out, "port", colon ? colon + 1 : "", colon ? strlen(colon + 1) : 0);
	str_addf(out, "protocol=\"%s\",ip_family=\"IPv%u\"", plan_proto_name(proto), family);
}

static void add_ways(struct str *out, const char *metric, const struct service_traffic *t,
		     const uint64_t values[2])
{
	static const char *const ways[] = { "in", "out" };

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		str_addf(out, "%s{", metric);
		add_labels(out, t->service, t->proto, t->family);
		str_addf(out, ",direction=\"%s\"} %llu\n", ways[i], (unsigned long long)values[i]);
	}
}

static void count_traffic(void *arg, const struct service_traffic *t)
{
	struct metrics *m = arg;

	add_ways(&m->packets, "naru_service_packets_total", t, t->packets);
	add_ways(&m->bytes, "naru_service_bytes_total", t, t->bytes);
	str_addf(&m->flows, "naru_service_flows_total{");
	add_labels(&m->flows, t->service, t->proto, t->family);
	str_addf(&m->flows, "} %llu\n", (unsigned long long)t->flows);
}

static void count_loss(void *arg, const struct service_loss *loss)
{
	struct metrics *m = arg;

	str_addf(&m->drops, "naru_service_drops_total{");
	add_labels(&m->drops, loss->service, loss->proto, loss->family);
	str_addf(&m->drops, ",reason=\"%s\"} %llu\n", status_counter_name(loss->reason),
		 (unsigned long long)loss->count);
}

static void add_metric(struct str *out, const char *name, const char *help, struct str *lines)
{
	str_addf(out, "# HELP %s %s\n# TYPE %s counter\n", name, help, name);
	if (lines->len)
		str_add(out, lines->buf, lines->len);
	str_fini(lines);
}

/* Once, not at each scrape, until it works again. */
static void complain(int r)
{
	static int told;

	if (r < 0 && r != told)
		log_warn("traffic of services cannot be read, metrics lack some of it: %s",
			 strerror(-r));
	told = r;
}

void traffic_metrics(const struct daemon *daemon, struct str *ret_body)
{
	struct metrics m = { .packets = { 0 } };
	int r;

	r = dataplane_traffic(daemon->dataplane, count_traffic, &m);
	if (!r)
		r = dataplane_losses(daemon->dataplane, count_loss, &m);
	complain(r);
	add_metric(ret_body, "naru_service_packets_total",
		   "packets of flows of the service, to its endpoints (in) and from them (out)",
		   &m.packets);
	add_metric(ret_body, "naru_service_bytes_total", "the same in bytes of network packets",
		   &m.bytes);
	add_metric(ret_body, "naru_service_flows_total", "flows and translated sockets that began",
		   &m.flows);
	add_metric(ret_body, "naru_service_drops_total",
		   "packets and socket operations of the service dropped or refused, by reason",
		   &m.drops);
}
