/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan that is one step from what is in force: as much is written as differs, whatever the number
 * of services, and the maps are what the whole plan would have made of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../unit/model/service.h"
#include "base/mem.h"
#include "compile/again.h"
#include "dpworld.h"

#define SERVICES 12
#define EDITS	 150

static const struct compile_config config = { .node_name = "alpha", .l4 = true };

struct world {
	struct model *model;
	struct again *again;
	struct plan *plan;
	struct dataplane *dataplane;
	unsigned seed, steps;
};

static unsigned roll(struct world *w, unsigned n)
{
	return (unsigned)rand_r(&w->seed) % n;
}

static void name_object(struct object *object, char *name)
{
	object->namespace = mem_strdup("ns");
	object->name = name;
	object->origin.file = mem_strdup("f");
}

static struct addr pod(unsigned i, int family)
{
	struct addr addr = { .byte = { [10] = 0xff, [11] = 0xff, 10, 244, (uint8_t)(i / 250) } };

	addr.byte[15] = (uint8_t)(1 + i % 250);
	if (family == 6)
		memcpy(addr.byte, (uint8_t[]){ 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 12);
	return addr;
}

static void put_service(struct world *w, unsigned i)
{
	struct service *service = (struct service *)object_new(OBJECT_SERVICE);

	name_object(&service->object, mem_printf("svc%u", i));
	service_fill(&service->object);
	service->type = SERVICE_NODE_PORT;
	service->internal_policy = (enum traffic_policy) !roll(w, 5);
	service->cluster_ips = mem_array(2, sizeof(*service->cluster_ips));
	service->cluster_ips[service->n_cluster_ips++] = pod(0x9000 + i, 4);
	service->cluster_ips[service->n_cluster_ips++] = pod(0x9000 + i, 6);
	service->ports = mem_array(2, sizeof(*service->ports));
	for (; service->n_ports < 2; service->n_ports++)
		service->ports[service->n_ports] = (struct service_port){
			.name = mem_strdup(service->n_ports ? "dns" : "http"),
			.proto = service->n_ports ? L4_UDP : L4_TCP,
			.port = (uint16_t)(80 + service->n_ports),
			.node_port = (uint16_t)(30000 + 2 * i + service->n_ports),
		};
	model_put(w->model, &service->object);
}

static void put_slice(struct world *w, unsigned i, unsigned first, unsigned n, int family)
{
	struct endpoint_slice *slice = (struct endpoint_slice *)object_new(OBJECT_ENDPOINT_SLICE);

	name_object(&slice->object, mem_printf("svc%u-%d", i, family));
	slice->service = mem_printf("svc%u", i);
	slice->family = family;
	slice->ports = mem_array(2, sizeof(*slice->ports));
	for (; slice->n_ports < 2; slice->n_ports++)
		slice->ports[slice->n_ports] = (struct slice_port){
			.name = mem_strdup(slice->n_ports ? "dns" : "http"),
			.proto = slice->n_ports ? L4_UDP : L4_TCP,
			.port = 8080,
		};
	slice->endpoints = mem_array(n, sizeof(*slice->endpoints));
	for (; slice->n_endpoints < n; slice->n_endpoints++) {
		struct slice_endpoint *ep = &slice->endpoints[slice->n_endpoints];

		ep->addrs = mem_array(1, sizeof(*ep->addrs));
		ep->addrs[ep->n_addrs++] = pod(first + slice->n_endpoints, family);
		ep->node = mem_strdup((first + slice->n_endpoints) % 2 ? "alpha" : "beta");
		ep->ready = roll(w, 4) != 0;
		ep->serving = ep->terminating = !ep->ready;
	}
	model_put(w->model, &slice->object);
}

static uint64_t writes(struct dataplane *d)
{
	struct dataplane_status status;

	dataplane_status(d, &status);
	return status.writes;
}

static void differs(void *arg, const char *map, const char *service, const char *text)
{
	(void)arg;
	print_error("%s: %s: %s\n", map, service, text);
	fail();
}

static void apply(struct world *w)
{
	w->plan = again_compile(w->again, w->plan, w->model);
	w->steps += w->plan->step.since != 0;
	dpworld_apply(w->dataplane, w->plan);
}

/* The whole plan finds nothing to write. */
static void check(struct world *w)
{
	struct plan *whole = compile(w->model, &config);
	uint64_t before = writes(w->dataplane);

	assert_int_equal(dataplane_audit(w->dataplane, differs, NULL), 0);
	dpworld_apply(w->dataplane, whole);
	assert_int_equal(writes(w->dataplane) - before, 0);
	plan_free(whole);
}

static struct world open_world(void)
{
	struct node *node = (struct node *)object_new(OBJECT_NODE);
	struct world w = {
		.model = model_new(),
		.again = again_new(&config),
		.dataplane = dpworld_open(),
		.seed = 11,
	};

	name_object(&node->object, mem_strdup("alpha"));
	*node->object.namespace = '\0';
	node->zone = mem_strdup("");
	model_put(w.model, &node->object);
	return w;
}

static void close_world(struct world *w)
{
	plan_free(w->plan);
	again_free(w->again);
	model_free(w->model);
	dpworld_close(w->dataplane);
}

static void edit(struct world *w)
{
	unsigned i = roll(w, SERVICES);
	_cleanup_(mem_freep) char *name = mem_printf("svc%u", i);

	if (!roll(w, 15))
		put_service(w, i);
	else if (!roll(w, 30))
		model_remove(w->model, OBJECT_SERVICE, "ns", name);
	else
		put_slice(w, i, roll(w, 40), roll(w, 6), roll(w, 2) ? 4 : 6);
}

static void test_steps_make_the_whole(void **state)
{
	struct world w = open_world();

	(void)state;
	for (unsigned i = 0; i < EDITS; i++) {
		for (unsigned n = 1 + roll(&w, 3); n; n--)
			edit(&w);
		apply(&w);
		/* In between, steps stand on steps. */
		if (!roll(&w, 3))
			check(&w);
	}
	assert_true(w.steps > EDITS / 2);
	close_world(&w);
}

/* Writes for a service that gets another endpoint. */
static uint64_t cost(struct world *w)
{
	uint64_t before;

	put_slice(w, 0, 100, 2, 4);
	apply(w);
	before = writes(w->dataplane);
	put_slice(w, 0, 200, 2, 4);
	apply(w);
	assert_int_not_equal(w->plan->step.since, 0);
	return writes(w->dataplane) - before;
}

static void test_cost_of_a_step(void **state)
{
	struct world few = open_world(), many;
	uint64_t wanted;

	(void)state;
	put_service(&few, 0);
	apply(&few);
	few.seed = 1;
	wanted = cost(&few);
	assert_true(wanted > 0);
	close_world(&few);
	dpworld_clean(state);
	many = open_world();
	for (unsigned i = 0; i < 500; i++) {
		put_service(&many, i);
		put_slice(&many, i, 1000 + 4 * i, 3, 4);
	}
	apply(&many);
	many.seed = 1;
	assert_int_equal(cost(&many), wanted);
	assert_true(many.plan->step.n_services <= 2);
	close_world(&many);
}

static size_t fronts_of(const struct plan *plan)
{
	size_t n = plan->n_closed;

	for (size_t i = 0; i < plan->n_services; i++)
		n += plan->services[i].n_frontends;
	return n;
}

/* What could not be brought into force is not built upon. */
static void test_no_step_from_a_failure(void **state)
{
	struct world w = open_world();
	struct diag_list diags = {};
	struct plan_service *service;
	size_t n;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		put_service(&w, i);
		put_slice(&w, i, 10 * i, 2, 4);
	}
	w.plan = again_compile(w.again, w.plan, w.model);
	/* A service that does not fit, whatever the maps have. */
	service = &w.plan->services[0];
	n = service->cluster.n;
	service->cluster.n = NARU_SET_MAX + 1;
	assert_int_equal(dataplane_apply(w.dataplane, w.plan, &diags), 0);
	assert_int_equal(diags.n, 1);
	service->cluster.n = n;
	put_slice(&w, 2, 30, 1, 4);
	apply(&w);
	assert_int_not_equal(w.plan->step.since, 0);
	check(&w);
	diag_fini(&diags);
	close_world(&w);
}

/* Under other settings the same model gives another plan: that one is no step away from the next,
 * unless it is in force itself. */
static void test_no_step_from_another_plan(void **state)
{
	struct world w = open_world();

	(void)state;
	put_service(&w, 0);
	put_service(&w, 1);
	put_slice(&w, 1, 0, 2, 4);
	apply(&w);
	plan_free(TAKE_PTR(w.plan));
	/* Never applied, and without a port that was served. */
	w.plan = again_compile(w.again, NULL, w.model);
	w.plan->services[0].n_frontends = 0;
	put_slice(&w, 1, 10, 2, 4);
	apply(&w);
	assert_int_not_equal(w.plan->step.since, 0);
	assert_int_equal(dpworld_entries("svc", sizeof(struct naru_svc_key)), fronts_of(w.plan));
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_steps_make_the_whole, dpworld_clean),
		cmocka_unit_test_teardown(test_cost_of_a_step, dpworld_clean),
		cmocka_unit_test_teardown(test_no_step_from_a_failure, dpworld_clean),
		cmocka_unit_test_teardown(test_no_step_from_another_plan, dpworld_clean),
	};

	return cmocka_run_group_tests(tests, dpworld_group_setup, dpworld_group_teardown);
}
