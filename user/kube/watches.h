/* SPDX-License-Identifier: Apache-2.0 */
/* The inotify descriptor of a folder, and which directory each of its watches stands for. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/inotify.h>

/* Every watch asks for the same, since a second request for one inode replaces the first. */
#define WATCHES_EVENTS                                                                             \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB |        \
	 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct watch;

struct watches {
	int fd;
	struct watch *items; /* by ascending number */
	size_t n;
	size_t cap;
};

/* -errno; watches_fini() is legal after. */
int watches_init(struct watches *watches);
void watches_fini(struct watches *watches);

/*
 * Watches a directory. -ELOOP when the same directory is watched already by another path, or by
 * the number `other` (-1: none); else what the kernel says.
 */
int watches_add(struct watches *watches, const char *path, int other);
/* Ends the watches of dir and of all below. */
void watches_drop(struct watches *watches, const char *dir);
/* The kernel ended this one. */
void watches_forget(struct watches *watches, int wd);

/* Borrowed until the next change; NULL for an unknown number. */
const char *watches_path(const struct watches *watches, int wd);
bool watches_has(const struct watches *watches, const char *path);
