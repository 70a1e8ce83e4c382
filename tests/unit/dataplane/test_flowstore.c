/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows in tables of cache lines, on memory instead of maps: how entries read, what a flow's other
 * half is, what removal leaves, and when next hops are free again. Flows in hash maps need real
 * ones: tests/bpf/test_dataplane_flows.c has both.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <naru/table.h>

#include "base/mem.h"
#include "dataplane/flowstore.h"

#define NOW   1000
#define FWD   5
#define REPLY 22
#define HOP   7

static const struct naru_config config = { .table = { .main = 8, .stash = 2 } };
static struct maps maps;
static struct flowstore *store;
static struct naru_slot4 *slots4;
static struct naru_slot6 *slots6;
static struct naru_hop *hops;

static void *memory(size_t size, int *ret_fd)
{
	void *mem;

	*ret_fd = memfd_create("map", MFD_CLOEXEC);
	assert_true(*ret_fd >= 0);
	assert_int_equal(ftruncate(*ret_fd, (off_t)size), 0);
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *ret_fd, 0);
	assert_true(mem != MAP_FAILED);
	return mem;
}

#define TABLE_SIZE 65536
#define HOPS_SIZE  (NARU_HOPS_MAX * sizeof(struct naru_hop))

static int set_up(void **state)
{
	(void)state;
	slots4 = memory(TABLE_SIZE, &maps.table4);
	slots6 = memory(TABLE_SIZE, &maps.table6);
	hops = memory(HOPS_SIZE, &maps.hops);
	return flowstore_open(&maps, &config, &store);
}

static int tear_down(void **state)
{
	(void)state;
	flowstore_close(store);
	munmap(slots4, TABLE_SIZE);
	munmap(slots6, TABLE_SIZE);
	munmap(hops, HOPS_SIZE);
	close(maps.table4);
	close(maps.table6);
	close(maps.hops);
	return 0;
}

static uint64_t word(uint32_t seen, uint64_t marks)
{
	return NARU_CTRL_VERSION_ONE | (uint64_t)seen << NARU_CTRL_SEEN_SHIFT |
	       marks << NARU_CTRL_MARKS_SHIFT | NARU_SLOT_LIVE;
}

/* A flow of each family, seen ten ticks ago. */
static void put_pairs(void)
{
	const uint64_t road = (uint64_t)NARU_REDIRECT << NARU_MARK_ROAD_SHIFT;
	const uint64_t fwd = road | NARU_MARK_SEEN | NARU_F_SNAT | NARU_F_ACK;
	const uint64_t way = (uint64_t)65536 << NARU_WAY_SVC_SHIFT | HOP;

	slots4[FWD] = (struct naru_slot4){
		.ctrl = word(NOW - 10, fwd),
		.key = { .saddr = { 1 }, .sport = 40000, .proto = NARU_TCP, .hook = NARU_INGRESS },
		.act = { .saddr = { 9 }, .daddr = { 8 }, .sport = 1024, .dport = 8080, .way = way },
		.peer = REPLY,
		.ep = 262143,
		.home = 1,
	};
	slots4[REPLY] = (struct naru_slot4){ .ctrl = word(0, road | NARU_F_REPLY),
					     .peer = FWD,
					     .home = REPLY / NARU_TABLE_WAYS };
	slots6[FWD] = (struct naru_slot6){
		.ctrl = word(NOW - 10, fwd),
		.key = { .saddr = { 1 }, .sport = 40000, .proto = NARU_TCP, .hook = NARU_INGRESS },
		.act = { .saddr = { 9 }, .daddr = { 8 }, .sport = 1024, .dport = 8080, .way = way },
		.peer = REPLY,
		.ep = 262143,
		.home = 1,
	};
	slots6[REPLY] = (struct naru_slot6){ .ctrl = word(0, road | NARU_F_REPLY),
					     .peer = FWD,
					     .home = REPLY / NARU_TABLE_WAYS };
}

struct met {
	struct flow_copy fwd, reply;
	size_t n;
};

static void meet(void *arg, const struct flow_entry *entry)
{
	struct met *met = arg;
	const struct naru_flow *f = flow_tail(&flow_families[entry->family], entry->value);

	flowstore_copy(entry, f->flags & NARU_F_REPLY ? &met->reply : &met->fwd);
	met->n++;
}

static struct met walk(int family, uint32_t tick)
{
	struct flowstore_cursor cursor = { .family = family };
	struct met met = { .n = 0 };
	int r;

	do
		r = flowstore_walk(store, &cursor, tick, meet, &met);
	while (!r);
	assert_int_equal(r, -ENOENT);
	met.fwd.entry.key = met.fwd.key;
	met.fwd.entry.value = met.fwd.value;
	met.reply.entry.key = met.reply.key;
	met.reply.entry.value = met.reply.value;
	return met;
}

/* ---- tests ---- */

static void entries_read_as_in_a_hash_map(void **state)
{
	(void)state;
	put_pairs();
	for (int family = 0; family < FLOW_FAMILIES; family++) {
		struct met met = walk(family, NOW);
		const struct naru_flow *f = flow_tail(&flow_families[family], met.fwd.value);
		struct flow flow;

		assert_int_equal(met.n, 2);
		flow_read(&flow_families[family], met.fwd.key, met.fwd.value, &flow);
		assert_int_equal(flow.sport, 40000);
		assert_int_equal(flow.proto, NARU_TCP);
		assert_int_equal(flow.hook, NARU_INGRESS);
		assert_int_equal(met.fwd.value[0], 9);
		assert_int_equal(met.fwd.value[flow_families[family].addr_len], 8);
		assert_int_equal(f->sport, 1024);
		assert_int_equal(f->dport, 8080);
		assert_int_equal(f->seen, NOW - 10);
		assert_int_equal(f->flags, NARU_F_SNAT | NARU_F_ACK);
		assert_int_equal(f->road, NARU_REDIRECT);
		assert_int_equal(f->svc, 65536);
		assert_int_equal(f->ep, 262143);
		f = flow_tail(&flow_families[family], met.reply.value);
		assert_int_equal(f->seen, 0);
		assert_int_equal(f->flags, NARU_F_REPLY);
	}
}

static void halves_find_each_other(void **state)
{
	(void)state;
	for (int family = 0; family < FLOW_FAMILIES; family++) {
		struct flow_copy peer;
		struct met met;

		put_pairs();
		met = walk(family, NOW);
		assert_int_equal(flowstore_peer(store, &met.fwd.entry, &peer), 0);
		assert_int_equal(peer.entry.pos, REPLY);
		assert_int_equal(flowstore_peer(store, &peer.entry, &peer), 0);
		assert_int_equal(peer.entry.pos, FWD);
		flowstore_remove(store, &met.reply.entry);
		assert_int_equal(flowstore_peer(store, &met.fwd.entry, &peer), -ENOENT);
	}
}

/* Both halves go or none: a packet of either keeps the flow. */
static void what_was_used_does_not_expire(void **state)
{
	const uint32_t half[] = { FWD, REPLY };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct flow_copy peer;
		struct met met;

		put_pairs();
		met = walk(FLOW_V4, NOW);
		assert_int_equal(flowstore_peer(store, &met.fwd.entry, &peer), 0);
		slots4[half[i]].ctrl += 1ull << NARU_CTRL_SEEN_SHIFT;
		flowstore_expire(store, &met.fwd.entry, &peer);
		assert_int_equal(walk(FLOW_V4, NOW).n, 2);
		slots4[half[i]].ctrl -= 1ull << NARU_CTRL_SEEN_SHIFT;
		flowstore_expire(store, &met.fwd.entry, &peer);
		assert_int_equal(walk(FLOW_V4, NOW).n, 0);
	}
}

/* A slot's next owner is none of the sweep's business. */
static void the_next_owner_stays(void **state)
{
	struct met met;

	(void)state;
	put_pairs();
	met = walk(FLOW_V6, NOW);
	assert_true(flowstore_has(store, &met.fwd));
	slots6[FWD].ctrl += NARU_CTRL_VERSION_ONE;
	assert_false(flowstore_has(store, &met.fwd));
	flowstore_remove(store, &met.fwd.entry);
	flowstore_discard(store, &met.fwd.entry);
	assert_int_equal(walk(FLOW_V6, NOW).n, 2);
	/* What packets do is no reason to keep an entry whose endpoint has gone. */
	met = walk(FLOW_V6, NOW);
	slots6[FWD].ctrl += 1ull << NARU_CTRL_SEEN_SHIFT;
	flowstore_discard(store, &met.fwd.entry);
	assert_int_equal(walk(FLOW_V6, NOW).n, 1);
}

static void sweep(uint32_t tick)
{
	flowstore_begin(store);
	walk(FLOW_V4, tick);
	walk(FLOW_V6, tick);
	flowstore_end(store);
}

static void next_hops_come_back(void **state)
{
	(void)state;
	put_pairs();
	hops[HOP].state = NARU_HOP_READY;
	hops[HOP + 1].state = NARU_HOP_CLAIMED;
	sweep(NOW);
	assert_int_equal(hops[HOP].state, NARU_HOP_READY);
	slots6[FWD].ctrl = slots4[FWD].ctrl = 0;
	sweep(NOW);
	assert_int_equal(hops[HOP].state, NARU_HOP_RETIRED);
	put_pairs(); /* it was on its way */
	sweep(NOW + 1);
	assert_int_equal(hops[HOP].state, NARU_HOP_READY);
	slots6[FWD].ctrl = slots4[FWD].ctrl = 0;
	sweep(NOW + 2);
	sweep(NOW + 3);
	assert_int_equal(hops[HOP].state, NARU_HOP_RETIRED);
	sweep(NOW + 20);
	assert_int_equal(hops[HOP].state, NARU_HOP_EMPTY);
	assert_int_equal(hops[HOP + 1].state, NARU_HOP_CLAIMED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(entries_read_as_in_a_hash_map), TEST(halves_find_each_other),
		TEST(what_was_used_does_not_expire), TEST(the_next_owner_stays),
		TEST(next_hops_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
