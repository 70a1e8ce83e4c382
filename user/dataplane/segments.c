/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buddies as one implicit binary tree: node 1 spans all blocks, node n has the halves 2n and
 * 2n + 1. Each node holds 1 + the order of the largest free run below it, 0 when there is none. A
 * taken run is the node of its span with 0; what is below such a node is not looked at and still
 * reads as free, which is what it is when the run comes back.
 */
#include "dataplane/segments.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>

#include "base/mem.h"

struct segments {
	unsigned top; /* order of the root */
	uint32_t used;
	uint8_t *free; /* by node */
};

static unsigned order_of(uint32_t blocks)
{
	return blocks < 2 ? 0 : 32 - (unsigned)__builtin_clz(blocks - 1);
}

static unsigned depth_of(uint32_t node)
{
	return 31 - (unsigned)__builtin_clz(node);
}

struct segments *segments_new(uint32_t n)
{
	struct segments *s = mem_new(sizeof(*s));

	assert(n && !(n & (n - 1)));
	s->top = order_of(n);
	s->free = mem_array((size_t)n * 2, 1);
	for (uint32_t node = 1; node < n * 2; node++)
		s->free[node] = (uint8_t)(s->top - depth_of(node) + 1);
	return s;
}

void segments_free(struct segments *s)
{
	if (!s)
		return;
	free(s->free);
	free(s);
}

/* Brings the ancestors of a node up to date. */
static void climb(struct segments *s, uint32_t node)
{
	while (node > 1) {
		uint8_t left = s->free[node & ~1u], right = s->free[node | 1];
		uint8_t whole = (uint8_t)(s->top - depth_of(node) + 1);

		node /= 2;
		if (left == whole && right == whole)
			s->free[node] = (uint8_t)(whole + 1);
		else
			s->free[node] = left > right ? left : right;
	}
}

static void occupy(struct segments *s, uint32_t node, unsigned order)
{
	s->free[node] = 0;
	s->used += 1u << order;
	climb(s, node);
}

static uint32_t node_of(const struct segments *s, uint32_t first, unsigned order)
{
	return (1u << (s->top - order)) + (first >> order);
}

int segments_take(struct segments *s, uint32_t blocks, uint32_t *ret_first)
{
	unsigned order = order_of(blocks), depth;
	uint32_t node = 1;

	assert(blocks);
	if (order > s->top || s->free[1] <= order)
		return -ENOSPC;
	for (depth = 0; depth < s->top - order; depth++) {
		uint32_t left = node * 2, right = left + 1;
		bool fits_left = s->free[left] > order, fits_right = s->free[right] > order;

		/* The tighter half first, so that large runs stay whole. */
		if (fits_left && (!fits_right || s->free[left] <= s->free[right]))
			node = left;
		else
			node = right;
	}
	*ret_first = (node - (1u << depth)) << order;
	occupy(s, node, order);
	return 0;
}

int segments_reserve(struct segments *s, uint32_t first, uint32_t blocks)
{
	unsigned order = order_of(blocks);
	uint32_t node;

	if (!blocks || order > s->top || first >> s->top || first & ((1u << order) - 1))
		return -EINVAL;
	node = node_of(s, first, order);
	if (s->free[node] != order + 1)
		return -EEXIST;
	for (uint32_t up = node / 2; up; up /= 2) {
		if (!s->free[up])
			return -EEXIST;
	}
	occupy(s, node, order);
	return 0;
}

void segments_give(struct segments *s, uint32_t first, uint32_t blocks)
{
	unsigned order = order_of(blocks);
	uint32_t node = node_of(s, first, order);

	assert(!s->free[node]);
	s->free[node] = (uint8_t)(order + 1);
	s->used -= 1u << order;
	climb(s, node);
}

uint32_t segments_used(const struct segments *s)
{
	return s->used;
}
