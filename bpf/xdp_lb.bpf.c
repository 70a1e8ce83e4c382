/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * XDP at NICs: flows to endpoints on other nodes, before the kernel makes a packet buffer. What
 * it cannot finish by itself it passes on unchanged, and tc_lb does the same steps.
 */
#include "lib/maps.h"

#include "lib/ctx_xdp.h"
#include "lib/ingress.h"

static __always_inline int process(struct xdp_md *ctx, const int af)
{
	struct pkt p = {};
	enum first_result first;

	if (filter_early(ctx_data(ctx), ctx_end(ctx), af) ||
	    pkt_parse(ctx_data(ctx), ctx_end(ctx), &p, af) != PKT_OK)
		return XDP_PASS;
	return observe_verdict(ctx, &p.t, NARU_INGRESS, ingress(ctx, &p, &first, af), af);
}

SEC("xdp.frags")
int xdp_lb(struct xdp_md *ctx)
{
	switch (pkt_ethertype(ctx_data(ctx), ctx_end(ctx))) {
	case ETH_P_IP:
		return process(ctx, AF_INET);
	case ETH_P_IPV6:
		return process(ctx, AF_INET6);
	default:
		return XDP_PASS;
	}
}

char naru_license[] SEC("license") = "Dual BSD/GPL";
