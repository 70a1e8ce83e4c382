/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan in the maps: what stands there, what a restart and a crash leave, what goes when and in
 * which order, and how long 10,000 services take.
 */
#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include <naru/abi.h>

#include "base/mem.h"
#include "dataplane/dataplane.h"
#include "dpworld.h"
#include "plan/maglev.h"

static void test_apply_fills_maps(void **state)
{
	struct plan *plan = dpworld_plan(2, NARU_TCP, 3);
	struct dataplane *d = dpworld_open();
	struct naru_svc svc;
	struct naru_list_block list;
	struct naru_endpoint ep;
	uint16_t table[512];
	int lists = dpworld_pin_fd("ep_list"), luts = dpworld_pin_fd("lut"),
	    eps = dpworld_pin_fd("endpoint");

	(void)state;
	dpworld_apply(d, plan);
	assert_int_equal(dpworld_read_svc(&plan->services[1], 0, &svc), 0);
	assert_int_equal(svc.id, dataplane_service_id(d, &plan->services[1]));
	assert_int_equal(svc.kind, NARU_CLUSTER_IP);
	assert_int_equal(svc.internal.count, 3);
	assert_int_equal(svc.internal.lut_len, maglev_len(3));
	assert_memory_equal(&svc.internal, &svc.external, sizeof(svc.internal));
	assert_int_equal(bpf_map_lookup_elem(lists, &svc.internal.list, &list), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(bpf_map_lookup_elem(eps, &list.id[i], &ep), 0);
		assert_memory_equal(ep.addr, plan->services[1].cluster.endpoints[i].addr.byte, 16);
		assert_int_equal(ep.port, 8080);
		assert_int_equal(ep.local, 1);
	}
	maglev_build(&plan->services[1].cluster, table);
	for (uint32_t slot = 0; slot < svc.internal.lut_len; slot++) {
		uint32_t key = svc.internal.lut + slot / NARU_LUT_SLOTS;
		struct naru_lut_block block;

		assert_int_equal(bpf_map_lookup_elem(luts, &key, &block), 0);
		assert_int_equal(block.index[slot % NARU_LUT_SLOTS], table[slot]);
	}
	assert_int_equal(dpworld_entries("svc", sizeof(struct naru_svc_key)), 2);
	assert_int_equal(dpworld_entries("svc_name", 4), 2);
	assert_int_equal(dpworld_entries("endpoint", 4), 6);
	assert_true(dpworld_attached(if_nametoindex("nic0")));
	close(lists);
	close(luts);
	close(eps);
	plan_free(plan);
	dpworld_close(d);
}

/* Takes all room that is left in `svc`, or gives it back. */
static void crowd(bool give_back)
{
	int fd = dpworld_pin_fd("svc");
	struct naru_svc value = {};

	for (uint32_t i = 0; i < NARU_FRONTENDS_MAX; i++) {
		struct naru_svc_key key = { .family = 9 };

		memcpy(key.addr, &i, sizeof(i));
		if (give_back ? bpf_map_delete_elem(fd, &key)
			      : bpf_map_update_elem(fd, &key, &value, BPF_ANY))
			break;
	}
	close(fd);
}

/* What status calls the plan in force is one that the kernel has taken. */
static void test_refused_plan_is_not_in_force(void **state)
{
	struct plan *one = dpworld_plan(1, NARU_TCP, 1), *two = dpworld_plan(2, NARU_TCP, 1);
	struct dataplane *d = dpworld_open();
	struct dataplane_status status;
	struct naru_svc svc;

	(void)state;
	one->generation = 1;
	two->generation = 2;
	dpworld_apply(d, one);
	crowd(false);
	assert_int_equal(dataplane_apply(d, two, NULL), -E2BIG);
	dataplane_status(d, &status);
	assert_int_equal(status.generation, 1);
	assert_int_equal(dpworld_read_svc(&one->services[0], 0, &svc), 0);
	crowd(true);
	dpworld_apply(d, two);
	dataplane_status(d, &status);
	assert_int_equal(status.generation, 2);
	assert_int_equal(dpworld_read_svc(&two->services[1], 0, &svc), 0);
	plan_free(one);
	plan_free(two);
	dpworld_close(d);
}

static void test_empty_sets(void **state)
{
	struct plan *plan = dpworld_plan(2, NARU_TCP, 1);
	struct dataplane *d = dpworld_open();
	struct naru_svc svc;

	(void)state;
	plan->services[0].cluster.n = 0;
	plan->services[1].frontends[0].external = PLAN_LOCAL;
	dpworld_apply(d, plan);
	assert_int_equal(dpworld_read_svc(&plan->services[0], 0, &svc), 0);
	assert_int_equal(svc.internal.count, 0);
	assert_int_equal(svc.internal.on_empty, NARU_REJECT);
	assert_int_equal(dpworld_read_svc(&plan->services[1], 0, &svc), 0);
	assert_int_equal(svc.internal.count, 1);
	assert_int_equal(svc.internal.lut_len, 0);
	assert_int_equal(svc.external.count, 0);
	assert_int_equal(svc.external.on_empty, NARU_DROP);
	plan_free(plan);
	dpworld_close(d);
}

/* Opens, applies and dies without closing anything. */
static void crash_after(const struct plan *plan)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		struct dataplane_config c = dpworld_config();
		struct dataplane *d = NULL;
		int r = dataplane_open(&c, &d);

		if (!r)
			r = dataplane_apply(d, plan, NULL);
		_exit(r ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_restart_keeps_everything(void **state)
{
	struct plan *plan = dpworld_plan(20, NARU_TCP, 3);
	struct naru_svc before[20], after;
	struct plan_service swap;
	struct dataplane *d;

	(void)state;
	crash_after(plan);
	for (int i = 0; i < 20; i++)
		assert_int_equal(dpworld_read_svc(&plan->services[i], 0, &before[i]), 0);
	d = dpworld_open();
	/* Other order of input, same ids: by name, not by position. */
	swap = plan->services[3];
	plan->services[3] = plan->services[17];
	plan->services[17] = swap;
	dpworld_apply(d, plan);
	swap = plan->services[3];
	plan->services[3] = plan->services[17];
	plan->services[17] = swap;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(dpworld_read_svc(&plan->services[i], 0, &after), 0);
		assert_memory_equal(&before[i], &after, sizeof(after));
	}
	dpworld_settle(d);
	assert_int_equal(dpworld_entries("svc", sizeof(struct naru_svc_key)), 20);
	assert_int_equal(dpworld_entries("endpoint", 4), 60);
	plan_free(plan);
	dpworld_close(d);
}

static void test_start_repairs_what_a_crash_left(void **state)
{
	struct plan *plan = dpworld_plan(3, NARU_TCP, 2), *less = dpworld_plan(1, NARU_TCP, 2);
	struct naru_endpoint half = { .port = 1, .proto = NARU_TCP };
	struct naru_svc_key stray_key = { .port = 7, .proto = NARU_TCP, .family = 4 };
	struct naru_svc stray = { .id = 4711 };
	struct naru_svc svc;
	struct dataplane *d;
	uint32_t id = 100;
	int fd;

	(void)state;
	crash_after(plan);
	fd = dpworld_pin_fd("endpoint");
	assert_int_equal(bpf_map_update_elem(fd, &id, &half, BPF_ANY), 0);
	close(fd);
	fd = dpworld_pin_fd("svc");
	assert_int_equal(bpf_map_update_elem(fd, &stray_key, &stray, BPF_ANY), 0);
	close(fd);
	d = dpworld_open();
	/* Opening alone removes nothing. */
	assert_int_equal(dpworld_entries("svc", sizeof(struct naru_svc_key)), 4);
	dataplane_tick(d);
	assert_int_equal(dpworld_entries("endpoint", 4), 7);
	dpworld_apply(d, less);
	assert_int_equal(dpworld_entries("svc", sizeof(struct naru_svc_key)), 1);
	assert_int_equal(dpworld_read_svc(&plan->services[0], 0, &svc), 0);
	/* Names and endpoints outlive what pointed at them until a sweep has seen no flow. */
	assert_int_equal(dpworld_entries("svc_name", 4), 3);
	assert_int_equal(dpworld_entries("endpoint", 4), 7);
	dpworld_settle(d);
	assert_int_equal(dpworld_entries("svc_name", 4), 1);
	assert_int_equal(dpworld_entries("endpoint", 4), 2);
	plan_free(plan);
	plan_free(less);
	dpworld_close(d);
}

static size_t used(struct dataplane *d, const char *map)
{
	struct dataplane_status status;

	dataplane_status(d, &status);
	for (size_t i = 0; i < status.n_maps; i++) {
		if (!strcmp(status.maps[i].map, map))
			return status.maps[i].used;
	}
	fail_msg("no map %s in the status", map);
	return 0;
}

static void test_segments_rest_a_while(void **state)
{
	struct plan *plan = dpworld_plan(2, NARU_TCP, 3), *none = dpworld_plan(0, NARU_TCP, 0);
	struct dataplane *d = dpworld_open();
	size_t blocks = 2 * ((maglev_len(3) + NARU_LUT_SLOTS - 1) / NARU_LUT_SLOTS);

	(void)state;
	dpworld_apply(d, plan);
	assert_int_equal(used(d, "ep_list"), 2);
	assert_int_equal(used(d, "lut"), blocks);
	dpworld_apply(d, none);
	dataplane_tick(d);
	assert_int_equal(used(d, "lut"), blocks);
	usleep(1100000);
	dataplane_tick(d);
	assert_int_equal(used(d, "lut"), 0);
	assert_int_equal(used(d, "ep_list"), 0);
	plan_free(plan);
	plan_free(none);
	dpworld_close(d);
}

/* The address moves from one service to another without a moment in which nobody has it, and the
 * old owner's removal does not take it away. */
static void test_frontend_moves(void **state)
{
	struct plan *plan = dpworld_plan(1, NARU_TCP, 1), *next = dpworld_plan(1, NARU_TCP, 1);
	struct dataplane *d = dpworld_open();
	struct naru_svc svc;
	uint32_t old;

	(void)state;
	dpworld_apply(d, plan);
	old = dataplane_service_id(d, &plan->services[0]);
	free(next->services[0].name);
	next->services[0].name = mem_strdup("test/zzz:http");
	dpworld_apply(d, next);
	assert_int_equal(dpworld_read_svc(&next->services[0], 0, &svc), 0);
	assert_int_equal(svc.id, dataplane_service_id(d, &next->services[0]));
	assert_int_not_equal(svc.id, old);
	assert_int_equal(dataplane_service_id(d, &plan->services[0]), 0);
	plan_free(plan);
	plan_free(next);
	dpworld_close(d);
}

static void test_what_does_not_fit(void **state)
{
	struct plan *plan = dpworld_plan(2, NARU_TCP, 1);
	struct dataplane *d = dpworld_open();
	struct diag_list diags = {};
	struct naru_svc svc;

	(void)state;
	free(plan->services[0].cluster.endpoints);
	free(plan->services[0].name);
	free(plan->services[0].frontends);
	dpworld_fill(&plan->services[0], 0, NARU_TCP, 10, NARU_SET_MAX + 1);
	assert_int_equal(dataplane_apply(d, plan, &diags), 0);
	assert_int_equal(diags.n, 1);
	assert_string_equal(diags.items[0].object, "Service test/svc00000");
	assert_int_equal(diags.items[0].matter, DIAG_ROOM);
	assert_non_null(strstr(diags.items[0].reason, "(NARU_SET_MAX): it is left out"));
	assert_int_equal(dataplane_service_id(d, &plan->services[0]), 0);
	assert_int_equal(dpworld_read_svc(&plan->services[0], 0, &svc), -ENOENT);
	assert_int_equal(dpworld_read_svc(&plan->services[1], 0, &svc), 0);
	diag_fini(&diags);
	plan_free(plan);
	dpworld_close(d);
}

static void test_lock(void **state)
{
	struct dataplane_config c = dpworld_config();
	struct dataplane *d = dpworld_open(), *second = NULL;
	int hold[2];
	pid_t pid;

	(void)state;
	assert_int_equal(dataplane_open(&c, &second), -EBUSY);
	assert_int_equal(dataplane_cleanup(dpworld_bpffs), -EBUSY);
	assert_int_equal(pipe(hold), 0);
	/* A child that outlives us does not keep the lock. */
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		char byte;

		close(hold[1]);
		_exit(read(hold[0], &byte, 1) != 0);
	}
	dpworld_close(d);
	assert_int_equal(dataplane_open(&c, &second), 0);
	dpworld_close(second);
	close(hold[0]);
	close(hold[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_foreign_layout(void **state)
{
	struct dataplane_config c = dpworld_config();
	struct dataplane *d = NULL;
	char path[192];
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "svc", 4, 4, 16, NULL);

	(void)state;
	snprintf(path, sizeof(path), "%s/naru", dpworld_bpffs);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/naru/svc", dpworld_bpffs);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	close(fd);
	assert_int_equal(dataplane_open(&c, &d), -ESTALE);
}

static void on_difference(void *arg, const char *map, const char *service, const char *what)
{
	(void)arg;
	fail_msg("%s: %s: %s", map, service, what);
}

static uint32_t flags_of(const char *map)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	int fd = dpworld_pin_fd(map);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info.map_flags;
}

/* So many at once that tables are built in the map, if that can be; then larger ones. */
static void assert_tables(void)
{
	struct plan *small = dpworld_plan(300, NARU_TCP, 3),
		    *large = dpworld_plan(300, NARU_TCP, 7);
	struct dataplane *d = dpworld_open();

	dpworld_apply(d, small);
	assert_int_equal(dataplane_audit(d, on_difference, NULL), 0);
	dpworld_apply(d, large);
	assert_int_equal(dataplane_audit(d, on_difference, NULL), 0);
	plan_free(small);
	plan_free(large);
	dpworld_close(d);
}

static void test_tables_built_in_place(void **state)
{
	(void)state;
	assert_tables();
	assert_true(flags_of("lut") & BPF_F_MMAPABLE);
}

/* Earlier versions made it in a way that it cannot be mapped; what stands there stays. */
static void test_table_map_of_earlier_version(void **state)
{
	char path[192];
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "lut", 4, sizeof(struct naru_lut_block),
				NARU_LUT_BLOCKS, NULL);

	(void)state;
	snprintf(path, sizeof(path), "%s/naru", dpworld_bpffs);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/naru/lut", dpworld_bpffs);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	close(fd);
	assert_tables();
	assert_false(flags_of("lut") & BPF_F_MMAPABLE);
}

static uint64_t port_seed(void)
{
	int fd = dpworld_pin_fd("meta");
	struct naru_meta meta;
	uint32_t zero = 0;

	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &meta), 0);
	close(fd);
	return meta.config.port_seed;
}

/* Drawn once for a node, so that a restart changes nothing. */
static void test_port_seed(void **state)
{
	struct dataplane *d = dpworld_open();
	uint64_t first = port_seed();

	(void)state;
	assert_true(first);
	dpworld_close(d);
	d = dpworld_open();
	assert_true(port_seed() == first);
	dpworld_close(d);
	assert_int_equal(dataplane_cleanup(dpworld_bpffs), 0);
	d = dpworld_open();
	assert_true(port_seed() && port_seed() != first);
	dpworld_close(d);
}

static void test_foreign_version(void **state)
{
	struct dataplane_config c = dpworld_config();
	struct naru_meta meta = { .abi_version = NARU_ABI_VERSION + 1, .tick_shift = 8 };
	struct dataplane *d = dpworld_open();
	uint32_t zero = 0;
	int fd = dpworld_pin_fd("meta");

	(void)state;
	dpworld_close(d);
	assert_int_equal(bpf_map_update_elem(fd, &zero, &meta, BPF_ANY), 0);
	close(fd);
	assert_int_equal(dataplane_open(&c, &d), -ESTALE);
}

/* Of processor time: the machine has other things to do. */
static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_ten_thousand_services(void **state)
{
	struct plan *plan = dpworld_plan(10000, NARU_TCP, 3);
	struct dataplane *d = dpworld_open();
	struct diag_list diags = {};
	double begin = seconds(), cold, one, again;

	(void)state;
	assert_int_equal(dataplane_apply(d, plan, &diags), 0);
	assert_int_equal(diags.n, 0);
	cold = seconds() - begin;
	plan->services[5000].cluster.n = 2;
	begin = seconds();
	dpworld_apply(d, plan);
	one = seconds() - begin;
	dpworld_close(d);
	begin = seconds();
	d = dpworld_open();
	dpworld_apply(d, plan);
	again = seconds() - begin;
	print_message("10000 services: first apply %.0f ms, one changed %.1f ms, restart %.0f ms\n",
		      cold * 1e3, one * 1e3, again * 1e3);
	assert_int_equal(dpworld_entries("svc", sizeof(struct naru_svc_key)), 10000);
	/* Generous; with work proportional to all services it would be as long as the first. */
	assert_true(one < cold / 3);
	plan_free(plan);
	dpworld_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_apply_fills_maps, dpworld_clean),
		cmocka_unit_test_teardown(test_refused_plan_is_not_in_force, dpworld_clean),
		cmocka_unit_test_teardown(test_empty_sets, dpworld_clean),
		cmocka_unit_test_teardown(test_restart_keeps_everything, dpworld_clean),
		cmocka_unit_test_teardown(test_start_repairs_what_a_crash_left, dpworld_clean),
		cmocka_unit_test_teardown(test_segments_rest_a_while, dpworld_clean),
		cmocka_unit_test_teardown(test_frontend_moves, dpworld_clean),
		cmocka_unit_test_teardown(test_what_does_not_fit, dpworld_clean),
		cmocka_unit_test_teardown(test_lock, dpworld_clean),
		cmocka_unit_test_teardown(test_foreign_layout, dpworld_clean),
		cmocka_unit_test_teardown(test_foreign_version, dpworld_clean),
		cmocka_unit_test_teardown(test_tables_built_in_place, dpworld_clean),
		cmocka_unit_test_teardown(test_table_map_of_earlier_version, dpworld_clean),
		cmocka_unit_test_teardown(test_port_seed, dpworld_clean),
		cmocka_unit_test_teardown(test_ten_thousand_services, dpworld_clean),
	};

	return cmocka_run_group_tests_name("dataplane", tests, dpworld_group_setup,
					   dpworld_group_teardown);
}
