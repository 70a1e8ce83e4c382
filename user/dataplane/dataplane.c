/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts the parts together: lock, programs and maps, layer 4, devices, steering to the proxy.
 * daemon/ is the only caller. With layer 4 off, everything of it is simply not there.
 *
 * Order of an apply: what the proxy takes over is there (entries, then routes) before layer 4 gives
 * it up, and goes only after layer 4 has it back; so a Service's port that changes hands always has
 * somebody who answers.
 */
#include "dataplane/dataplane.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <naru/abi.h>
#include <naru/counters.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/netlink.h"
#include "dataplane/answer.h"
#include "dataplane/attach.h"
#include "dataplane/cgroup.h"
#include "dataplane/cleanup.h"
#include "dataplane/config.h"
#include "dataplane/encode.h"
#include "dataplane/fill.h"
#include "dataplane/foreign.h"
#include "dataplane/l4.h"
#include "dataplane/listing.h"
#include "dataplane/load.h"
#include "dataplane/pins.h"
#include "dataplane/stats.h"
#include "dataplane/steer.h"
#include "dataplane/topology.h"
#include "dataplane/vips.h"

#define SETTLE_MS 1000 /* between two tries */
#define RESUME_MS 2000 /* for the lock of a process that is ending */

struct dataplane {
	struct dataplane_config config; /* strings are copies */
	struct pins pins;
	struct load load;
	struct l4 l4;
	struct attach attach;
	struct topology topology;
	struct vips vips;
	struct foreign foreign;
	struct steer steer;
	struct netlink *netlink;
	char *cgroup; /* directory, or why not */
	uint64_t generation;
	uint64_t settle_ms; /* when to try devices again that are not settled */
	bool wants_apply;
	bool whole; /* what is in force is not just a step away from any plan */
	/* Of the last status. */
	struct dataplane_device *devices;
	struct dataplane_bind *binds;
	struct dataplane_vip *vip_rows;
};

/* ---- open ---- */

static void init_parts(struct dataplane *d)
{
	d->attach = (struct attach){
		.links = d->pins.links,
		.load = &d->load,
		.clsact = d->config.force_clsact,
	};
	d->topology = (struct topology){
		.load = &d->load,
		.attach = &d->attach,
		.filter = d->l4.filter,
		.config = &d->config,
	};
	d->vips.map = d->load.maps.steer_vip;
	d->steer.load = &d->load;
	d->steer.vips = &d->vips;
	d->l4.verify.node = (struct nodemaps){ &d->topology, &d->steer, &d->vips };
}

/* Without cgroup2 the node's own sockets are not translated, all else works. A container's subtree
 * would only look as if it worked. */
static int open_cgroup(struct dataplane *d)
{
	_cleanup_(mem_closep) int fd = -1;
	int r = cgroup_open(d->config.cgroup_dir, &fd, &d->cgroup);

	if (!r) {
		l4_set_cgroup(&d->l4, d->cgroup);
		return attach_cgroup(&d->attach, fd);
	}
	if (d->config.cgroup_dir)
		return log_err(r, "--cgroup %s: no folder of a cgroup2 tree", d->config.cgroup_dir);
	if (r == -EXDEV)
		return log_err(r, "this cgroup namespace shows a part of the cgroup2 tree only: "
				  "mount the host's root and name it with --cgroup");
	d->cgroup = mem_strdup("no cgroup2 tree is mounted");
	log_warn("%s: sockets of this node are not translated", d->cgroup);
	return 0;
}

/* Programs onto cgroup and network namespace. What the user may have named wrongly comes first: a
 * refused start attaches nothing. */
static int attach(struct dataplane *d)
{
	int r = d->config.l4 ? open_cgroup(d) : 0;

	if (!r)
		r = attach_steer(&d->attach);
	if (!r && !d->config.l4)
		attach_detach_cgroup(d->pins.links);
	return r;
}

static int open_all(struct dataplane *d)
{
	int r = d->config.l4 ? l4_open(&d->l4, &d->load, &d->config) : 0;

	if (r)
		return r;
	init_parts(d);
	vips_restore(&d->vips);
	steer_restore(&d->steer);
	topology_restore(&d->topology);
	d->topology.vips = vips_any(&d->vips);
	r = netlink_open(&d->netlink);
	if (r)
		return log_err(r, "open netlink");
	if (d->config.l4)
		l4_void_next_hops(&d->l4);
	r = attach(d);
	if (!r)
		r = topology_refresh(&d->topology);
	if (!r)
		vips_adopt(&d->vips, &d->topology.net);
	return r;
}

/* Everything but lock and programs, from what is pinned. */
static int open_parts(struct dataplane *d)
{
	int r = open_all(d);

	(r ? attach_undo : attach_settle)(&d->attach);
	return r;
}

int dataplane_open(const struct dataplane_config *config, struct dataplane **ret_dataplane)
{
	struct dataplane *d = mem_new(sizeof(*d));
	int r;

	d->pins.lock = -1;
	config_copy(&d->config, config);
	r = pins_open(&d->pins, d->config.bpffs_dir, d->config.wait_ms);
	if (!r)
		r = load_open(d->pins.dir, &d->config, &d->load);
	if (!r)
		r = open_parts(d);
	/* Programs that gave way to new ones have these use the new maps, too. */
	if (r && !d->attach.replaced)
		load_undo(&d->load);
	if (!r && !d->config.l4)
		load_forget_l4(d->pins.dir);
	if (r)
		dataplane_close(d);
	else
		*ret_dataplane = d;
	return r;
}

/* What open_parts() has opened; may be called twice. */
static void close_parts(struct dataplane *d)
{
	netlink_close(TAKE_PTR(d->netlink));
	topology_fini(&d->topology);
	steer_fini(&d->steer);
	vips_fini(&d->vips);
	foreign_fini(&d->foreign);
	l4_close(&d->l4);
	free(TAKE_PTR(d->cgroup));
	d->topology = (struct topology){};
	d->steer = (struct steer){};
	d->vips = (struct vips){};
}

void dataplane_yield(struct dataplane *d)
{
	close_parts(d);
	pins_close(&d->pins);
}

int dataplane_resume(struct dataplane *d)
{
	int r = pins_open(&d->pins, d->config.bpffs_dir, RESUME_MS);

	if (!r && !load_is_pinned(&d->load, d->pins.dir))
		r = log_err(-ESTALE, "the pinned maps are not those of this narud any more");
	return r ? r : open_parts(d);
}

void dataplane_close(struct dataplane *d)
{
	if (!d)
		return;
	close_parts(d);
	load_close(&d->load);
	pins_close(&d->pins);
	config_free(&d->config);
	free(d->devices);
	free(d->binds);
	free(d->vip_rows);
	free(d);
}

/* ---- work ---- */

static bool same_pod_ranges(const struct topology *t, const struct plan *plan)
{
	return t->n_pod_cidrs == plan->n_pod_cidrs &&
	       (!plan->n_pod_cidrs || !memcmp(t->pod_cidrs, plan->pod_cidrs,
					      plan->n_pod_cidrs * sizeof(*plan->pod_cidrs)));
}

/* Services, and the devices that their endpoints are behind. */
static int apply_l4(struct dataplane *d, const struct plan *plan, struct diag_list *ret_diags)
{
	_cleanup_(foreign_cut_fini) struct foreign_cut cut = { .plan = *plan };
	bool changed, step;
	int r, w = 0;

	d->whole |= foreign_look(&d->foreign, &d->topology.net) || d->topology.failed;
	step = !d->whole && sync_is_step(&d->l4.sync, plan);
	if (!step)
		foreign_cut(&d->foreign, plan, ret_diags, &cut);
	/* What is left out of a plan is told of with each of them. */
	d->whole = cut.services != NULL;
	r = (step ? l4_step : l4_apply)(&d->l4, &cut.plan, clock_ms(), ret_diags, &changed);
	if (step)
		w = changed ? topology_step(&d->topology, plan) : 0;
	else if (changed || d->topology.failed || !same_pod_ranges(&d->topology, plan))
		w = topology_plan(&d->topology, plan);
	return r ? r : w;
}

/* Without layer 4, devices are needed only while there are VIPs. */
static int follow_vips(struct dataplane *d)
{
	int r;

	if (d->config.l4 || d->topology.vips == vips_any(&d->vips))
		return 0;
	d->topology.vips = vips_any(&d->vips);
	r = topology_refresh(&d->topology);
	if (!r && d->topology.vips && !d->topology.n_rows)
		log_warn("no device towards the network: no machine on it learns where the "
			 "Gateways' addresses are; name one by --device");
	return r;
}

static void keep_first(int *error, int r)
{
	if (!*error)
		*error = r;
}

int dataplane_apply(struct dataplane *d, const struct plan *plan, struct diag_list *ret_diags)
{
	int r = vips_list(&d->vips, &plan->l7, &d->topology.net);

	d->wants_apply = false;
	keep_first(&r, follow_vips(d));
	keep_first(&r, steer_apply(&d->steer, &plan->l7, ret_diags));
	keep_first(&r, vips_route(&d->vips));
	if (d->config.l4)
		keep_first(&r, apply_l4(d, plan, ret_diags));
	keep_first(&r, steer_release(&d->steer));
	keep_first(&r, vips_release(&d->vips));
	keep_first(&r, follow_vips(d));
	if (ret_diags)
		vips_report(&d->vips, plan, ret_diags);
	if (!r)
		d->generation = plan->generation;
	return r;
}

bool dataplane_wants_apply(const struct dataplane *d)
{
	return d->wants_apply;
}

int dataplane_set_listeners(struct dataplane *d, const int *fds, size_t n)
{
	int r = steer_set_listeners(&d->steer, fds, n);

	return r ? log_err(r, "the proxy's listening sockets") : 0;
}

int dataplane_fd(const struct dataplane *d)
{
	return netlink_fd(d->netlink);
}

int dataplane_process(struct dataplane *d)
{
	unsigned changed = netlink_read(d->netlink);
	int r;

	if (!changed)
		return 0;
	if (d->config.l4)
		l4_void_next_hops(&d->l4);
	if (!(changed & ~NETLINK_NEIGHS))
		return 0;
	r = topology_refresh(&d->topology);
	if (r)
		return r;
	d->wants_apply |= vips_look(&d->vips, &d->topology.net);
	if (d->config.l4 && foreign_look(&d->foreign, &d->topology.net))
		d->wants_apply = d->whole = true;
	return 0;
}

/* No event tells that what stood in the way has gone. */
static void settle(struct dataplane *d, uint64_t now)
{
	if (now < d->settle_ms || topology_settled(&d->topology))
		return;
	d->settle_ms = now + SETTLE_MS;
	topology_retry(&d->topology);
}

void dataplane_tick(struct dataplane *d)
{
	uint64_t now = clock_ms();

	settle(d, now);
	d->wants_apply |= vips_tick(&d->vips, now);
	if (follow_vips(d))
		d->topology.failed = true;
	d->wants_apply |= steer_tick(&d->steer, now);
	if (d->config.l4)
		l4_tick(&d->l4, now);
}

bool dataplane_hurries(const struct dataplane *d)
{
	return d->config.l4 && l4_hurries(&d->l4);
}

void dataplane_hurry(struct dataplane *d)
{
	if (d->config.l4)
		l4_hurry(&d->l4, clock_ms());
}

/* ---- who answers for VIPs ---- */

size_t dataplane_links(const struct dataplane *d, struct dataplane_link **ret_links)
{
	return answer_links(&d->topology, ret_links);
}

bool dataplane_answers(const struct dataplane *d)
{
	return answer_is_on(&d->load, &d->vips, clock_us() * 1000);
}

int dataplane_answer_for(struct dataplane *d, uint64_t ms)
{
	return answer_until(&d->load, ms ? (clock_us() + ms * 1000) * 1000 : 0);
}

bool dataplane_announces(const struct dataplane *d, const struct addr *addr)
{
	return vips_announces(&d->vips, addr);
}

int dataplane_announce(struct dataplane *d, const struct plan *plan)
{
	return vips_list(&d->vips, &plan->l7, &d->topology.net);
}

int dataplane_tell(struct dataplane *d, uint32_t ifindex, const uint8_t *frame, size_t len)
{
	return answer_tell(&d->load, ifindex, frame, len);
}

void dataplane_conflicts(const struct dataplane *d, uint64_t since_ms, conflict_fn fn, void *arg)
{
	answer_conflicts(&d->load, since_ms * 1000000, fn, arg);
}

/* ---- what is there ---- */

static void list_devices(struct dataplane *d, struct dataplane_status *status)
{
	free(d->devices);
	d->devices = mem_array(d->topology.n_rows, sizeof(*d->devices));
	for (size_t i = 0; i < d->topology.n_rows; i++) {
		const struct topology_row *row = &d->topology.rows[i];
		struct dataplane_device *device = &d->devices[i];

		device->ifindex = row->dev.ifindex;
		memcpy(device->name, row->dev.name, sizeof(device->name));
		device->pod = row->dev.class == NARU_POD;
		device->tc = row->tc;
		device->xdp = row->xdp;
	}
	status->devices = d->devices;
	status->n_devices = d->topology.n_rows;
}

static void list_binds(struct dataplane *d, struct dataplane_status *status)
{
	free(d->binds);
	d->binds = mem_array(d->steer.n, sizeof(*d->binds));
	for (size_t i = 0; i < d->steer.n; i++) {
		const struct steer_bind *bind = &d->steer.binds[i];

		d->binds[i] = (struct dataplane_bind){
			.addr = bind->addr,
			.port = bind->port,
			.tls = bind->tls,
			.listeners = bind->names,
			.n_listeners = bind->n_names,
			.reason = bind->reason,
		};
	}
	status->binds = d->binds;
	status->n_binds = d->steer.n;
	status->listeners = steer_listeners(&d->steer);
}

void dataplane_status(struct dataplane *d, struct dataplane_status *ret_status)
{
	struct dataplane_status status = {
		.l4 = d->config.l4,
		.heal = d->l4.heal.unable,
		.pin_dir = d->pins.dir,
		.cgroup = d->cgroup,
		.generation = d->generation,
	};

	list_devices(d, &status);
	list_binds(d, &status);
	fill_vips(&d->vips, &d->vip_rows, &status);
	if (d->config.l4) {
		fill_l4(&d->l4, &status);
		fill_add(&status, "node_addr", d->topology.n_addrs, NARU_NODE_ADDRS_MAX);
	}
	fill_add(&status, "device", d->topology.n_rows, NARU_DEVICES_MAX);
	fill_add(&status, "steer", d->steer.n, NARU_BINDS_MAX);
	fill_add(&status, "steer_vip", d->vips.n, vips_max(&d->vips));
	*ret_status = status;
}

bool dataplane_serves_node_ports(const struct dataplane *d, const struct addr *addr)
{
	return topology_serves_node_ports(&d->topology, addr);
}

uint32_t dataplane_service_id(const struct dataplane *d, const struct plan_service *service)
{
	const struct live_service *live =
		d->config.l4
			? inforce_find(d->l4.in, service->name, service->proto, service->family)
			: NULL;

	return live ? live->id : 0;
}

uint32_t dataplane_endpoint_id(const struct dataplane *d, uint8_t proto,
			       const struct plan_endpoint *endpoint)
{
	struct naru_endpoint value;
	struct encode_endpoint_key key;

	encode_endpoint(endpoint, proto, &value);
	encode_endpoint_key(&value, &key);
	return d->config.l4 ? ids_find(d->l4.in->endpoints, &key, sizeof(key)) : 0;
}

int dataplane_counters(const struct dataplane *d, uint64_t *ret_values, size_t n)
{
	int cpus = libbpf_num_possible_cpus(), r;
	_cleanup_(mem_freep) uint64_t *values = NULL;
	uint32_t zero = 0;

	if (cpus < 0)
		return cpus;
	values = mem_array((size_t)cpus * NARU_C_MAX, sizeof(*values));
	r = bpf_map_lookup_elem(d->load.maps.counters, &zero, values);
	if (r)
		return r;
	memset(ret_values, 0, n * sizeof(*ret_values));
	for (size_t i = 0; i < (size_t)cpus * NARU_C_MAX; i++) {
		if (i % NARU_C_MAX < n)
			ret_values[i % NARU_C_MAX] += values[i];
	}
	return 0;
}

int dataplane_flows(struct dataplane *d, flow_fn fn, void *arg)
{
	struct listing *walk;
	int r;

	if (!d->config.l4)
		return 0;
	r = dataplane_flows_begin(d, &walk);
	if (r)
		return r;
	do
		r = listing_next(walk, fn, arg);
	while (r > 0);
	listing_free(walk);
	return r;
}

int dataplane_flows_begin(struct dataplane *d, struct listing **ret_walk)
{
	uint32_t tick;
	int r = d->config.l4 ? load_tick(&d->load, &tick) : -EOPNOTSUPP;

	if (!r)
		*ret_walk = listing_begin(d->l4.in, d->l4.store, tick, d->l4.tick_ms);
	return r;
}

int dataplane_flows_next(struct listing *walk, flow_fn fn, void *arg)
{
	return listing_next(walk, fn, arg);
}

void dataplane_flows_end(struct listing *walk)
{
	listing_free(walk);
}

int dataplane_traffic(const struct dataplane *d, traffic_fn fn, void *arg)
{
	return d->config.l4 ? stats_traffic(d->l4.in, fn, arg) : 0;
}

int dataplane_losses(const struct dataplane *d, loss_fn fn, void *arg)
{
	return d->config.l4 ? stats_losses(d->l4.in, fn, arg) : 0;
}

int dataplane_audit(const struct dataplane *d, audit_fn fn, void *arg)
{
	return d->config.l4 ? verify_look(&d->l4.verify, fn, arg) : 0;
}

int dataplane_watch(struct dataplane *d, bool on)
{
	return d->config.l4 ? watch_set(d->l4.watch, on) : -EOPNOTSUPP;
}

int dataplane_watch_fd(const struct dataplane *d)
{
	return d->config.l4 ? watch_fd(d->l4.watch) : -1;
}

void dataplane_watch_read(struct dataplane *d, event_fn fn, void *arg)
{
	if (d->config.l4)
		watch_read(d->l4.watch, fn, arg);
}

/* ---- removal ---- */

int dataplane_cleanup(const char *bpffs_dir)
{
	return cleanup_all(bpffs_dir);
}
