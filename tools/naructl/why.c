/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the programs in force themselves, by a dry run, and puts what they noted into words. Works
 * without narud; needs its network namespace and its capabilities.
 */
#include "why.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/bpf.h>

#include <json-c/json.h>

#include <naru/counters.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/sockaddr.h"
#include "client.h"
#include "dataplane/dryrun.h"
#include "table.h"

#define EXIT_USAGE  2
#define SOURCE_PORT 54321 /* when none is given */
#define TEXT_MAX    256
#define SOCKET_MAX  (ADDR_STR_LEN + 8)

/* Not from <linux/bpf.h>, which has them as enumerators of older and newer kernels. */
#define FIB_SUCCESS	0
#define FIB_NOT_FORWARD 4
#define FIB_NO_NEIGH	7
#define FIB_TOO_BIG	8

/* What is to be told, in order. */
struct story {
	struct table lines;
	struct json_object *steps, *root;
};

struct question {
	struct dryrun_packet packet;
	struct naru_device device;
	uint32_t ifindex;
};

__attribute__((format(printf, 3, 4))) static void tell(struct story *story, const char *step,
						       const char *format, ...)
{
	struct json_object *o = json_object_new_object();
	char text[TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	table_cell(&story->lines, "%s", step);
	table_cell(&story->lines, "%s", text);
	json_object_object_add(o, "step", json_object_new_string(step));
	json_object_object_add(o, "text", json_object_new_string(text));
	json_object_array_add(story->steps, o);
}

static void set(struct story *story, const char *name, const char *value)
{
	json_object_object_add(story->root, name, json_object_new_string(value));
}

/* ---- words --------------------------------------------------------------------------------- */

static const char *format_socket(const struct addr *addr, uint16_t port, char buf[SOCKET_MAX])
{
	char text[ADDR_STR_LEN];
	bool v6 = addr_family(addr) == 6;

	addr_format(addr, text);
	snprintf(buf, SOCKET_MAX, "%s%s%s:%u", v6 ? "[" : "", text, v6 ? "]" : "", port);
	return buf;
}

static const char *format_bytes(const uint8_t byte[16], uint16_t port, char buf[SOCKET_MAX])
{
	struct addr addr;

	memcpy(addr.byte, byte, sizeof(addr.byte));
	return format_socket(&addr, port, buf);
}

static const char *proto_name(uint8_t proto)
{
	return proto == NARU_TCP ? "tcp" : proto == NARU_UDP ? "udp" : "sctp";
}

static const char *kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[NARU_CLUSTER_IP] = "ClusterIP",
		[NARU_NODE_PORT] = "NodePort",
		[NARU_LOAD_BALANCER] = "LoadBalancer IP",
		[NARU_EXTERNAL_IP] = "external IP",
		[NARU_HOST_PORT] = "hostPort",
		[NARU_NO_PORT] = "port that the ClusterIP has not",
	};

	return kind < ARRAY_SIZE(names) && names[kind] ? names[kind] : "frontend";
}

struct text {
	const char *name, *help;
};

static struct text reason_text(uint32_t reason)
{
#define TEXT(id, name, help) { #name, help },
	static const struct text texts[] = { NARU_DROPS(TEXT) NARU_EVENTS(TEXT) };
#undef TEXT

	return reason < ARRAY_SIZE(texts) ? texts[reason] : (struct text){ "unknown", "unknown" };
}

static const char *device_name(uint32_t ifindex, char buf[IF_NAMESIZE])
{
	return if_indextoname(ifindex, buf) ? buf : "a device that is gone";
}

/* ---- what a hook decided ------------------------------------------------------------------- */

static void tell_flow(struct story *story, const struct naru_trace *t)
{
	if (t->seen & NARU_TRACE_STALE)
		tell(story, "flow", "one is known, but it is over: this packet begins a new one");
	else if (t->seen & NARU_TRACE_HIT)
		tell(story, "flow", "known: no choice is made, the flow keeps its endpoint");
	else if (t->seen & NARU_TRACE_MISS)
		tell(story, "flow", "none is known: this would be its first packet");
}

static void tell_service(struct story *story, const struct dryrun *dryrun,
			 const struct naru_trace *t)
{
	struct naru_svc_name name;
	const char *who = t->internal ? "clients on this node" : "clients outside";

	if (!(t->seen & (NARU_TRACE_SERVICE | NARU_TRACE_FLOW))) {
		if (t->seen & NARU_TRACE_MISS)
			tell(story, "service", "none has this address and port");
		return;
	}
	if (dryrun_service(dryrun, t->svc, &name))
		snprintf(name.name, sizeof(name.name), "(id %u, no name)", t->svc);
	set(story, "service", name.name);
	if (!(t->seen & NARU_TRACE_SERVICE)) {
		tell(story, "service", "%.*s", (int)sizeof(name.name), name.name);
		return;
	}
	set(story, "kind", kind_name(t->kind));
	tell(story, "service", "%.*s, by its %s", (int)sizeof(name.name), name.name,
	     kind_name(t->kind));
	if (t->set.count)
		tell(story, "set", "%u endpoint%s for %s", t->set.count,
		     t->set.count == 1 ? "" : "s", who);
	else
		tell(story, "set", "no endpoint for %s: %s", who,
		     t->set.on_empty == NARU_REJECT ? "refused" : "dropped, since others exist");
}

static void tell_choice(struct story *story, const struct dryrun *dryrun,
			const struct naru_trace *t)
{
	struct naru_endpoint ep;
	char text[SOCKET_MAX];

	if (t->seen & NARU_TRACE_STUCK)
		tell(story, "affinity", "the client has an endpoint, and keeps it");
	else if (t->seen & NARU_TRACE_CHOSEN && t->set.lut_len)
		tell(story, "table",
		     "slot %u of %u, by the hash %#x of addresses and ports: number %u", t->slot,
		     t->set.lut_len, t->hash, t->index);
	if (!(t->seen & (NARU_TRACE_CHOSEN | NARU_TRACE_STUCK | NARU_TRACE_FLOW)) ||
	    dryrun_endpoint(dryrun, t->ep, &ep))
		return;
	format_bytes(ep.addr, ep.port, text);
	set(story, "endpoint", text);
	tell(story, "endpoint", "%s, %s", text, ep.local ? "on this node" : "elsewhere");
}

static void tell_nexthop(struct story *story, const struct naru_trace *t)
{
	char name[IF_NAMESIZE];

	if (!(t->seen & NARU_TRACE_NEXTHOP))
		return;
	switch (t->nexthop) {
	case FIB_SUCCESS:
	case FIB_TOO_BIG:
		tell(story, "next hop", "out of %s", device_name(t->ifindex, name));
		break;
	case FIB_NO_NEIGH:
		tell(story, "next hop", "out of %s, whose link address the kernel has yet to find",
		     device_name(t->ifindex, name));
		break;
	case FIB_NOT_FORWARD:
		tell(story, "next hop", "this node itself");
		break;
	default:
		tell(story, "next hop", "the routing table has none (%u)", t->nexthop);
	}
}

static void tell_road(struct story *story, const struct naru_trace *t)
{
	static const char *const roads[] = {
		[NARU_STACK] = "stack: the kernel routes it after the rewrite",
		[NARU_REDIRECT] = "redirect: sent on past the kernel's stack",
		[NARU_HAIRPIN] = "hairpin: the endpoint is the client itself, sent back to it",
	};
	char from[SOCKET_MAX], to[SOCKET_MAX];

	if (!(t->seen & NARU_TRACE_FLOW))
		return;
	tell(story, "road", "%s", t->road < ARRAY_SIZE(roads) ? roads[t->road] : "unknown");
	format_bytes(t->saddr, t->sport, from);
	format_bytes(t->daddr, t->dport, to);
	set(story, "source", from);
	set(story, "destination", to);
	tell(story, "rewrite", "%s -> %s%s%s", from, to,
	     t->flags & NARU_F_SNAT ? ", with a source of this node" : "",
	     t->flags & NARU_F_REPLY ? " (the answer of a flow)" : "");
}

static void tell_trace(struct story *story, const struct dryrun *dryrun, const struct naru_trace *t)
{
	if (t->seen & NARU_TRACE_FILTERED) {
		tell(story, "filter", "certainly no packet of a service");
		return;
	}
	if (!(t->seen & ~(__u32)NARU_TRACE_REASON))
		return;
	tell(story, "filter", "may be a service's");
	tell_flow(story, t);
	if (t->seen & NARU_TRACE_NO_SYN)
		return;
	tell_service(story, dryrun, t);
	tell_choice(story, dryrun, t);
	tell_nexthop(story, t);
	tell_road(story, t);
}

static void tell_verdict(struct story *story, const char *verdict, const struct naru_trace *t)
{
	struct text reason = reason_text(t->reason);

	set(story, "verdict", verdict);
	if (!(t->seen & NARU_TRACE_REASON)) {
		tell(story, "verdict", "%s", verdict);
		return;
	}
	set(story, "reason", reason.name);
	tell(story, "verdict", "%s: %s (%s)", verdict, reason.help, reason.name);
}

/* ---- the way of a packet ------------------------------------------------------------------- */

/* Passed on unchanged, to an address of this node: which socket. */
static int tell_steer(struct story *story, struct dryrun *dryrun, const struct question *q)
{
	struct dryrun_result result;
	int r = dryrun_run(dryrun, DRYRUN_STEER, &q->packet, q->ifindex, &result);

	if (r)
		return r;
	if (result.verdict == DRYRUN_PROXY)
		tell(story, "steering", "a Gateway listens there: naru-proxy takes it");
	else if (result.verdict == DRYRUN_DROPPED)
		tell(story, "steering", "refused: clients see RST or port unreachable");
	else
		tell(story, "steering", "nothing of ours: whoever listens there");
	tell_verdict(story,
		     result.verdict == DRYRUN_PROXY	? "proxy"
		     : result.verdict == DRYRUN_DROPPED ? "refused"
							: "passed",
		     &result.trace);
	return 0;
}

static int tell_passed(struct story *story, struct dryrun *dryrun, const struct question *q,
		       const struct naru_trace *t)
{
	bool ours = t->seen & NARU_TRACE_FLOW;

	if (!ours &&
	    (dryrun_is_vip(dryrun, &q->packet.dst) || dryrun_is_node_addr(dryrun, &q->packet.dst)))
		return tell_steer(story, dryrun, q);
	tell_verdict(story, "passed", t);
	return 0;
}

/* False in *ret_done: TC has yet to see it. */
static int tell_xdp(struct story *story, struct dryrun *dryrun, const struct question *q,
		    bool *ret_done)
{
	struct dryrun_result result;
	int r = dryrun_run(dryrun, DRYRUN_XDP, &q->packet, q->ifindex, &result);

	*ret_done = !r && result.verdict != DRYRUN_PASS;
	if (r)
		return r;
	if (!*ret_done) {
		tell(story, "xdp", "leaves it to TC");
		return 0;
	}
	tell(story, "xdp", "finishes it");
	set(story, "hook", "xdp");
	tell_trace(story, dryrun, &result.trace);
	tell_verdict(story, result.verdict == DRYRUN_SENT ? "sent" : "dropped", &result.trace);
	return 0;
}

static int tell_tc(struct story *story, struct dryrun *dryrun, const struct question *q)
{
	static const char *const verdicts[] = {
		[DRYRUN_SENT] = "sent", [DRYRUN_DROPPED] = "dropped", [DRYRUN_ANSWERED] = "refused"
	};
	struct dryrun_result result;
	int r = dryrun_run(dryrun, DRYRUN_TC, &q->packet, q->ifindex, &result);

	if (r)
		return r;
	set(story, "hook", "tc");
	tell_trace(story, dryrun, &result.trace);
	if (result.verdict == DRYRUN_PASS)
		return tell_passed(story, dryrun, q, &result.trace);
	tell_verdict(story, verdicts[result.verdict], &result.trace);
	return 0;
}

static int tell_packet(struct story *story, struct dryrun *dryrun, const struct question *q)
{
	char from[SOCKET_MAX], to[SOCKET_MAX];
	bool done = false;
	int r = 0;

	format_socket(&q->packet.src, q->packet.sport, from);
	format_socket(&q->packet.dst, q->packet.dport, to);
	tell(story, "packet", "%s -> %s, %s%s", from, to, proto_name(q->packet.proto),
	     q->packet.proto == NARU_TCP ? " SYN" : "");
	tell(story, "device", "%.16s: %s", q->device.name,
	     q->device.class == NARU_POD
		     ? "a pod's; its sockets may be translated before, as by --from node"
		     : "a NIC's, clients there are outside");
	json_object_object_add(story->root, "device",
			       json_object_new_string_len(q->device.name,
							  (int)strnlen(q->device.name, 16)));
	if (dryrun_has_xdp(dryrun, q->ifindex))
		r = tell_xdp(story, dryrun, q, &done);
	return r || done ? r : tell_tc(story, dryrun, q);
}

/* What an application of this node gets at connect or sendmsg. */
static int tell_socket(struct story *story, struct dryrun *dryrun, const struct question *q)
{
	struct dryrun_result result;
	char to[SOCKET_MAX];
	int r = dryrun_run(dryrun, DRYRUN_SOCKET, &q->packet, q->ifindex, &result);

	if (r)
		return r;
	format_socket(&q->packet.dst, q->packet.dport, to);
	tell(story, "socket", "of this node, dials %s, %s", to, proto_name(q->packet.proto));
	set(story, "hook", "socket");
	tell_service(story, dryrun, &result.trace);
	if (result.trace.seen & NARU_TRACE_CHOSEN && result.trace.set.lut_len)
		tell(story, "table", "each socket has a hash of its own: any of them, such as");
	/* The hash of the dry run is nobody's. */
	result.trace.set.lut_len = 0;
	tell_choice(story, dryrun, &result.trace);
	tell_verdict(story,
		     result.verdict == DRYRUN_LED	 ? "translated"
		     : result.verdict == DRYRUN_ANSWERED ? "refused"
							 : "passed",
		     &result.trace);
	return 0;
}

/* ---- the question -------------------------------------------------------------------------- */

static int take_proto(const char *text, uint8_t *ret_proto)
{
	static const uint8_t protos[] = { NARU_TCP, NARU_UDP, NARU_SCTP };

	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		if (!strcmp(proto_name(protos[i]), text)) {
			*ret_proto = protos[i];
			return 0;
		}
	}
	return -EINVAL;
}

static int take_question(const struct why_options *options, struct dryrun_packet *ret_packet)
{
	struct dryrun_packet p = { .proto = NARU_TCP, .sport = SOURCE_PORT };
	_cleanup_(mem_freep) char *target = mem_strdup(options->target);
	char *slash = strchr(target, '/');
	int r;

	if (slash)
		*slash = 0;
	if (sockaddr_parse(options->source, &p.src, &p.sport) < 0) {
		client_complain("\"%s\": must be ADDR, ADDR:PORT or [ADDR]:PORT", options->source);
		return -EINVAL;
	}
	r = sockaddr_parse(target, &p.dst, &p.dport) == 1 ? 0 : -EINVAL;
	if (!r && slash)
		r = take_proto(slash + 1, &p.proto);
	if (r) {
		client_complain("\"%s\": must be ADDR:PORT or [ADDR]:PORT, then nothing, /tcp, "
				"/udp or /sctp",
				options->target);
		return r;
	}
	if (addr_family(&p.src) != addr_family(&p.dst)) {
		client_complain("source and destination are of different families");
		return -EINVAL;
	}
	*ret_packet = p;
	return 0;
}

static int ask(struct story *story, struct dryrun *dryrun, const struct why_options *options,
	       struct question *q)
{
	bool node = options->from ? !strcmp(options->from, "node")
				  : dryrun_is_node_addr(dryrun, &q->packet.src);
	int r = dryrun_find_device(dryrun, &q->packet.src, node ? "outside" : options->from,
				   &q->ifindex, &q->device);

	if (r) {
		client_complain("%s: no device that naru serves: name one by --from",
				options->from ? options->from : options->source);
		return r;
	}
	r = node ? tell_socket(story, dryrun, q) : tell_packet(story, dryrun, q);
	if (r)
		client_complain("test run: %s", strerror(-r));
	return r;
}

int why_run(const struct why_options *options)
{
	static const char *const titles[] = { "STEP", "DECISION" };
	struct story story = { .root = json_object_new_object(), .steps = json_object_new_array() };
	struct question q = { .ifindex = 0 };
	struct dryrun *dryrun = NULL;
	int r = take_question(options, &q.packet), status = r ? EXIT_USAGE : EXIT_FAILURE;

	table_init(&story.lines, ARRAY_SIZE(titles), titles);
	json_object_object_add(story.root, "steps", story.steps);
	if (!r)
		r = dryrun_open(options->bpffs, &dryrun);
	if (!r)
		r = ask(&story, dryrun, options, &q);
	if (!r && options->json)
		puts(json_object_to_json_string_ext(story.root, JSON_C_TO_STRING_PLAIN));
	else if (!r)
		table_print(&story.lines, "");
	if (!r)
		status = EXIT_SUCCESS;
	dryrun_close(dryrun);
	table_fini(&story.lines);
	json_object_put(story.root);
	return status;
}
