/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts the parts together: lock, programs and maps, what is in force, devices, sweep. narud.c is
 * the only caller. Invariants: nothing is removed before the first plan has been applied; nothing
 * that a flow may hold is given to somebody else before a whole sweep has met no such flow.
 */
#include "dataplane/dataplane.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <naru/abi.h>
#include <naru/counters.h>
#include <naru/paths.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/netlink.h"
#include "dataplane/attach.h"
#include "dataplane/cgroup.h"
#include "dataplane/encode.h"
#include "dataplane/filter.h"
#include "dataplane/inforce.h"
#include "dataplane/listing.h"
#include "dataplane/load.h"
#include "dataplane/pins.h"
#include "dataplane/restore.h"
#include "dataplane/sweep.h"
#include "dataplane/sync.h"
#include "dataplane/topology.h"

#define SETTLE_MS 1000 /* between two tries */

struct dataplane {
	struct dataplane_config config; /* strings are copies */
	struct pins pins;
	struct load load;
	struct naru_filter *filter_map;
	struct naru_state *state_map;
	struct filter *filter;
	struct inforce *in;
	struct sync sync;
	struct sweep *sweep;
	struct attach attach;
	struct topology topology;
	struct netlink *netlink;
	char *cgroup; /* directory, or why not */
	uint32_t tick_ms;
	uint64_t generation;
	bool applied;			  /* a plan has been applied */
	uint64_t settle_ms;		  /* when to try devices again that are not settled */
	bool sweep_counts;		  /* the running sweep began after that */
	struct dataplane_device *devices; /* of the last status */
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- open ---- */

static const char **copy_strings(const char *const *from, size_t n)
{
	const char **to = mem_array(n, sizeof(*to));

	for (size_t i = 0; i < n; i++)
		to[i] = mem_strdup(from[i]);
	return to;
}

static void free_strings(const char *const *strings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free((char *)strings[i]);
	free((void *)strings);
}

static void copy_config(struct dataplane_config *to, const struct dataplane_config *from)
{
	*to = *from;
	to->bpffs_dir = mem_strdup(from->bpffs_dir);
	to->cgroup_dir = from->cgroup_dir ? mem_strdup(from->cgroup_dir) : NULL;
	to->devices = copy_strings(from->devices, from->n_devices);
	to->pod_devices = copy_strings(from->pod_devices, from->n_pod_devices);
}

static void free_config(struct dataplane_config *config)
{
	free((char *)config->bpffs_dir);
	free((char *)config->cgroup_dir);
	free_strings(config->devices, config->n_devices);
	free_strings(config->pod_devices, config->n_pod_devices);
}

static size_t page_round(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

static void *map_value(int fd, size_t size)
{
	void *map = mmap(NULL, page_round(size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return map == MAP_FAILED ? NULL : map;
}

static int map_values(struct dataplane *d)
{
	d->filter_map = map_value(d->load.maps.filter, sizeof(*d->filter_map));
	d->state_map = map_value(d->load.maps.state, sizeof(*d->state_map));
	return d->filter_map && d->state_map ? 0 : log_err(-errno, "map filter and state");
}

/* Cached next hops in flow entries are void from here on. */
static void bump_next_hops(struct dataplane *d)
{
	uint32_t gen = __atomic_load_n(&d->state_map->nh_gen, __ATOMIC_RELAXED) + 1;

	if (!(gen & 0xffff))
		gen++;
	__atomic_store_n(&d->state_map->nh_gen, gen, __ATOMIC_RELEASE);
}

static bool is_stale(void *arg, uint32_t service, uint32_t endpoint)
{
	const struct dataplane *d = arg;

	return !inforce_has_endpoint(d->in, service, endpoint);
}

static void init_parts(struct dataplane *d)
{
	struct sweep_config sweep = {
		.fd = { d->load.maps.flow4, d->load.maps.flow6 },
		.snat_min = d->config.snat_min,
		.snat_max = d->config.snat_max,
		.bypass_netfilter = d->config.bypass_netfilter,
		.is_stale = is_stale,
		.arg = d,
	};

	d->filter = filter_new(d->filter_map);
	d->in = inforce_new(&d->load.maps, d->filter);
	sync_init(&d->sync, d->in);
	sweep.services = d->in->services;
	sweep.endpoints = d->in->endpoints;
	sweep.filter = d->filter;
	d->sweep = sweep_new(&sweep);
	d->attach = (struct attach){
		.links = d->pins.links,
		.load = &d->load,
		.clsact = d->config.force_clsact,
	};
	d->topology = (struct topology){
		.load = &d->load,
		.attach = &d->attach,
		.filter = d->filter,
		.config = &d->config,
	};
}

/* Without cgroup2 the node's own sockets are not translated, all else works. A container's subtree
 * would only look as if it worked. */
static int open_cgroup(struct dataplane *d)
{
	_cleanup_(mem_closep) int fd = -1;
	int r = cgroup_open(d->config.cgroup_dir, &fd, &d->cgroup);

	if (!r)
		return attach_cgroup(&d->attach, fd);
	if (d->config.cgroup_dir)
		return log_err(r, "--cgroup %s: no folder of a cgroup2 tree", d->config.cgroup_dir);
	if (r == -EXDEV)
		return log_err(r, "this cgroup namespace shows a part of the cgroup2 tree only: "
				  "mount the host's root and name it with --cgroup");
	d->cgroup = mem_strdup("no cgroup2 tree is mounted");
	log_warn("%s: sockets of this node are not translated", d->cgroup);
	return 0;
}

static uint32_t tick_length(uint32_t shift)
{
	struct timespec jiffy = { .tv_nsec = 4000000 };

	clock_getres(CLOCK_MONOTONIC_COARSE, &jiffy);
	return (uint32_t)(((uint64_t)jiffy.tv_nsec << shift) / 1000000);
}

static int open_parts(struct dataplane *d)
{
	int r = pins_open(&d->pins, d->config.bpffs_dir);

	if (!r)
		r = load_open(d->pins.dir, &d->config, &d->load);
	if (!r)
		r = map_values(d);
	if (r)
		return r;
	d->tick_ms = tick_length(d->load.tick_shift);
	init_parts(d);
	r = restore_all(d->in);
	if (r)
		return log_err(r, "read the pinned maps");
	r = sweep_raise(d->sweep);
	if (r)
		return log_err(r, "read the pinned flow maps");
	/* For flows that the old programs make from here on. */
	sweep_hurry(d->sweep);
	topology_restore(&d->topology);
	r = netlink_open(&d->netlink);
	if (r)
		return log_err(r, "open netlink");
	bump_next_hops(d);
	/* What the user may have named wrongly first: a refused start attaches nothing. */
	r = open_cgroup(d);
	return r ? r : topology_refresh(&d->topology);
}

int dataplane_open(const struct dataplane_config *config, struct dataplane **ret_dataplane)
{
	struct dataplane *d = mem_new(sizeof(*d));
	int r;

	d->pins.lock = -1;
	copy_config(&d->config, config);
	r = open_parts(d);
	if (r) {
		dataplane_close(d);
		return r;
	}
	*ret_dataplane = d;
	return 0;
}

void dataplane_close(struct dataplane *d)
{
	if (!d)
		return;
	netlink_close(d->netlink);
	topology_fini(&d->topology);
	sweep_free(d->sweep);
	sync_fini(&d->sync);
	inforce_free(d->in);
	filter_free(d->filter);
	if (d->filter_map)
		munmap(d->filter_map, page_round(sizeof(*d->filter_map)));
	if (d->state_map)
		munmap(d->state_map, page_round(sizeof(*d->state_map)));
	load_close(&d->load);
	pins_close(&d->pins);
	free_config(&d->config);
	free(d->cgroup);
	free(d->devices);
	free(d);
}

/* ---- work ---- */

static bool same_pod_ranges(const struct topology *t, const struct plan *plan)
{
	return t->n_pod_cidrs == plan->n_pod_cidrs &&
	       (!plan->n_pod_cidrs || !memcmp(t->pod_cidrs, plan->pod_cidrs,
					      plan->n_pod_cidrs * sizeof(*plan->pod_cidrs)));
}

int dataplane_apply(struct dataplane *d, const struct plan *plan, struct diag_list *ret_diags)
{
	struct sync_result result;
	int r = sync_apply(&d->sync, plan, now_ms(), ret_diags, &result), w = 0;

	if (result.changed || !d->applied || d->topology.failed ||
	    !same_pod_ranges(&d->topology, plan))
		w = topology_plan(&d->topology, plan);
	if (result.removed)
		sweep_hurry(d->sweep);
	d->applied = true;
	if (!r)
		d->generation = plan->generation;
	return r ? r : w;
}

int dataplane_fd(const struct dataplane *d)
{
	return netlink_fd(d->netlink);
}

int dataplane_process(struct dataplane *d)
{
	unsigned changed = netlink_read(d->netlink);

	if (!changed)
		return 0;
	bump_next_hops(d);
	return changed & ~NETLINK_NEIGHS ? topology_refresh(&d->topology) : 0;
}

static void free_service_id(void *arg, uint32_t id)
{
	const struct dataplane *d = arg;

	bpf_map_delete_elem(d->load.maps.svc_name, &id);
}

static void free_endpoint_id(void *arg, uint32_t id)
{
	const struct dataplane *d = arg;

	bpf_map_delete_elem(d->load.maps.endpoint, &id);
	d->in->eps[id] = (struct naru_endpoint){};
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
	uint64_t now = now_ms();
	uint32_t tick;

	sync_tick(&d->sync, now);
	settle(d, now);
	if (load_tick(&d->load, &tick))
		return;
	if (sweep_begin(d->sweep, now))
		d->sweep_counts = d->applied;
	if (!sweep_step(d->sweep, tick, now) || !d->sweep_counts)
		return;
	ids_sweep_end(d->in->services, free_service_id, d);
	ids_sweep_end(d->in->endpoints, free_endpoint_id, d);
	filter_sweep_end(d->filter);
}

/* ---- what is there ---- */

static void add_map(struct dataplane_status *status, const char *map, size_t used, size_t max)
{
	status->maps[status->n_maps].map = map;
	status->maps[status->n_maps].used = used;
	status->maps[status->n_maps++].max = max;
}

void dataplane_status(struct dataplane *d, struct dataplane_status *ret_status)
{
	struct dataplane_status status = {
		.pin_dir = d->pins.dir,
		.cgroup = d->cgroup,
		.generation = d->generation,
		.n_devices = d->topology.n_rows,
	};

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
	status.devices = d->devices;
	add_map(&status, "svc", HASH_COUNT(d->in->fronts), NARU_FRONTENDS_MAX);
	add_map(&status, "svc_name", ids_used(d->in->services), NARU_SERVICES_MAX);
	add_map(&status, "endpoint", ids_used(d->in->endpoints), NARU_ENDPOINTS_MAX);
	add_map(&status, "lut", segments_used(d->in->lut), NARU_LUT_BLOCKS);
	add_map(&status, "ep_list", segments_used(d->in->list), NARU_LIST_BLOCKS);
	add_map(&status, "flow4", sweep_count(d->sweep, FLOW_V4), NARU_FLOWS_MAX);
	add_map(&status, "flow6", sweep_count(d->sweep, FLOW_V6), NARU_FLOWS_MAX);
	add_map(&status, "node_addr", d->topology.n_addrs, NARU_NODE_ADDRS_MAX);
	*ret_status = status;
}

uint32_t dataplane_service_id(const struct dataplane *d, const struct plan_service *service)
{
	const struct live_service *live =
		inforce_find(d->in, service->name, service->proto, service->family);

	return live ? live->id : 0;
}

uint32_t dataplane_endpoint_id(const struct dataplane *d, uint8_t proto,
			       const struct plan_endpoint *endpoint)
{
	struct naru_endpoint value;
	struct encode_endpoint_key key;

	encode_endpoint(endpoint, proto, &value);
	encode_endpoint_key(&value, &key);
	return ids_find(d->in->endpoints, &key, sizeof(key));
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
	uint32_t tick;
	int r = load_tick(&d->load, &tick);

	return r ? r : listing_flows(d->in, tick, d->tick_ms, fn, arg);
}

/* ---- removal ---- */

int dataplane_cleanup(const char *bpffs_dir)
{
	struct pins pins;
	int r = pins_open_existing(&pins, bpffs_dir);

	if (r == -ENOENT) {
		log_info("nothing to remove: there is no %s/%s", bpffs_dir, NARU_PIN_SUBDIR);
		return 0;
	}
	if (r)
		return r;
	attach_detach_all(pins.links);
	r = pins_remove(&pins);
	if (!r)
		log_info("removed programs, links and maps of %s/%s", bpffs_dir, NARU_PIN_SUBDIR);
	pins_close(&pins);
	return r;
}
