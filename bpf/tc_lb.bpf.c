/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TC at NICs, overlay devices and the host ends of pods' devices: service to endpoint where
 * packets come in, back to the service's address where answers leave; who has a VIP. Runs after
 * other TC programs; their verdict stands for packets that are not ours.
 */
#include "lib/maps.h"

#include "lib/announce.h"
#include "lib/ctx_tc.h"
#include "lib/ingress.h"
#include "lib/rare.h"
#include "lib/reject.h"

/* Parses what is not plain, or not linear yet. Returns RARE_PLAIN or a verdict. */
static __always_inline int parse_again(struct __sk_buff *ctx, struct pkt *p, enum pkt_result r,
				       const __u8 hook, const int af)
{
	if (r == PKT_SHORT && ctx->len > ctx_end(ctx) - ctx_data(ctx)) {
		if (bpf_skb_pull_data(ctx, ctx->len < PKT_HEADERS ? ctx->len : PKT_HEADERS))
			return TC_ACT_UNSPEC;
		r = pkt_parse(ctx_data(ctx), ctx_end(ctx), p, af);
	}
	if (r == PKT_RARE)
		return af == AF_INET ? rare4(ctx, p, hook) : rare6(ctx, p, hook);
	return r == PKT_OK ? RARE_PLAIN : TC_ACT_UNSPEC;
}

static __always_inline int parse(struct __sk_buff *ctx, struct pkt *p, const __u8 hook,
				 const int af)
{
	enum pkt_result r = pkt_parse(ctx_data(ctx), ctx_end(ctx), p, af);

	return r == PKT_OK ? RARE_PLAIN : parse_again(ctx, p, r, hook, af);
}

static __always_inline int process_ingress(struct __sk_buff *ctx, const int af)
{
	struct pkt p = {};
	enum first_result first;
	int verdict;

	if (filter_early(ctx_data(ctx), ctx_end(ctx), af))
		return TC_ACT_UNSPEC;
	verdict = parse(ctx, &p, NARU_INGRESS, af);
	if (verdict != RARE_PLAIN)
		return verdict;
	verdict = ingress(ctx, &p, &first, af);
	if (first != FIRST_REJECT)
		return observe_verdict(ctx, &p.t, NARU_INGRESS, verdict, af);
	observe_verdict(ctx, &p.t, NARU_INGRESS, CTX_DROP, af);
	return reject(ctx, &p, af);
}

static __always_inline int process_egress(struct __sk_buff *ctx, const int af)
{
	struct pkt p = {};
	int verdict;
	void *value;
	__u32 now;

	verdict = parse(ctx, &p, NARU_EGRESS, af);
	if (verdict != RARE_PLAIN)
		return verdict;
	if (!filter_egress(&p.t, af))
		return TC_ACT_UNSPEC;
	value = flow_meet(&p.t, NARU_EGRESS, af);
	now = now_tick();
	if (!value || stale(&p, NARU_EGRESS, value, now, af))
		return TC_ACT_UNSPEC;
	flow_note(value, &p, now, af);
	stat_packet(ctx, &p, flow_core(value, af));
	return rewrite(ctx, &p, value, 0, af) ? ingress_drop(NARU_C_REWRITE) : TC_ACT_UNSPEC;
}

/* Maybe, when the header is not linear. */
static __always_inline int may_be_icmp6(const struct __sk_buff *ctx)
{
	const struct ipv6hdr *ip = ctx_data(ctx) + PKT_L3;

	return (const void *)(ip + 1) > ctx_end(ctx) || ip->nexthdr == IPPROTO_ICMPV6;
}

static __always_inline int process6(struct __sk_buff *ctx)
{
	int verdict = may_be_icmp6(ctx) ? announce_nd(ctx) : TC_ACT_UNSPEC;

	return verdict == TC_ACT_UNSPEC ? process_ingress(ctx, AF_INET6) : verdict;
}

SEC("tc")
int tc_ingress(struct __sk_buff *ctx)
{
	if (ctx->vlan_present)
		return TC_ACT_UNSPEC; /* belongs to a VLAN device */
	switch (pkt_ethertype(ctx_data(ctx), ctx_end(ctx))) {
	case ETH_P_IP:
		return process_ingress(ctx, AF_INET);
	case ETH_P_IPV6:
		return process6(ctx);
	case ETH_P_ARP:
		return announce_arp(ctx);
	default:
		return TC_ACT_UNSPEC;
	}
}

SEC("tc")
int tc_egress(struct __sk_buff *ctx)
{
	if (ctx->vlan_present)
		return TC_ACT_UNSPEC;
	switch (pkt_ethertype(ctx_data(ctx), ctx_end(ctx))) {
	case ETH_P_IP:
		return process_egress(ctx, AF_INET);
	case ETH_P_IPV6:
		return process_egress(ctx, AF_INET6);
	case ETH_P_ARP:
		return announce_ask(ctx);
	default:
		return TC_ACT_UNSPEC;
	}
}

/* For narud's sweep, by test run: the tick that flow entries are stamped with. */
SEC("tc")
int clock(struct __sk_buff *ctx __attribute__((unused)))
{
	return now_tick();
}

char naru_license[] SEC("license") = "Dual BSD/GPL";
