/* SPDX-License-Identifier: Apache-2.0 */
/* The end of everything that lies in the kernel. */
#pragma once

/* See dataplane_cleanup(). */
int cleanup_all(const char *bpffs_dir);
