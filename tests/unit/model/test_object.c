// SPDX-License-Identifier: Apache-2.0
/* Objects: owners, keys, and that each field counts in a comparison. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/object.h"

static struct object *make(enum object_kind kind)
{
	struct object *object = object_new(kind);

	object->namespace = mem_strdup("n");
	object->name = mem_strdup("o");
	return object;
}

static struct service *make_service(void)
{
	struct service *s = (struct service *)make(OBJECT_SERVICE);

	s->cluster_ips = mem_array(1, sizeof(*s->cluster_ips));
	s->n_cluster_ips = 1;
	s->ports = mem_array(1, sizeof(*s->ports));
	s->n_ports = 1;
	s->ports[0].name = mem_strdup("p");
	s->ingress = mem_array(1, sizeof(*s->ingress));
	s->n_ingress = 1;
	s->distribution = mem_strdup("d");
	s->external_ips = mem_array(1, sizeof(*s->external_ips));
	s->n_external_ips = 1;
	s->source_ranges = mem_array(1, sizeof(*s->source_ranges));
	s->n_source_ranges = 1;
	s->request.class_name = mem_strdup("c");
	s->request.pool = mem_strdup("p");
	s->request.ips = mem_strdup("i");
	s->request.sharing_key = mem_strdup("k");
	s->request.families = mem_array(1, 1);
	s->request.n_families = 1;
	s->request.labels = mem_array(1, sizeof(*s->request.labels));
	s->request.n_labels = 1;
	s->request.labels[0].key = mem_strdup("l");
	s->request.labels[0].value = mem_strdup("v");
	return s;
}

static void every_field_of_a_service_counts(void **state)
{
	struct service *a = make_service(), *b = make_service();

	(void)state;
	assert_true(object_equal(&a->object, &b->object));
#define DIFFERS(field, value)                                                                      \
	do {                                                                                       \
		__typeof__(b->field) before_ = b->field;                                           \
		b->field = value;                                                                  \
		assert_false(object_equal(&a->object, &b->object));                                \
		b->field = before_;                                                                \
		assert_true(object_equal(&a->object, &b->object));                                 \
	} while (0)
	DIFFERS(type, SERVICE_NODE_PORT);
	DIFFERS(headless, true);
	DIFFERS(foreign_proxy, true);
	DIFFERS(affinity_s, 1);
	DIFFERS(n_source_ranges, 0);
	DIFFERS(source_ranges[0].len, 1);
	DIFFERS(n_external_ips, 0);
	DIFFERS(external_ips[0].byte[15], 1);
	DIFFERS(distribution, (char[]){ "e" });
	DIFFERS(health_check_port, 31000);
	DIFFERS(internal_policy, POLICY_LOCAL);
	DIFFERS(external_policy, POLICY_LOCAL);
	DIFFERS(n_cluster_ips, 0);
	DIFFERS(cluster_ips[0].byte[15], 1);
	DIFFERS(n_ports, 0);
	DIFFERS(ports[0].name, (char[]){ "q" });
	DIFFERS(ports[0].proto, L4_UDP);
	DIFFERS(ports[0].port, 1);
	DIFFERS(ports[0].app_protocol, APP_WS);
	DIFFERS(ports[0].node_port, 1);
	DIFFERS(n_ingress, 0);
	DIFFERS(ingress[0].ip.byte[0], 1);
	DIFFERS(ingress[0].proxy, true);
	DIFFERS(ingress[0].given, true);
	DIFFERS(created, 1);
	DIFFERS(hostnames, true);
	DIFFERS(managed, true);
	DIFFERS(request.class_name, (char[]){ "d" });
	DIFFERS(request.pool, (char[]){ "d" });
	DIFFERS(request.ips, (char[]){ "d" });
	DIFFERS(request.sharing_key, (char[]){ "d" });
	DIFFERS(request.n_families, 0);
	DIFFERS(request.families[0], 6);
	DIFFERS(request.family_policy, FAMILIES_PREFER_DUAL);
	DIFFERS(request.n_labels, 0);
	DIFFERS(request.labels[0].key, (char[]){ "d" });
	DIFFERS(request.labels[0].value, (char[]){ "d" });
	b->object.origin.line = 9;
	assert_true(object_equal(&a->object, &b->object));
	object_free(&a->object);
	object_free(&b->object);
}

static struct endpoint_slice *make_slice(void)
{
	struct endpoint_slice *s = (struct endpoint_slice *)make(OBJECT_ENDPOINT_SLICE);

	s->service = mem_strdup("s");
	s->endpoints = mem_array(1, sizeof(*s->endpoints));
	s->n_endpoints = 1;
	s->endpoints[0].node = mem_strdup("x");
	s->endpoints[0].addrs = mem_array(1, sizeof(struct addr));
	s->endpoints[0].n_addrs = 1;
	s->endpoints[0].zones = mem_array(1, sizeof(char *));
	s->endpoints[0].n_zones = 1;
	s->endpoints[0].zones[0] = mem_strdup("z");
	s->endpoints[0].nodes = mem_array(1, sizeof(char *));
	s->endpoints[0].n_nodes = 1;
	s->endpoints[0].nodes[0] = mem_strdup("n");
	s->ports = mem_array(1, sizeof(*s->ports));
	s->n_ports = 1;
	s->ports[0].name = mem_strdup("p");
	return s;
}

static void every_field_of_a_slice_counts(void **state)
{
	struct endpoint_slice *a = make_slice(), *b = make_slice();

	(void)state;
	assert_true(object_equal(&a->object, &b->object));
	DIFFERS(service, (char[]){ "t" });
	DIFFERS(family, 4);
	DIFFERS(trigger_us, 1);
	DIFFERS(n_endpoints, 0);
	DIFFERS(endpoints[0].n_addrs, 0);
	DIFFERS(endpoints[0].addrs[0].byte[3], 1);
	DIFFERS(endpoints[0].node, (char[]){ "y" });
	DIFFERS(endpoints[0].ready, true);
	DIFFERS(endpoints[0].serving, true);
	DIFFERS(endpoints[0].terminating, true);
	DIFFERS(endpoints[0].n_zones, 0);
	DIFFERS(endpoints[0].zones[0], (char[]){ "y" });
	DIFFERS(endpoints[0].n_nodes, 0);
	DIFFERS(endpoints[0].nodes[0], (char[]){ "m" });
	DIFFERS(n_ports, 0);
	DIFFERS(ports[0].name, (char[]){ "q" });
	DIFFERS(ports[0].proto, L4_UDP);
	DIFFERS(ports[0].port, 1);
	object_free(&a->object);
	object_free(&b->object);
}

static struct node *make_node(void)
{
	struct node *node = (struct node *)make(OBJECT_NODE);

	node->pod_cidrs = mem_array(1, sizeof(*node->pod_cidrs));
	node->n_pod_cidrs = 1;
	node->addrs = mem_array(1, sizeof(*node->addrs));
	node->n_addrs = 1;
	node->zone = mem_strdup("z");
	return node;
}

static void every_field_of_a_node_counts(void **state)
{
	struct node *a = make_node(), *b = make_node();

	(void)state;
	assert_true(object_equal(&a->object, &b->object));
	DIFFERS(n_pod_cidrs, 0);
	DIFFERS(pod_cidrs[0].len, 1);
	DIFFERS(pod_cidrs[0].addr.byte[0], 1);
	DIFFERS(n_addrs, 0);
	DIFFERS(addrs[0].byte[0], 1);
	DIFFERS(zone, (char[]){ "y" });
	DIFFERS(leaving, true);
	object_free(&a->object);
	object_free(&b->object);
}

static struct pod *make_pod(void)
{
	struct pod *pod = (struct pod *)make(OBJECT_POD);

	pod->uid = mem_strdup("u");
	pod->node = mem_strdup("n");
	pod->socket_balancing = mem_strdup("s");
	pod->ips = mem_array(1, sizeof(*pod->ips));
	pod->n_ips = 1;
	pod->ports = mem_array(1, sizeof(*pod->ports));
	pod->n_ports = 1;
	pod->ports[0].field = mem_strdup("f");
	return pod;
}

static void every_field_of_a_pod_counts(void **state)
{
	struct pod *a = make_pod(), *b = make_pod();

	(void)state;
	assert_true(object_equal(&a->object, &b->object));
	DIFFERS(uid, (char[]){ "v" });
	DIFFERS(node, (char[]){ "m" });
	DIFFERS(host_network, true);
	DIFFERS(finished, true);
	DIFFERS(socket_balancing, (char[]){ "t" });
	DIFFERS(n_ips, 0);
	DIFFERS(ips[0].byte[0], 1);
	DIFFERS(n_ports, 0);
	DIFFERS(ports[0].field, (char[]){ "g" });
	DIFFERS(ports[0].proto, L4_UDP);
	DIFFERS(ports[0].port, 1);
	DIFFERS(ports[0].host_port, 1);
	DIFFERS(ports[0].host_family, 4);
	DIFFERS(ports[0].host_ip.byte[0], 1);
	object_free(&a->object);
	object_free(&b->object);
}

static void keys_are_kind_namespace_and_name(void **state)
{
	struct object *a = make(OBJECT_NAMESPACE), *b = make(OBJECT_NAMESPACE);

	(void)state;
	assert_int_equal(object_compare_key(a, b), 0);
	assert_true(object_equal(a, b));
	b->name[0] = 'p';
	assert_true(object_compare_key(a, b) < 0);
	a->namespace[0] = 'z';
	assert_true(object_compare_key(a, b) > 0);
	a->kind = OBJECT_SERVICE;
	assert_true(object_compare_key(a, b) < 0);
	a->kind = OBJECT_NAMESPACE;
	assert_false(object_equal(a, b));
	assert_string_equal(object_kind_name(OBJECT_ENDPOINT_SLICE), "EndpointSlice");
	object_free(a);
	object_free(b);
}

/* Sanitizers see a double free or a leak. */
static void the_last_owner_frees(void **state)
{
	struct object *object = make(OBJECT_NODE);

	(void)state;
	assert_ptr_equal(object_ref(object), object);
	object_free(object);
	assert_string_equal(object->name, "o");
	object_free(object);
	object_free(NULL);
	object_free(object_new(OBJECT_SERVICE));
	object_free(object_new(OBJECT_ENDPOINT_SLICE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_a_service_counts),
		cmocka_unit_test(every_field_of_a_slice_counts),
		cmocka_unit_test(every_field_of_a_node_counts),
		cmocka_unit_test(every_field_of_a_pod_counts),
		cmocka_unit_test(keys_are_kind_namespace_and_name),
		cmocka_unit_test(the_last_owner_frees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
