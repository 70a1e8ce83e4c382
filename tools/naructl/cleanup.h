/* SPDX-License-Identifier: Apache-2.0 */
/* The one command that touches the kernel. */
#pragma once

/* Removes what narud left below bpffs_dir, and its dead socket. Returns the exit status. */
int cleanup_run(const char *bpffs_dir, const char *socket_path);
