/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order for a VIP: entry, then route, so that no packet to it meets a host's socket and no other
 * node's address is answered for; removal is the reverse.
 */
#include "dataplane/vips.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include <naru/paths.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/sockdiag.h"
#include "dataplane/encode.h"

#define LOOK_MS	 1000
#define TOLD_MAX 64 /* of what is refused, by name */

static int by_addr(const void *a, const void *b)
{
	return addr_compare(&((const struct vip *)a)->addr, &((const struct vip *)b)->addr);
}

static struct vip *find(const struct vips *v, const struct addr *addr)
{
	const struct vip key = { .addr = *addr };

	return v->n ? bsearch(&key, v->rows, v->n, sizeof(key), by_addr) : NULL;
}

/* Plans are sorted, so a new one mostly goes to the end. */
static struct vip *get(struct vips *v, const struct addr *addr)
{
	const struct vip fresh = { .addr = *addr };
	struct vip *row = find(v, addr);
	size_t at = v->n;

	if (row)
		return row;
	v->rows = mem_grow(v->rows, v->n, &v->cap, sizeof(*v->rows));
	for (; at && by_addr(&v->rows[at - 1], &fresh) > 0; at--)
		v->rows[at] = v->rows[at - 1];
	v->rows[at] = fresh;
	v->n++;
	return &v->rows[at];
}

static bool is_ours(const struct netlink_local *local)
{
	return local->protocol == NARU_RTPROT && local->dst.len == 128;
}

/* ---- start ---- */

void vips_restore(struct vips *v)
{
	struct naru_addr key, *last = NULL;

	while (!bpf_map_get_next_key(v->map, last, &key)) {
		struct addr addr = encode_addr(key.addr, 16);
		struct vip *row = get(v, &addr);

		row->listed = !bpf_map_lookup_elem(v->map, &key, &row->value);
		last = &key;
	}
}

/* A route without an entry is one that the process died over. */
void vips_adopt(struct vips *v, const struct netlink_snapshot *net)
{
	for (size_t i = 0; i < net->n_locals; i++) {
		if (is_ours(&net->locals[i]))
			get(v, &net->locals[i].dst.addr);
	}
	vips_look(v, net);
}

void vips_fini(struct vips *v)
{
	free(v->rows);
	v->rows = NULL;
	v->n = 0;
}

/* ---- look ---- */

bool vips_has(const struct vips *v, const struct addr *addr)
{
	const struct vip *row = find(v, addr);

	return row && row->listed;
}

bool vips_announces(const struct vips *v, const struct addr *addr)
{
	const struct vip *row = find(v, addr);

	return row && row->listed && row->value.announce;
}

bool vips_any(const struct vips *v)
{
	return v->n != 0;
}

/* Addresses that the node has, ready for questions: there may be thousands. */
struct locals {
	const struct netlink_local **wide; /* prefixes: few */
	size_t n_wide;
	struct netlink_local *hosts; /* sorted by address */
	size_t n_hosts;
};

static int by_dst(const void *a, const void *b)
{
	return addr_compare(&((const struct netlink_local *)a)->dst.addr,
			    &((const struct netlink_local *)b)->dst.addr);
}

static void locals_init(struct locals *l, const struct netlink_snapshot *net)
{
	*l = (struct locals){ .wide = mem_array(net->n_locals, sizeof(struct netlink_local *)),
			      .hosts = mem_array(net->n_locals, sizeof(*l->hosts)) };
	for (size_t i = 0; i < net->n_locals; i++) {
		if (net->locals[i].dst.len < 128)
			l->wide[l->n_wide++] = &net->locals[i];
		else
			l->hosts[l->n_hosts++] = net->locals[i];
	}
	if (l->n_hosts)
		qsort(l->hosts, l->n_hosts, sizeof(*l->hosts), by_dst);
}

static void locals_fini(struct locals *l)
{
	free(l->wide);
	free(l->hosts);
}

/* Any of those with the address. */
static const struct netlink_local *find_host(const struct locals *l, const struct addr *addr)
{
	const struct netlink_local key = { .dst.addr = *addr };

	return l->n_hosts ? bsearch(&key, l->hosts, l->n_hosts, sizeof(key), by_dst) : NULL;
}

/* True when it is not as it was. */
static bool look_at(struct vip *row, const struct locals *l)
{
	const struct netlink_local *host = find_host(l, &row->addr);
	const struct netlink_local *end = l->hosts + l->n_hosts;
	bool foreign = false, routed = false, changed;

	for (size_t i = 0; i < l->n_wide; i++)
		foreign |= cidr_contains(&l->wide[i]->dst, &row->addr);
	while (host && host > l->hosts && !by_dst(host - 1, host))
		host--;
	for (; host && host < end && !addr_compare(&host->dst.addr, &row->addr); host++) {
		routed |= is_ours(host);
		foreign |= !is_ours(host);
	}
	changed = foreign != row->foreign || routed != row->routed;
	row->foreign = foreign;
	row->routed = routed;
	return changed && row->wanted;
}

bool vips_look(struct vips *v, const struct netlink_snapshot *net)
{
	_cleanup_(locals_fini) struct locals locals;
	bool changed = false;

	locals_init(&locals, net);
	for (size_t i = 0; i < v->n; i++)
		changed |= look_at(&v->rows[i], &locals);
	return changed;
}

/* ---- entries ---- */

static int list(struct vips *v, struct vip *row, const struct naru_vip *value)
{
	int r;

	if (row->listed && !memcmp(&row->value, value, sizeof(*value)))
		return 0;
	r = bpf_map_update_elem(v->map, row->addr.byte, value, BPF_ANY);
	if (r)
		return r;
	row->value = *value;
	row->listed = true;
	return 0;
}

static int unlist(const struct vips *v, struct vip *row)
{
	int r = row->listed ? bpf_map_delete_elem(v->map, row->addr.byte) : 0;

	if (r && r != -ENOENT)
		return r;
	row->listed = false;
	return 0;
}

/* The row of an address of the plan. */
static struct vip *want(struct vips *v, const struct addr *addr, const struct locals *locals)
{
	struct vip *row = find(v, addr);

	if (!row) {
		row = get(v, addr);
		look_at(row, locals);
	}
	row->wanted = true;
	return row;
}

int vips_list(struct vips *v, const struct plan_l7 *l7, const struct netlink_snapshot *net)
{
	_cleanup_(locals_fini) struct locals locals;
	int r = 0;

	locals_init(&locals, net);
	v->planned = true;
	for (size_t i = 0; i < v->n; i++)
		v->rows[i].wanted = v->rows[i].refused = false;
	for (size_t i = 0; i < l7->n_vips; i++) {
		const struct plan_vip *vip = &l7->vips[i];
		struct vip *row = want(v, &vip->addr, &locals);
		const struct naru_vip value = {
			.announce = vip->announce && !vip->service,
			.service = vip->service,
		};

		row->error = row->foreign ? 0 : list(v, row, &value);
		row->refused = row->error == -E2BIG;
		r = r || row->refused ? r : row->error;
	}
	return r;
}

/* ---- routes ---- */

int vips_route(struct vips *v)
{
	int r = 0;

	for (size_t i = 0; i < v->n; i++) {
		struct vip *row = &v->rows[i];

		if (!row->wanted || row->foreign || row->routed || !row->listed)
			continue;
		row->error = netlink_local_add(&row->addr, NARU_RTPROT);
		row->routed = !row->error;
		r = r ? r : row->error;
	}
	return r;
}

/* Another one's route keeps connections alive as well as ours. What cannot be told is taken for
 * yes, unless the kernel never tells. */
static bool is_busy(const struct vip *row)
{
	int r = row->routed && !row->foreign ? sockdiag_connected(&row->addr) : 0;

	return r && r != -ENOENT;
}

static int release(const struct vips *v, struct vip *row)
{
	int r = row->routed ? netlink_local_remove(&row->addr, NARU_RTPROT) : 0;

	if (r)
		return r;
	row->routed = false;
	return unlist(v, row);
}

int vips_release(struct vips *v)
{
	bool refused = false;
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < v->n; i++) {
		struct vip *row = &v->rows[i];
		bool needed = row->wanted && !row->foreign;
		int w = needed || is_busy(row) ? -EBUSY : release(v, row);

		refused |= row->refused;
		if (w && w != -EBUSY)
			row->error = r = w;
		if (w || row->wanted)
			v->rows[kept++] = *row;
	}
	v->room |= kept < v->n && refused;
	v->n = kept;
	return r;
}

bool vips_tick(struct vips *v, uint64_t now_ms)
{
	bool waiting = false, room;

	for (size_t i = 0; i < v->n; i++)
		waiting |= !v->rows[i].wanted;
	if (waiting && v->planned && now_ms >= v->look_ms) {
		v->look_ms = now_ms + LOOK_MS;
		vips_release(v);
	}
	room = v->room;
	v->room = false;
	return room;
}

/* ---- what is told ---- */

size_t vips_max(const struct vips *v)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(v->map, &info, &len) ? NARU_VIPS_MAX : info.max_entries;
}

/* The Service or listener that has it, the first one. */
static const char *owner_of(const struct plan *plan, const struct addr *addr)
{
	for (size_t i = 0; i < plan->l7.n_binds; i++) {
		const struct plan_bind *bind = &plan->l7.binds[i];

		if (!addr_compare(&bind->addr, addr) && bind->n_listeners)
			return plan->l7.listeners[bind->listeners[0]].name;
	}
	for (size_t i = 0; i < plan->n_services; i++)
		for (size_t j = 0; j < plan->services[i].n_frontends; j++)
			if (!addr_compare(&plan->services[i].frontends[j].addr, addr))
				return plan->services[i].name;
	return "";
}

void vips_report(const struct vips *v, const struct plan *plan, struct diag_list *diags)
{
	size_t n = 0, max = vips_max(v);

	for (size_t i = 0; i < v->n; i++) {
		const struct vip *row = &v->rows[i];
		char text[ADDR_STR_LEN];
		_cleanup_(mem_freep) char *object = NULL;

		if (!row->refused || n++ >= TOLD_MAX)
			continue;
		object = mem_printf("address %s", addr_format(&row->addr, text));
		diag_add(diags, DIAG_ERROR, "", 0, object, "",
			 "of %s is not served on this node: there is room for %zu addresses of "
			 "Gateways and load balancers (map steer_vip)",
			 owner_of(plan, &row->addr), max);
	}
	if (n > TOLD_MAX)
		diag_add(diags, DIAG_ERROR, "", 0, "addresses", "",
			 "%zu more have no room in map steer_vip", n - TOLD_MAX);
}

const char *vips_state(const struct vip *row)
{
	if (row->error)
		return strerror(-row->error);
	if (row->foreign)
		return "the node's own";
	if (!row->wanted)
		return "kept for open connections";
	return row->routed ? "local" : "not local";
}
