/* SPDX-License-Identifier: Apache-2.0 */
/* Others that say to have an address of ours: none is passed over between two looks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/clock.h"
#include "dpworld.h"

/* As announce_note() does. */
static void see(const char *text, uint64_t time_ms)
{
	const struct addr addr = dpworld_addr(text);
	const struct naru_conflict value = { .time_ns = time_ms * 1000000, .mac = { 2, 3 } };
	int fd = dpworld_pin_fd("conflict");

	assert_int_equal(bpf_map_update_elem(fd, addr.byte, &value, BPF_ANY), 0);
	close(fd);
}

struct seen {
	unsigned n;
	struct addr last;
};

static void on_conflict(void *arg, const struct dataplane_conflict *conflict)
{
	struct seen *seen = arg;

	assert_memory_equal(conflict->mac, ((uint8_t[6]){ 2, 3 }), 6);
	seen->n++;
	seen->last = conflict->addr;
}

static unsigned looked(struct dataplane *d, uint64_t since_ms)
{
	struct seen seen = { 0 };

	dataplane_conflicts(d, since_ms, on_conflict, &seen);
	return seen.n;
}

/* A look has its time from before it looks, however long that is before. */
static void test_looks_leave_no_gap(void **state)
{
	struct dataplane *d = dpworld_open();
	struct seen seen = { 0 };
	const struct addr addr = dpworld_addr("192.0.2.7");
	uint64_t first_ms = clock_ms(), later_ms;

	(void)state;
	assert_int_equal(looked(d, first_ms), 0);
	see("192.0.2.7", first_ms + 1);
	later_ms = clock_ms();
	usleep(20000);
	dataplane_conflicts(d, first_ms, on_conflict, &seen);
	assert_int_equal(seen.n, 1);
	assert_memory_equal(&seen.last, &addr, sizeof(addr));
	assert_int_equal(looked(d, later_ms + 2), 0);
	dpworld_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_looks_leave_no_gap, dpworld_clean),
	};

	return cmocka_run_group_tests_name("conflicts", tests, dpworld_group_setup,
					   dpworld_group_teardown);
}
