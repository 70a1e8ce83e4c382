/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds per packet of XDP and TC, by test run, beside an empty program and the yardstick of
 * cost.bpf.c. Programs take turns in every round; figures are CPU time of this thread less the
 * empty program's of the round, ratios are medians of those of the rounds. A second process does
 * the same with flows in a hash map (turns.h).
 *
 *   bench_packet [ROUNDS [CPU [PART...]]]
 *
 * where a part is one of those in the table before main(); by default all.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#include <naru/abi.h>

#include "../bpf/flows.h"
#include "../bpf/node.h"
#include "process.h"
#include "stats.h"
#include "traffic.h"
#include "turns.h"
#include "yard.h"

#define ROUNDS_MAX  99
#define ACKNOWLEDGE 0x10
#define OPEN	    0x02
#define NEW	    65536
#define MILLION	    1048576
#define FOREIGNERS  1024
#define FULL	    65536 /* entries */

struct row {
	struct aim aim;
	double ns[ROUNDS_MAX];
};

#define ROWS (2 * 2 * ROLE_MAX)

static struct row (*both)[ROWS]; /* of both processes */
static struct row *rows;	 /* of this one */
static int self, rounds = 11;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t counter(enum naru_counter id)
{
	uint64_t values[NARU_C_MAX];

	node_counters(values);
	return values[id];
}

/* Gives MINIMAL_PAIR's map an entry for the answers of each flow, in between, as naru has them. */
static void prepare_pair(int family, const struct cost_packet *list, size_t n)
{
	const struct aim aim = { .family = family, .role = MINIMAL_PAIR };
	int fd = yard_minimal(MINIMAL_PAIR, family);

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
		yard_run(&aim, &list[i], 1, OPEN, 1, &last);
	}
}

/* The lists of one family: requests and the answers to them, both in random order. */
struct lists {
	struct cost_packet *requests, *answers;
};

static void prepare(struct lists *l, int family, size_t n)
{
	const struct aim naru = { .family = family, .role = FORWARD },
			 minimal = { .family = family, .role = MINIMAL };
	uint8_t frame[COST_FRAME6];
	uint64_t before = counter(NARU_C_FLOW_NEW);
	struct last last;

	traffic_frame(family, OPEN, frame);
	traffic_requests(family, 0, n, l->requests);
	traffic_finish(family, frame, l->requests, n);
	yard_run(&naru, l->requests, n, OPEN, (int)n, &last);
	yard_run(&minimal, l->requests, n, OPEN, (int)n, &last);
	prepare_pair(family, l->requests, n);
	if (counter(NARU_C_FLOW_NEW) - before != n || traffic_answers(family, n, l->answers) != n) {
		fprintf(stderr, "flows are missing\n");
		exit(1);
	}
	traffic_frame(family, ACKNOWLEDGE, frame);
	traffic_finish(family, frame, l->requests, n);
	traffic_finish(family, frame, l->answers, n);
}

/* ---- the table of figures ---- */

static bool is_measured(const struct row *of, enum role role)
{
	return of[role].ns[0] > 0;
}

/* One round, net. */
static double net(const struct row *of, enum role role, int round)
{
	return of[role].ns[round] - (role == EMPTY ? 0 : of[EMPTY].ns[round]);
}

static void print_ns(const struct row *of, enum role role)
{
	double ns[ROUNDS_MAX];

	for (int i = 0; i < rounds; i++)
		ns[i] = net(of, role, i);
	printf(" %.1f |", stats_median(ns, (size_t)rounds));
	printf(" %.1f |", stats_min(ns, (size_t)rounds));
}

/* The median of the ratios of pairs: the machine has slow phases, which a pair shares. */
static void print_ratio(const struct row *of, enum role role, const struct row *to_of, enum role to)
{
	double ratios[ROUNDS_MAX];

	if (!is_measured(to_of, to)) {
		printf(" |");
		return;
	}
	for (int i = 0; i < rounds; i++)
		ratios[i] = net(of, role, i) / net(to_of, to, i);
	printf(" %.2f |", stats_median(ratios, (size_t)rounds));
}

static void print_row(const struct row *of, const struct row *of_hash, enum role role, bool hash)
{
	static const char *const names[] = { "empty (not net)",
					     "minimal",
					     "minimal, entries of both directions",
					     "the table alone",
					     "naru, request",
					     "naru, answer",
					     "naru, nobody's port and address",
					     "naru, one look-up that finds nothing" };
	const struct row *self_of = hash ? of_hash : of;

	printf("| %s IPv%c %s%s |", of->aim.tc ? "TC" : "XDP",
	       of->aim.family == AF_INET ? '4' : '6', names[role], hash ? ", hash map" : "");
	print_ns(self_of, role);
	if (role == EMPTY) {
		printf(" | | |\n");
		return;
	}
	print_ratio(self_of, role, self_of, MINIMAL);
	print_ratio(self_of, role, self_of, TABLE);
	if (role >= FORWARD && !hash)
		print_ratio(of, role, of_hash, role);
	else
		printf(" |");
	printf("\n");
}

/* Roles without samples are left out. The second process has had its last turn by now. */
static void report(const char *title)
{
	if (self)
		return;
	printf("\n%s\n\n", title);
	printf("| program | median ns | minimum ns | to minimal | to the table alone "
	       "| to naru with a hash map |\n|---|---|---|---|---|---|\n");
	for (int i = 0; i < ROWS; i += ROLE_MAX) {
		for (enum role role = EMPTY; role < ROLE_MAX; role++) {
			if (!is_measured(&both[0][i], role))
				continue;
			print_row(&both[0][i], &both[1][i], role, false);
			if (role >= FORWARD)
				print_row(&both[0][i], &both[1][i], role, true);
		}
	}
	fflush(stdout);
}

/* One sample of a row, in ns; negative: the row is none of this table's. The first round of all
 * only warms up. */
typedef double (*sample_fn)(const struct aim *aim, void *arg, bool warms_up);

static void measure(sample_fn sample, void *arg)
{
	memset(rows, 0, ROWS * sizeof(*rows));
	for (int round = -1; round < rounds; round++) {
		for (int i = 0; i < ROWS; i++) {
			double ns;

			rows[i].aim = (struct aim){ .tc = i / (2 * ROLE_MAX),
						    .family = i / ROLE_MAX % 2 ? AF_INET6 : AF_INET,
						    .role = (enum role)(i % ROLE_MAX) };
			ns = sample(&rows[i].aim, arg, round < 0);
			if (round >= 0)
				rows[i].ns[round] = ns;
		}
		turns_next();
	}
}

/* ---- established ---- */

struct established {
	struct lists lists[2];
	size_t n;
};

static double sample_established(const struct aim *aim, void *arg, bool warms_up)
{
	struct established *e = arg;
	const struct lists *l = &e->lists[aim->family == AF_INET6];
	const struct cost_packet *list = aim->role == REPLY ? l->answers : l->requests;
	int packets = e->n < 40000 ? 400000 : e->n < MILLION ? 10 * (int)e->n : (int)e->n;
	struct last last;

	if (aim->role >= FOREIGN || aim->role == TABLE || (aim->tc && e->n >= MILLION))
		return -1;
	if (warms_up)
		yard_check(aim, list, ACKNOWLEDGE);
	return yard_run(aim, list, e->n, ACKNOWLEDGE, packets, &last);
}

static void measure_established(size_t n)
{
	struct established e = { .n = n };
	char title[64];

	yard_clear();
	for (int i = 0; i < 2; i++) {
		e.lists[i].requests = calloc(n, sizeof(struct cost_packet));
		e.lists[i].answers = calloc(n, sizeof(struct cost_packet));
		prepare(&e.lists[i], i ? AF_INET6 : AF_INET, n);
	}
	measure(sample_established, &e);
	snprintf(title, sizeof(title), "Established, %zu flows in random order", n);
	report(title);
	for (int i = 0; i < 2; i++) {
		free(e.lists[i].requests);
		free(e.lists[i].answers);
	}
}

/* ---- new ---- */

/* Maps were in use before and are emptied between rounds, as they are in a life. */
static double sample_new(const struct aim *aim, void *arg, bool warms_up)
{
	struct cost_packet *list = arg;
	uint8_t frame[COST_FRAME6];
	uint64_t before;
	struct last last;
	double ns;

	(void)warms_up;
	if (aim->role >= REPLY || aim->role == MINIMAL_PAIR || (aim->role == TABLE && aim->tc))
		return -1;
	yard_clear();
	traffic_frame(aim->family, OPEN, frame);
	traffic_requests(aim->family, 0, NEW, list);
	traffic_finish(aim->family, frame, list, NEW);
	before = counter(NARU_C_FLOW_NEW);
	ns = yard_run(aim, list, NEW, OPEN, NEW, &last);
	if (counter(NARU_C_FLOW_NEW) - before != (aim->role == FORWARD) * NEW)
		die("a flow that was not made");
	return ns;
}

static void measure_new(size_t n)
{
	struct cost_packet *list = calloc(n, sizeof(*list));

	measure(sample_new, list);
	report("New, 65536 flows");
	free(list);
}

/* ---- a full table ---- */

/* Of both processes and families. */
struct full {
	double made[ROUNDS_MAX], refused[ROUNDS_MAX];
	size_t flows, lost;
};

static struct full (*full)[2];

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct naru_flow6_key));
}

/* The keys of all entries, in order. Returns how many there are. */
static size_t all_keys(int family, struct naru_flow6_key **ret_keys)
{
	size_t n = flows_count(family);
	struct flow_copy *copies = calloc(n + 1, sizeof(*copies));
	struct naru_flow6_key *keys = calloc(n + 1, sizeof(*keys));

	n = flows_all(family, 0, copies, n);
	for (size_t i = 0; i < n; i++)
		memcpy(&keys[i], copies[i].key,
		       family == AF_INET ? sizeof(struct naru_flow4_key) : sizeof(*keys));
	qsort(keys, n, sizeof(*keys), by_key);
	free(copies);
	*ret_keys = keys;
	return n;
}

/* Makes flows until there is no room, each answered, and offers as many again. */
static void fill(struct full *f, int family, int round, struct cost_packet *list)
{
	const struct aim aim = { .family = family, .role = FORWARD };
	struct naru_flow6_key *before, *after;
	uint8_t frame[COST_FRAME6];
	size_t had, has, answers;
	double made, refused;
	struct last last;

	yard_clear();
	traffic_frame(family, OPEN, frame);
	traffic_requests(family, 0, NEW, list);
	traffic_finish(family, frame, list, NEW);
	made = yard_run(&aim, list, FULL / 4, OPEN, FULL / 4, &last);
	yard_run(&aim, list, NEW, OPEN, NEW, &last);
	answers = traffic_answers(family, NEW, list);
	traffic_frame(family, ACKNOWLEDGE, frame);
	traffic_finish(family, frame, list, answers);
	yard_run(&aim, list, answers, ACKNOWLEDGE, (int)answers, &last);
	had = all_keys(family, &before);
	traffic_frame(family, OPEN, frame);
	traffic_requests(family, NEW, NEW, list);
	traffic_finish(family, frame, list, NEW);
	refused = yard_run(&aim, list, NEW, OPEN, NEW, &last);
	has = all_keys(family, &after);
	for (size_t i = 0; i < had; i++)
		f->lost += !bsearch(&before[i], after, has, sizeof(*after), by_key);
	f->flows = had / 2;
	free(before);
	free(after);
	if (round >= 0) {
		f->made[round] = made;
		f->refused[round] = refused;
	}
}

static void measure_full(size_t n)
{
	struct cost_packet *list = calloc(n, sizeof(*list));

	for (int round = -1; round < rounds; round++) {
		fill(&full[self][0], AF_INET, round, list);
		fill(&full[self][1], AF_INET6, round, list);
		turns_next();
	}
	free(list);
	if (self)
		return;
	printf("\nA table of %d entries, as full as one service may make it, XDP, with wrapper\n\n"
	       "| flows in | it holds | ns to make one | ns to refuse one | refused / made "
	       "| answered flows lost |\n|---|---|---|---|---|---|\n",
	       FULL);
	for (int i = 0; i < 4; i++) {
		struct full *f = &full[i / 2][i % 2];
		double made = stats_median(f->made, (size_t)rounds),
		       refused = stats_median(f->refused, (size_t)rounds);

		printf("| %s, IPv%c | %zu | %.0f | %.0f | %.2f | %zu |\n",
		       i / 2 ? "a hash map" : "cache lines", i % 2 ? '6' : '4', f->flows, made,
		       refused, refused / made, f->lost);
	}
	fflush(stdout);
}

/* ---- not ours ---- */

/* Packets of many clients that no service has to do with. */
static void prepare_foreign(struct cost_packet *list, const struct aim *aim, size_t n)
{
	uint8_t frame[COST_FRAME6];

	traffic_frame(aim->family, ACKNOWLEDGE, frame);
	traffic_requests(aim->family, 0, n, list);
	for (size_t i = 0; i < n; i++) {
		if (aim->role != MISSED)
			world_addr(CLIENT, aim->family, list[i].daddr);
		list[i].dport = htons(aim->role == MISSED ? 2000 : 40001);
	}
	traffic_finish(aim->family, frame, list, n);
}

static double sample_foreign(const struct aim *aim, void *arg, bool warms_up)
{
	struct cost_packet *list = arg;
	struct last last;

	if (aim->role != EMPTY && aim->role < FOREIGN)
		return -1;
	prepare_foreign(list, aim, FOREIGNERS);
	if (warms_up)
		yard_check(aim, list, ACKNOWLEDGE);
	return yard_run(aim, list, FOREIGNERS, ACKNOWLEDGE, 400000, &last);
}

static void measure_foreign(size_t n)
{
	struct cost_packet *list = calloc(n, sizeof(*list));

	yard_clear();
	measure(sample_foreign, list);
	report("Not a service's packet");
	free(list);
}

/* ---- two processors ---- */

struct sender {
	const struct aim *aim;
	const struct cost_packet *list;
	size_t n;
	int cpu;
	pthread_barrier_t *together;
	double ns;
};

static void *send_all(void *arg)
{
	struct sender *s = arg;
	struct last last;

	process_pin(s->cpu);
	if (s->together)
		pthread_barrier_wait(s->together);
	s->ns = yard_run(s->aim, s->list, s->n, ACKNOWLEDGE, 400000, &last);
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
static void measure_two(const char *title, bool tc, enum role role, size_t n, bool same)
{
	const struct aim aims[2] = {
		{ .tc = tc, .family = AF_INET, .role = role },
		{ .tc = tc, .family = AF_INET, .role = role, .second = true }
	};
	double alone[ROUNDS_MAX], two[ROUNDS_MAX];
	struct lists lists = { calloc(n, sizeof(struct cost_packet)),
			       calloc(n, sizeof(struct cost_packet)) };
	struct sender senders[2];

	yard_clear();
	prepare(&lists, AF_INET, n);
	for (int i = 0; i < 2; i++)
		senders[i] = (struct sender){ .aim = &aims[i],
					      .list = lists.requests + (same ? 0 : i * (n / 2)),
					      .n = same ? n : n / 2,
					      .cpu = i };
	for (int round = -1; round < rounds; round++) {
		double one = send_by(&senders[1], 1), each = send_by(senders, 2);

		if (round >= 0) {
			alone[round] = one;
			two[round] = each;
		}
	}
	printf("| %s %s | %.1f | %.1f | %.2f |\n", tc ? "TC" : "XDP", title,
	       stats_median(alone, (size_t)rounds), stats_median(two, (size_t)rounds),
	       2 * stats_median(alone, (size_t)rounds) / stats_median(two, (size_t)rounds));
	free(lists.requests);
	free(lists.answers);
}

static void measure_processors(size_t flows)
{
	printf("\nTwo processors, IPv4 requests, the wrapper's cost included\n\n"
	       "| program | ns on one | ns on each of two | times the work of one |\n"
	       "|---|---|---|---|\n");
	for (int tc = 0; tc < 2; tc++) {
		measure_two("minimal, half of the flows on each", tc, MINIMAL, flows, false);
		measure_two("naru, half of the flows on each", tc, FORWARD, flows, false);
		measure_two("naru, one flow on both", tc, FORWARD, 1, true);
	}
	fflush(stdout);
}

static const struct part {
	const char *name;
	void (*measure)(size_t flows);
	size_t flows;
	uint32_t entries; /* 0: never full */
	bool alone;	  /* has nothing that the second process could do at the same time */
} parts[] = {
	{ "1024", measure_established, 1024, 0, false },
	{ "65536", measure_established, NEW, 0, false },
	{ "new", measure_new, NEW, 0, false },
	{ "foreign", measure_foreign, FOREIGNERS, 0, false },
	{ "processors", measure_processors, 1024, 0, true },
	{ "full", measure_full, NEW, FULL, false },
	{ "1048576", measure_established, MILLION, 0, false },
};

static bool is_wanted(const struct part *part, int argc, char **argv)
{
	for (int i = 3; i < argc; i++)
		if (!strcmp(argv[i], part->name))
			return true;
	return argc <= 3;
}

static void run_part(const struct part *part)
{
	static uint32_t loaded, entries;
	uint32_t want = part->flows < NEW ? NEW : (uint32_t)part->flows;

	if (part->alone && self)
		return;
	if (loaded != want || entries != part->entries) {
		if (loaded)
			yard_unload();
		yard_load(want, part->entries);
	}
	loaded = want;
	entries = part->entries;
	part->measure(part->flows);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = atoi(argv[1]);
	if (rounds < 1 || rounds > ROUNDS_MAX)
		return fprintf(stderr, "usage: bench_packet [ROUNDS [CPU [PART...]]]\n"), 2;
	process_pin(argc > 2 ? atoi(argv[2]) : 1);
	both = turns_memory(2 * sizeof(*both));
	full = turns_memory(2 * sizeof(*full));
	self = turns_begin();
	rows = both[self];
	setenv("NARU_FLOW_TABLE", self ? "hash" : "lines", 1);
	world_enter();
	process_drop_privileges();
	if (!self) {
		stats_print_machine();
		printf("%d rounds, CPU time of one packet, less the empty program's\n", rounds);
		fflush(stdout);
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (is_wanted(&parts[i], argc, argv))
			run_part(&parts[i]);
	yard_unload();
	if (self)
		turns_leave();
	else
		turns_end();
	return 0;
}
