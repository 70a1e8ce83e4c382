/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may use a frontend and where they come back to, in the maps: source ranges, affinity, closed
 * ports. Order is watched by what stands in the maps when a write is refused or a process dies.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/mem.h"
#include "dataplane/encode.h"
#include "dpworld.h"

static void set_ranges(struct plan_service *s, size_t n, const char *const *texts)
{
	free(s->ranges);
	s->ranges = mem_array(n, sizeof(*s->ranges));
	s->n_ranges = n;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(cidr_parse(texts[i], &s->ranges[i]), 0);
	for (size_t i = 0; i < s->n_frontends; i++)
		s->frontends[i].ranged = n != 0;
}

#define RANGES(s, ...)                                                                             \
	set_ranges((s), sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *),                  \
		   (const char *[]){ __VA_ARGS__ })

/* True when the ranges of the service with this id let the client in. */
static bool id_admits(uint32_t id, const char *client)
{
	struct addr addr = dpworld_addr(client);
	struct naru_range_key key = { .prefixlen = 160, .svc = id };
	int fd = dpworld_pin_fd("source_range"), r;
	uint8_t value;

	memcpy(key.addr, addr.byte, sizeof(key.addr));
	r = bpf_map_lookup_elem(fd, &key, &value);
	close(fd);
	return !r;
}

static bool admits(struct dataplane *d, const struct plan_service *s, const char *client)
{
	return id_admits(dataplane_service_id(d, s), client);
}

static size_t ranges(void)
{
	return dpworld_entries("source_range", sizeof(struct naru_range_key));
}

static void test_ranges(void **state)
{
	struct plan *plan = dpworld_plan(2, NARU_TCP, 1);
	struct dataplane *d = dpworld_open();
	struct naru_svc svc;

	(void)state;
	RANGES(&plan->services[0], "192.0.2.0/24", "203.0.113.7/32");
	plan->services[0].ranged_node = true;
	dpworld_apply(d, plan);
	assert_int_equal(dpworld_read_svc(&plan->services[0], 0, &svc), 0);
	assert_int_equal(svc.ranged, 1);
	assert_int_equal(svc.ranged_node, 1);
	assert_int_equal(dpworld_read_svc(&plan->services[1], 0, &svc), 0);
	assert_int_equal(svc.ranged, 0);
	assert_int_equal(svc.ranged_node, 0);
	assert_int_equal(ranges(), 2);
	assert_true(admits(d, &plan->services[0], "192.0.2.200"));
	assert_true(admits(d, &plan->services[0], "203.0.113.7"));
	assert_false(admits(d, &plan->services[0], "203.0.113.8"));
	assert_false(admits(d, &plan->services[1], "192.0.2.200"));
	/* One goes, one comes, one stays. */
	RANGES(&plan->services[0], "192.0.2.0/24", "198.51.100.0/24");
	dpworld_apply(d, plan);
	assert_int_equal(ranges(), 2);
	assert_true(admits(d, &plan->services[0], "192.0.2.200"));
	assert_true(admits(d, &plan->services[0], "198.51.100.1"));
	assert_false(admits(d, &plan->services[0], "203.0.113.7"));
	/* Open to everybody, then gone. */
	set_ranges(&plan->services[0], 0, NULL);
	dpworld_apply(d, plan);
	assert_int_equal(dpworld_read_svc(&plan->services[0], 0, &svc), 0);
	assert_int_equal(svc.ranged, 0);
	assert_int_equal(ranges(), 0);
	RANGES(&plan->services[0], "192.0.2.0/24");
	RANGES(&plan->services[1], "192.0.2.0/24");
	dpworld_apply(d, plan);
	assert_int_equal(ranges(), 2);
	plan_free(plan);
	plan = dpworld_plan(0, NARU_TCP, 0);
	dpworld_apply(d, plan);
	assert_int_equal(ranges(), 0);
	plan_free(plan);
	dpworld_close(d);
}

/* Takes all room that is left in `source_range`, or gives it back. */
static void crowd(bool give_back)
{
	int fd = dpworld_pin_fd("source_range");
	uint8_t one = 1;

	for (uint32_t i = 0; i < NARU_RANGES_MAX; i++) {
		struct naru_range_key key = { .prefixlen = 160, .svc = ~0u };

		memcpy(key.addr, &i, sizeof(i));
		if (give_back ? bpf_map_delete_elem(fd, &key)
			      : bpf_map_update_elem(fd, &key, &one, BPF_ANY))
			break;
	}
	close(fd);
}

/* A service whose ranges the kernel does not take is not open to everybody, nor closed to whom it
 * was open. */
static void test_refused_ranges(void **state)
{
	struct plan *plan = dpworld_plan(1, NARU_TCP, 1);
	struct dataplane *d = dpworld_open();
	struct naru_svc svc;

	(void)state;
	crowd(false);
	RANGES(&plan->services[0], "192.0.2.0/24");
	assert_true(dataplane_apply(d, plan, NULL) < 0);
	assert_int_equal(dpworld_read_svc(&plan->services[0], 0, &svc), -ENOENT);
	crowd(true);
	dpworld_apply(d, plan);
	crowd(false);
	RANGES(&plan->services[0], "192.0.2.0/24", "198.51.100.0/24");
	assert_true(dataplane_apply(d, plan, NULL) < 0);
	assert_int_equal(dpworld_read_svc(&plan->services[0], 0, &svc), 0);
	assert_int_equal(svc.ranged, 1);
	assert_true(admits(d, &plan->services[0], "192.0.2.200"));
	assert_false(admits(d, &plan->services[0], "198.51.100.1"));
	crowd(true);
	dpworld_apply(d, plan);
	assert_int_equal(ranges(), 2);
	assert_true(admits(d, &plan->services[0], "198.51.100.1"));
	plan_free(plan);
	dpworld_close(d);
}

/* What goes wrong with one service does not keep the ranges of another that has gone: its id may
 * soon be somebody else's. */
static void test_gone_while_another_fails(void **state)
{
	struct plan *plan = dpworld_plan(2, NARU_TCP, 1);
	struct dataplane *d = dpworld_open();
	struct plan_service *gone = &plan->services[1];
	size_t n;
	uint32_t id;

	(void)state;
	RANGES(gone, "192.0.2.0/24");
	dpworld_apply(d, plan);
	id = dataplane_service_id(d, gone);
	assert_true(id_admits(id, "192.0.2.200"));
	crowd(false);
	n = ranges();
	RANGES(&plan->services[0], "198.51.100.0/24");
	plan->n_services = 1;
	assert_true(dataplane_apply(d, plan, NULL) < 0);
	plan->n_services = 2;
	assert_false(id_admits(id, "192.0.2.200"));
	assert_int_equal(ranges(), n - 1);
	crowd(true);
	plan_free(plan);
	dpworld_close(d);
}

/* Too many are refused whole, with a reason. */
static void test_too_many_ranges(void **state)
{
	struct plan *plan = dpworld_plan(2, NARU_TCP, 1);
	struct plan_service *many = &plan->services[0];
	struct dataplane *d = dpworld_open();
	struct diag_list diags = {};
	struct naru_svc svc;

	(void)state;
	many->n_ranges = NARU_RANGES_MAX + 1;
	many->ranges = mem_array(many->n_ranges, sizeof(*many->ranges));
	many->frontends[0].ranged = true;
	for (uint32_t i = 0; i < many->n_ranges; i++) {
		many->ranges[i] = (struct cidr){ .addr = dpworld_addr("10.0.0.0"), .len = 128 };
		memcpy(many->ranges[i].addr.byte + 13, &i, 3);
	}
	assert_int_equal(dataplane_apply(d, plan, &diags), 0);
	assert_int_equal(diags.n, 1);
	assert_string_equal(diags.items[0].object, "Service test/svc00000");
	assert_int_equal(ranges(), 0);
	assert_int_equal(dpworld_read_svc(many, 0, &svc), -ENOENT);
	assert_int_equal(dpworld_read_svc(&plan->services[1], 0, &svc), 0);
	diag_fini(&diags);
	plan_free(plan);
	dpworld_close(d);
}

/* Opening takes over what is there; the first apply removes what nobody wants. */
static void test_restart(void **state)
{
	struct plan *plan = dpworld_plan(2, NARU_TCP, 1);
	struct naru_range_key stray = { .prefixlen = 64, .svc = 4711 };
	struct dataplane *d = dpworld_open();
	uint8_t one = 1;
	int fd;

	(void)state;
	RANGES(&plan->services[0], "192.0.2.0/24", "198.51.100.0/24");
	RANGES(&plan->services[1], "192.0.2.0/24");
	dpworld_apply(d, plan);
	dpworld_close(d);
	fd = dpworld_pin_fd("source_range");
	assert_int_equal(bpf_map_update_elem(fd, &stray, &one, BPF_ANY), 0);
	close(fd);
	d = dpworld_open();
	assert_int_equal(ranges(), 4);
	RANGES(&plan->services[0], "198.51.100.0/24", "203.0.113.0/24");
	plan->n_services = 1;
	dpworld_apply(d, plan);
	plan->n_services = 2;
	assert_int_equal(ranges(), 2);
	assert_true(admits(d, &plan->services[0], "198.51.100.1"));
	assert_true(admits(d, &plan->services[0], "203.0.113.1"));
	plan_free(plan);
	dpworld_close(d);
}

static void test_affinity(void **state)
{
	struct plan *plan = dpworld_plan(1, NARU_TCP, 2);
	struct dataplane *d = dpworld_open();
	struct naru_svc svc;

	(void)state;
	plan->services[0].affinity_s = 10800;
	dpworld_apply(d, plan);
	assert_int_equal(dpworld_read_svc(&plan->services[0], 0, &svc), 0);
	/* A tick is between half a second and two. */
	assert_in_range(svc.affinity, 5400, 21600);
	plan->services[0].affinity_s = 1;
	dpworld_apply(d, plan);
	assert_int_equal(dpworld_read_svc(&plan->services[0], 0, &svc), 0);
	assert_in_range(svc.affinity, 1, 2);
	plan->services[0].affinity_s = 0;
	dpworld_apply(d, plan);
	assert_int_equal(dpworld_read_svc(&plan->services[0], 0, &svc), 0);
	assert_int_equal(svc.affinity, 0);
	plan_free(plan);
	dpworld_close(d);
}

/* ---- closed ports ---- */

static bool is_closed(const char *text)
{
	struct addr addr = dpworld_addr(text);
	int fd = dpworld_pin_fd("svc"), r;
	struct naru_svc_key key;
	struct naru_svc value;

	encode_closed_key(&addr, &key);
	r = bpf_map_lookup_elem(fd, &key, &value);
	close(fd);
	assert_true(r || (value.kind == NARU_NO_PORT && !value.id));
	return !r;
}

static bool has_bit(const char *text)
{
	static struct naru_filter filter;
	struct addr addr = dpworld_addr(text);
	uint32_t zero = 0, bit = encode_addr_bit(&addr);
	int fd = dpworld_pin_fd("filter");

	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &filter), 0);
	close(fd);
	return filter.closed[bit / 32] >> bit % 32 & 1;
}

static void set_closed(struct plan *plan, const char *a, const char *b)
{
	free(plan->closed);
	plan->closed = mem_array(2, sizeof(*plan->closed));
	plan->n_closed = 0;
	if (a)
		plan->closed[plan->n_closed++] = dpworld_addr(a);
	if (b)
		plan->closed[plan->n_closed++] = dpworld_addr(b);
}

static void test_closed(void **state)
{
	struct plan *plan = dpworld_plan(1, NARU_TCP, 1);
	struct dataplane *d = dpworld_open();

	(void)state;
	set_closed(plan, "10.96.0.1", "fd00:96::1");
	dpworld_apply(d, plan);
	assert_true(is_closed("10.96.0.1") && has_bit("10.96.0.1"));
	assert_true(is_closed("fd00:96::1") && has_bit("fd00:96::1"));
	/* A restart keeps them, one goes, and another apply changes nothing. */
	dpworld_close(d);
	d = dpworld_open();
	assert_true(is_closed("fd00:96::1") && has_bit("fd00:96::1"));
	set_closed(plan, "10.96.0.1", NULL);
	dpworld_apply(d, plan);
	dpworld_apply(d, plan);
	assert_true(is_closed("10.96.0.1"));
	assert_false(is_closed("fd00:96::1"));
	dpworld_settle(d);
	assert_true(has_bit("10.96.0.1"));
	assert_false(has_bit("fd00:96::1"));
	set_closed(plan, NULL, NULL);
	dpworld_apply(d, plan);
	dpworld_settle(d);
	assert_false(is_closed("10.96.0.1"));
	assert_false(has_bit("10.96.0.1"));
	plan_free(plan);
	dpworld_close(d);
}

/* Closed ports take all room of `svc`: a service that comes still gets its own. */
static void test_closed_give_way(void **state)
{
	struct plan *plan = dpworld_plan(1, NARU_TCP, 1);
	struct dataplane *d = dpworld_open();
	struct naru_svc svc;

	(void)state;
	plan->closed = mem_array(NARU_FRONTENDS_MAX, sizeof(*plan->closed));
	for (uint32_t i = 0; i < NARU_FRONTENDS_MAX; i++) {
		plan->closed[i] = dpworld_addr("fd00:96::");
		memcpy(plan->closed[i].byte + 12, &i, sizeof(i));
	}
	plan->n_closed = NARU_FRONTENDS_MAX;
	plan->n_services = 0;
	dpworld_apply(d, plan);
	assert_int_equal(dpworld_entries("svc", sizeof(struct naru_svc_key)), NARU_FRONTENDS_MAX);
	plan->n_services = 1;
	dpworld_apply(d, plan);
	assert_int_equal(dpworld_read_svc(&plan->services[0], 0, &svc), 0);
	assert_int_equal(dpworld_entries("svc", sizeof(struct naru_svc_key)), NARU_FRONTENDS_MAX);
	plan_free(plan);
	dpworld_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_ranges, dpworld_clean),
		cmocka_unit_test_teardown(test_refused_ranges, dpworld_clean),
		cmocka_unit_test_teardown(test_gone_while_another_fails, dpworld_clean),
		cmocka_unit_test_teardown(test_too_many_ranges, dpworld_clean),
		cmocka_unit_test_teardown(test_restart, dpworld_clean),
		cmocka_unit_test_teardown(test_affinity, dpworld_clean),
		cmocka_unit_test_teardown(test_closed, dpworld_clean),
		cmocka_unit_test_teardown(test_closed_give_way, dpworld_clean),
	};

	return cmocka_run_group_tests_name("dataplane access", tests, dpworld_group_setup,
					   dpworld_group_teardown);
}
