// SPDX-License-Identifier: Apache-2.0
/*
 * v1 Pod: which ports of its node it has, and whether its sockets are to be left alone. Of a
 * dump of thousands only what is used is kept. kind.c has the row.
 */
#include <string.h>

#include "base/mem.h"
#include "kube/field.h"
#include "kube/kind.h"

/* Not the API's limits but far beyond what it lets through. */
#define CONTAINERS_MAX 4096
#define PORTS_MAX      20000
#define IPS_MAX	       16
/* Of all containers; each is compared with those before it. */
#define HOST_PORTS_MAX 1024

/* ---- ports ---------------------------------------------------------------------------------- */

struct container {
	char *restart; /* restartPolicy, of an init container only */
	struct pod_port *ports;
	size_t n;
};

struct containers {
	struct container *items;
	size_t n;
};

/* The target is the port. The unspecified address says no more than its family. */
static void take_host_ip(struct decode *d, const struct decode_field *field,
			 struct json_object *value, void *target)
{
	const char *text = value ? field_text(d, value) : "";
	struct pod_port *port = target;
	struct addr addr;

	if (!text || !*text)
		return;
	if (!addr_parse(text, &addr)) {
		port->host_family = addr_family(&addr);
		if (addr_is_zero(&addr))
			return;
	}
	field_own_addr(d, field, value, &port->host_ip);
}

#define PORT(member) offsetof(struct pod_port, member)
static const struct decode_field port_fields[] = {
	{ .name = "protocol", .fn = field_enum, .offset = PORT(proto), .arg = field_protocols },
	{ .name = "containerPort",
	  .fn = field_port,
	  .offset = PORT(port),
	  .flags = DECODE_REQUIRED },
	{ .name = "hostPort", .fn = field_port_or_zero, .offset = PORT(host_port) },
	{ .name = "hostIP", .fn = take_host_ip },
	{ 0 },
};

#define CONTAINER(member) offsetof(struct container, member)
static const struct decode_array ports = {
	.size = sizeof(struct pod_port),
	.count_offset = (ptrdiff_t)(CONTAINER(n) - CONTAINER(ports)),
	.max = PORTS_MAX,
	.element = { .fn = decode_object, .arg = port_fields },
};

static const struct decode_field container_fields[] = {
	{ .name = "restartPolicy", .fn = field_string, .offset = CONTAINER(restart) },
	{ .name = "ports", .fn = decode_array, .offset = CONTAINER(ports), .arg = &ports },
	{ 0 },
};

static const struct decode_array containers = {
	.size = sizeof(struct container),
	.count_offset =
		(ptrdiff_t)(offsetof(struct containers, n) - offsetof(struct containers, items)),
	.max = CONTAINERS_MAX,
	.element = { .fn = decode_object, .arg = container_fields },
};

static size_t count_ports(const struct containers *from)
{
	size_t n = 0;

	for (size_t i = 0; i < from->n; i++)
		n += from->items[i].n;
	return n;
}

/* Moves the ports that the node knows of. Init containers are gone before a pod serves, but those
 * that always run. */
static void move_ports(struct pod *pod, const struct containers *from, const char *list, bool init)
{
	size_t n = count_ports(from);
	struct pod_port *all;

	if (!n)
		return;
	all = mem_array(pod->n_ports + n, sizeof(*all));
	if (pod->n_ports)
		memcpy(all, pod->ports, pod->n_ports * sizeof(*all));
	free(pod->ports);
	pod->ports = all;
	for (size_t i = 0; i < from->n; i++) {
		const struct container *container = &from->items[i];

		/* NULL after an error. */
		if (init && (!container->restart || strcmp(container->restart, "Always") != 0))
			continue;
		for (size_t j = 0; j < container->n; j++) {
			struct pod_port *port = &container->ports[j];

			if (!port->host_port)
				continue;
			port->field = mem_printf("spec.%s[%zu].ports[%zu]", list, i, j);
			pod->ports[pod->n_ports++] = *port;
		}
	}
}

static void take(struct decode *d, const struct decode_field *field, struct json_object *value,
		 struct pod *pod, bool init)
{
	const struct decode_field list = { .name = field->name, .arg = field->arg };
	struct containers found = { 0 };

	decode_array(d, &list, value, &found.items);
	move_ports(pod, &found, field->name, init);
	for (size_t i = 0; i < found.n; i++) {
		free(found.items[i].restart);
		free(found.items[i].ports);
	}
	free(found.items);
}

static void take_containers(struct decode *d, const struct decode_field *field,
			    struct json_object *value, void *target)
{
	take(d, field, value, target, false);
}

static void take_init_containers(struct decode *d, const struct decode_field *field,
				 struct json_object *value, void *target)
{
	take(d, field, value, target, true);
}

/* ---- everything else ------------------------------------------------------------------------ */

/* The target is the pod. Static pods have another UID where they run than in the API. */
static void take_config_hash(struct decode *d, const struct decode_field *field,
			     struct json_object *value, void *target)
{
	_cleanup_(mem_freep) char *hash = NULL;
	struct pod *pod = target;

	field_string(d, field, value, &hash);
	if (*hash) {
		mem_freep(&pod->uid);
		pod->uid = TAKE_PTR(hash);
	}
}

/* The target is the pod. The label goes before the annotation. */
static void take_annotation(struct decode *d, const struct decode_field *field,
			    struct json_object *value, void *target)
{
	_cleanup_(mem_freep) char *text = NULL;
	struct pod *pod = target;

	field_string(d, field, value, &text);
	if (*pod->socket_balancing)
		return;
	mem_freep(&pod->socket_balancing);
	pod->socket_balancing = TAKE_PTR(text);
}

#define POD(member) offsetof(struct pod, member)
static const struct decode_field label_fields[] = {
	{ .name = "naru.io/socket-balancing", .fn = field_string, .offset = POD(socket_balancing) },
	{ 0 },
};

static const struct decode_field annotation_fields[] = {
	{ .name = "naru.io/socket-balancing", .fn = take_annotation },
	{ .name = "kubernetes.io/config.hash", .fn = take_config_hash },
	{ 0 },
};

static const struct decode_field metadata_fields[] = {
	{ .name = "uid", .fn = field_string, .offset = POD(uid) },
	{ .name = "labels", .fn = decode_object, .arg = label_fields },
	{ .name = "annotations", .fn = decode_object, .arg = annotation_fields },
	{ 0 },
};

static const struct decode_field spec_fields[] = {
	{ .name = "nodeName", .fn = field_subdomain, .offset = POD(node) },
	{ .name = "hostNetwork", .fn = field_bool, .offset = POD(host_network) },
	{ .name = "containers", .fn = take_containers, .flags = DECODE_LIST, .arg = &containers },
	{ .name = "initContainers",
	  .fn = take_init_containers,
	  .flags = DECODE_LIST,
	  .arg = &containers },
	{ 0 },
};

static const struct decode_field ip_fields[] = {
	{ .name = "ip", .fn = field_endpoint_addr },
	{ 0 },
};

static const struct decode_array ips = {
	.size = sizeof(struct addr),
	.count_offset = (ptrdiff_t)(POD(n_ips) - POD(ips)),
	.max = IPS_MAX,
	.element = { .fn = decode_object, .arg = ip_fields },
};

static const struct field_word phases[] = {
	{ "Pending", false }, { "Running", false }, { "Succeeded", true },
	{ "Failed", true },   { "Unknown", false }, { NULL, 0 },
};

static const struct decode_field status_fields[] = {
	{ .name = "phase", .fn = field_flag, .offset = POD(finished), .arg = phases },
	{ .name = "podIPs", .fn = decode_array, .offset = POD(ips), .arg = &ips },
	{ 0 },
};

const struct decode_field decode_pod_fields[] = {
	{ .name = "metadata", .fn = decode_object, .arg = metadata_fields },
	{ .name = "spec", .fn = decode_object, .arg = spec_fields, .flags = DECODE_REQUIRED },
	{ .name = "status", .fn = decode_object, .arg = status_fields },
	{ 0 },
};

/* Entries without an address say nothing. */
void decode_pod_finish(struct decode *d, struct object *object)
{
	struct pod *pod = (struct pod *)object;
	size_t n = 0;

	if (pod->n_ports > HOST_PORTS_MAX)
		decode_error(d, "has %zu hostPorts, at most %d are allowed", pod->n_ports,
			     HOST_PORTS_MAX);
	for (size_t i = 0; i < pod->n_ips; i++)
		if (!addr_is_zero(&pod->ips[i]))
			pod->ips[n++] = pod->ips[i];
	pod->n_ips = n;
}
