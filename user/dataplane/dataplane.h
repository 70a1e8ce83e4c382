/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's side of one node: programs, links and maps under one pin directory, local routes.
 * Nobody else sees libbpf. Opening takes over what an earlier process left pinned; closing leaves
 * everything in place. All calls come from one thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "plan/plan.h"

enum xdp_mode {
	XDP_MODE_OFF,
	XDP_MODE_AUTO,
	XDP_MODE_NATIVE,
};

struct dataplane_config {
	const char *bpffs_dir; /* pins go to <bpffs_dir>/naru */
	bool l4; /* false: connections are steered to the proxy, and nothing else is done */
	/* Root of the cgroup2 tree whose sockets are translated; NULL: find it. */
	const char *cgroup_dir;
	const char *const *devices; /* NICs; none: the devices of the default routes */
	size_t n_devices;
	const char *const *pod_devices; /* glob patterns, besides those found */
	size_t n_pod_devices;
	/* Addresses of the node that serve NodePorts: in each family those in its prefixes, with
	 * primary also the first one; all in a family for which neither is given. */
	const struct cidr *nodeport_cidrs;
	size_t n_nodeport_cidrs;
	bool nodeport_primary;
	enum xdp_mode xdp;
	uint16_t snat_min, snat_max;
	bool bypass_netfilter;
	bool flow_hash;	   /* flows are kept in hash maps and not in tables of cache lines */
	bool force_clsact; /* attach TC by clsact although the kernel has tcx */
	unsigned
		verify_s; /* between two looks whether the maps are as they were written; 0: none */
	unsigned wait_ms; /* for the lock, from a process that is about to give it back */
};

struct dataplane;

/*
 * Locks the pin directory, loads programs, takes over or makes maps, attaches to devices and
 * cgroup. -EBUSY: another narud holds the lock. -ESTALE: pinned maps have another layout.
 * Logs the reason of every failure. Capabilities: BPF, NET_ADMIN, PERFMON (see
 * privileges_drop_perfmon()).
 */
int dataplane_open(const struct dataplane_config *config, struct dataplane **ret_dataplane);
void dataplane_close(struct dataplane *dataplane);

/*
 * Gives the lock to another process; everything stays in place, and nothing but dataplane_resume()
 * and dataplane_close() is legal from here on. dataplane_resume() takes over anew what is there
 * then, without loading programs, which takes rights that the process has given up. -EBUSY: the
 * other one has it still; -ESTALE: the maps are others. Logs the reason. dataplane_close() is due
 * after a failure.
 */
void dataplane_yield(struct dataplane *dataplane);
int dataplane_resume(struct dataplane *dataplane);

/*
 * The proxy's listening sockets, one for each worker in the worker's order, -1 for a worker that
 * has none now; they are borrowed for the call. n = 0: there is no proxy, what is steered is
 * refused. An IPv6 socket that is not of IPv6 alone takes both families at any address and port,
 * whatever it is bound to: best ::ffff:127.0.0.1 and port 0, which nobody else dials. -ENOSPC.
 */
int dataplane_set_listeners(struct dataplane *dataplane, const int *fds, size_t n);

/*
 * Makes the maps and local routes equal to the plan by the smallest set of writes, ordered so that
 * no packet meets a half service. What does not fit, and what the host does not leave free, is left
 * out whole and reported in *ret_diags (may be NULL). The plan is borrowed for the call. Returns 0
 * or -errno when the kernel refused a write (the next apply repairs).
 */
int dataplane_apply(struct dataplane *dataplane, const struct plan *plan,
		    struct diag_list *ret_diags);

/*
 * A descriptor (netlink) that turns readable when devices, addresses, routes or neighbours
 * changed, and the call that takes it in: attaches to new devices, forgets old ones.
 */
int dataplane_fd(const struct dataplane *dataplane);
int dataplane_process(struct dataplane *dataplane);

/* True after dataplane_process() or dataplane_tick() when another apply of the same plan would
 * change what is in force or its diagnostics: a port became free, an address came or went. */
bool dataplane_wants_apply(const struct dataplane *dataplane);

/*
 * To be called every DATAPLANE_TICK_MS: sweeps a slice of the flow maps, frees what nothing holds
 * any more, clears filter bits that neither plan nor flows need. Tries again, once a second, what
 * failed on devices.
 */
#define DATAPLANE_TICK_MS 100
void dataplane_tick(struct dataplane *dataplane);
/* True when another slice of the sweep is wanted as soon as other work is done, and that slice:
 * nothing else of a tick. */
bool dataplane_hurries(const struct dataplane *dataplane);
void dataplane_hurry(struct dataplane *dataplane);

/* ---- who answers for VIPs ---- */

/* A device on which other machines ask for them. */
struct dataplane_link {
	uint32_t ifindex;
	char name[16];
	uint8_t mac[6];
	bool running;	  /* up, with somebody at the other end */
	uint32_t changes; /* how often that turned, so far */
};

/* As dataplane_process() saw them last; to be freed. Returns their number. */
size_t dataplane_links(const struct dataplane *dataplane, struct dataplane_link **ret_links);

/* Does the kernel answer for VIPs, as an earlier process or call left it? */
bool dataplane_answers(const struct dataplane *dataplane);
/* For how long it goes on without another call. 0: for ever. 0 or -errno. */
int dataplane_answer_for(struct dataplane *dataplane, uint64_t ms);
bool dataplane_announces(const struct dataplane *dataplane, const struct addr *addr);
/* Which VIPs it answers for, of a plan that is in force otherwise. 0 or -errno. */
int dataplane_announce(struct dataplane *dataplane, const struct plan *plan);

/* Sends a frame out of a device. 0 or -errno. */
int dataplane_tell(struct dataplane *dataplane, uint32_t ifindex, const uint8_t *frame, size_t len);

/* Somebody else says to have a VIP that this node answers for. */
struct dataplane_conflict {
	struct addr addr;
	const uint8_t *mac;
	bool marked;   /* it is a node of a cluster, */
	uint32_t node; /* this one: see announce/frame.h */
};

/* Those seen at that clock_ms() or later. */
typedef void (*conflict_fn)(void *arg, const struct dataplane_conflict *conflict);
void dataplane_conflicts(const struct dataplane *dataplane, uint64_t since_ms, conflict_fn fn,
			 void *arg);

/* ---- what is there: for status, naructl and metrics ---- */

struct dataplane_device {
	uint32_t ifindex;
	char name[16];
	bool pod;
	const char *tc;	 /* "tcx", "clsact" or the reason why not attached */
	const char *xdp; /* "native", "off" or the reason of auto for off */
};

/* An address and port of the proxy. */
struct dataplane_bind {
	struct addr addr; /* zero: any */
	uint16_t port;
	bool tls;
	const char *const *listeners; /* names */
	size_t n_listeners;
	const char *reason; /* why it is not in force, or NULL */
};

struct dataplane_vip {
	struct addr addr;
	bool announce, service;
	const char *state; /* "local", "the node's own", "kept for open connections", or an error */
};

struct dataplane_status {
	bool l4;
	const char *pin_dir;
	const char *cgroup; /* where socket programs are attached, or the reason why not */
	const char *heal;   /* why sockets stay with an endpoint that has gone, or NULL */
	struct dataplane_device *devices; /* owned by the dataplane, valid until the next call */
	size_t n_devices;
	struct dataplane_bind *binds; /* these two and what is in them as devices */
	size_t n_binds;
	struct dataplane_vip *vips;
	size_t n_vips;
	size_t listeners;    /* sockets of the proxy */
	uint64_t generation; /* of the plan in force */
	uint64_t verified;   /* times that all maps were looked at */
	struct {
		const char *map;
		uint64_t n;
	} repairs[12]; /* elements that somebody else had changed */
	size_t n_repairs;
	uint64_t writes; /* elements of the maps of services, written or deleted so far */
	struct {
		const char *map;
		size_t used, max;
		bool forgets; /* full is how it is meant to be: the oldest go */
	} maps[20];
	size_t n_maps;
};

void dataplane_status(struct dataplane *dataplane, struct dataplane_status *ret_status);

/* Whether NodePorts are served at an address, be it the node's or its loopback's. */
bool dataplane_serves_node_ports(const struct dataplane *dataplane, const struct addr *addr);

/* One service port or endpoint as the maps have it. Ids are 0 when it did not fit. */
uint32_t dataplane_service_id(const struct dataplane *dataplane,
			      const struct plan_service *service);
uint32_t dataplane_endpoint_id(const struct dataplane *dataplane, uint8_t proto,
			       const struct plan_endpoint *endpoint);

/* Values of all counters by enum naru_counter, summed over CPUs. -errno. */
int dataplane_counters(const struct dataplane *dataplane, uint64_t *ret_values, size_t n);

struct flow_info {
	uint8_t proto;
	struct addr client, vip, endpoint;
	uint16_t client_port, vip_port, endpoint_port;
	struct addr snat; /* zero when the client's address was kept */
	uint16_t snat_port;
	const char *road;  /* "stack", "redirect", "hairpin" */
	const char *state; /* "opening", "established", "closing", "closed", "one-way", "replied" */
	const char *service; /* name or "" */
	unsigned idle_s;
};

/* Walks the flows, one call per flow (its two entries are one). Stops when fn returns false. */
typedef bool (*flow_fn)(void *arg, const struct flow_info *flow);
int dataplane_flows(struct dataplane *dataplane, flow_fn fn, void *arg);

/* The same a piece at a time; the walk must end before the dataplane does. next: 1: there may be
 * more; 0: these were all; -errno. */
struct listing;
int dataplane_flows_begin(struct dataplane *dataplane, struct listing **ret_walk);
int dataplane_flows_next(struct listing *walk, flow_fn fn, void *arg);
void dataplane_flows_end(struct listing *walk);

/* What went by a service: [0] to the endpoints, [1] from them; what sockets translate at connect
 * counts in flows only. */
struct service_traffic {
	const char *service;
	uint8_t proto, family;
	uint64_t packets[2], bytes[2], flows;
};

struct service_loss {
	const char *service;
	uint8_t proto, family;
	uint32_t reason; /* enum naru_counter */
	uint64_t count;
};

/* Services without any are left out. 0 or -errno. */
typedef void (*traffic_fn)(void *arg, const struct service_traffic *traffic);
int dataplane_traffic(const struct dataplane *dataplane, traffic_fn fn, void *arg);
typedef void (*loss_fn)(void *arg, const struct service_loss *loss);
int dataplane_losses(const struct dataplane *dataplane, loss_fn fn, void *arg);

/* Where a map is not as narud has written it. service: "" when it is none's. 0 or -errno. */
typedef void (*audit_fn)(void *arg, const char *map, const char *service, const char *text);
int dataplane_audit(const struct dataplane *dataplane, audit_fn fn, void *arg);

/* A flow that began, a socket that was translated, or one of them refused. */
struct event_info {
	const char *kind; /* "flow", "socket", "drop", "refused" */
	int reason;	  /* enum naru_counter, -1: no loss */
	uint8_t proto;
	struct addr client, vip, endpoint, snat; /* zero: none, or not known */
	uint16_t client_port, vip_port, endpoint_port, snat_port;
	const char *road;    /* NULL: no flow */
	const char *service; /* name or "" */
	uint32_t ifindex;    /* 0: a socket */
	uint64_t time_ns;    /* since 1970 */
};

/* Events are made only while they are watched. The descriptor is readable when there are some, and
 * valid while on. -EOPNOTSUPP without layer 4. */
#define DATAPLANE_WATCH_MAX 64 /* events that one read takes: the ring may fill as fast */
typedef void (*event_fn)(void *arg, const struct event_info *event);
int dataplane_watch(struct dataplane *dataplane, bool on);
int dataplane_watch_fd(const struct dataplane *dataplane);
void dataplane_watch_read(struct dataplane *dataplane, event_fn fn, void *arg);

/*
 * Removes every trace: detaches programs, removes pins and local routes. For naructl; needs no
 * dataplane. -EBUSY while a narud runs on these pins.
 */
int dataplane_cleanup(const char *bpffs_dir);
