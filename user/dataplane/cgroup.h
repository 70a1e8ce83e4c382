/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the root of the cgroup2 tree, whose sockets are translated, and the pods in it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CGROUP_UID_LEN 64

/* The first cgroup2 mount of a file in the form of /proc/self/mountinfo that shows the tree from
 * its root. Returns a new string in *ret_dir; -ENOENT. */
int cgroup_find_mount(FILE *mountinfo, char **ret_dir);

/*
 * Opens the tree: `named` if given, else the one found, which must be the machine's real root and
 * not the subtree of a container (-EXDEV). Returns the descriptor and the directory's name.
 * -ENOENT, -ENOTDIR: not a cgroup2 directory.
 */
int cgroup_open(const char *named, int *ret_fd, char **ret_dir);

/*
 * Pure: the UID of the pod whose cgroup has this name (kubelet's two ways: pod<UID>, and
 * kubepods-…-pod<UID with _ for ->.slice). False: it is no pod's.
 */
bool cgroup_pod_uid(const char *name, char ret_uid[static CGROUP_UID_LEN]);

/*
 * Calls fn for each directory below this one that is named as a pod's cgroup; id: what the
 * kernel knows it by. What fn takes for a pod (true) is not looked into: others have such names
 * too. 0 or -errno, of the directory itself alone.
 */
typedef bool (*cgroup_pod_fn)(void *arg, const char *uid, uint64_t id);
int cgroup_each_pod(const char *dir, cgroup_pod_fn fn, void *arg);
