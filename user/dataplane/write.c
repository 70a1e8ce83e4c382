/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writers of `endpoint`, `ep_list`, `lut` and `svc_name`. Each kind is one batch, so a service
 * costs a handful of system calls however many endpoints it has.
 */
#include "dataplane/write.h"

#include <string.h>

#include <bpf/bpf.h>

#include "base/mem.h"
#include "dataplane/encode.h"
#include "plan/maglev.h"

/* Those that are not there yet, by one call. */
static int write_endpoints(struct inforce *in, const struct live_set *set, uint8_t proto)
{
	_cleanup_(mem_freep) uint32_t *ids = mem_array(set->content.n, sizeof(*ids));
	_cleanup_(mem_freep) struct naru_endpoint *values =
		mem_array(set->content.n, sizeof(*values));
	uint32_t n = 0, done;
	int r;

	for (size_t i = 0; i < set->content.n; i++) {
		encode_endpoint(&set->content.endpoints[i], proto, &values[n]);
		ids[n] = set->ids[i];
		n += memcmp(&in->eps[ids[n]], &values[n], sizeof(values[n])) != 0;
	}
	if (!n)
		return 0;
	done = n;
	r = bpf_map_update_batch(in->maps->endpoint, ids, values, &done, NULL);
	in->writes += n;
	/* After a failure they are written anew. */
	for (uint32_t i = 0; !r && i < n; i++)
		in->eps[ids[i]] = values[i];
	return r;
}

/* Consecutive elements of an array map. */
static int write_blocks(struct inforce *in, int fd, uint32_t first, uint32_t n, const void *blocks)
{
	_cleanup_(mem_freep) uint32_t *keys = mem_array(n, sizeof(*keys));
	uint32_t count = n;

	for (uint32_t i = 0; i < n; i++)
		keys[i] = first + i;
	in->writes += n;
	return bpf_map_update_batch(fd, keys, blocks, &count, NULL);
}

static int write_list(struct inforce *in, const struct live_set *set)
{
	uint32_t n = inforce_list_blocks(&set->value);
	_cleanup_(mem_freep) struct naru_list_block *blocks = mem_array(n, sizeof(*blocks));

	for (size_t i = 0; i < set->content.n; i++)
		blocks[i / NARU_LIST_SLOTS].id[i % NARU_LIST_SLOTS] = set->ids[i];
	return write_blocks(in, in->maps->ep_list, set->value.list, n, blocks);
}

static int write_lut(struct inforce *in, const struct live_set *set)
{
	uint32_t n = inforce_lut_blocks(&set->value);
	_cleanup_(mem_freep) struct naru_lut_block *blocks = mem_array(n, sizeof(*blocks));

	_Static_assert(sizeof(*blocks) == NARU_LUT_SLOTS * sizeof(blocks->index[0]),
		       "blocks in a row are one table");
	if (!n)
		return 0;
	maglev_build(&set->content, blocks->index);
	return write_blocks(in, in->maps->lut, set->value.lut, n, blocks);
}

int write_set(struct inforce *in, const struct live_set *set, uint8_t proto)
{
	int r = write_endpoints(in, set, proto);

	if (!r)
		r = write_list(in, set);
	if (!r)
		r = write_lut(in, set);
	return r;
}

int write_name(struct inforce *in, const struct plan_service *plan, uint32_t id)
{
	struct naru_svc_name value;

	encode_name(plan->name, plan->proto, plan->family, &value);
	in->writes++;
	return bpf_map_update_elem(in->maps->svc_name, &id, &value, BPF_ANY);
}
