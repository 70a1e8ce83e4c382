// SPDX-License-Identifier: Apache-2.0
/*
 * Memory by moving a mark through blocks. Whoever has a request, a table or another thing with one
 * end for all its memory calls it. Invariant: only the newest block is filled further; what does
 * not fit into an ordinary block gets one of its own behind it.
 */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct arena_block {
	struct arena_block *next;
	size_t size; /* of data */
	alignas(max_align_t) char data[];
};

#define ORDINARY (8192 - sizeof(struct arena_block))

static struct arena_block *block_new(size_t size)
{
	struct arena_block *block = malloc(sizeof(*block) + size);

	/* Through mem.c, which knows how to end when there is no memory. */
	if (!block)
		block = mem_new(sizeof(*block) + size);
	block->next = NULL;
	block->size = size;
	return block;
}

/* A block that is filled at once and stands behind the newest, which stays open. */
static void *alloc_apart(struct arena *arena, size_t size)
{
	struct arena_block *block = block_new(size);

	if (arena->blocks) {
		block->next = arena->blocks->next;
		arena->blocks->next = block;
	} else {
		arena->blocks = block;
		arena->used = size;
	}
	return block->data;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t) - 1;
	struct arena_block *block = arena->blocks;
	void *at;

	assert(size <= SIZE_MAX / 2);
	size = (size + align) & ~align;
	arena->total += size;
	if (block && size <= block->size - arena->used) {
		at = block->data + arena->used;
		arena->used += size;
		return at;
	}
	if (size > ORDINARY / 2)
		return alloc_apart(arena, size);
	block = block_new(ORDINARY);
	block->next = arena->blocks;
	arena->blocks = block;
	arena->used = size;
	return block->data;
}

char *arena_copy(struct arena *arena, const void *data, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	if (len)
		memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	char *text;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	assert(len >= 0);
	text = arena_alloc(arena, (size_t)len + 1);
	vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	va_end(args);
	return text;
}

void arena_reset(struct arena *arena)
{
	struct arena_block *keep = NULL, *block, *next;

	for (block = arena->blocks; block; block = next) {
		next = block->next;
		if (!keep && block->size == ORDINARY)
			keep = block;
		else
			free(block);
	}
	if (keep)
		keep->next = NULL;
	*arena = (struct arena){ .blocks = keep };
}

void arena_fini(struct arena *arena)
{
	struct arena_block *next;

	for (struct arena_block *block = arena->blocks; block; block = next) {
		next = block->next;
		free(block);
	}
	*arena = (struct arena){ 0 };
}
