/* SPDX-License-Identifier: Apache-2.0 */
/* From texts to pointers: filled once, then read by all threads. {0} is a valid empty one. */
#pragma once
#include <stddef.h>

struct textmap {
	struct textmap_entry *entries;
};

/* The key is borrowed while the map lives. A key is added once. */
void textmap_add(struct textmap *map, const void *key, size_t len, void *value);
/* NULL: not there. */
void *textmap_find(const struct textmap *map, const void *key, size_t len);
/* Values are the caller's. */
void textmap_fini(struct textmap *map);
