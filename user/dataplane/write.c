/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writers of `endpoint`, `ep_list`, `lut` and `svc_name`. Each kind is one batch, so a service
 * costs a handful of system calls however many endpoints it has.
 *
 * Tables may be written without a call: nobody reads a segment before the update of `svc` that
 * names it, and the kernel publishes that one with release semantics, after all that this thread
 * wrote.
 */
#include "dataplane/write.h"

#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>

#include "base/mem.h"
#include "dataplane/encode.h"
#include "plan/maglev.h"

/* Mapping costs as much as some hundred tables. */
#define MANY	    256
#define TABLES_SIZE ((size_t)NARU_LUT_BLOCKS * sizeof(struct naru_lut_block))

void write_begin(struct inforce *in, size_t n)
{
	void *map = MAP_FAILED;

	if (n >= MANY)
		map = mmap(NULL, TABLES_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, in->maps->lut, 0);
	in->tables = map == MAP_FAILED ? NULL : map;
}

void write_end(struct inforce *in)
{
	if (in->tables)
		munmap(in->tables, TABLES_SIZE);
	in->tables = NULL;
}

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

/* What is behind the last slot is zero. */
static void build(const struct live_set *set, struct naru_lut_block *blocks, uint32_t n)
{
	_Static_assert(sizeof(*blocks) == NARU_LUT_SLOTS * sizeof(blocks->index[0]),
		       "blocks in a row are one table");
	memset(&blocks[n - 1], 0, sizeof(*blocks));
	maglev_build(&set->content, blocks->index);
}

static int write_lut(struct inforce *in, const struct live_set *set)
{
	uint32_t n = inforce_lut_blocks(&set->value);
	_cleanup_(mem_freep) struct naru_lut_block *blocks = NULL;

	if (!n)
		return 0;
	if (in->tables) {
		build(set, &in->tables[set->value.lut], n);
		in->writes += n;
		return 0;
	}
	blocks = mem_array(n, sizeof(*blocks));
	build(set, blocks, n);
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
