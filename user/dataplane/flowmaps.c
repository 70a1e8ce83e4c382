/* SPDX-License-Identifier: Apache-2.0 */
/* load.c calls it. */
#include "dataplane/flowmaps.h"

#include <string.h>
#include <sys/random.h>

#include <bpf/libbpf.h>

#include "base/mem.h"
#include "dataplane/table.h"

struct naru_table_config flowmaps_config(const struct naru_meta *meta)
{
	struct naru_table_config table = table_size(NARU_FLOWS_MAX);

	memcpy(table.seed, meta->config.table.seed, sizeof(table.seed));
	while (!table.seed[0] && getrandom(table.seed, sizeof(table.seed), 0) > 0)
		;
	return table;
}

int flowmaps_size(struct bpf_object *object, const struct naru_config *cfg)
{
	uint32_t table = cfg->flow_hash ? 1 : cfg->table.main + cfg->table.stash;
	const struct {
		const char *name;
		uint32_t size;
	} sizes[] = {
		{ "flow4", cfg->flow_hash ? NARU_FLOWS_MAX : 1 },
		{ "flow6", cfg->flow_hash ? NARU_FLOWS_MAX : 1 },
		{ "table4", table },
		{ "table6", table },
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sizes) && !r; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, sizes[i].name);

		r = map ? bpf_map__set_max_entries(map, sizes[i].size) : 0;
	}
	return r;
}
