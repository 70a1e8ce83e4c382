/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What somebody else does to the maps that narud alone writes: told by a look, put right by the
 * next round, counted, whichever map it is.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include <naru/abi.h>

#include "base/mem.h"
#include "dataplane/dataplane.h"
#include "dpworld.h"

#define ENTRIES_MAX 32
#define ROUND_TICKS 100

/* ---- maps as bytes ---- */

struct copy {
	const char *name;
	size_t stray_at; /* which byte of a key makes another one of it; -1: strays stay */
	int fd;
	struct bpf_map_info info;
	size_t n;
	uint8_t keys[ENTRIES_MAX][64], values[ENTRIES_MAX][256];
};

static struct copy maps[] = {
	{ .name = "svc", .stray_at = offsetof(struct naru_svc_key, port) },
	{ .name = "svc_name", .stray_at = SIZE_MAX },
	{ .name = "endpoint", .stray_at = SIZE_MAX },
	{ .name = "source_range", .stray_at = offsetof(struct naru_range_key, addr) },
	{ .name = "device", .stray_at = 1 },
	{ .name = "node_addr", .stray_at = 0 },
	{ .name = "steer", .stray_at = offsetof(struct naru_steer_key, port) },
	{ .name = "steer_vip", .stray_at = 15 },
};

static void take(struct copy *copy)
{
	uint8_t *last = NULL;
	uint32_t len = sizeof(copy->info);

	copy->fd = dpworld_pin_fd(copy->name);
	copy->n = 0;
	assert_int_equal(bpf_obj_get_info_by_fd(copy->fd, &copy->info, &len), 0);
	assert_true(copy->info.key_size <= 64 && copy->info.value_size <= 256);
	while (!bpf_map_get_next_key(copy->fd, last, copy->keys[copy->n])) {
		last = copy->keys[copy->n];
		assert_int_equal(bpf_map_lookup_elem(copy->fd, last, copy->values[copy->n]), 0);
		assert_true(++copy->n < ENTRIES_MAX);
	}
	assert_true(copy->n > 0);
}

/* The map has what it had, and nothing else. */
static void check_same(const struct copy *copy)
{
	uint8_t value[256];

	assert_int_equal(dpworld_entries(copy->name, copy->info.key_size), copy->n);
	for (size_t i = 0; i < copy->n; i++) {
		assert_int_equal(bpf_map_lookup_elem(copy->fd, copy->keys[i], value), 0);
		assert_memory_equal(value, copy->values[i], copy->info.value_size);
	}
}

/* ---- damage ---- */

enum damage {
	CHANGED,
	GONE,
	STRAY,
	DAMAGES,
};

static bool damage(const struct copy *copy, enum damage how)
{
	uint8_t key[64], value[256];

	memcpy(key, copy->keys[0], sizeof(key));
	memcpy(value, copy->values[0], sizeof(value));
	switch (how) {
	case CHANGED:
		value[0] ^= 1;
		break;
	case GONE:
		return !bpf_map_delete_elem(copy->fd, key);
	default:
		if (copy->stray_at == SIZE_MAX)
			return false;
		key[copy->stray_at] ^= 0x40;
	}
	assert_int_equal(bpf_map_update_elem(copy->fd, key, value, BPF_ANY), 0);
	return true;
}

/* By index in maps; the last one counts all others. */
static void count(void *arg, const char *map, const char *service, const char *text)
{
	unsigned *told = arg;
	size_t i = 0;

	(void)service;
	assert_true(*text);
	while (i < ARRAY_SIZE(maps) && strcmp(maps[i].name, map) != 0)
		i++;
	told[i]++;
}

/* A round that has begun after now. */
static void verify(struct dataplane *d)
{
	struct dataplane_status status;
	uint64_t begun;

	dataplane_status(d, &status);
	begun = status.verified;
	for (int i = 0; i < ROUND_TICKS && status.verified < begun + 2; i++) {
		usleep(50000);
		dataplane_tick(d);
		dataplane_status(d, &status);
	}
	assert_true(status.verified >= begun + 2);
}

static uint64_t repairs(struct dataplane *d, const char *map)
{
	struct dataplane_status status;

	dataplane_status(d, &status);
	for (size_t i = 0; i < status.n_repairs; i++) {
		if (!strcmp(status.repairs[i].map, map))
			return status.repairs[i].n;
	}
	fail_msg("no repairs of %s are counted", map);
	return 0;
}

/* ---- tests ---- */

static struct plan *everything(void)
{
	struct plan *plan = dpworld_plan(2, NARU_TCP, 2);
	struct plan_service *service = &plan->services[1];

	service->ranges = mem_array(2, sizeof(*service->ranges));
	service->n_ranges = 2;
	service->ranges[0] = (struct cidr){ .addr = dpworld_addr("198.51.100.0"), .len = 120 };
	service->ranges[1] = (struct cidr){ .addr = dpworld_addr("203.0.113.7"), .len = 128 };
	plan->l7.vips = mem_array(1, sizeof(*plan->l7.vips));
	plan->l7.n_vips = 1;
	plan->l7.vips[0].addr = dpworld_addr("203.0.113.9");
	plan->l7.binds = mem_array(1, sizeof(*plan->l7.binds));
	plan->l7.n_binds = 1;
	plan->l7.binds[0].addr = plan->l7.vips[0].addr;
	plan->l7.binds[0].port = 80;
	return plan;
}

static struct dataplane *open_verified(const struct plan *plan)
{
	struct dataplane_config config = dpworld_config();
	struct dataplane *d;

	config.verify_s = 1;
	d = dpworld_open_with(&config);
	dpworld_apply(d, plan);
	return d;
}

static void test_damage(void **state)
{
	struct plan *plan = everything();
	struct dataplane *d = open_verified(plan);
	unsigned none[ARRAY_SIZE(maps) + 1] = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		take(&maps[i]);
	for (enum damage how = CHANGED; how < DAMAGES; how++) {
		unsigned told[ARRAY_SIZE(maps) + 1] = {}, wanted[ARRAY_SIZE(maps) + 1] = {};
		uint64_t before[ARRAY_SIZE(maps)];

		for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
			before[i] = repairs(d, maps[i].name);
			wanted[i] = damage(&maps[i], how);
		}
		assert_int_equal(dataplane_audit(d, count, told), 0);
		assert_memory_equal(told, wanted, sizeof(told));
		verify(d);
		for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
			check_same(&maps[i]);
			assert_int_equal(repairs(d, maps[i].name) - before[i], wanted[i]);
		}
		memset(told, 0, sizeof(told));
		assert_int_equal(dataplane_audit(d, count, told), 0);
		assert_memory_equal(told, none, sizeof(told));
	}
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		close(maps[i].fd);
	plan_free(plan);
	dpworld_close(d);
}

/* Bits that are not set cut what needs them. */
static void test_filter(void **state)
{
	static struct naru_filter before, after, none;
	struct plan *plan = everything();
	struct dataplane *d = open_verified(plan);
	unsigned told[ARRAY_SIZE(maps) + 1] = {};
	int fd = dpworld_pin_fd("filter");
	uint32_t zero = 0;

	(void)state;
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &before), 0);
	assert_memory_not_equal(&before, &none, sizeof(before));
	assert_int_equal(bpf_map_update_elem(fd, &zero, &none, BPF_ANY), 0);
	assert_int_equal(dataplane_audit(d, count, told), 0);
	assert_int_equal(told[ARRAY_SIZE(maps)], 1);
	verify(d);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &after), 0);
	assert_memory_equal(&after, &before, sizeof(after));
	assert_int_equal(repairs(d, "filter"), 1);
	close(fd);
	plan_free(plan);
	dpworld_close(d);
}

/* What a service has just given up may stay for a moment: that is no difference. */
static void test_ranges_that_leave(void **state)
{
	struct plan *plan = everything();
	struct dataplane *d = open_verified(plan);
	unsigned told[ARRAY_SIZE(maps) + 1] = {}, none[ARRAY_SIZE(maps) + 1] = {};

	(void)state;
	plan->services[1].n_ranges = 1;
	dpworld_apply(d, plan);
	assert_int_equal(dataplane_audit(d, count, told), 0);
	plan->n_services = 1;
	dpworld_apply(d, plan);
	assert_int_equal(dataplane_audit(d, count, told), 0);
	assert_memory_equal(told, none, sizeof(told));
	plan->n_services = 2;
	plan_free(plan);
	dpworld_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_damage, dpworld_clean),
		cmocka_unit_test_teardown(test_filter, dpworld_clean),
		cmocka_unit_test_teardown(test_ranges_that_leave, dpworld_clean),
	};

	return cmocka_run_group_tests_name("dataplane_verify", tests, dpworld_group_setup,
					   dpworld_group_teardown);
}
