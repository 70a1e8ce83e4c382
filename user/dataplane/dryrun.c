/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test runs happen on the CPU of the caller, and each object's record of what was decided is per
 * CPU: all are cleared before and the one that has something is read after, whichever CPU it was.
 */
#include "dataplane/dryrun.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <naru/counters.h>
#include <naru/paths.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/netlink.h"
#include "dataplane/load.h"

#define FRAME_MAX 128
#define TTL	  64

struct dryrun {
	struct load load;
	char *links; /* pin directory */
	struct netlink_snapshot net;
};

/* XDP is loaded where it is in force only: judging a program is what takes the time. */
static bool any_xdp(const char *links)
{
	_cleanup_(mem_freep) char *pattern = mem_printf("%s/*-xdp", links);
	glob_t found = { 0 };
	bool any = !glob(pattern, 0, NULL, &found);

	globfree(&found);
	return any;
}

int dryrun_open(const char *bpffs_dir, struct dryrun **ret_dryrun)
{
	_cleanup_(mem_freep) char *pins = mem_printf("%s/%s", bpffs_dir, NARU_PIN_SUBDIR);
	_cleanup_(mem_freep) char *links = mem_printf("%s/%s", pins, NARU_LINK_SUBDIR);
	_cleanup_(mem_freep) struct dryrun *d = mem_new(sizeof(*d));
	int r = load_open_dry(pins, any_xdp(links), &d->load);

	if (r)
		return r;
	d->links = TAKE_PTR(links);
	r = netlink_dump(&d->net);
	if (r) {
		dryrun_close(TAKE_PTR(d));
		return log_err(r, "read devices and routes");
	}
	*ret_dryrun = TAKE_PTR(d);
	return 0;
}

void dryrun_close(struct dryrun *d)
{
	if (!d)
		return;
	netlink_snapshot_fini(&d->net);
	load_close(&d->load);
	free(d->links);
	free(d);
}

/* ---- the packet ---- */

static size_t build_transport(const struct dryrun_packet *p, uint8_t *at)
{
	struct tcphdr tcp = { .source = htons(p->sport),
			      .dest = htons(p->dport),
			      .doff = sizeof(tcp) / 4,
			      .syn = 1,
			      .window = htons(0xffff) };
	struct udphdr udp = { .source = htons(p->sport), .dest = htons(p->dport) };

	/* SCTP has its ports where the others have them, and twelve bytes in all. */
	udp.len = p->proto == NARU_UDP ? htons(sizeof(udp)) : 0;
	memcpy(at, p->proto == NARU_TCP ? (void *)&tcp : &udp,
	       p->proto == NARU_TCP ? sizeof(tcp) : sizeof(udp));
	if (p->proto == NARU_TCP)
		return sizeof(tcp);
	/* An INIT chunk, without parameters. */
	if (p->proto == NARU_SCTP)
		at[12] = 1;
	return p->proto == NARU_UDP ? sizeof(udp) : 32;
}

/* Check sums stay zero: programs change them by differences and believe them. */
static size_t build(const struct dryrun_packet *p, const uint8_t *mac, uint8_t frame[FRAME_MAX])
{
	bool v4 = addr_family(&p->dst) == 4;
	uint8_t *at = frame + ETH_HLEN;
	struct ipv6hdr ip6 = { .version = 6, .nexthdr = p->proto, .hop_limit = TTL };
	struct iphdr ip4 = { .version = 4, .ihl = 5, .protocol = p->proto, .ttl = TTL };
	size_t head = v4 ? sizeof(ip4) : sizeof(ip6), body;

	memset(frame, 0, FRAME_MAX);
	memcpy(frame, mac, ETH_ALEN);
	frame[ETH_ALEN] = 2;
	frame[12] = v4 ? 0x08 : 0x86;
	frame[13] = v4 ? 0x00 : 0xdd;
	body = build_transport(p, at + head);
	ip4.tot_len = htons((uint16_t)(head + body));
	memcpy(&ip4.saddr, p->src.byte + 12, 4);
	memcpy(&ip4.daddr, p->dst.byte + 12, 4);
	ip6.payload_len = htons((uint16_t)body);
	memcpy(&ip6.saddr, p->src.byte, 16);
	memcpy(&ip6.daddr, p->dst.byte, 16);
	memcpy(at, v4 ? (void *)&ip4 : &ip6, head);
	return ETH_HLEN + head + body;
}

/* ---- the run ---- */

static int clear_trace(int fd)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_(mem_freep) struct naru_trace *zero = NULL;
	uint32_t key = 0;

	if (cpus < 0)
		return cpus;
	zero = mem_array((size_t)cpus, sizeof(*zero));
	return bpf_map_update_elem(fd, &key, zero, BPF_ANY);
}

static int read_trace(int fd, struct naru_trace *ret_trace)
{
	int cpus = libbpf_num_possible_cpus(), r;
	_cleanup_(mem_freep) struct naru_trace *values = NULL;
	uint32_t key = 0;

	if (cpus < 0)
		return cpus;
	values = mem_array((size_t)cpus, sizeof(*values));
	r = bpf_map_lookup_elem(fd, &key, values);
	*ret_trace = values[0];
	for (int i = 0; i < cpus; i++)
		if (values[i].seen)
			*ret_trace = values[i];
	return r;
}

static enum dryrun_verdict frame_verdict(enum dryrun_hook hook, uint32_t verdict,
					 const struct naru_trace *trace)
{
	/* enum why_verdict of why.bpf.c. */
	static const enum dryrun_verdict of_sockets[] = { DRYRUN_PASS, DRYRUN_LED,
							  DRYRUN_ANSWERED };
	bool refused = trace->seen & NARU_TRACE_REASON && trace->reason >= NARU_C_DROPS;

	if (hook == DRYRUN_SOCKET)
		return of_sockets[verdict % ARRAY_SIZE(of_sockets)];
	if (hook == DRYRUN_XDP)
		return verdict == XDP_PASS   ? DRYRUN_PASS
		       : verdict == XDP_DROP ? DRYRUN_DROPPED
					     : DRYRUN_SENT;
	if ((int)verdict == TC_ACT_SHOT)
		return DRYRUN_DROPPED;
	if ((int)verdict != TC_ACT_REDIRECT)
		return DRYRUN_PASS;
	return refused ? DRYRUN_ANSWERED : DRYRUN_SENT;
}

static int run_frame(struct dryrun *d, enum dryrun_hook hook, const struct dryrun_packet *packet,
		     uint32_t ifindex, uint32_t *ret_verdict)
{
	const int programs[] = { [DRYRUN_XDP] = d->load.xdp,
				 [DRYRUN_TC] = d->load.tc_ingress,
				 [DRYRUN_SOCKET] = d->load.why_socket };
	const struct netlink_link *link = netlink_find_link(&d->net, ifindex);
	struct __sk_buff skb = { .ifindex = ifindex, .ingress_ifindex = ifindex };
	struct xdp_md md = { .ingress_ifindex = ifindex };
	uint8_t in[FRAME_MAX], out[2 * FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = in, .data_out = out,
		    .data_size_out = sizeof(out));
	int r;

	if (!link)
		return -ENODEV;
	run.data_size_in = (uint32_t)build(packet, link->mac, in);
	md.data_end = run.data_size_in;
	run.ctx_in = hook == DRYRUN_XDP ? (void *)&md : &skb;
	run.ctx_size_in = hook == DRYRUN_XDP ? sizeof(md) : sizeof(skb);
	r = bpf_prog_test_run_opts(programs[hook], &run);
	*ret_verdict = run.retval;
	return r;
}

static int run_steer(struct dryrun *d, const struct dryrun_packet *packet,
		     enum dryrun_verdict *ret_verdict)
{
	bool v4 = addr_family(&packet->dst) == 4;
	struct bpf_sk_lookup ctx = {
		.family = v4 ? AF_INET : AF_INET6,
		.protocol = packet->proto,
		.remote_port = htons(packet->sport),
		.local_port = packet->dport,
	};
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .ctx_out = &ctx, .ctx_size_out = sizeof(ctx));
	int r;

	memcpy(v4 ? (void *)&ctx.remote_ip4 : ctx.remote_ip6, packet->src.byte + (v4 ? 12 : 0),
	       v4 ? 4 : 16);
	memcpy(v4 ? (void *)&ctx.local_ip4 : ctx.local_ip6, packet->dst.byte + (v4 ? 12 : 0),
	       v4 ? 4 : 16);
	r = bpf_prog_test_run_opts(d->load.steer, &run);
	*ret_verdict = run.retval == SK_DROP ? DRYRUN_DROPPED
		       : ctx.cookie	     ? DRYRUN_PROXY
					     : DRYRUN_PASS;
	return r;
}

int dryrun_run(struct dryrun *d, enum dryrun_hook hook, const struct dryrun_packet *packet,
	       uint32_t ifindex, struct dryrun_result *ret_result)
{
	const int traces[] = { [DRYRUN_XDP] = d->load.trace_xdp,
			       [DRYRUN_TC] = d->load.trace_tc,
			       [DRYRUN_STEER] = d->load.trace_steer,
			       [DRYRUN_SOCKET] = d->load.trace_why };
	struct dryrun_result result = { .verdict = DRYRUN_PASS };
	uint32_t verdict = 0;
	int r = clear_trace(traces[hook]);

	if (r)
		return r;
	/* What sk_lookup decides about are sockets of TCP and UDP. */
	if (hook == DRYRUN_STEER)
		r = packet->proto == NARU_SCTP ? 0 : run_steer(d, packet, &result.verdict);
	else
		r = run_frame(d, hook, packet, ifindex, &verdict);
	if (!r)
		r = read_trace(traces[hook], &result.trace);
	if (r)
		return r;
	if (hook != DRYRUN_STEER)
		result.verdict = frame_verdict(hook, verdict, &result.trace);
	*ret_result = result;
	return 0;
}

/* ---- where it comes in ---- */

static int get_device(const struct dryrun *d, uint32_t ifindex, struct naru_device *ret_device)
{
	return bpf_map_lookup_elem(d->load.maps.device, &ifindex, ret_device);
}

/* The device of the most specific route. */
static uint32_t route_device(const struct dryrun *d, const struct addr *addr)
{
	const struct netlink_route *best = NULL;

	for (size_t i = 0; i < d->net.n_routes; i++) {
		const struct netlink_route *route = &d->net.routes[i];

		if (addr_family(&route->dst.addr) != addr_family(addr) ||
		    !cidr_contains(&route->dst, addr))
			continue;
		if (!best || route->dst.len > best->dst.len ||
		    (route->dst.len == best->dst.len && route->metric < best->metric))
			best = route;
	}
	return best ? best->ifindex : 0;
}

/* A pod behind a bridge comes in by one of its ports, and all are alike to the programs. */
static bool fits(const struct dryrun *d, const struct netlink_link *link, uint32_t by_route,
		 enum naru_device_class class, struct naru_device *ret_device)
{
	if (by_route && link->ifindex != by_route && link->master != by_route)
		return false;
	return !get_device(d, link->ifindex, ret_device) && (!class || ret_device->class == class);
}

static bool find(const struct dryrun *d, uint32_t by_route, enum naru_device_class class,
		 uint32_t *ret_ifindex, struct naru_device *ret_device)
{
	for (size_t i = 0; i < d->net.n_links; i++) {
		if (fits(d, &d->net.links[i], by_route, class, ret_device)) {
			*ret_ifindex = d->net.links[i].ifindex;
			return true;
		}
	}
	return false;
}

int dryrun_find_device(struct dryrun *d, const struct addr *src, const char *from,
		       uint32_t *ret_ifindex, struct naru_device *ret_device)
{
	uint32_t by_route = route_device(d, src);
	enum naru_device_class class = 0;

	for (size_t i = 0; from && i < d->net.n_links; i++) {
		*ret_ifindex = d->net.links[i].ifindex;
		if (!strcmp(d->net.links[i].name, from))
			return get_device(d, *ret_ifindex, ret_device) ? -ENODEV : 0;
	}
	if (from && !strcmp(from, "pod"))
		class = NARU_POD;
	else if (from && !strcmp(from, "outside"))
		class = NARU_NIC;
	else if (from)
		return -ENODEV;
	if (find(d, by_route, class, ret_ifindex, ret_device))
		return 0;
	return class && find(d, 0, class, ret_ifindex, ret_device) ? 0 : -ENODEV;
}

/* ---- what the maps have ---- */

int dryrun_service(const struct dryrun *d, uint32_t id, struct naru_svc_name *ret_name)
{
	return bpf_map_lookup_elem(d->load.maps.svc_name, &id, ret_name);
}

int dryrun_endpoint(const struct dryrun *d, uint32_t id, struct naru_endpoint *ret_endpoint)
{
	return bpf_map_lookup_elem(d->load.maps.endpoint, &id, ret_endpoint);
}

bool dryrun_is_node_addr(const struct dryrun *d, const struct addr *addr)
{
	struct naru_node_addr value;

	return !bpf_map_lookup_elem(d->load.maps.node_addr, addr, &value);
}

bool dryrun_is_vip(const struct dryrun *d, const struct addr *addr)
{
	struct naru_vip value;

	return !bpf_map_lookup_elem(d->load.maps.steer_vip, addr, &value);
}

bool dryrun_has_xdp(const struct dryrun *d, uint32_t ifindex)
{
	_cleanup_(mem_freep) char *path = mem_printf("%s/%u-xdp", d->links, ifindex);

	return !access(path, F_OK);
}
