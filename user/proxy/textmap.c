// SPDX-License-Identifier: Apache-2.0
/* A hash table behind two functions, so that its macros are spelled out once. */
#include "proxy/textmap.h"

#include "base/hash.h"

struct textmap_entry {
	const void *key;
	void *value;
	UT_hash_handle hh;
};

void textmap_add(struct textmap *map, const void *key, size_t len, void *value)
{
	struct textmap_entry *entry = mem_new(sizeof(*entry));

	entry->key = key;
	entry->value = value;
	HASH_ADD_KEYPTR(hh, map->entries, entry->key, len, entry);
}

void *textmap_find(const struct textmap *map, const void *key, size_t len)
{
	struct textmap_entry *entry;

	HASH_FIND(hh, map->entries, key, len, entry);
	return entry ? entry->value : NULL;
}

void textmap_fini(struct textmap *map)
{
	struct textmap_entry *entry, *next;

	HASH_ITER (hh, map->entries, entry, next) {
		HASH_DEL(map->entries, entry);
		free(entry);
	}
}
