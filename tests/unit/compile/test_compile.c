/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What golden tests cannot hold: large sets, large clusters, equal plans from any order of input,
 * and objects that no decoder would let through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <naru/limits.h>

#include "../model/service.h"

#include "base/mem.h"
#include "compile/compile.h"

static const struct compile_config alpha = { .node_name = "alpha", .l4 = true };

static struct addr v4(uint32_t host)
{
	struct addr addr = { .byte = { [10] = 0xff, [11] = 0xff } };

	for (int i = 0; i < 4; i++)
		addr.byte[12 + i] = (uint8_t)(host >> (24 - 8 * i));
	return addr;
}

#define VIP(i) v4(0x0a600000u + 1 + (uint32_t)(i)) /* 10.96.0.1 and on */
#define POD(i) v4(0x0af40000u + 1 + (uint32_t)(i)) /* 10.244.0.1 and on */

static void assert_pod(const struct plan_endpoint *ep, size_t i)
{
	struct addr addr = POD(i);

	assert_int_equal(addr_compare(&ep->addr, &addr), 0);
}

static void name_object(struct object *object, const char *name)
{
	object->namespace = mem_strdup("ns");
	object->name = mem_strdup(name);
	object->origin.file = mem_strdup("test.yaml");
	object->origin.line = 7;
}

static struct service *put_service(struct model *model, const char *name, struct addr ip)
{
	struct service *service = (struct service *)object_new(OBJECT_SERVICE);

	name_object(&service->object, name);
	service_fill(&service->object);
	service->cluster_ips = mem_array(1, sizeof(struct addr));
	service->cluster_ips[service->n_cluster_ips++] = ip;
	service->ports = mem_array(1, sizeof(*service->ports));
	service->ports[service->n_ports++] =
		(struct service_port){ .name = mem_strdup("http"), .proto = L4_TCP, .port = 80 };
	model_put(model, &service->object);
	return service;
}

static struct endpoint_slice *put_slice(struct model *model, const char *service, const char *name,
					size_t first, size_t n)
{
	struct endpoint_slice *slice = (struct endpoint_slice *)object_new(OBJECT_ENDPOINT_SLICE);

	name_object(&slice->object, name);
	slice->service = mem_strdup(service);
	slice->family = 4;
	slice->ports = mem_array(1, sizeof(*slice->ports));
	slice->ports[slice->n_ports++] =
		(struct slice_port){ .name = mem_strdup("http"), .proto = L4_TCP, .port = 8080 };
	slice->endpoints = mem_array(n, sizeof(*slice->endpoints));
	for (; slice->n_endpoints < n; slice->n_endpoints++) {
		struct slice_endpoint *ep = &slice->endpoints[slice->n_endpoints];

		ep->addrs = mem_array(1, sizeof(struct addr));
		ep->addrs[ep->n_addrs++] = POD(first + slice->n_endpoints);
		ep->node = mem_strdup(slice->n_endpoints % 2 ? "beta" : "alpha");
		ep->ready = ep->serving = true;
	}
	model_put(model, &slice->object);
	return slice;
}

static bool has_diag(const struct plan *plan, const char *object, const char *reason)
{
	for (size_t i = 0; i < plan->diags.n; i++)
		if (!strcmp(plan->diags.items[i].object, object) &&
		    strstr(plan->diags.items[i].reason, reason))
			return true;
	return false;
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

static void test_too_many_endpoints(void **state)
{
	struct model *model = model_new();
	struct plan *plan;

	(void)state;
	put_service(model, "big", VIP(0))->internal_policy = POLICY_LOCAL;
	put_slice(model, "big", "big-2", 4000, 1000);
	put_slice(model, "big", "big-1", 0, 4000);
	plan = compile(model, &alpha);
	assert_int_equal(plan->services[0].cluster.n, NARU_SET_MAX);
	assert_int_equal(plan->services[0].local.n, 2500);
	assert_pod(&plan->services[0].cluster.endpoints[NARU_SET_MAX - 1], NARU_SET_MAX - 1);
	assert_true(has_diag(plan, "Service ns/big", "has 5000 endpoints in IPv4"));
	assert_int_equal(diag_errors(&plan->diags), 1);
	plan_free(plan);
	model_free(model);
}

/* As many as fit are no error. */
static void test_just_enough_endpoints(void **state)
{
	struct model *model = model_new();
	struct plan *plan;

	(void)state;
	put_service(model, "big", VIP(0));
	put_slice(model, "big", "big-1", 0, NARU_SET_MAX);
	plan = compile(model, &alpha);
	assert_int_equal(plan->services[0].cluster.n, NARU_SET_MAX);
	assert_int_equal(diag_errors(&plan->diags), 0);
	plan_free(plan);
	model_free(model);
}

static void test_first_address_only(void **state)
{
	struct model *model = model_new();
	struct endpoint_slice *slice;
	struct plan *plan;

	(void)state;
	put_service(model, "web", VIP(0));
	slice = put_slice(model, "web", "web-1", 0, 1);
	free(slice->endpoints[0].addrs);
	slice->endpoints[0].addrs = mem_array(2, sizeof(struct addr));
	slice->endpoints[0].addrs[0] = POD(5);
	slice->endpoints[0].addrs[1] = POD(6);
	slice->endpoints[0].n_addrs = 2;
	plan = compile(model, &alpha);
	assert_int_equal(plan->services[0].cluster.n, 1);
	assert_pod(&plan->services[0].cluster.endpoints[0], 5);
	plan_free(plan);
	model_free(model);
}

/*
 * Packets must not reach into the node, whatever the source of objects. The decoder refuses most of
 * these, all but loopback; a Service with a ClusterIP never has that, whatever the configuration.
 */
static void assert_special_addresses(bool loopback)
{
	const struct compile_config config = {
		.node_name = "alpha",
		.l4 = true,
		.loopback_endpoints = loopback,
	};
	static const uint32_t hosts[] = { 0x00000000, 0x7f000001, 0xa9fea9fe,
					  0xe0000001, 0xffffffff, 0x00000001 };
	static const uint8_t six[][16] = {
		{ 0 }, { [15] = 1 }, { 0xfe, 0x80, [15] = 1 }, { 0xff, 0x02, [15] = 1 }
	};
	struct model *model = model_new();
	struct plan *plan;
	char name[32];

	for (size_t i = 0; i < ARRAY_SIZE(hosts) + ARRAY_SIZE(six); i++) {
		struct addr addr = i < ARRAY_SIZE(hosts) ? v4(hosts[i]) : (struct addr){ 0 };
		struct endpoint_slice *slice;

		if (i >= ARRAY_SIZE(hosts))
			memcpy(addr.byte, six[i - ARRAY_SIZE(hosts)], 16);
		snprintf(name, sizeof(name), "s%zu", i);
		put_service(model, name, addr);
		slice = put_slice(model, "web", name, 0, 2);
		slice->family = addr_family(&addr);
		slice->endpoints[0].addrs[0] = addr;
	}
	put_service(model, "web", VIP(0));
	plan = compile(model, &config);
	assert_int_equal(plan->n_services, 1);
	assert_int_equal(plan->services[0].cluster.n, 1); /* the good one of each slice */
	assert_int_equal(diag_errors(&plan->diags), 2 * (ARRAY_SIZE(hosts) + ARRAY_SIZE(six)));
	assert_true(has_diag(plan, "Service ns/s1", "127.0.0.1 cannot be served"));
	assert_true(has_diag(plan, "EndpointSlice ns/s7", "::1 cannot be an endpoint"));
	plan_free(plan);
	model_free(model);
}

static void test_special_addresses(void **state)
{
	(void)state;
	assert_special_addresses(false);
	assert_special_addresses(true);
}

/* Names are what ids hang on: no two services of a plan may share one. */
static void test_ambiguous_names(void **state)
{
	static const char *const names[] = { "a:b", "a/b" };
	struct model *model = model_new();
	char longest[NARU_NAME_LEN];
	struct plan *plan;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		put_service(model, names[i], VIP(i));
	/* "ns/", ":" and five digits of a port leave room for a name of 182 characters. */
	memset(longest, 'x', sizeof(longest));
	longest[NARU_NAME_LEN - 9] = 0;
	put_service(model, longest, VIP(10));
	longest[NARU_NAME_LEN - 10] = 0;
	put_service(model, longest, VIP(11));
	plan = compile(model, &alpha);
	assert_int_equal(plan->n_services, 1);
	assert_int_equal(strlen(plan->services[0].name), NARU_NAME_LEN - 2);
	assert_int_equal(diag_errors(&plan->diags), 3);
	plan_free(plan);
	model_free(model);
}

static void test_any_order(void **state)
{
	struct model *a = model_new(), *b = model_new();
	_cleanup_(mem_freep) char *x = NULL, *y = NULL;
	struct plan *plan_a, *plan_b;
	char name[32], slice[32];

	(void)state;
	for (size_t i = 0; i < 50; i++) {
		for (size_t j = 0; j < 2; j++) {
			size_t k = j ? 49 - i : i;

			snprintf(name, sizeof(name), "s%zu", k);
			snprintf(slice, sizeof(slice), "slice%zu", j ? k : 49 - k);
			put_service(j ? b : a, name, VIP(k / 2)); /* each VIP is claimed twice */
			put_slice(j ? b : a, name, slice, k, 3);
		}
	}
	plan_a = compile(a, &alpha);
	plan_b = compile(b, &alpha);
	x = text_of(plan_a);
	y = text_of(plan_b);
	assert_string_equal(x, y);
	assert_int_equal(plan_a->n_services, 25);
	assert_true(diag_equal(&plan_a->diags, &plan_b->diags));
	plan_free(plan_a);
	plan_free(plan_b);
	model_free(a);
	model_free(b);
}

static double compile_ms(struct model *model, size_t n)
{
	struct timespec start, end;
	struct plan *plan;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	plan = compile(model, &alpha);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	assert_int_equal(plan->n_services, n);
	assert_int_equal(diag_errors(&plan->diags), 0);
	plan_free(plan);
	return (double)(end.tv_sec - start.tv_sec) * 1e3 +
	       (double)(end.tv_nsec - start.tv_nsec) / 1e6;
}

/*
 * 10 000 Services with 30 000 endpoints, and a tenth of that: ten times the work may take ten times
 * as long, not a hundred times. (Absolute: 100 ms is the goal; sanitizers take several times that.)
 */
static void test_scale(void **state)
{
	double ms[2] = { 1e9, 1e9 };
	static const size_t sizes[2] = { 1000, 10000 };
	char name[32];

	(void)state;
	for (size_t s = 0; s < 2; s++) {
		struct model *model = model_new();

		for (size_t i = 0; i < sizes[s]; i++) {
			snprintf(name, sizeof(name), "s%zu", i);
			put_service(model, name, VIP(i));
			put_slice(model, name, name, 3 * i, 3);
		}
		for (int round = 0; round < 3; round++) {
			double now = compile_ms(model, sizes[s]);

			ms[s] = now < ms[s] ? now : ms[s];
		}
		model_free(model);
	}
	print_message("1000 services: %.1f ms, 10000: %.1f ms\n", ms[0], ms[1]);
	assert_true(ms[1] < 30 * ms[0] + 20);
	assert_true(ms[1] < 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_too_many_endpoints),
		cmocka_unit_test(test_just_enough_endpoints),
		cmocka_unit_test(test_first_address_only),
		cmocka_unit_test(test_special_addresses),
		cmocka_unit_test(test_ambiguous_names),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_scale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
