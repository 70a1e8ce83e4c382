/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive to send along with a report: what narud tells of itself, what lies in the maps, what
 * the kernel is and what stands in the way. No secret is in it, since none of its sources has any:
 * narud's window shows no key, and neither manifests nor environments are read.
 */
#pragma once

/* Into a file, or with NULL to standard output. Returns the exit status: 1 as well when narud did
 * not answer; the archive is whole even so. */
int bundle_run(const char *socket_path, const char *bpffs_dir, const char *file);
