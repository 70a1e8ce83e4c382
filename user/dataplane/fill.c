/* SPDX-License-Identifier: Apache-2.0 */
/* What narud writes it knows the number of; what the programs write is read in batches. */
#include "dataplane/fill.h"

#include <assert.h>

#include <naru/abi.h>

#include "base/mem.h"
#include "dataplane/stats.h"

void fill_add(struct dataplane_status *status, const char *map, size_t used, size_t max)
{
	assert(status->n_maps < ARRAY_SIZE(status->maps));
	status->maps[status->n_maps].map = map;
	status->maps[status->n_maps].used = used;
	status->maps[status->n_maps++].max = max;
}

void fill_vips(const struct vips *vips, struct dataplane_vip **rows,
	       struct dataplane_status *status)
{
	free(*rows);
	*rows = mem_array(vips->n, sizeof(**rows));
	for (size_t i = 0; i < vips->n; i++) {
		const struct vip *row = &vips->rows[i];

		(*rows)[i] = (struct dataplane_vip){
			.addr = row->addr,
			.announce = row->listed && row->value.announce,
			.service = row->listed && row->value.service,
			.state = vips_state(row),
		};
	}
	status->vips = *rows;
	status->n_vips = vips->n;
}

void fill_l4(const struct l4 *l4, struct dataplane_status *status)
{
	const struct maps *maps = &l4->load->maps;
	const struct inforce *in = l4->in;

	status->writes = in->writes + in->ranges.writes;
	status->verified = l4->verify.rounds;
	for (enum verify_map i = 0; i < VERIFY_MAPS; i++) {
		status->repairs[i].map = verify_map_name(i);
		status->repairs[i].n = l4->verify.repairs[i];
	}
	status->n_repairs = VERIFY_MAPS;
	fill_add(status, "svc", HASH_COUNT(in->fronts), NARU_FRONTENDS_MAX);
	fill_add(status, "svc_name", ids_used(in->services), NARU_SERVICES_MAX);
	fill_add(status, "endpoint", ids_used(in->endpoints), NARU_ENDPOINTS_MAX);
	fill_add(status, "lut", segments_used(in->lut), NARU_LUT_BLOCKS);
	fill_add(status, "ep_list", segments_used(in->list), NARU_LIST_BLOCKS);
	fill_add(status, "flow4", sweep_count(l4->sweep, FLOW_V4), NARU_FLOWS_MAX);
	fill_add(status, "flow6", sweep_count(l4->sweep, FLOW_V6), NARU_FLOWS_MAX);
	fill_add(status, "source_range", in->ranges.n, NARU_RANGES_MAX);
	fill_add(status, "affinity", stats_entries(maps->affinity), NARU_AFFINITY_MAX);
	status->maps[status->n_maps - 1].forgets = true;
	fill_add(status, "svc_drop", stats_entries(maps->svc_drop), NARU_SVC_DROPS_MAX);
	fill_add(status, "sock_off", optout_count(&l4->optout), NARU_SOCK_OFF_MAX);
}
