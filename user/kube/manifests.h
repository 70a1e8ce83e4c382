/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest folder as a source of objects: every *.yaml, *.yml and *.json below a directory,
 * with several documents, kind: List and kubectl's output taken as they are. After the first read
 * inotify tells of files that were written and closed, renamed over or removed, and only their
 * objects change. A file or object that cannot be read leaves its last good version in the model
 * and a diagnostic here. Other kinds are counted and skipped.
 */
#pragma once
#include <stddef.h>

#include "base/diag.h"
#include "model/model.h"

struct manifests;

/*
 * Reads the whole folder into the model. -ENOENT, -ENOTDIR, -EACCES… when the folder itself
 * cannot be read; what is wrong inside it becomes diagnostics. The model outlives the source.
 */
int manifests_open(const char *dir, struct model *model, struct manifests **ret_manifests);
void manifests_close(struct manifests *manifests);

/* A descriptor that turns readable when something changed; see manifests_process(). Starts
 * watching before the first read in manifests_open(), so that nothing is missed between. */
int manifests_fd(const struct manifests *manifests);

/* Takes in what changed. 1 when the model or the diagnostics changed, 0 when not, -errno. */
int manifests_process(struct manifests *manifests);

/* Of the files as they are now. Borrowed until the next manifests_process(). */
const struct diag_list *manifests_diags(const struct manifests *manifests);

/* Documents of kinds that naru does not read. */
size_t manifests_skipped(const struct manifests *manifests);
