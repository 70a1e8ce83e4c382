// SPDX-License-Identifier: Apache-2.0
/*
 * Sorted array with binary search, for folder.c. Invariant: ascending by strcmp(), so that what
 * lies below a directory stands together.
 */
#include "kube/pathset.h"

#include <string.h>

#include "base/mem.h"

size_t pathset_lower(const struct pathset *set, const char *path)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(set->items[middle]->path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct pathset_entry *pathset_find(const struct pathset *set, const char *path)
{
	size_t i = pathset_lower(set, path);

	return i < set->n && !strcmp(set->items[i]->path, path) ? set->items[i] : NULL;
}

struct pathset_entry *pathset_add(struct pathset *set, const char *path)
{
	size_t i = pathset_lower(set, path);
	struct pathset_entry *entry;

	if (i < set->n && !strcmp(set->items[i]->path, path))
		return set->items[i];
	entry = mem_new(sizeof(*entry));
	entry->path = mem_strdup(path);
	set->items = mem_grow(set->items, set->n, &set->cap, sizeof(*set->items));
	memmove(set->items + i + 1, set->items + i, (set->n - i) * sizeof(*set->items));
	set->items[i] = entry;
	set->n++;
	return entry;
}

void pathset_remove(struct pathset *set, size_t index)
{
	free(set->items[index]->path);
	free(set->items[index]);
	set->n--;
	memmove(set->items + index, set->items + index + 1, (set->n - index) * sizeof(*set->items));
}

void pathset_fini(struct pathset *set)
{
	for (size_t i = 0; i < set->n; i++) {
		free(set->items[i]->path);
		free(set->items[i]);
	}
	free(set->items);
	*set = (struct pathset){ 0 };
}

bool pathset_is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (strncmp(path, dir, len) != 0)
		return false;
	return !path[len] || path[len] == '/' || (len && dir[len - 1] == '/');
}
