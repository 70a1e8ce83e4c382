/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first packet of a flow: frontend, endpoint, road, source port, and the pair of entries.
 * Include after ctx_xdp.h or ctx_tc.h.
 *
 * The reply entry goes in first and with NOEXIST: its key is the port allocator, and the same test
 * catches two frontends over one endpoint from one client port. XDP only makes flows that it can
 * send on by itself; it leaves all others to TC.
 */
#pragma once
#include "affinity.h"
#include "filter.h"
#include "hash.h"
#include "nexthop.h"
#include "rewrite.h"
#include "service.h"

#define FIRST_SNAT_TRIES 32
#define FIRST_SNAT_FRESH 16 /* tries that take free ports only */
#define FIRST_COUNTED	 1  /* of first_reply(): failed, and the reason is counted */
#define FIRST_RIVAL	 2  /* likewise: another CPU makes the same flow */

enum first_result {
	FIRST_PASS,   /* not ours, or not for this hook */
	FIRST_CHOSEN, /* it is known what becomes of it */
	FIRST_MADE,   /* the entries are there */
	FIRST_REJECT,
	FIRST_DROP,  /* counted */
	FIRST_SHARE, /* no room for this service: likewise */
	FIRST_FULL,  /* no room: worth another try after flow_reclaim() */
};

/* A flow about to be made, and room to make it in: a program has 512 bytes of stack in all. */
struct first {
	struct tuple to; /* the client's packet after translation */
	struct naru_flow f;
	__u32 hash;
	__u32 now;
	__u32 made;	       /* 1: by this packet, not by another CPU's */
	struct tuple reply;    /* the endpoint's answer, and */
	struct tuple reply_to; /* what the client shall see of it */
	struct tuple peer;     /* of who has the source port so far */
	struct naru_flow reply_f;
	struct naru_flow4 value4; /* their padding stays zero */
	struct naru_flow6 value6; /* in the end, the client's entry */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct first);
	__uint(max_entries, 1);
} scratch SEC(".maps");

static __always_inline int first_same_addr(const __u32 *a, const __u32 *b, const int af)
{
	for (int i = 0; i < PKT_WORDS(af); i++)
		if (a[i] != b[i])
			return 0;
	return 1;
}

static __always_inline void first_reverse(struct tuple *out, const struct tuple *t, const int af)
{
	__builtin_memcpy(out->saddr, t->daddr, 4 * PKT_WORDS(af));
	__builtin_memcpy(out->daddr, t->saddr, 4 * PKT_WORDS(af));
	out->sport = t->dport;
	out->dport = t->sport;
	out->proto = t->proto;
}

/* Where the endpoint's answers are taken. */
static __always_inline __u8 first_reply_hook(const struct first *new)
{
	return new->f.road == NARU_STACK ? NARU_EGRESS : NARU_INGRESS;
}

/* One entry: packets that look like `was` become `is`. `again`: its key is free to be taken. */
static __always_inline int first_put(struct first *new, const struct tuple *was,
				     const struct tuple *is, struct naru_flow *f, const int again,
				     const int af)
{
	const struct flow_new n = {
		.was = was,
		.is = is,
		.f = f,
		.room = af == AF_INET ? (void *)&new->value4 : &new->value6,
		.now = new->now,
		.hook = f->flags &NARU_F_REPLY ? first_reply_hook(new) : NARU_INGRESS,
	};

	f->sport = is->sport;
	f->dport = is->dport;
	rewrite_deltas(f, was, is, af);
	return flow_claim(&n, again, af);
}

/* The entry from endpoint to client. */
static __always_inline int first_put_reply(const struct tuple *t, struct first *new,
					   const int again, const int af)
{
	__builtin_memset(&new->reply_f, 0, sizeof(new->reply_f));
	new->reply_f.flags = new->f.flags | NARU_F_REPLY;
	new->reply_f.road = new->f.road;
	new->reply_f.svc = new->f.svc;
	new->reply_f.ep = new->f.ep;
	first_reverse(&new->reply, &new->to, af);
	first_reverse(&new->reply_to, t, af);
	return first_put(new, &new->reply, &new->reply_to, &new->reply_f, again, af);
}

static __always_inline int first_put_client(const struct tuple *t, struct first *new, const int af)
{
	new->f.seen = new->now;
	return first_put(new, t, &new->to, &new->f, 0, af);
}

enum first_what {
	FIRST_CLIENT, /* the entry from client to endpoint */
	FIRST_REPLY,
	FIRST_AGAIN, /* likewise; the key is free to be taken */
};

static __always_inline int first_put_any(const struct tuple *t, __u32 what, const int af)
{
	__u32 zero = 0;
	struct first *new = bpf_map_lookup_elem(&scratch, &zero);

	if (!new)
		return -FLOW_EEXIST;
	if (what == FIRST_CLIENT)
		return first_put_client(t, new, af);
	return first_put_reply(t, new, what == FIRST_AGAIN, af);
}

/*
 * Global subprograms: the verifier looks at each of them once, and not once for every way and
 * every turn of a loop that leads there; and each has its stack only while it runs.
 */
__noinline int first_put4(const struct tuple *t, __u32 what)
{
	return t ? first_put_any(t, what, AF_INET) : -FLOW_EEXIST;
}

__noinline int first_put6(const struct tuple *t, __u32 what)
{
	return t ? first_put_any(t, what, AF_INET6) : -FLOW_EEXIST;
}

static __always_inline int first_make(const struct tuple *t, const enum first_what what,
				      const int af)
{
	int r = af == AF_INET ? first_put4(t, what) : first_put6(t, what);

	return r ? r : flow_place(what != FIRST_CLIENT, af);
}

/*
 * The reply key of a flow without source translation is taken. Returns 1 when it is free to be
 * overwritten: it is this same flow's, or its flow is over; 0 when another flow lives there. In the
 * table this same flow may be whole, since another CPU has just made it: FIRST_RIVAL.
 */
static __always_inline int first_reply_stale(const struct tuple *t, const int af)
{
	__u32 zero = 0, *value;
	struct first *new = bpf_map_lookup_elem(&scratch, &zero);
	__u8 hook;

	if (!new)
		return 0;
	hook = first_reply_hook(new);
	value = flow_lookup(&new->reply, hook, af);
	if (!value)
		return 1;
	if (first_same_addr(value, t->daddr, af) && flow_core(value, af)->sport == t->dport) {
		if (cfg.flow_hash || cfg.dry_run)
			return 1;
		if (flow_is_whole(value, t->proto, &new->peer, af))
			return FIRST_RIVAL;
		flow_remove(&new->reply, hook, value, af);
		return 1;
	}
	if (!flow_is_over(value, t->proto, new->now, af))
		return 0;
	flow_remove(&new->reply, hook, value, af);
	return 1;
}

__noinline int first_stale4(const struct tuple *t)
{
	return t ? first_reply_stale(t, AF_INET) : 0;
}

__noinline int first_stale6(const struct tuple *t)
{
	return t ? first_reply_stale(t, AF_INET6) : 0;
}

static __always_inline __u32 first_port_hash(__u32 hash, __u32 try)
{
	return hash_word(hash_word(cfg.port_seed, hash), try) >> 32;
}

/* The source port of --snat-ports to be tried. Each try is hashed anew: steps of one length would
 * pile used ports up, and all tries end in one pile long before the range is full. */
static __always_inline __u16 first_port(const struct first *new, __u32 try)
{
	__u64 range = (__u32)cfg.snat_max - cfg.snat_min + 1;

	return cfg.snat_min + (first_port_hash(new->hash, try) * range >> 32);
}

/* Sends the flow by the redirect road with the node's address as source. The road so far is STACK
 * when the flow comes here because its reply key is taken. */
static __always_inline enum first_result
first_snat(CTX *ctx, struct first *new, const __u32 *ep_addr, struct naru_device *in, const int af)
{
	struct naru_device *out = in;
	enum nexthop_result r;

	r = nexthop_find(ctx, &new->f.nh, ep_addr, new->to.proto, &out, af);
	if (r == NEXTHOP_NONE || r == NEXTHOP_LOCAL) {
		count(NARU_C_NO_ROUTE);
		return FIRST_DROP;
	}
	if (CTX_IS_XDP && (r == NEXTHOP_NEIGH || !new->f.nh.xdp || ctx_is_others(ctx, &new->f.nh)))
		return FIRST_PASS;
	/* After a clash the pod may be behind a bridge, whose ports are hooked and not itself: then
	 * the answer comes in at a port, and any address of the node will do. */
	if (nexthop_source(out, new->to.saddr, af) &&
	    (new->f.road != NARU_STACK || nexthop_source(in, new->to.saddr, af))) {
		count(NARU_C_NO_SOURCE);
		return FIRST_DROP;
	}
	new->f.road = NARU_REDIRECT;
	new->f.flags = NARU_F_SNAT;
	if (r == NEXTHOP_OK)
		nexthop_found(&new->f, new->now);
	return FIRST_CHOSEN;
}

/* Chooses the road, and with it the source. */
static __always_inline enum first_result first_road(CTX *ctx, const struct tuple *t,
						    struct first *new,
						    const struct naru_endpoint *ep,
						    struct naru_device *in, const int af)
{
	int pod = in && in->class == NARU_POD;
	struct naru_device *out = in;
	enum nexthop_result r;

	if (!pod && !service_is_local(ep))
		return first_snat(ctx, new, new->to.daddr, in, af);
	if (CTX_IS_XDP)
		return FIRST_PASS;
	new->f.road = NARU_STACK;
	if (pod && first_same_addr(new->to.daddr, t->saddr, af)) {
		if (nexthop_source(in, new->to.saddr, af)) {
			count(NARU_C_NO_SOURCE);
			return FIRST_DROP;
		}
		new->f.road = NARU_HAIRPIN;
		new->f.flags = NARU_F_SNAT;
	} else if (cfg.bypass_netfilter && ep->local) {
		r = nexthop_find(ctx, &new->f.nh, new->to.daddr, new->to.proto, &out, af);
		if (r == NEXTHOP_OK || r == NEXTHOP_NEIGH)
			new->f.road = NARU_REDIRECT;
	}
	return FIRST_CHOSEN;
}

/* The source port in new->reply is taken. Frees it when its flow is over: nobody may be there to
 * sweep. A reply entry alone is left: it may be a flow that another CPU is making. */
static __always_inline int first_port_over(const int af)
{
	__u32 zero = 0;
	struct first *new = bpf_map_lookup_elem(&scratch, &zero);
	void *value = new ? flow_lookup(&new->reply, NARU_INGRESS, af) : NULL;

	if (!new || !value)
		return 0;
	if (!flow_is_whole(value, new->reply.proto, &new->peer, af) ||
	    !flow_is_over(value, new->reply.proto, new->now, af))
		return 0;
	flow_remove(&new->reply, NARU_INGRESS, value, af);
	return 1;
}

/* Tries one source port. */
static __always_inline int first_try(const struct tuple *t, struct first *new, __u32 try,
				     const int af)
{
	new->to.sport = first_port(new, try);
	return first_make(t, FIRST_REPLY, af);
}

__noinline int first_over4(void)
{
	return first_port_over(AF_INET);
}

__noinline int first_over6(void)
{
	return first_port_over(AF_INET6);
}

/* The reply key of a flow by the stack's road is another flow's. */
__noinline int first_clash4(CTX *ctx)
{
	__u32 zero = 0;
	struct first *new = bpf_map_lookup_elem(&scratch, &zero);

	return new ? first_snat(ctx, new, new->to.daddr, nexthop_device(ctx_ifindex(ctx)), AF_INET)
		   : FIRST_PASS;
}

__noinline int first_clash6(CTX *ctx)
{
	__u32 zero = 0;
	struct first *new = bpf_map_lookup_elem(&scratch, &zero);

	return new ? first_snat(ctx, new, new->to.daddr, nexthop_device(ctx_ifindex(ctx)), AF_INET6)
		   : FIRST_PASS;
}

/* Inserts the reply entry under a source port: a free one, else one whose flow is over. */
static __always_inline int first_allocate(const struct tuple *t, struct first *new, const int af)
{
	int r = -FLOW_EEXIST;

	for (int i = 0; i < FIRST_SNAT_TRIES; i++) {
		r = first_try(t, new, i, af);
		if (r == -FLOW_EEXIST && i >= FIRST_SNAT_FRESH &&
		    (af == AF_INET ? first_over4() : first_over6()))
			r = first_try(t, new, i, af);
		if (r != -FLOW_EEXIST)
			break;
	}
	return r;
}

static __always_inline int first_reply(CTX *ctx, const struct tuple *t, struct first *new,
				       const int af)
{
	int r;

	if (!(new->f.flags &NARU_F_SNAT)) {
		r = first_make(t, FIRST_REPLY, af);
		if (r != -FLOW_EEXIST)
			return r;
		r = af == AF_INET ? first_stale4(t) : first_stale6(t);
		if (r == FIRST_RIVAL)
			return r;
		if (r) {
			r = first_make(t, FIRST_AGAIN, af);
			return r == -FLOW_EEXIST ? FIRST_RIVAL : r;
		}
		r = af == AF_INET ? first_clash4(ctx) : first_clash6(ctx);
		if (r != FIRST_CHOSEN)
			return FIRST_COUNTED;
	}
	return first_allocate(t, new, af);
}

/* Both entries of the flow that first_packet() has chosen, or none. */
static __always_inline enum first_result first_insert(CTX *ctx, const struct tuple *t, const int af)
{
	__u32 zero = 0;
	struct first *new = bpf_map_lookup_elem(&scratch, &zero);
	int r;

	if (!new)
		return FIRST_FULL;
	if (!share_left(new->f.svc, af))
		return FIRST_SHARE;
	r = first_reply(ctx, t, new, af);
	if (r == FIRST_COUNTED)
		return FIRST_DROP;
	if (r == FIRST_RIVAL)
		return FIRST_MADE;
	if (r == -FLOW_EEXIST) {
		count(NARU_C_SNAT_EXHAUSTED);
		return FIRST_DROP;
	}
	if (r)
		return FIRST_FULL;
	r = first_make(t, FIRST_CLIENT, af);
	if (r) /* after EEXIST another CPU was faster: its entries are as good */
		flow_release(&new->reply, first_reply_hook(new),
			     r != -FLOW_EEXIST || new->f.flags &NARU_F_SNAT, af);
	else
		r = flow_commit(af);
	if (r)
		return r == -FLOW_EEXIST ? FIRST_MADE : FIRST_FULL;
	count(NARU_C_FLOW_NEW);
	share_add(new->f.svc, 1, af);
	new->made = 1;
	return FIRST_MADE;
}

/* No service has the port. */
static __always_inline enum first_result first_stranger(const struct tuple *t, const int af)
{
	if (CTX_IS_XDP || !filter_closed(t->daddr, af) || !service_is_closed(t->daddr, af))
		return FIRST_PASS;
	trace_service(NULL, NULL, 0);
	count(NARU_C_CLOSED_PORT);
	return FIRST_REJECT;
}

/* Why the client gets no endpoint, or FIRST_CHOSEN. XDP leaves the verdict to TC, which knows
 * frames to other machines. */
static __always_inline enum first_result first_admit(const struct naru_svc *service,
						     const struct naru_set *set,
						     const struct tuple *t, const int af)
{
	if (!service_admits(service, t->saddr, af)) {
		if (CTX_IS_XDP)
			return FIRST_PASS;
		count(NARU_C_SOURCE_RANGE);
		return FIRST_DROP;
	}
	if (set->count)
		return FIRST_CHOSEN;
	if (CTX_IS_XDP)
		return FIRST_PASS;
	count(set->on_empty == NARU_REJECT ? NARU_C_REJECTED : NARU_C_NO_LOCAL_ENDPOINT);
	return set->on_empty == NARU_REJECT ? FIRST_REJECT : FIRST_DROP;
}

/* Fills the flow with the endpoint; NULL is counted. */
static __always_inline struct naru_endpoint *first_choose(const struct tuple *t, struct first *new,
							  const struct naru_svc *service,
							  const struct naru_set *set, const int af)
{
	__u8 client[16] __attribute__((aligned(8)));
	struct naru_endpoint *ep;

	__builtin_memset(&new->f, 0, sizeof(new->f));
	new->made = 0;
	new->hash = hash_tuple(t, cfg.hash_seed, af);
	new->f.svc = service->id;
	pkt_map_addr(client, t->saddr, af);
	ep = affinity_choose(service, set, client, new->hash, &new->f.ep);
	if (!ep)
		return NULL;
	__builtin_memcpy(&new->to, t, sizeof(new->to));
	service_endpoint_addr(ep, new->to.daddr, af);
	new->to.dport = ep->port;
	return ep;
}

/* Chooses what becomes of the flow; FIRST_CHOSEN leaves it in `scratch` for first_insert(). */
static __always_inline enum first_result first_packet(CTX *ctx, const struct tuple *t, __u32 now,
						      const int af)
{
	struct naru_svc *service = service_find(t->daddr, t->dport, t->proto, af);
	__u32 zero = 0;
	struct first *new = bpf_map_lookup_elem(&scratch, &zero);
	struct naru_device *in = nexthop_device(ctx_ifindex(ctx));
	int pod = in && in->class == NARU_POD;
	struct naru_endpoint *ep;
	enum first_result r;
	struct naru_set *set;

	if (!new)
		return FIRST_PASS;
	/* A port of a bridge is not addressed itself, so pods' devices cannot tell. */
	if (!CTX_IS_XDP && !pod && ctx_is_others(ctx, &new->f.nh))
		return FIRST_PASS;
	if (!service)
		return first_stranger(t, af);
	set = pod ? &service->internal : &service->external;
	trace_service(service, set, pod);
	r = first_admit(service, set, t, af);
	if (r != FIRST_CHOSEN)
		return r;
	new->now = now;
	ep = first_choose(t, new, service, set, af);
	return ep ? first_road(ctx, t, new, ep, in, af) : FIRST_DROP;
}
