// SPDX-License-Identifier: Apache-2.0
/*
 * Rendezvous hashing over the names of all nodes: each address goes to the node whose name makes
 * the highest number with it, so that a node that comes or goes moves only its own addresses.
 * assemble.c asks.
 */
#include "compile/announce.h"

#include <string.h>

/* FNV-1a, and the last steps of MurmurHash3, without which close inputs stay close. */
static uint64_t add(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * 0x100000001b3;
	return hash;
}

static uint64_t weight(const struct object *node, const struct addr *addr)
{
	uint64_t hash = add(0xcbf29ce484222325, node->name, strlen(node->name));

	hash = add(hash, addr->byte, sizeof(addr->byte));
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
	hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
	return hash ^ hash >> 33;
}

bool announce_here(const struct layer7 *l7, const struct addr *addr)
{
	const struct object *const *nodes;
	size_t n = model_list(l7->model, OBJECT_NODE, &nodes), best = 0;

	/* Of equal numbers the first by name has it. */
	for (size_t i = 1; i < n; i++)
		if (weight(nodes[i], addr) > weight(nodes[best], addr))
			best = i;
	return !n || !strcmp(nodes[best]->name, l7->config->node_name);
}
