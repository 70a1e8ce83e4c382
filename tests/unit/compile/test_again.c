// SPDX-License-Identifier: Apache-2.0
/*
 * Following changes gives the plan that compiling from the beginning gives, over long sequences of
 * random edits of everything that objects can say; and what a step leaves out is as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../model/service.h"
#include "base/mem.h"
#include "base/str.h"
#include "compile/again.h"
#include "kube/load.h"

#define SERVICES 8
#define SLICES	 14
#define EDITS	 3000

/* 10.50.0.0/16 */
static const struct cidr announced = { .addr = { { [10] = 0xff, [11] = 0xff, 10, 50 } }, 112 };

static const struct compile_config config = {
	.node_name = "alpha",
	.announce_cidrs = &announced,
	.n_announce_cidrs = 1,
	.l4 = true,
	.loopback_endpoints = true,
};

struct world {
	struct model *model;
	struct again *again;
	struct plan *plan;
	struct str before; /* the plan's text */
	unsigned seed;
	unsigned followed, begun;
};

/* ---- chance -------------------------------------------------------------------------------- */

static unsigned roll(struct world *w, unsigned n)
{
	return (unsigned)rand_r(&w->seed) % n;
}

static char *pick(struct world *w, const char *const *words, unsigned n)
{
	return mem_strdup(words[roll(w, n)]);
}
#define PICK(w, ...)                                                                               \
	pick(w, (const char *const[]){ __VA_ARGS__ },                                              \
	     ARRAY_SIZE(((const char *const[]){ __VA_ARGS__ })))

static struct addr address(struct world *w, int family, unsigned net)
{
	struct addr addr = { .byte = { [10] = 0xff, [11] = 0xff, 10, (uint8_t)net, 0, 1 } };

	addr.byte[15] = (uint8_t)(1 + roll(w, 24));
	if (family == 6)
		memcpy(addr.byte, (uint8_t[]){ 0xfd, 0, 0, (uint8_t)net, 0, 0, 0, 0, 0, 0, 0, 0 },
		       12);
	if (!roll(w, 40))
		memcpy(addr.byte + 12, (uint8_t[]){ 127, 0, 0, 1 }, 4);
	return addr;
}

static void name_object(struct object *object, char *namespace, char *name, int line)
{
	object->namespace = namespace;
	object->name = name;
	object->origin.file = mem_printf("%s.yaml", object_kind_name(object->kind));
	object->origin.line = line;
	object->origin.uid = mem_strdup("");
	object->origin.resource_version = mem_strdup("");
}

/* ---- objects ------------------------------------------------------------------------------- */

static void add_ports(struct world *w, struct service *service)
{
	unsigned n = 1 + roll(w, 3);

	service->ports = mem_array(n, sizeof(*service->ports));
	for (; service->n_ports < n; service->n_ports++)
		service->ports[service->n_ports] = (struct service_port){
			.name = n == 1 && roll(w, 2) ? mem_strdup("")
						     : PICK(w, "http", "dns", "80", "a/b"),
			.proto = roll(w, 3) ? L4_TCP : L4_UDP,
			.port = (uint16_t)(80 + roll(w, 3)),
			.node_port = (uint16_t)(roll(w, 3) ? 30000 + roll(w, 6) : 0),
		};
}

static void add_addresses(struct world *w, struct service *service)
{
	service->cluster_ips = mem_array(2, sizeof(*service->cluster_ips));
	if (roll(w, 6))
		service->cluster_ips[service->n_cluster_ips++] = address(w, 4, 96);
	if (roll(w, 3))
		service->cluster_ips[service->n_cluster_ips++] = address(w, 6, 96);
	if (service->type != SERVICE_LOAD_BALANCER || roll(w, 3) == 0)
		return;
	service->ingress = mem_array(1, sizeof(*service->ingress));
	service->ingress[service->n_ingress++].ip = address(w, roll(w, 2) ? 4 : 6, 50);
	service->source_ranges = mem_array(1, sizeof(*service->source_ranges));
	if (roll(w, 2))
		service->source_ranges[service->n_source_ranges++] =
			(struct cidr){ .addr = address(w, 4, 7), .len = 128 };
}

static void put_service(struct world *w)
{
	struct service *service = (struct service *)object_new(OBJECT_SERVICE);

	name_object(&service->object, PICK(w, "ns", "other"),
		    mem_printf("svc%u", roll(w, SERVICES)), (int)roll(w, 3));
	service_fill(&service->object);
	if (!roll(w, 4)) {
		free(service->distribution);
		service->distribution = PICK(w, "PreferClose", "Nonsense");
	}
	service->type = (enum service_type)roll(w, 3);
	service->headless = !roll(w, 10);
	service->foreign_proxy = !roll(w, 20);
	service->affinity_s = roll(w, 5) ? 0 : 10800;
	service->internal_policy = (enum traffic_policy) !roll(w, 4);
	service->external_policy = (enum traffic_policy) !roll(w, 2);
	service->health_check_port = (uint16_t)(roll(w, 2) ? 32000 + roll(w, 3) : 0);
	add_ports(w, service);
	if (!service->headless)
		add_addresses(w, service);
	model_put(w->model, &service->object);
}

static void add_hints(struct world *w, struct slice_endpoint *ep)
{
	if (!roll(w, 3)) {
		ep->zones = mem_array(1, sizeof(*ep->zones));
		ep->zones[ep->n_zones++] = PICK(w, "east", "west");
	}
	if (!roll(w, 5)) {
		ep->nodes = mem_array(1, sizeof(*ep->nodes));
		ep->nodes[ep->n_nodes++] = PICK(w, "alpha", "beta");
	}
}

static void add_endpoints(struct world *w, struct endpoint_slice *slice)
{
	unsigned n = roll(w, 40) ? roll(w, 5) : 1000;

	slice->endpoints = mem_array(n, sizeof(*slice->endpoints));
	for (; slice->n_endpoints < n; slice->n_endpoints++) {
		struct slice_endpoint *ep = &slice->endpoints[slice->n_endpoints];

		ep->addrs = mem_array(1, sizeof(*ep->addrs));
		ep->addrs[0] = address(w, slice->family, 244);
		ep->addrs[0].byte[14] = (uint8_t)(n > 5 ? slice->n_endpoints / 8 : 0);
		ep->n_addrs = roll(w, 30) != 0;
		ep->node = PICK(w, "alpha", "beta", "");
		ep->ready = roll(w, 3) != 0;
		ep->serving = ep->ready || roll(w, 2);
		ep->terminating = !ep->ready && roll(w, 2);
		add_hints(w, ep);
	}
}

static struct object *new_slice(struct world *w)
{
	struct endpoint_slice *slice = (struct endpoint_slice *)object_new(OBJECT_ENDPOINT_SLICE);
	static const int families[] = { 4, 4, 4, 6, 6, 0 };

	name_object(&slice->object, PICK(w, "ns", "ns", "other"),
		    mem_printf("slice%u", roll(w, SLICES)), (int)roll(w, 3));
	slice->service = roll(w, 12) ? mem_printf("svc%u", roll(w, SERVICES)) : mem_strdup("");
	slice->family = families[roll(w, ARRAY_SIZE(families))];
	slice->trigger_us = roll(w, 2);
	slice->ports = mem_array(2, sizeof(*slice->ports));
	for (; slice->n_ports < 1 + roll(w, 2); slice->n_ports++)
		slice->ports[slice->n_ports] = (struct slice_port){
			.name = PICK(w, "", "http", "dns", "80"),
			.proto = roll(w, 3) ? L4_TCP : L4_UDP,
			.port = (uint16_t)(roll(w, 20) ? 8080 + roll(w, 2) : 0),
		};
	if (slice->family)
		add_endpoints(w, slice);
	return &slice->object;
}

static void put_node(struct world *w)
{
	struct node *node = (struct node *)object_new(OBJECT_NODE);

	name_object(&node->object, mem_strdup(""), PICK(w, "alpha", "beta"), 1);
	node->zone = PICK(w, "", "east", "west");
	node->addrs = mem_array(1, sizeof(*node->addrs));
	node->addrs[node->n_addrs++] = (struct addr){ .byte = { [10] = 0xff, [11] = 0xff, 10 } };
	model_put(w->model, &node->object);
}

static void put_pod(struct world *w)
{
	struct pod *pod = (struct pod *)object_new(OBJECT_POD);

	name_object(&pod->object, mem_strdup("ns"), mem_printf("pod%u", roll(w, 4)),
		    (int)roll(w, 2));
	pod->uid = PICK(w, "", "1", "2");
	pod->node = PICK(w, "alpha", "alpha", "beta", "");
	pod->finished = !roll(w, 4);
	pod->host_network = !roll(w, 6);
	pod->socket_balancing = PICK(w, "", "", "", "disabled", "maybe");
	pod->ips = mem_array(1, sizeof(*pod->ips));
	pod->ips[pod->n_ips++] = address(w, 4, 244);
	if (!roll(w, 3)) {
		pod->ports = mem_array(1, sizeof(*pod->ports));
		pod->ports[pod->n_ports++] = (struct pod_port){
			.field = mem_strdup("spec.containers[0].ports[0]"),
			.proto = L4_TCP,
			.port = 80,
			.host_port = (uint16_t)(30000 + roll(w, 6)),
		};
	}
	model_put(w->model, &pod->object);
}

/* ---- layer 7 ------------------------------------------------------------------------------- */

static void put_text(struct world *w, const char *text)
{
	struct load load;

	load_text(LOAD_YAML, "gateways.yaml", text, strlen(text), &load);
	assert_int_equal(load.diags.n, 0);
	for (size_t i = 0; i < load.n; i++)
		model_put(w->model, object_ref(load.objects[i]));
	load_fini(&load);
}

static void put_gateway(struct world *w)
{
	put_text(w, "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n"
		    "metadata: {name: naru}\nspec: {controllerName: naru.io/gateway}\n"
		    "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
		    "metadata: {name: edge, namespace: ns}\n"
		    "spec:\n  gatewayClassName: naru\n"
		    "  addresses: [{type: IPAddress, value: 10.50.0.9}]\n"
		    "  listeners: [{name: web, port: 8000, protocol: HTTP}]\n");
}

static void put_route(struct world *w)
{
	_cleanup_(mem_freep) char *text =
		mem_printf("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
			   "metadata: {name: route%u, namespace: ns}\n"
			   "spec:\n  parentRefs: [{name: edge}%s]\n"
			   "  rules:\n  - backendRefs: [{name: svc%u, port: %u}]\n"
			   "  - matches: [{path: {value: /b}}]\n"
			   "    backendRefs: [{name: svc%u, port: %u}]\n",
			   roll(w, 3), roll(w, 3) ? "" : ", {group: '', kind: Service, name: svc2}",
			   roll(w, SERVICES), 80 + roll(w, 3), roll(w, SERVICES), 80 + roll(w, 3));

	put_text(w, text);
}

/* ---- edits --------------------------------------------------------------------------------- */

static void remove_some(struct world *w, enum object_kind kind)
{
	const struct object *const *objects;
	size_t n = model_list(w->model, kind, &objects);
	_cleanup_(mem_freep) char *namespace = NULL, *name = NULL;
	unsigned i;

	if (!n)
		return;
	i = roll(w, (unsigned)n);
	namespace = mem_strdup(objects[i]->namespace);
	name = mem_strdup(objects[i]->name);
	assert_true(model_remove(w->model, kind, namespace, name));
}

/* The same object, or one that says the same, again: nothing of a plan may point at the former. */
static void put_same(struct world *w, enum object_kind kind)
{
	const struct object *const *objects;
	size_t n = model_list(w->model, kind, &objects);

	if (n)
		model_put(w->model, object_ref((struct object *)objects[roll(w, (unsigned)n)]));
}

static void edit_rarely(struct world *w)
{
	switch (roll(w, 8)) {
	case 0:
	case 1:
		put_service(w);
		break;
	case 2:
		remove_some(w, OBJECT_SERVICE);
		break;
	case 3:
		put_node(w);
		break;
	case 4:
		put_gateway(w);
		break;
	case 5:
		put_route(w);
		break;
	case 6:
		remove_some(w, roll(w, 2) ? OBJECT_HTTP_ROUTE : OBJECT_GATEWAY);
		break;
	default:
		put_same(w, OBJECT_NODE);
		break;
	}
}

static void edit(struct world *w)
{
	switch (roll(w, 12)) {
	case 0:
		edit_rarely(w);
		break;
	case 1:
		put_pod(w);
		break;
	case 2:
		remove_some(w, roll(w, 2) ? OBJECT_POD : OBJECT_ENDPOINT_SLICE);
		break;
	case 3:
		put_same(w, roll(w, 2) ? OBJECT_ENDPOINT_SLICE : OBJECT_SERVICE);
		break;
	default:
		model_put(w->model, new_slice(w));
		break;
	}
}

/* ---- comparing ----------------------------------------------------------------------------- */

static void print(const struct plan *plan, struct str *out)
{
	char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	plan_print(plan, file);
	fclose(file);
	out->len = 0;
	str_add(out, text, len);
	free(text);
	for (size_t i = 0; i < plan->diags.n; i++) {
		_cleanup_(mem_freep) char *line = diag_format(&plan->diags.items[i]);

		str_addf(out, "%s\n", line);
	}
}

/* Of what is behind a service in the text, the next one begins so. */
static const char *next_service(const char *text)
{
	static const char head[] = "\nservice ";
	const char *at = strstr(text, head);

	return at ? at + sizeof(head) - 1 : text + strlen(text);
}

static bool is_in_step(const struct plan *plan, size_t i)
{
	for (size_t j = 0; j < plan->step.n_services; j++)
		if (plan->step.services[j] == i)
			return true;
	return false;
}

/* What the step does not name has the same text as before. */
static void check_step(const struct plan *plan, const char *before, const char *now)
{
	before = next_service(before);
	now = next_service(now);
	for (size_t i = 0; i < plan->n_services; i++) {
		const char *end_before = next_service(before), *end_now = next_service(now);

		/* Behind the last one is everything else. */
		if (!is_in_step(plan, i) && i + 1 < plan->n_services) {
			assert_int_equal(end_before - before, end_now - now);
			assert_memory_equal(before, now, (size_t)(end_now - now));
		}
		before = end_before;
		now = end_now;
	}
}

static void l7_text(const struct plan *plan, struct str *out)
{
	char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	l7_print(&plan->l7, file);
	fclose(file);
	out->len = 0;
	str_add(out, text, len);
	free(text);
}

static void check_l7(const struct plan *plan, const struct str *before)
{
	struct str now = { 0 };

	l7_text(plan, &now);
	if (!plan->step.l7)
		assert_string_equal(before->buf, now.buf);
	str_fini(&now);
}

static void check(struct world *w)
{
	struct plan *whole = compile(w->model, &config);
	struct str now = { 0 }, wanted = { 0 }, l7 = { 0 };

	if (w->plan)
		l7_text(w->plan, &l7);
	w->plan = again_compile(w->again, w->plan, w->model);
	print(whole, &wanted);
	print(w->plan, &now);
	assert_string_equal(now.buf, wanted.buf);
	assert_int_equal(w->plan->generation, whole->generation);
	if (w->plan->step.since) {
		w->followed++;
		check_step(w->plan, w->before.buf ? w->before.buf : "", now.buf);
		check_l7(w->plan, &l7);
	} else {
		w->begun++;
	}
	str_fini(&w->before);
	str_fini(&wanted);
	str_fini(&l7);
	w->before = now;
	plan_free(whole);
}

static void any_changes_give_the_same_plan(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 4; seed++) {
		struct world w = {
			.model = model_new(),
			.again = again_new(&config),
			.seed = seed,
		};

		put_node(&w);
		for (unsigned i = 0; i < EDITS; i++) {
			for (unsigned n = roll(&w, 8) ? 1 : roll(&w, 6); n; n--)
				edit(&w);
			check(&w);
		}
		assert_true(w.followed > EDITS / 2);
		assert_true(w.begun > EDITS / 20);
		plan_free(w.plan);
		again_free(w.again);
		model_free(w.model);
		str_fini(&w.before);
	}
}

/* More changes than the journal holds, and one more. */
static void too_many_changes_are_no_harm(void **state)
{
	struct world w = { .model = model_new(), .again = again_new(&config), .seed = 99 };

	(void)state;
	check(&w);
	for (unsigned i = 0; i < 3000; i++)
		model_put(w.model, new_slice(&w));
	check(&w);
	assert_int_equal(w.followed, 0);
	put_service(&w);
	check(&w);
	model_put(w.model, new_slice(&w));
	check(&w);
	plan_free(w.plan);
	again_free(w.again);
	model_free(w.model);
	str_fini(&w.before);
}

/* A slice of 1,000 endpoints like no other one's. */
static void put_crowd(struct world *w, unsigned number)
{
	struct endpoint_slice *slice = (struct endpoint_slice *)object_new(OBJECT_ENDPOINT_SLICE);

	name_object(&slice->object, mem_strdup("ns"), mem_printf("crowd%u", number), 1);
	slice->service = mem_strdup("svc0");
	slice->family = 4;
	slice->ports = mem_array(1, sizeof(*slice->ports));
	slice->ports[slice->n_ports++] =
		(struct slice_port){ .name = mem_strdup(""), .proto = L4_TCP, .port = 8080 };
	slice->endpoints = mem_array(1000, sizeof(*slice->endpoints));
	for (; slice->n_endpoints < 1000; slice->n_endpoints++) {
		struct slice_endpoint *ep = &slice->endpoints[slice->n_endpoints];

		ep->addrs = mem_array(1, sizeof(*ep->addrs));
		ep->addrs[ep->n_addrs++] = (struct addr){
			.byte = { [10] = 0xff,
				  [11] = 0xff,
				  10,
				  (uint8_t)(100 + number),
				  (uint8_t)(slice->n_endpoints / 250),
				  (uint8_t)(slice->n_endpoints % 250) },
		};
		ep->node = mem_strdup("beta");
		ep->ready = ep->serving = true;
	}
	model_put(w->model, &slice->object);
}

/* What is said of a Service as a whole comes and goes with its slices, too. */
static void too_many_endpoints_are_told_of(void **state)
{
	struct world w = { .model = model_new(), .again = again_new(&config), .seed = 7 };
	struct service *service = (struct service *)object_new(OBJECT_SERVICE);

	(void)state;
	name_object(&service->object, mem_strdup("ns"), mem_strdup("svc0"), 1);
	service_fill(&service->object);
	service->cluster_ips = mem_array(1, sizeof(*service->cluster_ips));
	service->cluster_ips[service->n_cluster_ips++] = address(&w, 4, 96);
	service->ports = mem_array(1, sizeof(*service->ports));
	service->ports[service->n_ports++] =
		(struct service_port){ .name = mem_strdup(""), .proto = L4_TCP, .port = 80 };
	model_put(w.model, &service->object);
	check(&w);
	for (unsigned i = 0; i < 6; i++) {
		put_crowd(&w, i);
		check(&w);
	}
	assert_non_null(strstr(w.before.buf, "6000 endpoints"));
	for (unsigned i = 0; i < 6; i++) {
		_cleanup_(mem_freep) char *name = mem_printf("crowd%u", i);

		model_remove(w.model, OBJECT_ENDPOINT_SLICE, "ns", name);
		check(&w);
	}
	assert_int_equal(w.followed, 12);
	plan_free(w.plan);
	again_free(w.again);
	model_free(w.model);
	str_fini(&w.before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_changes_give_the_same_plan),
		cmocka_unit_test(too_many_changes_are_no_harm),
		cmocka_unit_test(too_many_endpoints_are_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
