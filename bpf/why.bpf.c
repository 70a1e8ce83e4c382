/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For naructl why alone, by test run of a dry load: what a socket of the node gets that wants to
 * reach the destination of a packet. Programs of sockets cannot be run so themselves; the steps are
 * theirs. Never attached.
 */
#include "lib/maps.h"

#include "lib/socket.h"

enum why_verdict {
	WHY_PASS, /* not ours */
	WHY_LED,  /* to an endpoint */
	WHY_REFUSED,
};

static __always_inline int refuse(const enum naru_counter why)
{
	count(why);
	return WHY_REFUSED;
}

/* socket_forth() of a socket that is there in thought only. */
static __always_inline int dial(const struct socket_peer *to, const int af)
{
	const struct naru_svc *service = socket_service(to, 1, af);
	const __u8 node[16] = {};
	__u32 id = 0;

	if (!service) {
		trace_seen(NARU_TRACE_MISS);
		return filter_closed(to->addr, af) && service_is_closed(to->addr, af)
			       ? refuse(NARU_C_SOCK_REFUSED)
			       : WHY_PASS;
	}
	trace_service(service, &service->internal, 1);
	if (service->ranged && !service->ranged_node)
		return refuse(NARU_C_SOURCE_RANGE);
	if (!service->internal.count)
		return refuse(NARU_C_SOCK_REFUSED);
	/* The hash is one of many: each socket has its own. */
	return affinity_choose(service, &service->internal, node, 0, &id) ? WHY_LED : WHY_PASS;
}

static __always_inline int run(struct __sk_buff *ctx, const int af)
{
	struct socket_peer to = {};
	struct pkt p = {};

	if (pkt_parse((void *)(long)ctx->data, (void *)(long)ctx->data_end, &p, af) != PKT_OK)
		return WHY_PASS;
	__builtin_memcpy(to.addr, p.t.daddr, 4 * PKT_WORDS(af));
	to.port = p.t.dport;
	to.proto = p.t.proto;
	return dial(&to, af);
}

SEC("tc")
int why_socket(struct __sk_buff *ctx)
{
	return ctx->protocol == bpf_htons(ETH_P_IP) ? run(ctx, AF_INET) : run(ctx, AF_INET6);
}

char naru_license[] SEC("license") = "Dual BSD/GPL";
