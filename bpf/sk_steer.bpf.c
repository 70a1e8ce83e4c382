/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which socket gets a connection or datagram to an address of this node that no connected socket
 * claims: the proxy, for its addresses and ports; nobody, for every other port of a VIP, so that
 * what listens on the wildcard is not reached by it; else whoever the kernel finds. A refusal here
 * is one that clients see: RST, or port unreachable.
 */
#include "lib/maps_steer.h"

#include "lib/count.h"
#include "lib/hash.h"

static __always_inline void read_ends(const struct bpf_sk_lookup *ctx, struct tuple *t,
				      const int af)
{
	t->sport = bpf_ntohs(ctx->remote_port);
	t->dport = ctx->local_port;
	t->proto = ctx->protocol;
	if (af == AF_INET) {
		t->saddr[0] = ctx->remote_ip4;
		t->daddr[0] = ctx->local_ip4;
		return;
	}
	for (int i = 0; i < 4; i++) {
		t->saddr[i] = ctx->remote_ip6[i];
		t->daddr[i] = ctx->local_ip6[i];
	}
}

struct choice {
	struct bpf_sk_lookup *ctx;
	__u32 hash;
	__u32 slots;
	int verdict;
};

/* 1 ends the loop: a worker has the connection. */
static long try_worker(__u32 i, struct choice *choice)
{
	__u32 slot = choice->slots ? (choice->hash + i) % choice->slots : 0;
	struct bpf_sock *sk = bpf_map_lookup_elem(&steer_sock, &slot);
	long r;

	if (!sk)
		return 0;
	r = bpf_sk_assign(choice->ctx, sk, BPF_SK_LOOKUP_F_NO_REUSEPORT);
	bpf_sk_release(sk);
	if (r)
		return 0;
	choice->verdict = SK_PASS;
	/* Here, and not by a counter chosen after the loop: without CAP_PERFMON, the verifier takes
	 * no number that it does not know for an offset. */
	count(NARU_C_STEERED);
	return 1;
}

/* The worker of the hash, or, when it is not there, the next one that is. */
static __always_inline int choose_worker(struct bpf_sk_lookup *ctx, __u32 hash)
{
	struct choice choice = { .ctx = ctx, .hash = hash, .verdict = SK_DROP };
	__u32 zero = 0;
	const struct naru_workers *workers = bpf_map_lookup_elem(&steer_workers, &zero);

	choice.slots = workers ? workers->slots : 0;
	bpf_loop(choice.slots, try_worker, &choice, 0);
	if (choice.verdict != SK_PASS)
		count(NARU_C_NO_PROXY);
	return choice.verdict;
}

/* True when the proxy has the address and port, or the port at every address that is no VIP. */
static __always_inline int is_steered(struct naru_steer_key *key, const void *vip)
{
	if (bpf_map_lookup_elem(&steer, key))
		return 1;
	if (vip)
		return 0;
	__builtin_memset(key->addr, 0, sizeof(key->addr));
	return bpf_map_lookup_elem(&steer, key) != NULL;
}

static __always_inline int steer_to(struct bpf_sk_lookup *ctx, const int af)
{
	struct naru_steer_key key = {};
	struct tuple t = {};
	const void *vip;

	read_ends(ctx, &t, af);
	pkt_map_addr(key.addr, t.daddr, af);
	key.port = t.dport;
	vip = bpf_map_lookup_elem(&steer_vip, key.addr);
	if (t.proto == NARU_TCP && is_steered(&key, vip))
		return choose_worker(ctx, hash_tuple(&t, cfg.hash_seed, af));
	if (!vip)
		return SK_PASS;
	count(NARU_C_VIP_PORT);
	return SK_DROP;
}

SEC("sk_lookup")
int sk_steer(struct bpf_sk_lookup *ctx)
{
	return ctx->family == AF_INET ? steer_to(ctx, AF_INET) : steer_to(ctx, AF_INET6);
}

char naru_license[] SEC("license") = "Dual BSD/GPL";
