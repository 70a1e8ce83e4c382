/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * Sizes that kernel and user space agree on. A ceiling is refused with a reason, never silently
 * cut.
 */
#pragma once

#define NARU_FRONTENDS_MAX  131072  /* address, port, protocol triples in `svc` */
#define NARU_SERVICES_MAX   65536   /* service ports (one family each) in `svc_name` */
#define NARU_ENDPOINTS_MAX  262144  /* distinct address, port, protocol triples in `endpoint` */
#define NARU_STATS_MAX	    16384   /* services whose packets are counted: 640 KiB a CPU */
#define NARU_SVC_DROPS_MAX  65536   /* services times reasons that have occurred */
#define NARU_EVENTS_BYTES   1048576 /* of the ring of events */
#define NARU_FLOWS_MAX	    262144  /* entries of each flow map; a flow has two */
#define NARU_HOPS_MAX	    4096    /* next hops of flows in the table of cache lines */
#define NARU_FLOWS_SHARE    4	    /* a service's flows are at most so many times the free room */
#define NARU_RANGES_MAX	    65536   /* source ranges of all services */
#define NARU_AFFINITY_MAX   65536   /* clients with an endpoint of their own */
#define NARU_DEVICES_MAX    4096
#define NARU_NODE_ADDRS_MAX 1024
#define NARU_BINDS_MAX	    4096 /* addresses and ports of the proxy */
#define NARU_VIPS_MAX	    16384
#define NARU_CONFLICTS_MAX  256
#define NARU_WORKERS_MAX    256 /* listening sockets of the proxy */

#define NARU_SET_MAX	 4096	 /* endpoints of one set */
#define NARU_LUT_SLOTS	 32	 /* Maglev slots in one block of `lut` (64 bytes) */
#define NARU_LUT_BLOCKS	 1048576 /* 64 MiB: 32,000 sets of ten endpoints, of one family each */
#define NARU_LIST_SLOTS	 16	 /* endpoint ids in one block of `ep_list` (64 bytes) */
#define NARU_LIST_BLOCKS 65536	 /* 4 MiB */

/* namespace/name:port of at most 63 characters each, and its NUL. A hostPort's is
 * namespace/pod/name:port, which may be longer, since a pod's name may: it is then refused. */
#define NARU_NAME_LEN	   192
#define NARU_SOCK_PEER_MAX 32768 /* connected datagram sockets of the node */
#define NARU_SOCK_OFF_MAX  4096	 /* pods of this node whose sockets are not translated */
#define NARU_CGROUP_LEVELS 16	 /* of a process below the root of the tree, as far as is looked */
#define NARU_SOCK_PEERS	   4	 /* translated peers remembered for one unconnected socket */

/* What nodes add to announcements that nobody asked for, before their own number: behind an ARP
 * packet, and as an experimental option of neighbour discovery of eight bytes. */
#define NARU_MARK_ARP "naru"
#define NARU_MARK_ND  "\xfd\x01na"
