/* SPDX-License-Identifier: Apache-2.0 */
/* A sorted set of paths, each with what folder.c keeps about it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct pathset_entry {
	char *path;
	unsigned flags;
	unsigned round;	  /* of the last walk that saw it */
	struct stat seen; /* at the last read */
	void *data;	  /* of the folder's user */
};

struct pathset {
	struct pathset_entry **items;
	size_t n;
	size_t cap;
};

struct pathset_entry *pathset_find(const struct pathset *set, const char *path);
/* The entry of that path, a new one if there was none. Others stay where they are in memory. */
struct pathset_entry *pathset_add(struct pathset *set, const char *path);
/* Index of the first entry whose path is not before `path`. */
size_t pathset_lower(const struct pathset *set, const char *path);
void pathset_remove(struct pathset *set, size_t index);
void pathset_fini(struct pathset *set);

/* path is dir or lies below it. */
bool pathset_is_below(const char *path, const char *dir);
