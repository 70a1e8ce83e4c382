/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays a scene. Expected packets come from the builder; the only thing taken from a program's
 * output is a source port that it was free to choose.
 */
#include "scene.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf.h>

#include <cmocka.h>

#include "flows.h"
#include "node.h"
#include "node_services.h"

#ifndef BPF_F_TEST_SKB_CHECKSUM_COMPLETE
#define BPF_F_TEST_SKB_CHECKSUM_COMPLETE (1u << 2)
#endif

enum setting {
	TC_ALONE,
	TC_SUMMED,
	XDP_THEN_TC,
	SETTING_MAX,
};

static const char *const setting_names[SETTING_MAX] = { "tc", "tc, summed", "xdp then tc" };

struct play {
	const struct scene *scene;
	enum setting setting;
	uint8_t proto;
	int family;
	unsigned step;
	uint16_t snat[SCENE_SNAT];
	char name[160];
};

static void dump(const char *what, const uint8_t *frame, size_t len)
{
	fprintf(stderr, "%s (%zu):", what, len);
	for (size_t i = 0; i < len; i++)
		fprintf(stderr, "%s%02x", i % 16 ? " " : "\n  ", frame[i]);
	fprintf(stderr, "\n");
}

__attribute__((format(printf, 2, 3), noreturn)) static void wrong(const struct play *play,
								  const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s, packet %u: ", play->name, play->step + 1);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n  intent: %s\n", play->scene->intent);
	fail();
	abort(); /* not reached, which cmocka does not tell compilers */
}

static uint16_t real_port(const struct play *play, uint16_t port)
{
	return port < SCENE_SNAT && port ? play->snat[port] : port;
}

/* ---- what goes in and what must come out ---- */

static struct packet input(const struct play *play, const struct step *step)
{
	struct packet p = step->in;

	p.proto = p.proto ? p.proto : play->proto;
	p.sport = real_port(play, p.sport);
	p.dport = real_port(play, p.dport);
	if (!p.from)
		p.from = step->leaving ? world_own_mac(step->at) : world_sender_mac(step->at);
	if (!p.to)
		p.to = step->leaving ? world_sender_mac(step->at) : world_own_mac(step->at);
	return p;
}

static enum station sender_to(enum station via)
{
	switch (via) {
	case PEER1:
		return NIC1_MAC;
	case POD_MAC:
		return POD0_MAC;
	case POD2_MAC:
		return POD1_MAC;
	default:
		return NIC0_MAC;
	}
}

static bool is_answer(const struct step *step)
{
	return step->answer || step->told;
}

static struct packet expected(const struct play *play, const struct step *step)
{
	struct packet p = input(play, step);

	if (step->out.src) {
		p.src = step->out.src;
		p.dst = step->out.dst;
		p.sport = real_port(play, step->out.sport);
		p.dport = real_port(play, step->out.dport);
	}
	if (step->outcome == SENT && !is_answer(step)) {
		bool turned = step->via == world_sender_mac(step->at) && step->at >= POD0;

		if (!turned)
			p.ttl = (p.ttl ? p.ttl : 64) - 1;
		if (!step->no_mac) {
			p.from = sender_to(step->via);
			p.to = step->via;
		}
	}
	return p;
}

/* RFC 9293, 3.5.2: to a SYN comes RST, ACK with its sequence number plus what it occupies. */
static size_t build_reset(const struct packet *syn, int family, uint8_t *ret_frame)
{
	struct packet rst = {
		.src = syn->dst,
		.dst = syn->src,
		.sport = syn->dport,
		.dport = syn->sport,
		.proto = syn->proto,
		.tcp = RST | ACK,
		.ack = syn->seq + 1 + syn->payload,
		.from = syn->to,
		.to = syn->from,
		.blank_id = true,
	};

	return packet_build(&rst, family, ret_frame);
}

/* The headers are quoted, without TCP's options (RFC 792 and RFC 4443 allow more). */
static size_t build_answer(const struct packet *p, const struct step *step, int family,
			   uint8_t *ret_frame)
{
	struct packet outer = {
		.src = p->dst, .dst = p->src, .from = p->to, .to = p->from, .blank_id = true
	};
	uint8_t about[PACKET_MAX];
	size_t len = packet_build(p, family, about);
	/* Of SCTP's common header and its chunk the former. */
	size_t behind = p->padding + p->payload +
			(p->proto == IPPROTO_TCP    ? p->options
			 : p->proto == IPPROTO_SCTP ? 20
						    : 0);

	if (step->told)
		outer.src = world_source(step->at);
	return packet_error(&outer, family,
			    &(struct complaint){
				    .kind = step->told ? step->told : PORT_CLOSED,
				    .word = step->word,
				    .about = about,
				    .quoted = len - behind - 14,
			    },
			    ret_frame);
}

/* An error and the packet that it quotes, as it stands on one side. */
static size_t build_error(const struct play *play, const struct step *step,
			  const struct packet *outer, const struct ends *ends, uint8_t *ret_frame)
{
	struct packet p = step->about;
	uint8_t about[PACKET_MAX];
	size_t transport, len;

	p.proto = play->proto;
	if (ends->src) {
		p.src = ends->src;
		p.dst = ends->dst;
		p.sport = ends->sport;
		p.dport = ends->dport;
	}
	p.sport = real_port(play, p.sport);
	p.dport = real_port(play, p.dport);
	len = packet_build(&p, play->family, about);
	transport = p.proto == IPPROTO_TCP ? 20u + p.options : 8;
	len -= 14u + p.payload + transport;
	return packet_error(outer, play->family,
			    &(struct complaint){
				    .kind = step->error,
				    .word = step->word,
				    .about = about,
				    .quoted = len + (step->quoted ? step->quoted : 8),
			    },
			    ret_frame);
}

static size_t build_input(const struct play *play, const struct step *step, uint8_t *ret_frame)
{
	static const struct ends same;
	struct packet p = input(play, step);

	if (step->error)
		return build_error(play, step, &p, &same, ret_frame);
	return packet_build(&p, play->family, ret_frame);
}

static size_t build_expected(const struct play *play, const struct step *step, uint8_t *ret_frame)
{
	struct packet p = is_answer(step) ? input(play, step) : expected(play, step);

	if (step->error)
		return build_error(play, step, &p, &step->about_out, ret_frame);
	if (!is_answer(step))
		return packet_build(&p, play->family, ret_frame);
	if (p.proto == IPPROTO_TCP && step->answer)
		return build_reset(&p, play->family, ret_frame);
	return build_answer(&p, step, play->family, ret_frame);
}

/* ---- running ---- */

static int verdict_of(const struct step *step, enum program program)
{
	static const int tc[] = {
		[PASS] = TC_ACT_UNSPEC, [SENT] = TC_ACT_REDIRECT, [DROPPED] = TC_ACT_SHOT
	};

	if (program != XDP_INGRESS)
		return tc[step->outcome];
	if (step->outcome == SENT)
		return sender_to(step->via) == world_own_mac(step->at) ? XDP_TX : XDP_REDIRECT;
	return step->outcome == PASS ? XDP_PASS : XDP_DROP;
}

/* A chosen port becomes known by the first packet that carries it. */
static void learn_port(struct play *play, const struct step *step, const struct node_run *run)
{
	uint16_t name = step->out.sport;
	uint16_t port;

	if (!step->out.src || !name || name >= SCENE_SNAT || play->snat[name])
		return;
	port = packet_get16(run->frame + packet_l4(run->frame));
	if (port < node_config()->snat_min || port > node_config()->snat_max)
		wrong(play, "source port %u is out of range", port);
	play->snat[name] = port;
}

static void check_output(struct play *play, const struct step *step, const struct node_run *run)
{
	uint8_t want[PACKET_MAX];
	const char *sum;
	size_t len;

	if (step->outcome == DROPPED)
		return;
	learn_port(play, step, run);
	len = build_expected(play, step, want);
	if (len != run->len || memcmp(want, run->frame, len)) {
		dump("wanted", want, len);
		dump("came", run->frame, run->len);
		wrong(play, "the packet is not the one that was wanted");
	}
	if (!step->answer)
		len -= step->in.padding;
	sum = step->in.shape == PLAIN && !step->in.unsummed ? packet_wrong_sum(run->frame, len)
							    : NULL;
	if (sum)
		wrong(play, "%s check sum is wrong", sum);
}

/* The device's sum must be kept only where somebody reads it: in a stack. */
static uint32_t run_flags(const struct play *play, const struct step *step)
{
	bool read = step->outcome == PASS || step->via == POD_MAC || step->via == POD2_MAC;

	/* Nobody looks at the device's sum of a datagram that has none of its own. */
	return play->setting == TC_SUMMED && read && !step->in.unsummed && !is_answer(step)
		       ? BPF_F_TEST_SKB_CHECKSUM_COMPLETE
		       : 0;
}

static void run_program(struct play *play, const struct step *step, enum program program,
			struct node_run *ret_run)
{
	uint8_t frame[PACKET_MAX];
	size_t len = build_input(play, step, frame);
	uint32_t flags = program == XDP_INGRESS ? 0 : run_flags(play, step);
	int r = node_run(program, step->at, frame, len, flags, ret_run);

	if (r == -EBADMSG)
		wrong(play, "the device's check sum of the whole packet was not kept right");
	if (r)
		wrong(play, "test run: %s", strerror(-r));
	if (program == XDP_INGRESS && ret_run->verdict == XDP_PASS &&
	    (ret_run->len != len || memcmp(frame, ret_run->frame, len)))
		wrong(play, "XDP changed a packet and passed it on");
}

static void play_step(struct play *play, const struct step *step)
{
	enum program program = step->leaving ? TC_EGRESS : TC_INGRESS;
	bool nic = step->at == NIC0 || step->at == NIC1;
	struct node_run run;

	if (step->generation)
		node_set_generation(step->generation);
	if (play->setting == XDP_THEN_TC && nic && !step->leaving) {
		run_program(play, step, XDP_INGRESS, &run);
		if (run.verdict != XDP_PASS)
			program = XDP_INGRESS;
		if (step->tc_only && program == XDP_INGRESS)
			wrong(play, "XDP took a packet that is TC's: verdict %d", run.verdict);
		if (step->outcome == SENT && !step->tc_only && program != XDP_INGRESS)
			wrong(play, "XDP left a packet to TC that it could send");
	}
	if (program != XDP_INGRESS)
		run_program(play, step, program, &run);
	if (run.verdict != verdict_of(step, program))
		wrong(play, "verdict %d instead of %d", run.verdict, verdict_of(step, program));
	check_output(play, step, &run);
}

/* ---- what is left ---- */

struct entry {
	uint8_t saddr[16], daddr[16];
	struct naru_flow f;
};

static bool find_entry(const struct play *play, const struct ends *ends, uint8_t hook,
		       struct entry *ret_entry)
{
	uint16_t sport = real_port(play, ends->sport), dport = real_port(play, ends->dport);
	struct naru_flow4_key key4 = {
		.sport = sport, .dport = dport, .proto = play->proto, .hook = hook
	};
	struct naru_flow6_key key6 = {
		.sport = sport, .dport = dport, .proto = play->proto, .hook = hook
	};
	struct flow_copy found;
	size_t len = play->family == AF_INET ? 4 : 16;

	world_addr(ends->src, AF_INET, key4.saddr);
	world_addr(ends->dst, AF_INET, key4.daddr);
	world_addr(ends->src, AF_INET6, key6.saddr);
	world_addr(ends->dst, AF_INET6, key6.daddr);
	if (!flows_find(play->family, play->family == AF_INET ? (void *)&key4 : &key6, node_now(),
			&found))
		return false;
	memcpy(ret_entry->saddr, found.value, len);
	memcpy(ret_entry->daddr, found.value + len, len);
	ret_entry->f = *flow_tail(&flow_families[found.entry.family], found.value);
	return true;
}

static bool same_addr(enum host host, int family, const uint8_t *addr)
{
	uint8_t want[16];

	world_addr(host, family, want);
	return !memcmp(want, addr, family == AF_INET ? 4 : 16);
}

/* One entry, found by what the packet looks like, must turn it into `is`. */
static void check_entry(const struct play *play, const struct flow_pair *flow,
			const struct ends *is, const struct entry *e)
{
	enum host vip = flow->service.sport ? flow->service.src : flow->client.dst;
	uint16_t port = flow->service.sport ? flow->service.sport : flow->client.dport;

	if (!same_addr(is->src, play->family, e->saddr) ||
	    !same_addr(is->dst, play->family, e->daddr))
		wrong(play, "an entry has wrong addresses");
	if (e->f.sport != real_port(play, is->sport) || e->f.dport != real_port(play, is->dport))
		wrong(play, "an entry has ports %u, %u", e->f.sport, e->f.dport);
	if (e->f.road != flow->road)
		wrong(play, "an entry takes road %d", e->f.road);
	if (e->f.svc != node_services_id(vip, port, play->proto, play->family))
		wrong(play, "an entry names service %u", e->f.svc);
	if (e->f.ep != node_services_endpoint(flow->endpoint.dst, play->proto, play->family))
		wrong(play, "an entry names endpoint %u", e->f.ep);
}

static struct ends turned(const struct ends *e)
{
	return (struct ends){ e->dst, e->dport, e->src, e->sport };
}

static void check_flow(const struct play *play, const struct flow_pair *flow)
{
	struct ends answer = turned(&flow->endpoint), answered = turned(&flow->client);
	uint8_t hook = flow->road == NARU_STACK ? NARU_EGRESS : NARU_INGRESS;
	bool snat = flow->client.src != flow->endpoint.src;
	uint8_t flags = snat ? NARU_F_SNAT : 0;
	struct entry e;

	if (!find_entry(play, &flow->client, NARU_INGRESS, &e))
		wrong(play, "the client's entry is missing");
	check_entry(play, flow, &flow->endpoint, &e);
	e.f.flags &= ~NARU_F_ACK; /* test_flood.c */
	if (e.f.flags != (flags | (play->proto != IPPROTO_UDP ? flow->marks : 0)))
		wrong(play, "the client's entry has flags %#x", e.f.flags);
	if (node_now() - e.f.seen > 2)
		wrong(play, "the client's entry was last seen at %u, now is %u", e.f.seen,
		      node_now());
	if (!find_entry(play, &answer, hook, &e))
		wrong(play, "the endpoint's entry is missing");
	check_entry(play, flow, &answered, &e);
	e.f.flags &= ~NARU_F_ACK;
	if (e.f.flags !=
	    (flags | NARU_F_REPLY | (play->proto != IPPROTO_UDP ? flow->reply_marks : 0)))
		wrong(play, "the endpoint's entry has flags %#x", e.f.flags);
}

static void check_counters(const struct play *play, const uint64_t *before)
{
	static const char *const names[] = {
#define NAME(id, label, help) [NARU_C_##id] = #label,
		NARU_DROPS(NAME) NARU_EVENTS(NAME)
#undef NAME
	};
	uint64_t after[NARU_C_MAX];

	node_counters(after);
	for (size_t i = 0; i < NARU_C_MAX; i++) {
		if (after[i] - before[i] != play->scene->counts[i])
			wrong(play, "counter %s rose by %llu instead of %llu", names[i],
			      (unsigned long long)(after[i] - before[i]),
			      (unsigned long long)play->scene->counts[i]);
	}
}

static void play_scene(void **state)
{
	struct play *play = *state;
	uint64_t before[NARU_C_MAX];
	size_t n = 0;

	memset(play->snat, 0, sizeof(play->snat));
	node_clear_flows();
	for (enum device d = NIC0; d < DEVICE_MAX; d++)
		node_set_device(d, d < POD0 && !play->scene->no_xdp_out, !play->scene->no_source);
	node_counters(before);
	for (play->step = 0; play->step < SCENE_STEPS && play->scene->steps[play->step].at;
	     play->step++)
		play_step(play, &play->scene->steps[play->step]);
	for (; n < SCENE_FLOWS && play->scene->flows[n].road; n++)
		check_flow(play, &play->scene->flows[n]);
	if (node_count_flows(play->family) != 2 * n)
		wrong(play, "%zu entries instead of %zu", node_count_flows(play->family), 2 * n);
	check_counters(play, before);
}

/* ---- the list of tests ---- */

static bool can_sum(void)
{
	struct packet p = { .src = CLIENT,
			    .dst = STRANGER,
			    .proto = IPPROTO_UDP,
			    .from = GATEWAY,
			    .to = NIC0_MAC };
	struct node_run run;
	uint8_t frame[PACKET_MAX];
	size_t len = packet_build(&p, AF_INET, frame);

	return !node_run(TC_EGRESS, NIC0, frame, len, BPF_F_TEST_SKB_CHECKSUM_COMPLETE, &run);
}

static void skip_summed(void **state)
{
	(void)state;
	fprintf(stderr,
		"skipped: the kernel has no test run with a device's check sum (Linux 6.11)\n");
	skip();
}

static const char *proto_name(uint8_t proto)
{
	return proto == IPPROTO_TCP ? "TCP" : proto == IPPROTO_UDP ? "UDP" : "SCTP";
}

static bool wants(const struct scene *scene, uint8_t proto)
{
	return proto == IPPROTO_TCP ? scene->tcp : proto == IPPROTO_UDP ? scene->udp : scene->sctp;
}

static void add(struct CMUnitTest *test, struct play *play, bool summed)
{
	snprintf(play->name, sizeof(play->name), "%s [%s, IPv%c, %s]", play->scene->name,
		 proto_name(play->proto), play->family == AF_INET ? '4' : '6',
		 setting_names[play->setting]);
	*test = (struct CMUnitTest){ .name = play->name,
				     .test_func = play_scene,
				     .initial_state = play };
	if (play->setting == TC_SUMMED && !summed)
		test->test_func = skip_summed;
}

/* Of one scene: protocols, families, settings. */
#define SETTINGS (3 * 2 * SETTING_MAX)

int scene_main(const char *group, const struct scene *scenes, size_t n)
{
	struct CMUnitTest *tests = calloc(n * SETTINGS, sizeof(*tests));
	struct play *plays = calloc(n * SETTINGS, sizeof(*plays));
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
	bool summed = can_sum();
	size_t used = 0;
	int failed;

	for (size_t i = 0; i < n * SETTINGS; i++) {
		struct play *play = &plays[used];

		play->scene = &scenes[i / SETTINGS];
		play->setting = (enum setting)(i % 3);
		play->family = i / 3 % 2 ? AF_INET6 : AF_INET;
		play->proto = protos[i / 6 % 3];
		if (play->scene->family && play->family != play->scene->family)
			continue;
		if (wants(play->scene, play->proto)) {
			add(&tests[used], play, summed);
			used++;
		}
	}
	failed = _cmocka_run_group_tests(group, tests, used, NULL, NULL);
	free(plays);
	free(tests);
	return failed;
}
