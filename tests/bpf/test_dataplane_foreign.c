/* SPDX-License-Identifier: Apache-2.0 */
/* ClusterIPs that somebody else has put on a device of the node are left to him. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dpworld.h"

static void take_in(struct dataplane *d)
{
	struct pollfd event = { .fd = dataplane_fd(d), .events = POLLIN };

	assert_int_equal(poll(&event, 1, 5000), 1);
	while (poll(&event, 1, 50) == 1)
		assert_int_equal(dataplane_process(d), 0);
}

/* Service 0 is 10.96.0.1:80 and also a NodePort, service 1 is 10.96.0.2:80. */
static struct plan *make_plan(void)
{
	struct plan *plan = dpworld_plan(2, NARU_TCP, 1);
	struct plan_service *s = &plan->services[0];
	struct plan_frontend *fronts = mem_array(2, sizeof(*fronts));

	fronts[0] = s->frontends[0];
	fronts[1] = (struct plan_frontend){ .kind = PLAN_NODE_PORT, .port = 30080 };
	free(s->frontends);
	s->frontends = fronts;
	s->n_frontends = 2;
	return plan;
}

static void expect(const struct plan *plan, int cluster_ip, int node_port, int other)
{
	struct naru_svc svc;

	assert_int_equal(dpworld_read_svc(&plan->services[0], 0, &svc), cluster_ip);
	assert_int_equal(dpworld_read_svc(&plan->services[0], 1, &svc), node_port);
	assert_int_equal(dpworld_read_svc(&plan->services[1], 0, &svc), other);
}

static void test_comes_and_goes(void **state)
{
	struct plan *plan = make_plan();
	struct dataplane *d = dpworld_open();
	struct diag_list diags = {};

	(void)state;
	assert_int_equal(dataplane_apply(d, plan, &diags), 0);
	assert_int_equal(diags.n, 0);
	expect(plan, 0, 0, 0);
	assert_false(dataplane_wants_apply(d));
	dpworld_sh("ip link add cache type bridge && ip addr add 10.96.0.1/32 dev cache");
	take_in(d);
	assert_true(dataplane_wants_apply(d));
	assert_int_equal(dataplane_apply(d, plan, &diags), 0);
	assert_int_equal(diags.n, 1);
	assert_string_equal(diags.items[0].object, "Service test/svc00000");
	assert_string_equal(diags.items[0].field, "spec.clusterIPs");
	expect(plan, -ENOENT, 0, 0);
	dpworld_sh("ip link del cache");
	take_in(d);
	assert_true(dataplane_wants_apply(d));
	dpworld_apply(d, plan);
	expect(plan, 0, 0, 0);
	diag_fini(&diags);
	plan_free(plan);
	dpworld_close(d);
}

/* One Service, three ports in the plan: said once. */
static void test_said_once(void **state)
{
	struct plan *plan = dpworld_plan(3, NARU_TCP, 1);
	struct dataplane *d;
	struct diag_list diags = {};

	(void)state;
	for (size_t i = 0; i < plan->n_services; i++) {
		struct plan_service *s = &plan->services[i];

		free(s->name);
		s->name = mem_printf("test/dns:port%zu", i);
		s->frontends[0].addr = dpworld_addr(i == 1 ? "10.96.0.2" : "10.96.0.1");
		s->frontends[0].port = (uint16_t)(53 + i);
	}
	dpworld_sh("ip link add cache type bridge && ip addr add 10.96.0.1/32 dev cache && "
		   "ip addr add 10.96.0.2/32 dev cache");
	d = dpworld_open();
	assert_int_equal(dataplane_apply(d, plan, &diags), 0);
	assert_int_equal(diags.n, 2);
	assert_string_equal(diags.items[0].object, "Service test/dns");
	assert_non_null(strstr(diags.items[0].reason, "10.96.0.1"));
	assert_non_null(strstr(diags.items[1].reason, "10.96.0.2"));
	dpworld_sh("ip link del cache");
	diag_fini(&diags);
	plan_free(plan);
	dpworld_close(d);
}

/* It was there before us, or before we came back. */
static void test_at_start(void **state)
{
	struct plan *plan = make_plan();
	struct dataplane *d = dpworld_open();

	(void)state;
	dpworld_apply(d, plan);
	dpworld_close(d);
	dpworld_sh("ip link add cache type bridge && ip addr add 10.96.0.1/32 dev cache");
	d = dpworld_open();
	dpworld_apply(d, plan);
	expect(plan, -ENOENT, 0, 0);
	dpworld_sh("ip link del cache");
	plan_free(plan);
	dpworld_close(d);
}

/* All ClusterIPs are on the device of kube-proxy's IPVS mode; nobody listens there. */
static void test_not_that_of_ipvs(void **state)
{
	struct plan *plan = make_plan();
	struct dataplane *d;

	(void)state;
	dpworld_sh("ip link add kube-ipvs0 type bridge && "
		   "ip addr add 10.96.0.1/32 dev kube-ipvs0");
	d = dpworld_open();
	dpworld_apply(d, plan);
	expect(plan, 0, 0, 0);
	dpworld_sh("ip link del kube-ipvs0");
	plan_free(plan);
	dpworld_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_comes_and_goes, dpworld_clean),
		cmocka_unit_test_teardown(test_said_once, dpworld_clean),
		cmocka_unit_test_teardown(test_at_start, dpworld_clean),
		cmocka_unit_test_teardown(test_not_that_of_ipvs, dpworld_clean),
	};

	return cmocka_run_group_tests_name("foreign", tests, dpworld_group_setup,
					   dpworld_group_teardown);
}
