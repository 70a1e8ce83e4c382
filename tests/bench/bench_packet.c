/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds per packet of XDP and TC, by test run, beside an empty program and the yardstick of
 * cost.bpf.c. Programs take turns in every round; figures are CPU time of this thread, medians
 * and minima of all rounds, less those of the empty program. Programs are loaded with the
 * capabilities that narud has, since without CAP_PERFMON the verifier makes them slower.
 *
 *   bench_packet [ROUNDS [CPU]]
 */
#include <cap-ng.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <naru/abi.h>

#include "../bpf/node.h"
#include "../bpf/packet.h"
#include "cost.h"
#include "cost.skel.h"
#include "stats.h"
#include "traffic.h"

#define ROUNDS_MAX  99
#define ACKNOWLEDGE 0x10
#define OPEN	    0x02

enum role {
	EMPTY,
	MINIMAL,
	MINIMAL_PAIR, /* the same program; its map also has the entries that answers would need */
	FORWARD,
	REPLY,
	FOREIGN, /* to an address and port that are nobody's */
	MISSED,	 /* to an address of ours, and a port that source translation may have given out */
	ROLE_MAX,
};

/* One loaded cost.bpf.c and its list map. */
struct yard {
	struct cost_bpf *skel;
	struct cost_packet *window;
};

struct row {
	bool tc;
	bool second; /* sent by the wrapper of the second yard, whatever the role */
	int family;
	enum role role;
	double ns[ROUNDS_MAX];
};

#define ROWS (2 * 2 * ROLE_MAX)

static struct yard yards[2]; /* [1] is MINIMAL_PAIR's */
static int rounds = 11;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void drop_privileges(void)
{
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_BPF, CAP_NET_ADMIN,
			  CAP_PERFMON, -1) ||
	    capng_apply(CAPNG_SELECT_CAPS)) {
		fprintf(stderr, "cannot drop to CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON\n");
		exit(1);
	}
}

static void load(void)
{
	node_load(&(struct node_options){
		.flows = NARU_FLOWS_MAX, .snat_min = 1024, .snat_max = 29999 });
	traffic_add_service();
	for (int i = 0; i < 2; i++) {
		struct yard *y = &yards[i];

		y->skel = cost_bpf__open_and_load();
		if (!y->skel)
			die("loading the bench's programs");
		y->window = mmap(NULL, COST_FLOWS_MAX * sizeof(*y->window), PROT_READ | PROT_WRITE,
				 MAP_SHARED, bpf_map__fd(y->skel->maps.list), 0);
		if (y->window == MAP_FAILED)
			die("mapping the list");
	}
}

static struct yard *yard_of(const struct row *row)
{
	return &yards[row->second || row->role == MINIMAL_PAIR];
}

static int program_of(const struct row *row)
{
	const struct cost_bpf *skel = yard_of(row)->skel;

	if (row->role == EMPTY)
		return bpf_program__fd(row->tc ? skel->progs.empty_tc : skel->progs.empty_xdp);
	if (row->role == MINIMAL || row->role == MINIMAL_PAIR)
		return bpf_program__fd(row->tc ? skel->progs.minimal_tc : skel->progs.minimal_xdp);
	return node_program(row->tc ? "tc_ingress" : "xdp_lb");
}

static int wrapper_of(const struct row *row)
{
	const struct cost_bpf *skel = yard_of(row)->skel;

	if (row->family == AF_INET)
		return bpf_program__fd(row->tc ? skel->progs.wrap4_tc : skel->progs.wrap4_xdp);
	return bpf_program__fd(row->tc ? skel->progs.wrap6_tc : skel->progs.wrap6_xdp);
}

/* What the wrapper shall call, and the packets it shall make. */
static void aim(const struct row *row, const uint8_t *frame, size_t size,
		const struct cost_packet *list, size_t n)
{
	struct yard *y = yard_of(row);
	int map = bpf_map__fd(row->tc ? y->skel->maps.target_tc : y->skel->maps.target_xdp);
	int program = program_of(row);
	uint32_t zero = 0;

	if (bpf_map_update_elem(map, &zero, &program, BPF_ANY))
		die("aiming the wrapper");
	memcpy(y->skel->bss->frame, frame, size);
	memcpy(y->window, list, n * sizeof(*list));
	y->skel->bss->next = 0;
	y->skel->bss->packets = (uint32_t)n;
}

/* The last packet that came out of a run. */
struct last {
	uint8_t frame[256];
	uint32_t verdict;
};

/* Sends `packets` packets of a list of n through a row's program. Returns the CPU time of one in
 * ns. */
static double run(const struct row *row, const struct cost_packet *list, size_t n, uint8_t flags,
		  int packets, struct last *ret_last)
{
	uint8_t frame[COST_FRAME6];
	size_t size = traffic_frame(row->family, flags, frame);
	uint32_t ifindex = world_ifindex(NIC0);
	struct __sk_buff skb = { .ifindex = ifindex, .ingress_ifindex = ifindex };
	struct xdp_md md = { .data_end = (uint32_t)size, .ingress_ifindex = ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, t, .data_in = frame, .data_size_in = (uint32_t)size,
		    .data_out = ret_last->frame, .data_size_out = sizeof(ret_last->frame),
		    .repeat = packets);
	double start;

	t.ctx_in = row->tc ? (void *)&skb : (void *)&md;
	t.ctx_size_in = row->tc ? sizeof(skb) : sizeof(md);
	aim(row, frame, size, list, n);
	start = stats_cpu_ns();
	if (bpf_prog_test_run_opts(wrapper_of(row), &t))
		die("test run");
	start = stats_cpu_ns() - start;
	if (yard_of(row)->skel->bss->failed) {
		fprintf(stderr, "a tail call failed\n");
		exit(1);
	}
	ret_last->verdict = t.retval;
	return start / packets;
}

/* A row that passes packets on untouched would look fast: each must translate. */
static void check_row(const struct row *row, const struct cost_packet *list)
{
	uint32_t want = row->tc ? TC_ACT_REDIRECT : XDP_TX,
		 pass = row->tc ? TC_ACT_UNSPEC : XDP_PASS;
	size_t size = row->family == AF_INET ? COST_FRAME4 : COST_FRAME6;
	struct last last = {};
	const char *sum;

	if (row->role == EMPTY)
		return;
	run(row, list, 1, ACKNOWLEDGE, 1, &last);
	sum = packet_wrong_sum(last.frame, size);
	if (row->role < FOREIGN ? last.verdict == want && !sum && last.frame[5] != NIC0_MAC
				: last.verdict == pass && last.frame[5] == NIC0_MAC)
		return;
	fprintf(stderr, "role %d, IPv%c, %s: verdict %u, wrong sum: %s\n", row->role,
		row->family == AF_INET ? '4' : '6', row->tc ? "tc" : "xdp", last.verdict,
		sum ? sum : "none");
	exit(1);
}

static uint64_t counter(enum naru_counter id)
{
	uint64_t values[NARU_C_MAX];

	node_counters(values);
	return values[id];
}

/* Flows are taken away here without their programs: nor is any service to have some, or new ones
 * would be refused for its share. */
static void clear_counts(void)
{
	const struct naru_svc_flows none = {};
	struct naru_state state;
	uint32_t zero = 0;

	for (uint32_t id = 0; id <= NARU_SERVICES_MAX; id++)
		if (bpf_map_update_elem(node_map("svc_flows"), &id, &none, BPF_ANY))
			die("svc_flows");
	if (bpf_map_lookup_elem(node_map("state"), &zero, &state))
		die("state");
	memset(state.flows, 0, sizeof(state.flows));
	if (bpf_map_update_elem(node_map("state"), &zero, &state, BPF_ANY))
		die("state");
}

static void clear_all(void)
{
	clear_counts();
	node_clear_flows();
	for (int i = 0; i < 2; i++) {
		traffic_clear(bpf_map__fd(yards[i].skel->maps.minimal4), sizeof(struct cost_key4),
			      sizeof(struct cost_value));
		traffic_clear(bpf_map__fd(yards[i].skel->maps.minimal6), sizeof(struct cost_key6),
			      sizeof(struct cost_value));
	}
}

/* Gives MINIMAL_PAIR's map an entry for the answers of each flow, in between, as naru has them. */
static void prepare_pair(int family, const struct cost_packet *list, size_t n)
{
	struct row row = { .family = family, .role = MINIMAL_PAIR };
	const struct cost_bpf *skel = yards[1].skel;
	int fd = bpf_map__fd(family == AF_INET ? skel->maps.minimal4 : skel->maps.minimal6);

	for (size_t i = 0; i < n; i++) {
		struct cost_key6 key6 = { .sport = list[i].dport,
					  .dport = list[i].sport,
					  .proto = IPPROTO_TCP };
		struct cost_key4 key4 = { .sport = list[i].dport,
					  .dport = list[i].sport,
					  .proto = IPPROTO_TCP };
		struct cost_value value = {};
		struct last last;

		memcpy(&key4.saddr, list[i].daddr, 4);
		memcpy(&key4.daddr, list[i].saddr, 4);
		memcpy(key6.saddr, list[i].daddr, 16);
		memcpy(key6.daddr, list[i].saddr, 16);
		if (bpf_map_update_elem(fd, family == AF_INET ? (void *)&key4 : (void *)&key6,
					&value, BPF_NOEXIST))
			die("filling the yardstick's map");
		run(&row, &list[i], 1, OPEN, 1, &last);
	}
}

/* The lists of one family: requests and the answers to them, both in random order. */
struct lists {
	struct cost_packet *requests, *answers;
};

static void prepare(struct lists *l, int family, size_t n)
{
	struct row naru = { .family = family, .role = FORWARD },
		   minimal = { .family = family, .role = MINIMAL };
	uint8_t frame[COST_FRAME6];
	uint64_t before = counter(NARU_C_FLOW_NEW);
	struct last last;

	traffic_frame(family, OPEN, frame);
	traffic_requests(family, n, l->requests);
	traffic_finish(family, frame, l->requests, n);
	run(&naru, l->requests, n, OPEN, (int)n, &last);
	run(&minimal, l->requests, n, OPEN, (int)n, &last);
	prepare_pair(family, l->requests, n);
	if (counter(NARU_C_FLOW_NEW) - before != n || traffic_answers(family, n, l->answers) != n) {
		fprintf(stderr, "flows are missing\n");
		exit(1);
	}
	traffic_frame(family, ACKNOWLEDGE, frame);
	traffic_finish(family, frame, l->requests, n);
	traffic_finish(family, frame, l->answers, n);
}

static void init_rows(struct row *rows)
{
	for (int i = 0; i < ROWS; i++)
		rows[i] = (struct row){ .tc = i / (2 * ROLE_MAX),
					.family = i / ROLE_MAX % 2 ? AF_INET6 : AF_INET,
					.role = (enum role)(i % ROLE_MAX) };
}

static void print_row(const struct row *rows, enum role role, const double *median,
		      const double *min)
{
	static const char *const names[] = { "empty (not net)",
					     "minimal",
					     "minimal, entries of both directions",
					     "naru, request",
					     "naru, answer",
					     "naru, nobody's port and address",
					     "naru, one look-up that finds nothing" };
	double m = median[role] - (role ? median[EMPTY] : 0),
	       n = min[role] - (role ? min[EMPTY] : 0);

	printf("| %s IPv%c %s | %.1f | %.1f |", rows->tc ? "TC" : "XDP",
	       rows->family == AF_INET ? '4' : '6', names[role], m, n);
	if (role == EMPTY || median[MINIMAL] <= 0)
		printf(" | |\n");
	else
		printf(" %.2f | %.2f |\n", m / (median[MINIMAL] - median[EMPTY]),
		       n / (min[MINIMAL] - min[EMPTY]));
}

/* Roles without samples are left out. */
static void report(const char *title, struct row *rows)
{
	printf("\n%s\n\n", title);
	printf("| program | median ns | minimum ns | median / minimal | minimum / minimal |\n");
	printf("|---|---|---|---|---|\n");
	for (int i = 0; i < ROWS; i += ROLE_MAX) {
		double median[ROLE_MAX], min[ROLE_MAX];

		for (enum role role = EMPTY; role < ROLE_MAX; role++) {
			median[role] = stats_median(rows[i + role].ns, (size_t)rounds);
			min[role] = stats_min(rows[i + role].ns, (size_t)rounds);
			if (min[role] > 0)
				print_row(&rows[i], role, median, min);
		}
	}
	fflush(stdout);
}

static void measure_established(size_t n)
{
	static struct row rows[ROWS];
	struct last last;
	struct lists lists[2];
	int packets = n < 2000 ? 400000 : 10 * (int)n;
	char title[64];

	clear_all();
	init_rows(rows);
	for (int i = 0; i < 2; i++) {
		lists[i].requests = calloc(n, sizeof(struct cost_packet));
		lists[i].answers = calloc(n, sizeof(struct cost_packet));
		prepare(&lists[i], i ? AF_INET6 : AF_INET, n);
	}
	for (int round = -1; round < rounds; round++) { /* the first one only warms up */
		for (int i = 0; i < ROWS; i++) {
			const struct lists *l = &lists[rows[i].family == AF_INET6];
			const struct cost_packet *list =
				rows[i].role == REPLY ? l->answers : l->requests;
			double ns;

			if (rows[i].role >= FOREIGN)
				continue;
			ns = run(&rows[i], list, n, ACKNOWLEDGE, packets, &last);
			if (round < 0)
				check_row(&rows[i], list);
			else
				rows[i].ns[round] = ns;
		}
	}
	snprintf(title, sizeof(title), "Established, %zu flows in random order", n);
	report(title, rows);
	for (int i = 0; i < 2; i++) {
		free(lists[i].requests);
		free(lists[i].answers);
	}
}

/* Maps were in use before and are emptied between rounds, as they are in a life. */
static void measure_new(size_t n)
{
	static struct row rows[ROWS];
	struct last last;
	struct cost_packet *list = calloc(n, sizeof(*list));
	uint8_t frame[COST_FRAME6];
	char title[64];

	init_rows(rows);
	for (int round = -1; round < rounds; round++) {
		for (int i = 0; i < ROWS; i++) {
			uint64_t before;
			double ns;

			if (rows[i].role >= REPLY || rows[i].role == MINIMAL_PAIR)
				continue;
			clear_all();
			traffic_frame(rows[i].family, OPEN, frame);
			traffic_requests(rows[i].family, n, list);
			traffic_finish(rows[i].family, frame, list, n);
			before = counter(NARU_C_FLOW_NEW);
			ns = run(&rows[i], list, n, OPEN, (int)n, &last);
			if (counter(NARU_C_FLOW_NEW) - before != (rows[i].role == FORWARD) * n)
				die("a flow that was not made");
			if (round >= 0)
				rows[i].ns[round] = ns;
		}
	}
	snprintf(title, sizeof(title), "New, %zu flows", n);
	report(title, rows);
	free(list);
}

/* ---- not ours ---- */

/* Packets of many clients that no service has to do with. */
static void prepare_foreign(struct cost_packet *list, const struct row *row, size_t n)
{
	uint8_t frame[COST_FRAME6];

	traffic_frame(row->family, ACKNOWLEDGE, frame);
	traffic_requests(row->family, n, list);
	for (size_t i = 0; i < n; i++) {
		if (row->role != MISSED)
			world_addr(CLIENT, row->family, list[i].daddr);
		list[i].dport = htons(row->role == MISSED ? 2000 : 40001);
	}
	traffic_finish(row->family, frame, list, n);
}

static void measure_foreign(size_t n)
{
	static struct row rows[ROWS];
	struct cost_packet *list = calloc(n, sizeof(*list));
	struct last last;

	clear_all();
	init_rows(rows);
	for (int round = -1; round < rounds; round++) {
		for (int i = 0; i < ROWS; i++) {
			double ns;

			if (rows[i].role != EMPTY && rows[i].role < FOREIGN)
				continue;
			prepare_foreign(list, &rows[i], n);
			ns = run(&rows[i], list, n, ACKNOWLEDGE, 400000, &last);
			if (round < 0)
				check_row(&rows[i], list);
			else
				rows[i].ns[round] = ns;
		}
	}
	report("Not a service's packet", rows);
	free(list);
}

/* ---- two processors ---- */

struct sender {
	const struct row *row;
	const struct cost_packet *list;
	size_t n;
	int cpu;
	pthread_barrier_t *together;
	double ns;
};

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *send_all(void *arg)
{
	struct sender *s = arg;
	struct last last;

	pin(s->cpu);
	if (s->together)
		pthread_barrier_wait(s->together);
	s->ns = run(s->row, s->list, s->n, ACKNOWLEDGE, 400000, &last);
	return NULL;
}

/* Nanoseconds of a packet while as many processors work as there are senders; the slowest's. */
static double send_by(struct sender *senders, unsigned n)
{
	pthread_barrier_t together;
	pthread_t threads[2];
	double ns = 0;

	pthread_barrier_init(&together, NULL, n);
	for (unsigned i = 0; i < n; i++) {
		senders[i].together = &together;
		pthread_create(&threads[i], NULL, send_all, &senders[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
		ns = senders[i].ns > ns ? senders[i].ns : ns;
	}
	pthread_barrier_destroy(&together);
	return ns;
}

/* CPU time of a packet on one processor against that on two at once: 2.00 is twice as much work. */
static void measure_two(const char *title, bool tc, size_t n, bool same)
{
	struct row rows[2] = { { .tc = tc, .family = AF_INET, .role = FORWARD },
			       { .tc = tc, .family = AF_INET, .role = FORWARD, .second = true } };
	double alone[ROUNDS_MAX], both[ROUNDS_MAX];
	struct lists lists = { calloc(n, sizeof(struct cost_packet)),
			       calloc(n, sizeof(struct cost_packet)) };
	struct sender senders[2];

	clear_all();
	prepare(&lists, AF_INET, n);
	for (int i = 0; i < 2; i++)
		senders[i] = (struct sender){ .row = &rows[i],
					      .list = lists.requests + (same ? 0 : i * (n / 2)),
					      .n = same ? n : n / 2,
					      .cpu = i };
	for (int round = -1; round < rounds; round++) {
		double one = send_by(&senders[1], 1), two = send_by(senders, 2);

		if (round >= 0) {
			alone[round] = one;
			both[round] = two;
		}
	}
	printf("| %s %s | %.1f | %.1f | %.2f |\n", tc ? "TC" : "XDP", title,
	       stats_median(alone, (size_t)rounds), stats_median(both, (size_t)rounds),
	       2 * stats_median(alone, (size_t)rounds) / stats_median(both, (size_t)rounds));
	free(lists.requests);
	free(lists.answers);
}

static void measure_processors(void)
{
	printf("\nTwo processors, IPv4 requests, the wrapper's cost included\n\n"
	       "| program | ns on one | ns on each of two | times the work of one |\n"
	       "|---|---|---|---|\n");
	for (int tc = 0; tc < 2; tc++) {
		measure_two("1024 flows, half of them on each", tc, 1024, false);
		measure_two("one flow on both", tc, 1, true);
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = atoi(argv[1]);
	if (rounds < 1 || rounds > ROUNDS_MAX)
		return fprintf(stderr, "usage: bench_packet [ROUNDS [CPU]]\n"), 2;
	pin(argc > 2 ? atoi(argv[2]) : 1);
	world_enter();
	drop_privileges();
	load();
	stats_print_machine();
	printf("%d rounds, CPU time of one packet, less the empty program's\n", rounds);
	measure_established(1024);
	measure_established(COST_FLOWS_MAX);
	measure_new(COST_FLOWS_MAX);
	measure_foreign(1024);
	measure_processors();
	for (int i = 0; i < 2; i++)
		cost_bpf__destroy(yards[i].skel);
	node_unload();
	return 0;
}
