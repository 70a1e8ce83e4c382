/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory tree of manifest files, watched by inotify: tells which file is to be read anew and
 * which has gone. Hidden names (a dot first) are left out. Links are followed; what happens
 * behind a link is noticed when some link beside it is replaced, which is how a mounted ConfigMap
 * changes. The directory itself may go and come back: between, its files count as they were.
 */
#pragma once
#include <stdbool.h>

#include "base/diag.h"

struct folder;

struct folder_ops {
	/*
	 * The file is new or may have new content. *data is the caller's, NULL for a new one.
	 * Returns false when the file could not be read: then a change of its mode counts, too.
	 */
	bool (*changed)(void *arg, const char *path, void **data);
	/* The file has gone; data is to be freed. */
	void (*removed)(void *arg, const char *path, void *data);
};

/* Watches first, then calls changed() for every file. ops and arg are borrowed. -errno. */
int folder_open(const char *dir, const struct folder_ops *ops, void *arg,
		struct folder **ret_folder);
/* Calls removed() for every file. NULL is legal. */
void folder_close(struct folder *folder);

/* Readable when folder_process() has something to do. */
int folder_fd(const struct folder *folder);
/* Takes in all events so far. 0 or -errno. */
int folder_process(struct folder *folder);

/* Calls fn for every file, in order of their paths. */
void folder_each(const struct folder *folder, void (*fn)(void *arg, const char *path, void *data),
		 void *arg);
/* Adds what cannot be watched or read: the directory itself when it is not there, for one. */
void folder_report(const struct folder *folder, struct diag_list *diags);
