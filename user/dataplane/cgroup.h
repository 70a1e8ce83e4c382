/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the root of the cgroup2 tree, whose sockets are translated. */
#pragma once
#include <stdio.h>

/* The first cgroup2 mount of a file in the form of /proc/self/mountinfo that shows the tree from
 * its root. Returns a new string in *ret_dir; -ENOENT. */
int cgroup_find_mount(FILE *mountinfo, char **ret_dir);

/*
 * Opens the tree: `named` if given, else the one found, which must be the machine's real root and
 * not the subtree of a container (-EXDEV). Returns the descriptor and the directory's name.
 * -ENOENT, -ENOTDIR: not a cgroup2 directory.
 */
int cgroup_open(const char *named, int *ret_fd, char **ret_dir);
