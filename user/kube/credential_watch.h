/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells when the files of a credential may be others, by inotify on their folders: files that are
 * written or renamed, and the link "..data" of a volume that the kubelet projects, whose files all
 * change at once when it is renamed. What it cannot see (a link into another folder) the looks of
 * credential.h find.
 */
#pragma once

struct credential_watch;
struct io;
struct kubeconfig;

/* changed() comes from the loop, once for many events. NULL: there are no files, or the kernel
 * gives no descriptor, which is logged. */
struct credential_watch *credential_watch_new(struct io *io, const struct kubeconfig *access,
					      void (*changed)(void *arg), void *arg);
/* NULL is legal; also from inside changed(). */
void credential_watch_free(struct credential_watch *watch);
