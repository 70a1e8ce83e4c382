/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What golden tests of layer 7 cannot hold: many routes, equal plans from any order of input, one
 * announcer for each address, and that what was compiled is a snapshot that can be read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../model/service.h"

#include "base/mem.h"
#include "compile/compile.h"
#include "model/gateway.h"
#include "plan/snapshot.h"

static const struct compile_config alpha = { .node_name = "alpha", .l4 = true };

/* ---- objects ------------------------------------------------------------------------------- */

static void *make(enum object_kind kind, const char *namespace, const char *name)
{
	struct object *object = object_new(kind);

	object->namespace = mem_strdup(namespace);
	object->name = mem_strdup(name);
	object->origin.file = mem_strdup("test.yaml");
	return object;
}

static struct object_reference refer(const char *group, const char *kind, const char *name,
				     uint16_t port)
{
	return (struct object_reference){
		.group = mem_strdup(group),
		.kind = mem_strdup(kind),
		.namespace = mem_strdup(""),
		.name = mem_strdup(name),
		.section = mem_strdup(""),
		.port = port,
	};
}

static void put_class(struct model *model)
{
	struct gateway_class *class = make(OBJECT_GATEWAY_CLASS, "", "naru");

	class->controller = mem_strdup("naru.io/gateway");
	model_put(model, &class->object);
}

/* A Gateway with one HTTP listener at the address, or everywhere. */
static void put_gateway(struct model *model, const char *name, const char *address)
{
	struct gateway *gateway = make(OBJECT_GATEWAY, "ns", name);

	gateway->class_name = mem_strdup("naru");
	gateway->listeners = mem_array(1, sizeof(*gateway->listeners));
	gateway->n_listeners = 1;
	gateway->listeners[0] = (struct gateway_listener){
		.name = mem_strdup("http"),
		.hostname = mem_strdup(""),
		.port = 80,
		.protocol_text = mem_strdup("HTTP"),
	};
	if (address) {
		gateway->addresses = mem_array(1, sizeof(*gateway->addresses));
		gateway->n_addresses = 1;
		gateway->addresses[0].text = mem_strdup(address);
		assert_int_equal(addr_parse(address, &gateway->addresses[0].addr), 0);
	}
	model_put(model, &gateway->object);
}

static void put_service(struct model *model, const char *name, uint32_t host)
{
	struct service *service = make(OBJECT_SERVICE, "ns", name);
	struct addr addr = { .byte = { [10] = 0xff, [11] = 0xff, [12] = 10, [13] = 96 } };

	addr.byte[14] = (uint8_t)(host >> 8);
	addr.byte[15] = (uint8_t)host;
	service_fill(&service->object);
	service->cluster_ips = mem_array(1, sizeof(addr));
	service->cluster_ips[service->n_cluster_ips++] = addr;
	service->ports = mem_array(1, sizeof(*service->ports));
	service->ports[service->n_ports++] =
		(struct service_port){ .name = mem_strdup(""), .proto = L4_TCP, .port = 80 };
	model_put(model, &service->object);
}

/* A route of one host and one prefix to a Service. */
static struct http_route *put_route(struct model *model, const char *name, const char *host,
				    const char *path, const char *service)
{
	struct http_route *route = make(OBJECT_HTTP_ROUTE, "ns", name);
	struct route_rule *rule = mem_new(sizeof(*rule));

	route->parents = mem_new(sizeof(*route->parents));
	route->parents[route->n_parents++] =
		refer("gateway.networking.k8s.io", "Gateway", "edge", 0);
	route->hostnames = mem_new(sizeof(char *));
	route->hostnames[route->n_hostnames++] = mem_strdup(host);
	route->rules = rule;
	route->n_rules = 1;
	rule->name = mem_strdup("");
	rule->matches = mem_new(sizeof(*rule->matches));
	rule->matches[rule->n_matches++] = (struct route_match){
		.path_type = MATCH_PREFIX,
		.path = mem_strdup(path),
		.method = mem_strdup(""),
	};
	rule->backends = mem_new(sizeof(*rule->backends));
	rule->backends[rule->n_backends++] =
		(struct route_backend){ .reference = refer("", "Service", service, 80),
					.weight = 1 };
	model_put(model, &route->object);
	return route;
}

static void put_node(struct model *model, const char *name)
{
	struct node *node = make(OBJECT_NODE, "", name);

	model_put(model, &node->object);
}

static char *text_of(const struct plan *plan)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	plan_print(plan, out);
	fclose(out);
	return text;
}

/* ---- tests --------------------------------------------------------------------------------- */

/* n routes over n / 10 hosts and as many Services. */
static struct model *many(size_t n, bool reversed)
{
	struct model *model = model_new();
	char name[32], host[32], path[32], service[32];

	put_class(model);
	put_gateway(model, "edge", "203.0.113.1");
	for (size_t i = 0; i < n; i++) {
		size_t k = reversed ? n - 1 - i : i;

		snprintf(name, sizeof(name), "r%zu", k);
		snprintf(host, sizeof(host), k % 3 ? "h%zu.example.com" : "*.h%zu.example.com",
			 k / 10);
		snprintf(path, sizeof(path), "/p%zu", k % 10);
		snprintf(service, sizeof(service), "s%zu", k / 10);
		if (k % 10 == 0)
			put_service(model, service, (uint32_t)k / 10 + 1);
		put_route(model, name, host, path, service);
	}
	return model;
}

static void test_any_order(void **state)
{
	struct model *a = many(300, false), *b = many(300, true);
	struct plan *plan_a = compile(a, &alpha), *plan_b = compile(b, &alpha);
	_cleanup_(mem_freep) char *x = text_of(plan_a), *y = text_of(plan_b);

	(void)state;
	assert_string_equal(x, y);
	assert_int_equal(plan_a->l7.n_rules, 300);
	assert_int_equal(plan_a->l7.n_clusters, 30);
	assert_int_equal(diag_errors(&plan_a->diags), 0);
	plan_free(plan_a);
	plan_free(plan_b);
	model_free(a);
	model_free(b);
}

static void test_snapshot(void **state)
{
	struct model *model = many(50, false);
	struct plan *plan = compile(model, &alpha);
	_cleanup_(str_fini) struct str bytes = { 0 };
	struct plan_l7 back;

	(void)state;
	snapshot_encode(&plan->l7, &bytes);
	assert_int_equal(snapshot_decode(bytes.buf, bytes.len, &back), 0);
	assert_int_equal(back.n_rules, 50);
	l7_fini(&back);
	plan_free(plan);
	model_free(model);
}

/* The older route goes first, one of unknown age last; then the name decides. */
static void test_age(void **state)
{
	static const struct {
		const char *name;
		int64_t created;
	} rows[] = { { "d", 0 }, { "c", 7 }, { "b", 0 }, { "a", 9 } };
	static const char *const order[] = { "ns/c/0", "ns/a/0", "ns/b/0", "ns/d/0" };
	struct model *model = model_new();
	const struct plan_host *host;
	struct plan *plan;

	(void)state;
	put_class(model);
	put_gateway(model, "edge", NULL);
	put_service(model, "s", 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		put_route(model, rows[i].name, "h", "/", "s")->created = rows[i].created;
	plan = compile(model, &alpha);
	host = &plan->l7.listeners[0].hosts[0];
	assert_int_equal(host->n_matches, ARRAY_SIZE(order));
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		assert_string_equal(plan->l7.rules[plan->l7.matches[host->matches[i]].rule].name,
				    order[i]);
	plan_free(plan);
	model_free(model);
}

static void put_balancer(struct model *model, const char *name, const char *address)
{
	struct service *service = make(OBJECT_SERVICE, "ns", name);

	service_fill(&service->object);
	service->type = SERVICE_LOAD_BALANCER;
	service->ports = mem_new(sizeof(*service->ports));
	service->ports[service->n_ports++] =
		(struct service_port){ .name = mem_strdup(""), .proto = L4_TCP, .port = 53 };
	service->cluster_ips = mem_new(sizeof(*service->cluster_ips));
	assert_int_equal(addr_parse("10.96.3.3", &service->cluster_ips[0]), 0);
	service->n_cluster_ips = 1;
	service->ingress = mem_new(sizeof(*service->ingress));
	assert_int_equal(addr_parse(address, &service->ingress[0].ip), 0);
	service->n_ingress = 1;
	model_put(model, &service->object);
}

/* An address that a Gateway shares with a Service is of use on a node without a proxy, too. */
static void test_shared_address(void **state)
{
	struct model *model = model_new();
	struct plan *plan;

	(void)state;
	put_class(model);
	put_gateway(model, "own", "203.0.113.1");
	put_gateway(model, "shared", "203.0.113.2");
	put_balancer(model, "dns", "203.0.113.2");
	plan = compile(model, &alpha);
	assert_int_equal(plan->l7.n_vips, 2);
	assert_true(plan->l7.vips[0].proxied);
	assert_false(plan->l7.vips[1].proxied);
	plan_free(plan);
	model_free(model);
}

/* Of three nodes exactly one announces an address, and none has them all. */
static void test_one_announcer(void **state)
{
	static const char *const nodes[] = { "alpha", "beta", "gamma" };
	struct model *model = model_new();
	size_t by_node[ARRAY_SIZE(nodes)] = { 0 }, by_addr[60] = { 0 };
	char name[32], address[32];

	(void)state;
	put_class(model);
	for (size_t i = 0; i < ARRAY_SIZE(by_addr); i++) {
		snprintf(name, sizeof(name), "g%zu", i);
		snprintf(address, sizeof(address), i % 2 ? "203.0.113.%zu" : "2001:db8::%zu",
			 i + 1);
		put_gateway(model, name, address);
	}
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		put_node(model, nodes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		const struct compile_config config = { .node_name = nodes[i], .l4 = true };
		struct plan *plan = compile(model, &config);

		assert_int_equal(plan->l7.n_vips, ARRAY_SIZE(by_addr));
		for (size_t j = 0; j < plan->l7.n_vips; j++) {
			by_addr[j] += plan->l7.vips[j].announce;
			by_node[i] += plan->l7.vips[j].announce;
		}
		plan_free(plan);
	}
	for (size_t i = 0; i < ARRAY_SIZE(by_addr); i++)
		assert_int_equal(by_addr[i], 1);
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		assert_in_range(by_node[i], 8, 40);
	model_free(model);
}

static struct addr address_of(size_t n)
{
	return (struct addr){ .byte = { [10] = 0xff, 0xff, 203, 0, 113, (uint8_t)n } };
}

/* A status has 16 at most, and each once. */
static void test_addresses_of_a_status(void **state)
{
	const struct compile_config config = { .node_name = "alpha", .l4 = true };
	struct model *model = model_new();
	struct gateway *gateway;
	struct plan *plan;

	(void)state;
	put_class(model);
	put_gateway(model, "edge", NULL);
	gateway = (struct gateway *)model_get(model, OBJECT_GATEWAY, "ns", "edge");
	gateway->addresses = mem_array(16, sizeof(*gateway->addresses));
	for (; gateway->n_addresses < 16; gateway->n_addresses++)
		gateway->addresses[gateway->n_addresses] = (struct gateway_address){
			.text = mem_strdup(gateway->n_addresses ? "set" : ""),
			.addr = address_of(gateway->n_addresses),
		};
	gateway->managed = true;
	gateway->assigned = mem_array(3, sizeof(*gateway->assigned));
	for (; gateway->n_assigned < 3; gateway->n_assigned++)
		gateway->assigned[gateway->n_assigned].addr = address_of(15 + gateway->n_assigned);
	plan = compile(model, &config);
	assert_int_equal(plan->verdicts.n_gateways, 1);
	assert_int_equal(plan->verdicts.gateways[0].n_addresses, 16);
	for (size_t i = 0; i < 16; i++) {
		const struct addr addr = address_of(i + 1);

		assert_memory_equal(&plan->verdicts.gateways[0].addresses[i], &addr, sizeof(addr));
	}
	plan_free(plan);
	model_free(model);
}

/* A headless Service, and a slice with one endpoint at the address. */
static void put_headless(struct model *model, const char *name, const char *address)
{
	struct service *service = make(OBJECT_SERVICE, "ns", name);
	struct endpoint_slice *slice = make(OBJECT_ENDPOINT_SLICE, "ns", name);
	struct slice_endpoint *ep = mem_new(sizeof(*ep));

	service->headless = true;
	service->ports = mem_new(sizeof(*service->ports));
	service->ports[service->n_ports++] =
		(struct service_port){ .name = mem_strdup(""), .proto = L4_TCP, .port = 80 };
	model_put(model, &service->object);
	slice->service = mem_strdup(name);
	slice->ports = mem_new(sizeof(*slice->ports));
	slice->ports[slice->n_ports++] =
		(struct slice_port){ .name = mem_strdup(""), .proto = L4_TCP, .port = 8080 };
	*ep = (struct slice_endpoint){ .addrs = mem_new(sizeof(struct addr)),
				       .n_addrs = 1,
				       .node = mem_strdup(""),
				       .ready = true,
				       .serving = true };
	assert_int_equal(addr_parse(address, &ep->addrs[0]), 0);
	slice->family = addr_family(&ep->addrs[0]);
	slice->endpoints = ep;
	slice->n_endpoints = 1;
	model_put(model, &slice->object);
}

/* The proxy, and nobody else, sends to loopback; only if the source of objects may say so. */
static void test_loopback_endpoints(void **state)
{
	static const struct {
		const char *address;
		bool loopback;
		size_t n;
	} rows[] = {
		{ "127.0.0.1", true, 1 }, { "127.0.0.1", false, 0 },
		{ "127.9.9.9", true, 1 }, { "::1", true, 1 },
		{ "::1", false, 0 },	  { "10.244.0.1", false, 1 },
		{ "fd00::1", false, 1 },  { "169.254.169.254", true, 0 },
		{ "0.0.0.0", true, 0 },	  { "224.0.0.1", true, 0 },
		{ "fe80::1", true, 0 },	  { "::", true, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct compile_config config = {
			.node_name = "alpha",
			.l4 = true,
			.loopback_endpoints = rows[i].loopback,
		};
		struct model *model = model_new();
		struct plan *plan;

		put_class(model);
		put_gateway(model, "edge", "127.0.0.1");
		put_headless(model, "s", rows[i].address);
		put_route(model, "r", "h", "/", "s");
		plan = compile(model, &config);
		assert_int_equal(plan->n_services, 0);
		assert_int_equal(plan->l7.n_clusters, 1);
		assert_int_equal(plan->l7.clusters[0].endpoints.n, rows[i].n);
		assert_int_equal(diag_errors(&plan->diags), 1 - rows[i].n);
		plan_free(plan);
		model_free(model);
	}
}

static double milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Says what it costs: it grows with the number of routes and not with its square. */
static void test_scale(void **state)
{
	double spent[2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct model *model = many(i ? 5000 : 500, false);
		double start = milliseconds();
		struct plan *plan = compile(model, &alpha);

		spent[i] = milliseconds() - start;
		assert_int_equal(plan->l7.n_matches, i ? 5000 : 500);
		plan_free(plan);
		model_free(model);
	}
	print_message("500 routes: %.1f ms, 5000: %.1f ms\n", spent[0], spent[1]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_one_announcer),
		cmocka_unit_test(test_shared_address),
		cmocka_unit_test(test_addresses_of_a_status),
		cmocka_unit_test(test_loopback_endpoints),
		cmocka_unit_test(test_scale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
