// SPDX-License-Identifier: Apache-2.0
/* dataplane.c calls it. */
#include "dataplane/answer.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <naru/abi.h>

#include "base/mem.h"
#include "dataplane/encode.h"

static bool announces(const struct vips *vips)
{
	for (size_t i = 0; i < vips->n; i++)
		if (vips->rows[i].listed && vips->rows[i].value.announce)
			return true;
	return false;
}

bool answer_is_on(const struct load *load, const struct vips *vips, uint64_t now_ns)
{
	struct naru_answering value = { 0 };
	uint32_t zero = 0;

	return announces(vips) && !bpf_map_lookup_elem(load->maps.answering, &zero, &value) &&
	       (!value.until_ns || now_ns < value.until_ns);
}

int answer_until(const struct load *load, uint64_t until_ns)
{
	const struct naru_answering value = { .until_ns = until_ns };
	uint32_t zero = 0;

	return bpf_map_update_elem(load->maps.answering, &zero, &value, BPF_ANY);
}

int answer_tell(const struct load *load, uint32_t ifindex, const uint8_t *frame, size_t len)
{
	struct __sk_buff ctx = { .cb = { ifindex } };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = (uint32_t)len,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));
	int r = bpf_prog_test_run_opts(load->tell, &run);

	return r ? r : -(int)run.retval;
}

void answer_conflicts(const struct load *load, uint64_t since_ns, conflict_fn fn, void *arg)
{
	struct naru_addr key, *last = NULL;

	while (!bpf_map_get_next_key(load->maps.conflict, last, &key)) {
		struct naru_conflict value;

		last = &key;
		if (bpf_map_lookup_elem(load->maps.conflict, &key, &value) ||
		    value.time_ns < since_ns)
			continue;
		fn(arg, &(struct dataplane_conflict){
				.addr = encode_addr(key.addr, 16),
				.mac = value.mac,
				.marked = value.marked,
				.node = value.node,
			});
	}
}

/* Overlays are asked for nothing, and have no multicast of their own. */
static bool is_segment(const struct topology_row *row)
{
	return row->alive && row->dev.class == NARU_NIC && strcmp(row->dev.kind, "vxlan") != 0 &&
	       strcmp(row->dev.kind, "geneve") != 0;
}

size_t answer_links(const struct topology *topology, struct dataplane_link **ret_links)
{
	struct dataplane_link *links = mem_array(topology->n_rows, sizeof(*links));
	size_t n = 0;

	for (size_t i = 0; i < topology->n_rows; i++) {
		const struct topology_row *row = &topology->rows[i];
		const struct netlink_link *link =
			netlink_find_link(&topology->net, row->dev.ifindex);

		if (!is_segment(row) || !link)
			continue;
		links[n].ifindex = row->dev.ifindex;
		links[n].running = (link->flags & IFF_UP) && (link->flags & IFF_RUNNING);
		links[n].changes = link->changes;
		memcpy(links[n].name, row->dev.name, sizeof(links[n].name));
		memcpy(links[n].mac, row->dev.mac, sizeof(links[n].mac));
		n++;
	}
	*ret_links = links;
	return n;
}
