/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order for a device: bits of its source addresses in the filter, row in `device`, then programs,
 * since a program that does not find its device takes it for a NIC. Order for an address: bit in
 * the filter first, then `node_addr`.
 */
#include "dataplane/topology.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/log.h"
#include "base/mem.h"
#include "dataplane/encode.h"
#include "dataplane/nodeports.h"
#include "dataplane/xdpmode.h"

/* ---- devices ---- */

static int by_ifindex(const void *a, const void *b)
{
	const struct topology_row *x = a, *y = b;

	return (x->dev.ifindex > y->dev.ifindex) - (x->dev.ifindex < y->dev.ifindex);
}

static struct topology_row *find_row(const struct topology *t, uint32_t ifindex)
{
	const struct topology_row key = { .dev.ifindex = ifindex };

	return t->n_rows ? bsearch(&key, t->rows, t->n_rows, sizeof(key), by_ifindex) : NULL;
}

static void add_row(struct topology *t, const struct topology_row *row)
{
	size_t cap = t->n_rows;

	t->rows = mem_grow(t->rows, t->n_rows, &cap, sizeof(*t->rows));
	t->rows[t->n_rows++] = *row;
	qsort(t->rows, t->n_rows, sizeof(*t->rows), by_ifindex);
}

typedef void (*filter_fn)(struct filter *filter, enum filter_side side, uint8_t proto,
			  uint16_t port, const struct addr *addr);

/* Replies to what leaves from these come back to them, and not each is in `node_addr`. */
static void each_source(const struct topology *t, const struct naru_device *value, filter_fn fn)
{
	struct addr src4 = encode_addr(value->src4, 4), src6 = encode_addr(value->src6, 16);

	if (!t->filter)
		return;
	if (value->has_src4)
		fn(t->filter, FILTER_FRONT, 0, 0, &src4);
	if (value->has_src6)
		fn(t->filter, FILTER_FRONT, 0, 0, &src6);
}

static int write_row(const struct topology *t, struct topology_row *row)
{
	struct naru_device value = {
		.class = row->dev.class,
		.xdp = row->xdp && attach_xdp_ok(row->xdp),
		.has_src4 = row->dev.has_src4,
		.has_src6 = row->dev.has_src6,
	};
	int r;

	memcpy(value.name, row->dev.name, sizeof(value.name));
	if (row->dev.has_src4)
		encode_addr4(&row->dev.src4, value.src4);
	if (row->dev.has_src6)
		memcpy(value.src6, row->dev.src6.byte, sizeof(value.src6));
	memcpy(value.mac, row->dev.mac, sizeof(value.mac));
	if (!memcmp(&value, &row->value, sizeof(value)))
		return 0;
	each_source(t, &value, filter_hold);
	r = bpf_map_update_elem(t->load->maps.device, &row->dev.ifindex, &value, BPF_ANY);
	each_source(t, r ? &value : &row->value, filter_drop);
	if (!r)
		row->value = value;
	return r;
}

static const char *xdp_reason(const struct topology *t, const struct devices_row *dev)
{
	struct xdpmode_facts facts = { .mtu = dev->mtu, .vlan = dev->vlan };

	if (!dev->nic || t->config->xdp == XDP_MODE_OFF)
		return "off";
	xdpmode_read(dev->name, &facts);
	return xdpmode_decide(t->config->xdp, &facts);
}

static int attach_row(struct topology *t, struct topology_row *row)
{
	int r = write_row(t, row);

	if (r)
		return r;
	if (!row->tc || !attach_tc_ok(row->tc)) {
		const char *was = row->tc;

		row->tc = attach_tc(t->attach, row->dev.ifindex);
		if (attach_tc_ok(row->tc) && was)
			log_info("device %s: TC programs attached at last", row->dev.name);
		if (!attach_tc_ok(row->tc) && row->tc != was)
			log_warn("device %s: TC programs not attached: %s", row->dev.name, row->tc);
	}
	if (!row->xdp || attach_xdp_may_change(row->xdp)) {
		const char *was = row->xdp;

		row->xdp = attach_xdp(t->attach, row->dev.ifindex, xdp_reason(t, &row->dev));
		if (row->xdp != was)
			log_info("device %s: %s, tc %s, xdp %s", row->dev.name,
				 row->dev.class == NARU_POD ? "pod" : "nic", row->tc, row->xdp);
	}
	return write_row(t, row);
}

static void drop_row(struct topology *t, struct topology_row *row)
{
	log_info("device %s: gone", row->dev.name);
	attach_detach(t->attach->links, row->dev.ifindex);
	bpf_map_delete_elem(t->load->maps.device, &row->dev.ifindex);
	each_source(t, &row->value, filter_drop);
}

/* Rows whose device is no longer there, or left over and not needed. */
static void drop_dead(struct topology *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->n_rows; i++) {
		struct topology_row *row = &t->rows[i];

		if (row->alive && !(row->inherited && t->planned))
			t->rows[kept++] = *row;
		else
			drop_row(t, row);
	}
	t->n_rows = kept;
}

static void claim(struct topology *t, const struct devices_row *dev)
{
	struct topology_row *row = find_row(t, dev->ifindex);
	struct topology_row fresh = { .dev = *dev, .alive = true };

	if (row && !strcmp(row->dev.name, dev->name)) {
		/* A NIC never turns into a pod's device by a route that comes later. */
		bool nic = row->dev.nic && !row->inherited;
		enum naru_device_class class = nic ? row->dev.class : dev->class;

		if (dev->nic != row->dev.nic || dev->mtu != row->dev.mtu)
			row->xdp = NULL;
		row->dev = *dev;
		row->dev.class = class;
		row->inherited = false;
		row->alive = true;
	} else if (!row) {
		add_row(t, &fresh);
	} else {
		/* Renamed, or another device under an old number. */
		fresh.value = row->value;
		*row = fresh;
	}
}

/* Attached devices that no rule claims now. */
static void keep_unclaimed(struct topology *t, const struct devices_input *input)
{
	for (size_t i = 0; i < t->n_rows; i++) {
		struct topology_row *row = &t->rows[i];
		const struct netlink_link *link = netlink_find_link(input->net, row->dev.ifindex);
		bool nic = row->dev.nic;

		if (row->alive || !link)
			continue;
		if (row->inherited && strcmp(link->name, row->dev.name))
			continue;
		devices_describe(input, link, row->dev.class, &row->dev);
		row->dev.nic = nic;
		row->alive = true;
	}
}

/* Without layer 4, what matters is who asks for a VIP. */
static bool is_needed(const struct topology *t, const struct devices_row *dev)
{
	return t->config->l4 || (t->vips && dev->class == NARU_NIC);
}

static int refresh_devices(struct topology *t, const struct netlink_snapshot *net)
{
	const struct devices_input input = {
		.net = net,
		.config = t->config,
		.pod_cidrs = t->pod_cidrs,
		.n_pod_cidrs = t->n_pod_cidrs,
		.local = t->local.items,
		.n_local = t->local.n,
		.remote = t->remote.items,
		.n_remote = t->remote.n,
	};
	_cleanup_(mem_freep) struct devices_row *found = NULL;
	size_t n = devices_classify(&input, &found);
	int r = 0;

	for (size_t i = 0; i < t->n_rows; i++)
		t->rows[i].alive = false;
	for (size_t i = 0; i < n; i++) {
		if (is_needed(t, &found[i]))
			claim(t, &found[i]);
	}
	if (t->config->l4)
		keep_unclaimed(t, &input);
	drop_dead(t);
	for (size_t i = 0; i < t->n_rows; i++) {
		int w = attach_row(t, &t->rows[i]);

		r = r ? r : w;
	}
	return r;
}

/* ---- addresses ---- */

static int by_addr(const void *a, const void *b)
{
	const struct netlink_addr *x = a, *y = b;
	int order = addr_compare(&x->addr, &y->addr);

	return order ? order : (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

/* One entry for each address: it may stand on several devices. */
static size_t unique(struct netlink_addr *addrs, size_t n)
{
	size_t kept = 0;

	if (n)
		qsort(addrs, n, sizeof(*addrs), by_addr);
	for (size_t i = 0; i < n; i++) {
		if (!kept || addr_compare(&addrs[kept - 1].addr, &addrs[i].addr))
			addrs[kept++] = addrs[i];
	}
	return kept;
}

static int write_addr(const struct topology *t, const struct topology_addr *addr)
{
	return bpf_map_update_elem(t->load->maps.node_addr, addr->addr.byte, &addr->value, BPF_ANY);
}

static int remove_addr(const struct topology *t, const struct topology_addr *addr)
{
	int r = bpf_map_delete_elem(t->load->maps.node_addr, addr->addr.byte);

	filter_drop(t->filter, FILTER_FRONT, 0, 0, &addr->addr);
	return r == -ENOENT ? 0 : r;
}

static int add_addr(const struct topology *t, const struct topology_addr *addr)
{
	filter_hold(t->filter, FILTER_FRONT, 0, 0, &addr->addr);
	return write_addr(t, addr);
}

/* Rows are sorted: the node's first address of a family is the one that it sends from on its first
 * device towards the network. */
static bool is_primary(const struct topology *t, const struct addr *addr)
{
	bool v4 = addr_family(addr) == 4;

	for (size_t i = 0; i < t->n_rows; i++) {
		const struct devices_row *dev = &t->rows[i].dev;

		if (dev->nic && (v4 ? dev->has_src4 : dev->has_src6))
			return !addr_compare(addr, v4 ? &dev->src4 : &dev->src6);
	}
	return false;
}

bool topology_serves_node_ports(const struct topology *t, const struct addr *addr)
{
	return nodeports_at(t->config, addr, is_primary(t, addr));
}

/* What the node has now. */
static size_t list_addrs(const struct topology *t, const struct netlink_snapshot *net,
			 struct topology_addr **ret_addrs)
{
	_cleanup_(mem_freep) struct netlink_addr *found = NULL;
	size_t n = devices_node_addrs(net, &found);
	struct topology_addr *addrs;

	n = unique(found, n);
	n = n < NARU_NODE_ADDRS_MAX ? n : NARU_NODE_ADDRS_MAX;
	addrs = mem_array(n, sizeof(*addrs));
	for (size_t i = 0; i < n; i++) {
		addrs[i].addr = found[i].addr;
		addrs[i].value.ifindex = found[i].ifindex;
		addrs[i].value.node_port = topology_serves_node_ports(t, &found[i].addr);
	}
	*ret_addrs = addrs;
	return n;
}

/* Both lists are sorted: one walk. */
static int refresh_addrs(struct topology *t, const struct netlink_snapshot *net)
{
	struct topology_addr *now;
	size_t n = list_addrs(t, net, &now), i = 0, j = 0;
	int r = 0;

	while (i < t->n_addrs || j < n) {
		int order = i == t->n_addrs ? 1
			    : j == n	    ? -1
					    : addr_compare(&t->addrs[i].addr, &now[j].addr);
		int w = 0;

		if (order < 0)
			w = remove_addr(t, &t->addrs[i]);
		else if (order > 0)
			w = add_addr(t, &now[j]);
		else if (memcmp(&t->addrs[i].value, &now[j].value, sizeof(now[j].value)))
			w = write_addr(t, &now[j]);
		/* Not as it should be: the next refresh is to write it. */
		if (w && order >= 0)
			now[j].value.ifindex = 0;
		i += order <= 0;
		j += order >= 0;
		r = r ? r : w;
	}
	free(t->addrs);
	t->addrs = now;
	t->n_addrs = n;
	return r;
}

/* A device that comes later is taken then; at the start its absence is likely a slip. */
static void note_absent(const struct topology *t, const struct netlink_snapshot *net)
{
	bool nic = false;

	for (size_t i = 0; i < t->config->n_devices; i++) {
		size_t j = 0;

		while (j < net->n_links && strcmp(net->links[j].name, t->config->devices[i]))
			j++;
		if (j == net->n_links)
			log_warn("--device %s: there is no such device yet", t->config->devices[i]);
	}
	for (size_t i = 0; i < t->n_rows; i++)
		nic |= t->rows[i].dev.nic;
	if (!nic && !t->config->n_devices && t->config->l4)
		log_warn("no default route, hence no device towards the network: name it by "
			 "--device");
}

int topology_refresh(struct topology *t)
{
	struct netlink_snapshot net;
	int r = netlink_dump(&net), w;

	t->failed = r != 0;
	if (r)
		return log_err(r, "read links, addresses and routes");
	/* The node's first address is one of its devices' sources. */
	r = refresh_devices(t, &net);
	w = t->config->l4 ? refresh_addrs(t, &net) : 0;
	if (!t->started)
		note_absent(t, &net);
	t->started = true;
	netlink_snapshot_fini(&t->net);
	t->net = net;
	free(TAKE_PTR(t->net.routes));
	t->net.n_routes = t->net.cap_routes = 0;
	t->failed = r || w;
	return r ? r : w;
}

int topology_retry(struct topology *t)
{
	int r = 0;

	if (t->failed)
		return topology_refresh(t);
	for (size_t i = 0; i < t->n_rows; i++) {
		int w = attach_row(t, &t->rows[i]);

		r = r ? r : w;
	}
	return r;
}

bool topology_settled(const struct topology *t)
{
	for (size_t i = 0; i < t->n_rows; i++) {
		if (!t->rows[i].tc || !attach_tc_ok(t->rows[i].tc))
			return false;
	}
	return !t->failed;
}

/* ---- what the plan says ---- */

static void collect(const struct plan_set *set, struct addrset *local, struct addrset *remote)
{
	for (size_t i = 0; i < set->n; i++)
		addrset_add(set->endpoints[i].local ? local : remote, &set->endpoints[i].addr);
}

int topology_plan(struct topology *t, const struct plan *plan)
{
	t->local.n = t->remote.n = 0;
	for (size_t i = 0; i < plan->n_services; i++) {
		collect(&plan->services[i].cluster, &t->local, &t->remote);
		collect(&plan->services[i].local, &t->local, &t->remote);
	}
	addrset_sort(&t->local);
	addrset_sort(&t->remote);
	t->grown = 0;
	free(t->pod_cidrs);
	t->n_pod_cidrs = plan->n_pod_cidrs;
	t->pod_cidrs = mem_array(plan->n_pod_cidrs, sizeof(*t->pod_cidrs));
	if (plan->n_pod_cidrs)
		memcpy(t->pod_cidrs, plan->pod_cidrs, plan->n_pod_cidrs * sizeof(*t->pod_cidrs));
	t->planned = true;
	return topology_refresh(t);
}

/* Addresses that have gone stay in the sets, where they do no harm, until there may be as many of
 * them as of others. */
int topology_step(struct topology *t, const struct plan *plan)
{
	const struct plan_step *step = &plan->step;
	_cleanup_(addrset_fini) struct addrset local = {}, remote = {};
	size_t grown;

	for (size_t i = 0; i < step->n_services; i++) {
		collect(&plan->services[step->services[i]].cluster, &local, &remote);
		collect(&plan->services[step->services[i]].local, &local, &remote);
	}
	grown = addrset_merge(&t->local, &local) + addrset_merge(&t->remote, &remote);
	t->grown += grown;
	if (t->grown > (t->local.n + t->remote.n) / 2 + 64)
		return topology_plan(t, plan);
	return grown ? topology_refresh(t) : 0;
}

/* ---- start and end ---- */

static void restore_rows(struct topology *t)
{
	uint32_t key, *last = NULL;

	while (!bpf_map_get_next_key(t->load->maps.device, last, &key)) {
		struct topology_row row = { .dev.ifindex = key, .inherited = true };

		if (!bpf_map_lookup_elem(t->load->maps.device, &key, &row.value)) {
			memcpy(row.dev.name, row.value.name, sizeof(row.dev.name));
			row.dev.name[sizeof(row.dev.name) - 1] = '\0';
			row.dev.class = row.value.class;
			row.dev.nic = row.value.xdp;
			each_source(t, &row.value, filter_hold);
			add_row(t, &row);
		}
		last = &key;
	}
}

static int by_address(const void *a, const void *b)
{
	return addr_compare(&((const struct topology_addr *)a)->addr,
			    &((const struct topology_addr *)b)->addr);
}

static void restore_addrs(struct topology *t)
{
	struct naru_addr key, *last = NULL;

	t->addrs = mem_array(NARU_NODE_ADDRS_MAX, sizeof(*t->addrs));
	while (t->n_addrs < NARU_NODE_ADDRS_MAX &&
	       !bpf_map_get_next_key(t->load->maps.node_addr, last, &key)) {
		struct topology_addr *addr = &t->addrs[t->n_addrs++];

		bpf_map_lookup_elem(t->load->maps.node_addr, &key, &addr->value);
		addr->addr = encode_addr(key.addr, 16);
		filter_hold(t->filter, FILTER_FRONT, 0, 0, &addr->addr);
		last = &key;
	}
	if (t->n_addrs)
		qsort(t->addrs, t->n_addrs, sizeof(*t->addrs), by_address);
}

void topology_restore(struct topology *t)
{
	restore_rows(t);
	if (t->config->l4)
		restore_addrs(t);
}

void topology_fini(struct topology *t)
{
	free(t->rows);
	free(t->addrs);
	free(t->pod_cidrs);
	addrset_fini(&t->local);
	addrset_fini(&t->remote);
	netlink_snapshot_fini(&t->net);
}
