/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that goes at once: one arena per request or table. {0} is a valid empty one. Aligned for
 * any type, not zeroed; out of memory aborts: who fills an arena from outside bounds what it takes.
 */
#pragma once
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* the newest first */
	size_t used;		    /* of the newest */
	size_t total;		    /* bytes handed out */
};

void *arena_alloc(struct arena *arena, size_t size);
/* With a NUL behind it. */
char *arena_copy(struct arena *arena, const void *data, size_t len);
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Forgets everything, keeps one block of ordinary size for the next use. */
void arena_reset(struct arena *arena);
void arena_fini(struct arena *arena);
