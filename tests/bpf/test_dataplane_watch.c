/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events from the real ring: however many there are, one call does not take its caller's time for
 * itself, and what it leaves the next one has. What is counted by service ends with it.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/mem.h"
#include "dpworld.h"

#define EVENTS (3 * DATAPLANE_WATCH_MAX)

static void count(void *arg, const struct event_info *event)
{
	assert_string_equal(event->kind, "socket");
	++*(size_t *)arg;
}

/* Dials the service: each socket is translated, and so an event. */
static int dial(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(80) };
	int r = inet_pton(AF_INET, "10.96.0.1", &sa.sin_addr) != 1;

	for (size_t i = 0; i < EVENTS && !r; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		r = connect(fd, (struct sockaddr *)&sa, sizeof(sa));
		close(fd);
	}
	return r ? 1 : 0;
}

/* In a child, since only the sockets of the cgroup are translated. */
static void dial_in_cgroup(void)
{
	char path[192];
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dpworld_cgroup);
	pid = fork();
	if (!pid) {
		int fd = open(path, O_WRONLY | O_CLOEXEC);

		_exit(write(fd, "0", 1) == 1 ? dial() : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static bool readable(const struct dataplane *d)
{
	struct pollfd ring = { .fd = dataplane_watch_fd(d), .events = POLLIN };

	return poll(&ring, 1, 0) == 1;
}

static void test_bounded(void **state)
{
	struct plan *plan = dpworld_plan(1, NARU_UDP, 1);
	struct dataplane *d = dpworld_open();
	size_t n = 0;

	(void)state;
	dpworld_apply(d, plan);
	dataplane_tick(d);
	assert_int_equal(dataplane_watch(d, true), 0);
	dial_in_cgroup();
	for (size_t i = 1; i <= EVENTS / DATAPLANE_WATCH_MAX; i++) {
		assert_true(readable(d));
		dataplane_watch_read(d, count, &n);
		assert_int_equal(n, i * DATAPLANE_WATCH_MAX);
	}
	assert_false(readable(d));
	plan_free(plan);
	dpworld_close(d);
}

/* One loss, and one packet on the last CPU. */
static void count_for(uint32_t id, uint32_t reason)
{
	struct naru_svc_drop key = { id, reason };
	int cpus = libbpf_num_possible_cpus();
	_cleanup_(mem_freep) struct naru_svc_stat *stat = mem_array((size_t)cpus, sizeof(*stat));
	int drops = dpworld_pin_fd("svc_drop"), stats = dpworld_pin_fd("svc_stat");
	uint64_t one = 1;

	stat[cpus - 1].packets[0] = 1;
	assert_int_equal(bpf_map_update_elem(drops, &key, &one, BPF_ANY), 0);
	assert_int_equal(bpf_map_update_elem(stats, &id, stat, BPF_ANY), 0);
	close(drops);
	close(stats);
}

static uint64_t packets_of(uint32_t id)
{
	int cpus = libbpf_num_possible_cpus(), fd = dpworld_pin_fd("svc_stat");
	_cleanup_(mem_freep) struct naru_svc_stat *stat = mem_array((size_t)cpus, sizeof(*stat));

	assert_int_equal(bpf_map_lookup_elem(fd, &id, stat), 0);
	close(fd);
	return stat[cpus - 1].packets[0];
}

/* What was counted for services whose ids are free again is gone, and nothing else. */
static void test_freed_ids_begin_at_zero(void **state)
{
	enum {
		SERVICES = 300
	};
	struct plan *plan = dpworld_plan(SERVICES, NARU_TCP, 1);
	struct dataplane *d = dpworld_open();
	uint32_t ids[SERVICES];

	(void)state;
	dpworld_apply(d, plan);
	for (size_t i = 0; i < SERVICES; i++) {
		ids[i] = dataplane_service_id(d, &plan->services[i]);
		count_for(ids[i], 1);
	}
	count_for(ids[1], 2);
	count_for(ids[0], 2);
	plan->n_services = 1;
	dpworld_apply(d, plan);
	plan->n_services = SERVICES;
	assert_int_equal(packets_of(ids[1]), 1);
	dpworld_settle(d);
	assert_int_equal(packets_of(ids[0]), 1);
	for (size_t i = 1; i < SERVICES; i++)
		assert_int_equal(packets_of(ids[i]), 0);
	assert_int_equal(dpworld_entries("svc_drop", sizeof(struct naru_svc_drop)), 2);
	plan_free(plan);
	dpworld_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_bounded, dpworld_clean),
		cmocka_unit_test_teardown(test_freed_ids_begin_at_zero, dpworld_clean),
	};

	return cmocka_run_group_tests_name("dataplane watch", tests, dpworld_group_setup,
					   dpworld_group_teardown);
}
