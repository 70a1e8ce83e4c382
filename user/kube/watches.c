// SPDX-License-Identifier: Apache-2.0
/*
 * The table of watches, for folder.c. Invariant: ascending by number: the kernel counts upwards
 * and gives a number anew only for an inode that has one.
 */
#include "kube/watches.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "kube/pathset.h"

struct watch {
	int wd;
	char *path;
};

static struct watch *find(const struct watches *watches, int wd)
{
	size_t low = 0, high = watches->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (watches->items[middle].wd == wd)
			return &watches->items[middle];
		if (watches->items[middle].wd < wd)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

int watches_init(struct watches *watches)
{
	*watches = (struct watches){ .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC) };
	return watches->fd < 0 ? -errno : 0;
}

void watches_fini(struct watches *watches)
{
	for (size_t i = 0; i < watches->n; i++)
		free(watches->items[i].path);
	free(watches->items);
	mem_closep(&watches->fd);
	*watches = (struct watches){ .fd = -1 };
}

int watches_add(struct watches *watches, const char *path, int other)
{
	int wd = inotify_add_watch(watches->fd, path, WATCHES_EVENTS);

	if (wd < 0)
		return -errno;
	if (wd == other || find(watches, wd))
		return -ELOOP;
	watches->items =
		mem_grow(watches->items, watches->n, &watches->cap, sizeof(*watches->items));
	watches->items[watches->n++] = (struct watch){ .wd = wd, .path = mem_strdup(path) };
	return 0;
}

void watches_drop(struct watches *watches, const char *dir)
{
	size_t n = 0;

	for (size_t i = 0; i < watches->n; i++) {
		struct watch *watch = &watches->items[i];

		if (!pathset_is_below(watch->path, dir)) {
			watches->items[n++] = *watch;
			continue;
		}
		inotify_rm_watch(watches->fd, watch->wd);
		free(watch->path);
	}
	watches->n = n;
}

void watches_forget(struct watches *watches, int wd)
{
	struct watch *watch = find(watches, wd);

	if (!watch)
		return;
	free(watch->path);
	watches->n--;
	memmove(watch, watch + 1, (size_t)(watches->items + watches->n - watch) * sizeof(*watch));
}

const char *watches_path(const struct watches *watches, int wd)
{
	const struct watch *watch = find(watches, wd);

	return watch ? watch->path : NULL;
}

bool watches_has(const struct watches *watches, const char *path)
{
	for (size_t i = 0; i < watches->n; i++) {
		if (!strcmp(watches->items[i].path, path))
			return true;
	}
	return false;
}
