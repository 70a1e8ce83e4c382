/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs leave for who looks: counts by service, losses by reason, events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "node.h"
#include "node_services.h"
#include "packet.h"

#define CLIENT_PORT 40000

/* A test is run for both families and protocols. */
static const struct shape_of_test {
	int family;
	uint8_t proto;
} shapes[] = { { AF_INET, IPPROTO_TCP },
	       { AF_INET6, IPPROTO_TCP },
	       { AF_INET, IPPROTO_UDP },
	       { AF_INET6, IPPROTO_UDP } };

#define N_SHAPES (sizeof(shapes) / sizeof(*shapes))

static const struct shape_of_test *shape;

static struct naru_svc_stat read_stat(enum host vip, uint16_t port)
{
	int cpus = libbpf_num_possible_cpus();
	struct naru_svc_stat *values = calloc((size_t)cpus, sizeof(*values)), sum = {};
	uint32_t id = node_services_id(vip, port, shape->proto, shape->family);

	assert_int_equal(bpf_map_lookup_elem(node_map("svc_stat"), &id, values), 0);
	for (int i = 0; i < cpus; i++) {
		for (int way = 0; way < 2; way++) {
			sum.packets[way] += values[i].packets[way];
			sum.bytes[way] += values[i].bytes[way];
		}
		sum.flows += values[i].flows;
	}
	free(values);
	return sum;
}

static uint64_t read_drops(enum host vip, uint16_t port, uint32_t reason)
{
	return node_losses(node_services_id(vip, port, shape->proto, shape->family), reason);
}

static size_t run(enum program program, enum device at, struct packet p, int *ret_verdict)
{
	uint8_t frame[PACKET_MAX];
	struct node_run out;
	size_t len;

	p.proto = shape->proto;
	p.from = program == TC_EGRESS ? world_own_mac(at) : world_sender_mac(at);
	p.to = program == TC_EGRESS ? world_sender_mac(at) : world_own_mac(at);
	len = packet_build(&p, shape->family, frame);
	assert_int_equal(node_run(program, at, frame, len, 0, &out), 0);
	*ret_verdict = out.verdict;
	return len;
}

static struct packet to_service(enum host vip, uint16_t port, uint16_t payload)
{
	return (struct packet){ .src = CLIENT,
				.sport = CLIENT_PORT,
				.dst = vip,
				.dport = port,
				.tcp = SYN,
				.payload = payload };
}

static void count_both_ways(void)
{
	struct packet request = to_service(VIP, PORT_LOCAL, 0), more = request;
	struct packet answer = { .src = POD,
				 .sport = NODE_EP_PORT,
				 .dst = CLIENT,
				 .dport = CLIENT_PORT,
				 .tcp = SYN | ACK,
				 .payload = 300 };
	struct naru_svc_stat before, after;
	size_t in, out;
	int verdict;

	node_clear_flows();
	more.tcp = ACK;
	more.payload = 100;
	before = read_stat(VIP, PORT_LOCAL);
	in = run(TC_INGRESS, NIC0, request, &verdict);
	out = run(TC_EGRESS, NIC0, answer, &verdict);
	in += run(TC_INGRESS, NIC0, more, &verdict);
	after = read_stat(VIP, PORT_LOCAL);
	assert_int_equal(after.packets[0] - before.packets[0], 2);
	assert_int_equal(after.packets[1] - before.packets[1], 1);
	assert_int_equal(after.bytes[0] - before.bytes[0], in - 2 * 14);
	assert_int_equal(after.bytes[1] - before.bytes[1], out - 14);
	assert_int_equal(after.flows - before.flows, 1);
}

/* What XDP leaves to TC counts once; what it finishes counts like with TC. */
static void count_at_xdp(void)
{
	struct naru_svc_stat before, after;
	int verdict;
	size_t len;

	node_clear_flows();
	for (enum device d = NIC0; d <= NIC1; d++)
		node_set_device(d, true, true);
	before = read_stat(VIP, PORT_LOCAL);
	run(XDP_INGRESS, NIC0, to_service(VIP, PORT_LOCAL, 10), &verdict);
	assert_int_equal(verdict, XDP_PASS);
	after = read_stat(VIP, PORT_LOCAL);
	assert_memory_equal(&before, &after, sizeof(before));
	before = read_stat(VIP, PORT_REMOTE);
	len = run(XDP_INGRESS, NIC0, to_service(VIP, PORT_REMOTE, 10), &verdict);
	assert_int_equal(verdict, XDP_TX);
	after = read_stat(VIP, PORT_REMOTE);
	assert_int_equal(after.packets[0] - before.packets[0], 1);
	assert_int_equal(after.bytes[0] - before.bytes[0], len - 14);
	assert_int_equal(after.flows - before.flows, 1);
}

static void drops_by_reason(void)
{
	static const struct {
		uint16_t port;
		uint32_t reason;
	} rows[] = {
		{ PORT_EMPTY, NARU_C_REJECTED },
		{ PORT_LOCAL_ONLY, NARU_C_NO_LOCAL_ENDPOINT },
		{ PORT_UNREACHABLE, NARU_C_NO_ROUTE },
		{ PORT_BROKEN, NARU_C_NO_ENDPOINT_ENTRY },
	};
	int verdict;

	node_clear_flows();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t before = read_drops(VIP, rows[i].port, rows[i].reason);

		for (int n = 0; n < 2; n++)
			run(TC_INGRESS, NIC0, to_service(VIP, rows[i].port, 0), &verdict);
		assert_int_equal(read_drops(VIP, rows[i].port, rows[i].reason) - before, 2);
	}
}

/* ---- events ---- */

static struct naru_event last;
static size_t n_events;

static int on_event(void *ctx, void *data, size_t size)
{
	(void)ctx;
	assert_int_equal(size, sizeof(last));
	memcpy(&last, data, size);
	n_events++;
	return 0;
}

/* Everything in the ring; the last event stays in `last`. */
static size_t read_events(void)
{
	struct ring_buffer *ring = ring_buffer__new(node_map("events"), on_event, NULL, NULL);

	assert_non_null(ring);
	n_events = 0;
	assert_true(ring_buffer__consume(ring) >= 0);
	ring_buffer__free(ring);
	return n_events;
}

static void watch(uint32_t until)
{
	struct naru_state state;
	uint32_t zero = 0;

	assert_int_equal(bpf_map_lookup_elem(node_map("state"), &zero, &state), 0);
	state.watched = until;
	assert_int_equal(bpf_map_update_elem(node_map("state"), &zero, &state, BPF_ANY), 0);
}

static void assert_addr(const uint8_t *addr, enum host host)
{
	uint8_t want[16];

	world_mapped(host, shape->family, want);
	assert_memory_equal(addr, want, sizeof(want));
}

static void events_tell(void)
{
	int verdict;

	node_clear_flows();
	watch(node_now() + 2);
	read_events();
	run(TC_INGRESS, NIC0, to_service(VIP, PORT_REMOTE, 0), &verdict);
	assert_int_equal(read_events(), 1);
	assert_int_equal(last.kind, NARU_EVENT_FLOW);
	assert_int_equal(last.svc, node_services_id(VIP, PORT_REMOTE, shape->proto, shape->family));
	assert_int_equal(last.road, NARU_REDIRECT);
	assert_int_equal(last.ifindex, world_ifindex(NIC0));
	assert_int_equal(last.proto, shape->proto);
	assert_addr(last.client, CLIENT);
	assert_addr(last.addr, VIP);
	assert_addr(last.endpoint, REMOTE);
	assert_addr(last.snat, NODE);
	assert_int_equal(last.client_port, CLIENT_PORT);
	assert_int_equal(last.port, PORT_REMOTE);
	assert_int_equal(last.endpoint_port, NODE_EP_PORT);
	assert_in_range(last.snat_port, node_config()->snat_min, node_config()->snat_max);
	/* The flow is known now. */
	run(TC_INGRESS, NIC0,
	    (struct packet){ .src = CLIENT,
			     .sport = CLIENT_PORT,
			     .dst = VIP,
			     .dport = PORT_REMOTE,
			     .tcp = ACK },
	    &verdict);
	assert_int_equal(read_events(), 0);
	run(TC_INGRESS, NIC0, to_service(VIP, PORT_EMPTY, 0), &verdict);
	assert_int_equal(read_events(), 1);
	assert_int_equal(last.kind, NARU_EVENT_DROP);
	assert_int_equal(last.reason, NARU_C_REJECTED);
	assert_int_equal(last.port, PORT_EMPTY);
}

/* Off, and when nobody has renewed the switch. */
static void events_are_off(void)
{
	const uint32_t untils[] = { 0, node_now() - 5 };
	int verdict;

	for (size_t i = 0; i < 2; i++) {
		node_clear_flows();
		watch(untils[i]);
		read_events();
		run(TC_INGRESS, NIC0, to_service(VIP, PORT_LOCAL, 0), &verdict);
		run(TC_INGRESS, NIC0, to_service(VIP, PORT_EMPTY, 0), &verdict);
		assert_int_equal(read_events(), 0);
	}
}

/* A ring that nobody reads fills up: what is lost is counted, and packets go on. */
static void events_are_lost(void)
{
	uint64_t before[NARU_C_MAX], after[NARU_C_MAX];
	size_t room = NARU_EVENTS_BYTES / sizeof(struct naru_event), kept;
	int verdict;

	node_clear_flows();
	watch(node_now() + 1000);
	read_events();
	node_counters(before);
	for (size_t i = 0; i < room; i++) {
		run(TC_INGRESS, NIC0, to_service(VIP, PORT_LOCAL_ONLY, 0), &verdict);
		assert_int_equal(verdict, TC_ACT_SHOT);
	}
	node_counters(after);
	kept = read_events();
	assert_true(kept < room);
	assert_int_equal(after[NARU_C_EVENTS_LOST] - before[NARU_C_EVENTS_LOST], room - kept);
	watch(0);
}

static void each(void (*test)(void))
{
	for (size_t i = 0; i < N_SHAPES; i++) {
		shape = &shapes[i];
		test();
	}
}

static void test_counts(void **state)
{
	(void)state;
	each(count_both_ways);
}

static void test_xdp(void **state)
{
	(void)state;
	each(count_at_xdp);
}

static void test_drops(void **state)
{
	(void)state;
	each(drops_by_reason);
}

static void test_events(void **state)
{
	(void)state;
	each(events_tell);
}

static void test_off(void **state)
{
	(void)state;
	each(events_are_off);
}

static void test_lost(void **state)
{
	(void)state;
	shape = &shapes[0];
	events_are_lost();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts), cmocka_unit_test(test_xdp),
		cmocka_unit_test(test_drops),  cmocka_unit_test(test_events),
		cmocka_unit_test(test_off),    cmocka_unit_test(test_lost),
	};

	world_enter();
	node_load(&(struct node_options){ 0 });
	return cmocka_run_group_tests(tests, NULL, NULL);
}
