/* SPDX-License-Identifier: Apache-2.0 */
/* A cgroup for one test program: its sockets are translated, nobody else's. */
#pragma once

/*
 * Runs a function in a child that is the only process of a new cgroup, and removes the cgroup when
 * the child has ended, however it did. The function gets a descriptor of the cgroup. Returns its
 * result, or 1 when it did not end by itself.
 */
int cgroup_run(int (*fn)(int cgroup_fd));
