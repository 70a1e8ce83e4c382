// SPDX-License-Identifier: Apache-2.0
/* compile/ asks for what Node objects say, announce/ for who is alive. */
#include "plan/rendezvous.h"

#include <string.h>

/* FNV-1a, and the last steps of MurmurHash3, without which close inputs stay close. */
static uint64_t add(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * 0x100000001b3;
	return hash;
}

static uint64_t finish(uint64_t hash)
{
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
	hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
	return hash ^ hash >> 33;
}

uint64_t rendezvous_weight(const char *node, const struct addr *addr)
{
	uint64_t hash = add(0xcbf29ce484222325, node, strlen(node));

	return finish(add(hash, addr->byte, sizeof(addr->byte)));
}

uint32_t rendezvous_name(const char *node)
{
	return (uint32_t)finish(add(0xcbf29ce484222325, node, strlen(node)));
}
