/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * The contract between bpf/ and user/dataplane/: every map's key and value.
 *
 * Maps are made to be read with bpftool: addresses are bytes in wire order, ports are in host
 * order, enumerations are enums, and an IPv4 address in a 16-byte field is v4-mapped
 * (::ffff:a.b.c.d). A change of any layout raises NARU_ABI_VERSION, which is kept in `meta`.
 *
 * Glossary: a *frontend* is an address, port and protocol that clients dial; a *set* is the list
 * of endpoints a frontend spreads over; a *road* is the way a flow takes through the node; a
 * *tick* is about a second (bpf_jiffies64 shifted right, see naru_config.tick_shift); a *VIP* is an
 * address that the node has by a local route of ours alone.
 */
#pragma once
#include <linux/types.h>

#include <naru/limits.h>

#define NARU_ABI_VERSION 4

/* ---- services: touched by first packets only --------------------------------------------- */

enum naru_proto {
	NARU_TCP = 6,
	NARU_UDP = 17,
	NARU_SCTP = 132,
};

enum naru_frontend_kind {
	NARU_CLUSTER_IP = 1,
	NARU_NODE_PORT,
	NARU_LOAD_BALANCER,
	NARU_EXTERNAL_IP,
	NARU_HOST_PORT, /* a port of this node that belongs to one pod */
	NARU_NO_PORT,	/* a ClusterIP's ports that no service has: refused */
};

/* `svc`: a NodePort or hostPort has the address :: (any address of the node); NARU_NO_PORT has port
 * and protocol 0, and of its value nothing but the kind. */
struct naru_svc_key {
	__u8 addr[16];
	__u16 port;
	__u8 proto;  /* enum naru_proto */
	__u8 family; /* 4 or 6: tells the NodePort of one family from that of the other */
};

/* What happens to a new flow that finds its set empty. */
enum naru_on_empty {
	NARU_REJECT, /* no endpoint anywhere: RST or ICMP port unreachable */
	NARU_DROP,   /* endpoints exist, but none that the Local policy allows */
};

/* Where a set lies. With count 1 there is no table: the list has the only answer. */
struct naru_set {
	__u32 count;   /* endpoints */
	__u32 list;    /* first block in `ep_list` */
	__u32 lut;     /* first block in `lut` */
	__u32 lut_len; /* prime number of slots, 0 when count < 2 */
	enum naru_on_empty on_empty;
};

struct naru_svc {
	__u32 id; /* key of `svc_name` */
	enum naru_frontend_kind kind;
	struct naru_set external; /* for clients outside */
	struct naru_set internal; /* for pods and sockets of this node */
	__u32 affinity;	  /* ticks without a new flow after which a client's endpoint is forgotten;
			 * 0: every flow is spread */
	__u8 ranged;	  /* 1: only for clients in `source_range` */
	__u8 ranged_node; /* 1: sockets of the node itself are such clients */
	__u8 pad[2];
};

/* `source_range`, an LPM trie: which clients may use a ranged frontend. */
struct naru_range_key {
	__u32 prefixlen; /* 32 for `svc`, then that of the address: an IPv4 /24 is 32 + 120 */
	__u32 svc;	 /* id in `svc_name` */
	__u8 addr[16];
};

/* `affinity`, an LRU map: who is forgotten too early is only spread anew. */
struct naru_affinity_key {
	__u8 client[16]; /* zero: the node's own sockets */
	__u32 svc;	 /* id in `svc_name` */
};

struct naru_affinity {
	__u32 ep;    /* id in `endpoint` */
	__u32 index; /* where it was in the set's list */
	__u32 seen;  /* tick of the last new flow */
};

struct naru_svc_name {
	char name[NARU_NAME_LEN]; /* namespace/name:port */
	enum naru_proto proto;
	__u32 family; /* 4 or 6 */
};

/* `lut`: Maglev tables, segments of one flat array. Values index the set's list. */
struct naru_lut_block {
	__u16 index[NARU_LUT_SLOTS];
};

/* `ep_list`: the endpoint ids of each set, segments of one flat array. */
struct naru_list_block {
	__u32 id[NARU_LIST_SLOTS];
};

/* `endpoint`, keyed by id. */
struct naru_endpoint {
	__u8 addr[16];
	__u16 port;
	__u8 proto; /* enum naru_proto */
	__u8 local; /* 1: on this node */
};

/*
 * `svc_stat`, one element a CPU, by id in `svc_name`: what went by this node's packet path. A
 * packet that the kernel has merged from several is one. Ids from NARU_STATS_MAX on are not
 * counted.
 */
struct naru_svc_stat {
	__u64 packets[2]; /* to the endpoints, from them */
	__u64 bytes[2];	  /* of network packets */
	__u64 flows;	  /* begun, sockets included */
};

/* `svc_drop`: packets and socket operations that were dropped or refused, as __u64. */
struct naru_svc_drop {
	__u32 svc;
	__u32 reason; /* enum naru_counter */
};

/* `svc_flows`, by id in `svc_name`: about how many flows there are. The programs count up and down,
 * and narud's sweep puts it right. */
struct naru_svc_flows {
	__u32 flows;
	__u32 pad;
};

/* ---- flows -------------------------------------------------------------------------------- */

/* Part of a flow's key: the same tuple may have to be treated in one direction only. */
enum naru_hook {
	NARU_INGRESS = 1, /* the packet comes in from a device */
	NARU_EGRESS,	  /* the packet leaves by a device */
};

enum naru_road {
	NARU_STACK = 1, /* destination rewritten, then the kernel routes */
	NARU_REDIRECT,	/* rewritten and sent on to the next hop, not seen by the kernel's stack */
	NARU_HAIRPIN,	/* both ends rewritten, sent back where it came from */
};

/* Marks of one direction, only ever set while the entry lives. FIN, RST and ACK are the bits that
 * TCP has for them. */
#define NARU_F_FIN    0x01
#define NARU_F_REPLY  0x02 /* this entry is the direction from endpoint to client */
#define NARU_F_RST    0x04
#define NARU_F_SNAT   0x08 /* the client's address is rewritten too */
#define NARU_F_ACK    0x10 /* TCP: a segment other than one that opens has passed */
#define NARU_F_AGAIN  0x20 /* UDP: seen in two ticks */
#define NARU_F_STREAM 0x40 /* UDP: it has gone on for two ticks */

/* Where packets go next, as the kernel's routes and neighbours have it. */
struct naru_nexthop {
	__u32 ifindex;
	__u8 dmac[6];
	__u8 smac[6];
	__u16 mtu; /* 0xffff: no limit, or not known yet */
	__u8 xdp;  /* the device takes packets from XDP */
	__u8 pad;
};

struct naru_flow4_key {
	__u8 saddr[4];
	__u8 daddr[4];
	__u16 sport;
	__u16 dport;
	__u8 proto; /* enum naru_proto */
	__u8 hook;  /* enum naru_hook */
	__u16 pad;
} __attribute__((aligned(8)));

struct naru_flow6_key {
	__u8 saddr[16];
	__u8 daddr[16];
	__u16 sport;
	__u16 dport;
	__u8 proto;
	__u8 hook;
	__u16 pad;
} __attribute__((aligned(8)));

/*
 * The part of a flow entry that has no family. Check sum deltas are one's complement sums to be
 * added to the complement of a check sum field, in wire order, apart for addresses (which TCP
 * and UDP see through the pseudo header) and ports.
 */
struct naru_flow {
	__u16 sport; /* new ports */
	__u16 dport;
	__u16 addr_delta;
	__u16 port_delta;
	struct naru_nexthop nh; /* valid while nh_gen is the current one and nh_seen this tick */
	__u16 nh_gen;
	__u8 nh_ask;   /* looked up anew: the next packet goes by the kernel's neighbour code */
	__u8 flags;    /* NARU_F_* */
	__u32 nh_seen; /* tick of the last route look-up */
	__u32 seen;    /* tick of the last packet; 0: none yet */
	__u32 svc;     /* id in `svc_name` */
	__u32 ep;      /* id in `endpoint` */
	enum naru_road road;
};

/*
 * Padded so that an element of the hash map, which has a header of 48 bytes before its key, is a
 * whole number of cache lines (128 and 192 bytes): a hit then touches as few as can be.
 */
struct naru_flow4 {
	__u8 saddr[4]; /* new addresses */
	__u8 daddr[4];
	struct naru_flow f;
	__u8 pad[4];
} __attribute__((aligned(8)));

struct naru_flow6 {
	__u8 saddr[16];
	__u8 daddr[16];
	struct naru_flow f;
	__u8 pad[20];
} __attribute__((aligned(8)));

/* ---- node --------------------------------------------------------------------------------- */

/* `node_addr`: every address of the node that others can reach. */
struct naru_addr {
	__u8 addr[16];
};

struct naru_node_addr {
	__u32 ifindex;
	__u8 node_port; /* 1: NodePorts are served here (--nodeport-addresses); hostPorts always */
	__u8 pad[3];
};

enum naru_device_class {
	NARU_NIC = 1, /* also overlay devices: clients behind it are external */
	NARU_POD,     /* host end of a pod's device: clients behind it are internal */
};

/* `device`, keyed by ifindex. src4 and src6: the node's address for packets that leave here. */
struct naru_device {
	char name[16];
	enum naru_device_class class;
	__u8 xdp; /* 1: takes packets redirected by XDP */
	__u8 has_src4;
	__u8 has_src6;
	__u8 pad;
	__u8 src4[4];
	__u8 src6[16];
	__u8 mac[6];
	__u16 pad2;
};

/*
 * `filter`: "certainly not ours" without a hash. Bit n of ports is port n; bit n of addrs is set
 * when an address with naru_addr_bit() == n may match. [0] TCP and SCTP, [1] UDP. Bits are set
 * before the first write that needs them and cleared only when neither plan nor any flow needs
 * them.
 */
#define NARU_FILTER_WORDS 2048

struct naru_filter_half {
	__u32 ports[2][NARU_FILTER_WORDS];
	__u32 addrs[NARU_FILTER_WORDS];
};

struct naru_filter {
	struct naru_filter_half front; /* destination at NARU_INGRESS: frontends, node addresses */
	struct naru_filter_half back;  /* source at NARU_EGRESS: endpoints */
	__u32 closed[NARU_FILTER_WORDS]; /* addresses whose every port is ours (NARU_NO_PORT) */
};

/* `state`: what changes while programs run. */
struct naru_state {
	__u32 nh_gen;	    /* low 16 bits count route, neighbour and link changes; never 0 */
	__u32 reclaim_tick; /* tick of the last in-kernel reclaim of a full flow map */
	__u32 watched;	    /* tick up to which somebody wants `events` */
	__u32 sock_off;	    /* 1: `sock_off` is not empty */
	__u32 flows[2];	    /* the sum of `svc_flows`, IPv4 and IPv6 */
};

/* ---- sockets ------------------------------------------------------------------------------ */

/* `sock`: what a translated socket was meant to reach. Lives and dies with the socket. */
struct naru_sock_peer {
	__u8 ep_addr[16];
	__u8 vip_addr[16];
	__u16 ep_port; /* 0: unused */
	__u16 vip_port;
};

struct naru_sock {
	struct naru_sock_peer peer[NARU_SOCK_PEERS];
	__u32 next; /* the slot to be used next */
};

/* `sock_peer`, keyed by the cookie of a connected datagram socket of the node itself, has a struct
 * naru_sock_peer: what it was led to last. narud cannot read `sock` without the socket. */

/* `sock_off`, keyed by cgroup: the pods whose sockets are left to TC. The id is the kernel's, of
 * the pod's own cgroup, below which its containers' are. */
struct naru_cgroup {
	__u64 id;
};

/* ---- steering to the proxy ----------------------------------------------------------------- */

/* `steer`: the addresses and ports whose TCP connections are the proxy's. The address :: stands for
 * every address of the node that is no VIP and has no entry of its own for the port. */
struct naru_steer_key {
	__u8 addr[16];
	__u16 port;
	__u16 pad;
};

struct naru_steer {
	__u8 tls; /* 1: clients speak TLS here */
	__u8 pad[3];
};

/* `steer_vip`, keyed by struct naru_addr: no socket of the node is reached by a VIP. */
struct naru_vip {
	__u8 announce; /* 1: this node answers ARP requests and neighbour solicitations for it */
	__u8 service;  /* 1: a ClusterIP */
	__u8 pad[2];
};

/* `answering`: while the kernel's monotonic clock is below it, the programs answer for VIPs that
 * are announced. 0: always. So a node whose narud has died falls silent when others take over. */
struct naru_answering {
	__u64 until_ns;
};

/* `conflict`, keyed by struct naru_addr: who else said that it has a VIP that this node answers
 * for. An LRU map: who is forgotten too early says it again. */
struct naru_conflict {
	__u64 time_ns; /* bpf_ktime_get_ns() */
	__u8 mac[6];
	__u8 marked; /* 1: by a node of a cluster, */
	__u8 pad;
	__u32 node; /* which, in host order */
	__u32 ifindex;
};

/* `steer_workers`: how many slots of `steer_sock`, from 0 on, may hold a listening socket. */
struct naru_workers {
	__u32 slots;
};

/* ---- settings ----------------------------------------------------------------------------- */

/* Filled before load, constant after (`.rodata`). */
/* Of the flow table of cache lines, both families. */
struct naru_table_config {
	__u32 main;  /* buckets, at least 2 */
	__u32 stash; /* likewise; they follow the main ones */
	__u32 seed[10];
	__u32 in_order; /* 1: this processor loads in the program's order, as x86 does */
};

struct naru_config {
	__u64 netns;	  /* cookie of the node's network namespace */
	__u32 tick_shift; /* ticks = jiffies >> tick_shift */
	__u32 hash_seed;  /* of the flow hash; the same on every node */
	__u16 snat_min;	  /* --snat-ports */
	__u16 snat_max;
	__u8 bypass_netfilter;
	__u8 dry_run;	   /* no map is written, and `trace` tells what was decided */
	__u8 loopback4;	   /* NodePorts are served to the node itself on 127.0.0.0/8 */
	__u8 loopback6;	   /* and on ::1 */
	__u32 csum6_flags; /* more flags for bpf_l4_csum_replace on IPv6, if the kernel has any */
	__u32 flows_max;   /* entries of each flow map */
	__u64 port_seed;   /* of source ports: this node's alone, so that nobody guesses them */
	struct naru_table_config table; /* flows are kept in table4 and table6 */
	__u8 flow_hash;			/* 1: in flow4 and flow6, and the table is not used */
	__u8 pad[3];
};

/* Of the programs that are attached. */
struct naru_meta {
	__u32 abi_version;
	__u32 tick_shift;
	struct naru_config config;
};

/* ---- seeing ------------------------------------------------------------------------------- */

enum naru_event_kind {
	NARU_EVENT_FLOW = 1, /* a flow began */
	NARU_EVENT_SOCKET,   /* a socket was translated */
	NARU_EVENT_DROP,     /* a packet was dropped or refused */
	NARU_EVENT_REFUSED,  /* a socket was refused */
};

/* `events`, a ring buffer: written while `state` says that somebody watches. Of sockets, the
 * client's end is not known. */
struct naru_event {
	enum naru_event_kind kind;
	__u32 svc; /* 0: no service */
	__u8 client[16];
	__u8 addr[16];	   /* what the client dials */
	__u8 endpoint[16]; /* and the next two: of flows and translated sockets */
	__u8 snat[16];	   /* zero: the client's address is kept */
	__u16 client_port;
	__u16 port;
	__u16 endpoint_port;
	__u16 snat_port;
	__u8 proto;
	__u8 road;   /* enum naru_road */
	__u8 reason; /* enum naru_counter, of drops */
	__u8 pad;
	__u32 ifindex; /* where the packet was, 0: a socket */
	__u64 time_ns; /* bpf_ktime_get_ns() */
};

/* What a step of a dry run has decided. */
#define NARU_TRACE_FILTERED 0x0001 /* certainly not ours */
#define NARU_TRACE_HIT	    0x0002 /* the flow is known */
#define NARU_TRACE_MISS	    0x0004
#define NARU_TRACE_STALE    0x0008 /* it was known, but is over */
#define NARU_TRACE_NO_SYN   0x0010 /* no flow, and the segment opens none */
#define NARU_TRACE_SERVICE  0x0020 /* svc, kind, internal, set are there */
#define NARU_TRACE_CHOSEN   0x0040 /* hash, slot, index, ep are there */
#define NARU_TRACE_STUCK    0x0080 /* ep is there: affinity's */
#define NARU_TRACE_MADE	    0x0100 /* a flow would begin */
#define NARU_TRACE_FLOW	    0x0200 /* what follows ep is there */
#define NARU_TRACE_NEXTHOP  0x0400 /* nexthop is there */
#define NARU_TRACE_REASON   0x1000 /* reason is there */
#define NARU_TRACE_RANGED   0x2000 /* source ranges were looked at */

/* `trace`, one element a CPU, of every object its own: svc and reason are those of the last first
 * packet and drop, all else is written in dry runs only. */
struct naru_trace {
	__u32 svc;
	__u32 reason;	/* enum naru_counter */
	__u32 seen;	/* NARU_TRACE_* */
	__u32 kind;	/* enum naru_frontend_kind */
	__u32 internal; /* 1: the client is a pod or socket of this node */
	struct naru_set set;
	__u32 hash;
	__u32 slot;  /* of the table */
	__u32 index; /* in the list */
	__u32 ep;
	__u32 road;	/* enum naru_road */
	__u32 flags;	/* NARU_F_* */
	__u8 saddr[16]; /* the packet after translation */
	__u8 daddr[16];
	__u16 sport;
	__u16 dport;
	__u32 nexthop; /* the answer of the routing table: enum nexthop_result */
	__u32 ifindex;
	__u8 dmac[6];
	__u8 smac[6];
};

_Static_assert(sizeof(struct naru_svc_key) == 20, "abi");
_Static_assert(sizeof(struct naru_set) == 20, "abi");
_Static_assert(sizeof(struct naru_svc) == 56, "abi");
_Static_assert(sizeof(struct naru_range_key) == 24, "abi");
_Static_assert(sizeof(struct naru_affinity_key) == 20, "abi");
_Static_assert(sizeof(struct naru_svc_name) == NARU_NAME_LEN + 8, "abi");
_Static_assert(sizeof(struct naru_svc_stat) == 40, "abi");
_Static_assert(sizeof(struct naru_svc_drop) == 8, "abi");
_Static_assert(sizeof(struct naru_event) == 96, "abi");
_Static_assert(sizeof(struct naru_trace) == 120, "abi");
_Static_assert(sizeof(struct naru_lut_block) == 64, "abi");
_Static_assert(sizeof(struct naru_list_block) == 64, "abi");
_Static_assert(sizeof(struct naru_endpoint) == 20, "abi");
_Static_assert(sizeof(struct naru_flow4_key) == 16, "abi");
_Static_assert(sizeof(struct naru_flow6_key) == 40, "abi");
_Static_assert(sizeof(struct naru_flow) == 52, "abi");
_Static_assert(sizeof(struct naru_flow4) == 64, "abi");
_Static_assert(sizeof(struct naru_flow6) == 104, "abi");
_Static_assert(sizeof(struct naru_device) == 52, "abi");
_Static_assert(sizeof(struct naru_filter_half) == 24576, "abi");
_Static_assert(sizeof(struct naru_sock_peer) == 36, "abi");
_Static_assert(sizeof(struct naru_sock) == 148, "abi");
_Static_assert(sizeof(struct naru_steer_key) == 20, "abi");
_Static_assert(sizeof(struct naru_steer) == 4, "abi");
_Static_assert(sizeof(struct naru_vip) == 4, "abi");
_Static_assert(sizeof(struct naru_conflict) == 24, "abi");
_Static_assert(sizeof(struct naru_config) == 96, "abi");

/*
 * The filter's hash of an address given as 32-bit words in memory order: 1 word for IPv4, 4 for
 * IPv6. Multiplicative hashing (Knuth, TAOCP 6.4) of the xor of the words.
 */
static inline __attribute__((always_inline)) __u32 naru_addr_bit(const __u32 *word, int words)
{
	__u32 x = word[0];

	if (words == 4)
		x ^= word[1] * 3 ^ word[2] * 5 ^ word[3];
	return x * 2654435769u >> 16;
}
