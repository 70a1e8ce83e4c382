// SPDX-License-Identifier: Apache-2.0
/*
 * v1 Service: the fields that naru uses, with the defaults of the API server, since hand-written
 * manifests leave them out. kind.c has the row.
 */
#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "kube/conditions.h"
#include "kube/duration.h"
#include "kube/field.h"
#include "kube/kind.h"
#include "kube/labels.h"

/* Not the API's limits but far beyond what it lets through. */
#define PORTS_MAX   1024
#define INGRESS_MAX 1024
#define IPS_MAX	    1024
#define RANGES_MAX  4096

/* The API's own. */
#define AFFINITY_DEFAULT_S 10800
#define AFFINITY_MAX_S	   86400

static const struct field_word types[] = {
	{ "ClusterIP", SERVICE_CLUSTER_IP },
	{ "NodePort", SERVICE_NODE_PORT },
	{ "LoadBalancer", SERVICE_LOAD_BALANCER },
	{ "ExternalName", SERVICE_EXTERNAL_NAME },
	{ NULL, 0 },
};

static const struct field_word policies[] = {
	{ "Cluster", POLICY_CLUSTER },
	{ "Local", POLICY_LOCAL },
	{ NULL, 0 },
};

static const struct field_word affinities[] = {
	{ "None", false },
	{ "ClientIP", true },
	{ NULL, 0 },
};

static const struct field_word ip_modes[] = {
	{ "VIP", false },
	{ "Proxy", true },
	{ NULL, 0 },
};

/* Whatever else stands there is no error: anybody may name protocols of their own. */
static void take_app_protocol(struct decode *d, const struct decode_field *field,
			      struct json_object *value, void *target)
{
	static const struct field_word words[] = {
		{ "kubernetes.io/h2c", APP_H2C },
		{ "kubernetes.io/ws", APP_WS },
		{ "kubernetes.io/wss", APP_WSS },
	};
	const char *text = value ? field_text(d, value) : NULL;
	enum app_protocol *protocol = target;

	(void)field;
	for (size_t i = 0; text && i < ARRAY_SIZE(words); i++)
		if (!strcmp(text, words[i].text))
			*protocol = (enum app_protocol)words[i].value;
}

#define PORT(member) offsetof(struct service_port, member)
static const struct decode_field port_fields[] = {
	{ .name = "name", .fn = field_label, .offset = PORT(name) },
	{ .name = "protocol", .fn = field_enum, .offset = PORT(proto), .arg = field_protocols },
	{ .name = "port", .fn = field_port, .offset = PORT(port), .flags = DECODE_REQUIRED },
	{ .name = "appProtocol", .fn = take_app_protocol, .offset = PORT(app_protocol) },
	{ .name = "nodePort", .fn = field_port_or_zero, .offset = PORT(node_port) },
	{ 0 },
};

#define INGRESS(member) offsetof(struct lb_ingress, member)
static const struct decode_field ingress_fields[] = {
	{ .name = "ip", .fn = field_addr, .offset = INGRESS(ip) },
	{ .name = "ipMode", .fn = field_flag, .offset = INGRESS(proxy), .arg = ip_modes },
	{ 0 },
};

#define SERVICE(member) offsetof(struct service, member)
static const struct decode_array ports = {
	.size = sizeof(struct service_port),
	.count_offset = (ptrdiff_t)(SERVICE(n_ports) - SERVICE(ports)),
	.max = PORTS_MAX,
	.element = { .fn = decode_object, .arg = port_fields },
};

static const struct decode_array ingress = {
	.size = sizeof(struct lb_ingress),
	.count_offset = (ptrdiff_t)(SERVICE(n_ingress) - SERVICE(ingress)),
	.max = INGRESS_MAX,
	.element = { .fn = decode_object, .arg = ingress_fields },
};

static const struct decode_array cluster_ips = {
	.size = sizeof(struct addr),
	.count_offset = (ptrdiff_t)(SERVICE(n_cluster_ips) - SERVICE(cluster_ips)),
	.max = 2,
	.element = { .fn = field_addr },
};

static const struct decode_array external_ips = {
	.size = sizeof(struct addr),
	.count_offset = (ptrdiff_t)(SERVICE(n_external_ips) - SERVICE(external_ips)),
	.max = IPS_MAX,
	.element = { .fn = field_addr },
};

/* The API server lets white space around a prefix pass, and means what is between. */
static void take_range(struct decode *d, const struct decode_field *field,
		       struct json_object *value, void *target)
{
	static const char blanks[] = " \t\n\v\f\r";
	const char *text = field_text(d, value);
	_cleanup_(mem_freep) char *trimmed = NULL;
	size_t len;

	(void)field;
	if (!text)
		return;
	text += strspn(text, blanks);
	for (len = strlen(text); len && strchr(blanks, text[len - 1]); len--)
		;
	trimmed = mem_printf("%.*s", (int)len, text);
	if (cidr_parse(trimmed, target))
		decode_expected(d, "an IP prefix such as 10.0.0.0/8", value);
}

/* A list of which one entry cannot be read makes the whole object wrong: nothing may open that it
 * was to close. */
static const struct decode_array source_ranges = {
	.size = sizeof(struct cidr),
	.count_offset = (ptrdiff_t)(SERVICE(n_source_ranges) - SERVICE(source_ranges)),
	.max = RANGES_MAX,
	.element = { .fn = take_range },
};

static const struct field_range affinity_range = { 1, AFFINITY_MAX_S };

static const struct decode_field client_ip_fields[] = {
	{ .name = "timeoutSeconds", .fn = field_number, .arg = &affinity_range },
	{ 0 },
};

static const struct decode_field affinity_fields[] = {
	{ .name = "clientIP", .fn = decode_object, .arg = client_ip_fields },
	{ 0 },
};

/* The target is the time-out. */
static void take_affinity(struct decode *d, const struct decode_field *field,
			  struct json_object *value, void *target)
{
	uint32_t *affinity_s = target;
	bool wanted = false;

	field_flag(d, field, value, &wanted);
	*affinity_s = wanted ? AFFINITY_DEFAULT_S : 0;
}

/* Behind the row before. Without affinity there is no time to set. */
static void take_affinity_config(struct decode *d, const struct decode_field *field,
				 struct json_object *value, void *target)
{
	uint32_t *affinity_s = target, ignored = 0;

	decode_object(d, field, value, *affinity_s ? affinity_s : &ignored);
}

static bool is_none(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) &&
	       !strcmp(json_object_get_string(value), "None");
}

/* A list of addresses, or of the one word None. The target is the whole service. */
static void take_cluster_ips(struct decode *d, const struct decode_field *field,
			     struct json_object *value, void *target)
{
	const struct decode_field list = { .name = field->name, .arg = &cluster_ips };
	struct service *service = target;

	if (json_object_is_type(value, json_type_array) && json_object_array_length(value) == 1 &&
	    is_none(json_object_array_get_idx(value, 0)))
		service->headless = true;
	else
		decode_array(d, &list, value, &service->cluster_ips);
}

/* The older field: an address, None, or "" when there is none yet. The list goes before it. */
static void take_cluster_ip(struct decode *d, const struct decode_field *field,
			    struct json_object *value, void *target)
{
	struct service *service = target;
	struct addr addr = { 0 };

	if (!value ||
	    (json_object_is_type(value, json_type_string) && !json_object_get_string_len(value)))
		return;
	if (is_none(value)) {
		service->headless = true;
		return;
	}
	field_addr(d, field, value, &addr);
	if (service->n_cluster_ips)
		return;
	service->cluster_ips = mem_new(sizeof(addr));
	service->cluster_ips[0] = addr;
	service->n_cluster_ips = 1;
}

static const struct decode_field label_fields[] = {
	{ .name = "service.kubernetes.io/service-proxy-name",
	  .fn = field_present,
	  .offset = SERVICE(foreign_proxy) },
	{ 0 },
};

/* ---- what is asked of address pools --------------------------------------------------------- */

#define FAMILIES_MAX 2

static const struct field_word families[] = {
	{ "IPv4", 4 },
	{ "IPv6", 6 },
	{ NULL, 0 },
};

static const struct field_word family_policies[] = {
	{ "SingleStack", FAMILIES_SINGLE },
	{ "PreferDualStack", FAMILIES_PREFER_DUAL },
	{ "RequireDualStack", FAMILIES_REQUIRE_DUAL },
	{ NULL, 0 },
};

static void take_family(struct decode *d, const struct decode_field *field,
			struct json_object *value, void *target)
{
	int family = 0;

	(void)field;
	field_enum(d, &(struct decode_field){ .arg = families }, value, &family);
	*(uint8_t *)target = (uint8_t)family;
}

#define REQUEST(member) (SERVICE(request) + offsetof(struct lb_request, member))
static const struct decode_array ip_families = {
	.size = sizeof(uint8_t),
	.count_offset = (ptrdiff_t)(REQUEST(n_families) - REQUEST(families)),
	.max = FAMILIES_MAX,
	.element = { .fn = take_family },
};

/* The older way to ask for an address: the annotation goes before it. The target is the service. */
static void take_lb_ip(struct decode *d, const struct decode_field *field,
		       struct json_object *value, void *target)
{
	struct service *service = target;
	_cleanup_(mem_freep) char *text = NULL;

	field_string(d, field, value, &text);
	if (!text || !*text || *service->request.ips)
		return;
	mem_freep(&service->request.ips);
	service->request.ips = TAKE_PTR(text);
}

static void take_conditions(struct decode *d, const struct decode_field *field,
			    struct json_object *value, void *target)
{
	bool *managed = target;

	(void)d;
	(void)field;
	*managed = conditions_find(value, OBJECT_ASSIGNED) != NULL;
}

static const struct decode_field annotation_fields[] = {
	{ .name = "naru.io/address-pool", .fn = field_string, .offset = REQUEST(pool) },
	{ .name = "naru.io/load-balancer-ips", .fn = field_string, .offset = REQUEST(ips) },
	{ .name = "naru.io/sharing-key", .fn = field_string, .offset = REQUEST(sharing_key) },
	{ 0 },
};

static const struct decode_field metadata_fields[] = {
	{ .name = "creationTimestamp", .fn = duration_timestamp, .offset = SERVICE(created) },
	{ .name = "labels", .fn = decode_object, .arg = label_fields },
	{ .name = "labels", .fn = labels_map, .offset = REQUEST(labels) },
	{ .name = "annotations", .fn = decode_object, .arg = annotation_fields },
	{ 0 },
};

static const struct decode_field spec_fields[] = {
	{ .name = "type", .fn = field_enum, .offset = SERVICE(type), .arg = types },
	{ .name = "clusterIPs", .fn = take_cluster_ips },
	{ .name = "clusterIP", .fn = take_cluster_ip },
	{ .name = "ports", .fn = decode_array, .offset = SERVICE(ports), .arg = &ports },
	{ .name = "sessionAffinity",
	  .fn = take_affinity,
	  .offset = SERVICE(affinity_s),
	  .arg = affinities },
	{ .name = "sessionAffinityConfig",
	  .fn = take_affinity_config,
	  .offset = SERVICE(affinity_s),
	  .arg = affinity_fields },
	{ .name = "internalTrafficPolicy",
	  .fn = field_enum,
	  .offset = SERVICE(internal_policy),
	  .arg = policies },
	{ .name = "externalTrafficPolicy",
	  .fn = field_enum,
	  .offset = SERVICE(external_policy),
	  .arg = policies },
	{ .name = "loadBalancerSourceRanges",
	  .fn = decode_array,
	  .offset = SERVICE(source_ranges),
	  .arg = &source_ranges },
	{ .name = "externalIPs",
	  .fn = decode_array,
	  .offset = SERVICE(external_ips),
	  .arg = &external_ips },
	{ .name = "trafficDistribution", .fn = field_string, .offset = SERVICE(distribution) },
	{ .name = "loadBalancerClass", .fn = field_string, .offset = REQUEST(class_name) },
	{ .name = "loadBalancerIP", .fn = take_lb_ip },
	{ .name = "ipFamilies",
	  .fn = decode_array,
	  .offset = REQUEST(families),
	  .arg = &ip_families },
	{ .name = "ipFamilyPolicy",
	  .fn = field_enum,
	  .offset = REQUEST(family_policy),
	  .arg = family_policies },
	{ .name = "healthCheckNodePort",
	  .fn = field_port_or_zero,
	  .offset = SERVICE(health_check_port) },
	{ 0 },
};

static const struct decode_field load_balancer_fields[] = {
	{ .name = "ingress", .fn = decode_array, .offset = SERVICE(ingress), .arg = &ingress },
	{ 0 },
};

static const struct decode_field status_fields[] = {
	{ .name = "loadBalancer", .fn = decode_object, .arg = load_balancer_fields },
	{ .name = "conditions", .fn = take_conditions, .offset = SERVICE(managed) },
	{ 0 },
};

const struct decode_field decode_service_fields[] = {
	{ .name = "metadata", .fn = decode_object, .arg = metadata_fields },
	{ .name = "spec", .fn = decode_object, .arg = spec_fields, .flags = DECODE_REQUIRED },
	{ .name = "status", .fn = decode_object, .arg = status_fields },
	{ 0 },
};

/* Only addresses of load balancers are asked for; the labels of all others would fill memory. */
static void drop_request(struct lb_request *request)
{
	for (size_t i = 0; i < request->n_labels; i++) {
		free(request->labels[i].key);
		free(request->labels[i].value);
	}
	free(request->labels);
	free(request->families);
	request->labels = NULL;
	request->families = NULL;
	request->n_labels = request->n_families = 0;
}

/* Entries that carry a host name only are of no use to packets. */
void decode_service_finish(struct decode *d, struct object *object)
{
	struct service *service = (struct service *)object;
	size_t n = 0;

	(void)d;
	for (size_t i = 0; i < service->n_ingress; i++) {
		if (!addr_is_zero(&service->ingress[i].ip))
			service->ingress[n++] = service->ingress[i];
	}
	service->hostnames = n < service->n_ingress;
	service->n_ingress = n;
	if (service->type != SERVICE_LOAD_BALANCER)
		drop_request(&service->request);
}
